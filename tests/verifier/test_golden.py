"""A file with twelve mistakes gives twelve findings, in the order of the text, in every format.

``BLESS=1 python -m pytest tests/verifier`` rewrites the files beside golden/mistakes.opv.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest

from opvasm.cli.main import main

GOLDEN = Path(__file__).parent / "golden"
FORMATS = ("human", "json", "sarif", "github")
# Line and code of every mistake, as the comments of the file say: read from the text, not measured.
LINES = (GOLDEN / "mistakes.opv").read_text("utf-8").splitlines()
EXPECTED = [
    (number, found[1])
    for number, line in enumerate(LINES, 1)
    if (found := re.search(r"// (OPV\d{3}):", line)) is not None
]


@pytest.fixture
def output(
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> str:
    """What verify prints in the format that the test names."""
    monkeypatch.chdir(GOLDEN)
    assert main(["verify", "--diagnostics", request.param, "mistakes.opv"]) == 1
    return capsys.readouterr().out


def test_there_are_twelve_different_mistakes() -> None:
    assert len(EXPECTED) == len({code for _, code in EXPECTED}) == 12


@pytest.mark.parametrize("output", ["human"], indirect=True)
def test_people_read_them_in_the_order_of_the_text(output: str) -> None:
    heads = re.findall(r"^mistakes\.opv:(\d+):\d+: (?:error|warning)\[(OPV\d+)\]", output, re.M)
    assert [(int(line), code) for line, code in heads] == EXPECTED


@pytest.mark.parametrize("output", ["json"], indirect=True)
def test_json_has_them(output: str) -> None:
    document = json.loads(output)
    assert document["summary"] == {"error": 4, "warning": 8, "note": 0}
    found = [(each["place"]["line"], each["code"]) for each in document["findings"]]
    assert found == EXPECTED


@pytest.mark.parametrize("output", ["sarif"], indirect=True)
def test_sarif_has_them(output: str) -> None:
    (run,) = json.loads(output)["runs"]
    found = [
        (each["locations"][0]["physicalLocation"]["region"]["startLine"], each["ruleId"])
        for each in run["results"]
    ]
    assert found == EXPECTED
    rules = [each["id"] for each in run["tool"]["driver"]["rules"]]
    assert [rules[each["ruleIndex"]] for each in run["results"]] == [code for _, code in EXPECTED]


@pytest.mark.parametrize("output", ["github"], indirect=True)
def test_workflow_commands_have_them(output: str) -> None:
    found = [
        (int(line), code)
        for line, code in re.findall(
            r"^::(?:error|warning) file=mistakes\.opv,line=(\d+),.*title=(OPV\d+)%3A", output, re.M
        )
    ]
    assert found == EXPECTED
    assert len(output.splitlines()) == 12


@pytest.mark.parametrize(
    ("output", "name"), [(each, each) for each in FORMATS], indirect=["output"], ids=FORMATS
)
def test_the_text_is_the_one_that_was_read_and_approved(output: str, name: str) -> None:
    beside = GOLDEN / f"mistakes.{name}"
    # The version is in the documents of programs, and changes with every release.
    member = "version" if name == "json" else "semanticVersion"
    output = re.sub(rf'("{member}": )"[^"]*"', r'\1"…"', output)
    if os.environ.get("BLESS") == "1":
        beside.write_text(output, encoding="utf-8")
    assert beside.read_text("utf-8") == output
