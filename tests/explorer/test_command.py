"""opvasm explore as a user runs it."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import jsonschema
import pytest
from referencing import Registry, Resource

from opvasm.cli.main import main

from .helpers import COUNTER, RACES, ROOT

SCHEMAS = ROOT / "opvasm" / "explorer" / "schemas"
BROKEN = COUNTER + """
scenario lost {
    cpus 1
    kernel v6_19_arm64
    strategy rseq
    thread a @0 { run bump(1) { aborted -> retry } }
    thread b @0 { run bump(1) { aborted -> retry } }
    forall counter == 2
    expect holds
}
"""


def validate(document: object, name: str) -> None:
    """Hold a document against a schema of the package."""
    resources = [
        (path.name, Resource.from_contents(json.loads(path.read_text())))
        for path in SCHEMAS.glob("*.json")
    ]
    schema = json.loads((SCHEMAS / name).read_text())
    registry: Registry = Registry().with_resources(resources)
    jsonschema.Draft202012Validator(schema, registry=registry).validate(document)


def test_a_sample_ends_with_0(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explore", str(RACES / "counter.opv"), "preempted"]) == 0
    shown = capsys.readouterr().out
    assert "Observation preempted Always 1 0   (final states: 1 as wanted, 0 not)\n" in shown
    assert "Verdict fails" in shown
    assert "Why   " in shown
    assert "Expect holds unless kernel v6_19_arm64: ok" in shown


def test_an_unexpected_verdict_ends_with_1_and_its_schedule_can_be_shown_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, saved = tmp_path / "s.opv", tmp_path / "failure.json"
    file.write_text(BROKEN)
    assert main(["explore", str(file), "--save", str(saved)]) == 1
    assert "NOT MET" in capsys.readouterr().out
    validate(json.loads(saved.read_text()), "opvasm-replay-1.json")
    assert main(["explore", str(file), "--replay", str(saved)]) == 0
    assert "forall counter == 2" in capsys.readouterr().out
    file.write_text(BROKEN + "\n")
    assert main(["explore", str(file), "--replay", str(saved)]) == 2
    assert "has changed since this schedule was made" in capsys.readouterr().err


def test_a_limit_ends_with_3(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "s.opv"
    file.write_text(BROKEN.replace("v6_19_arm64", "legacy"))
    assert main(["explore", str(file), "--max-states", "2"]) == 3
    assert "inconclusive" in capsys.readouterr().out


def test_wrong_input_ends_with_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "s.opv"
    file.write_text(BROKEN.replace("run bump(1)", "run bum(1)"))
    assert main(["explore", str(file)]) == 2
    assert "did you mean bump?" in capsys.readouterr().err
    file.write_text(BROKEN)
    assert main(["explore", str(file), "losst"]) == 2
    assert "did you mean lost?" in capsys.readouterr().err
    for words in (["--max-states", "0"], ["--timeout", "soon"], ["--require", "nothing"]):
        assert main(["explore", str(file), *words]) == 2
    assert main(["explore", str(tmp_path / "none.opv")]) == 2


def test_json_follows_its_schema(capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("counter", "stepping", "locks"):
        assert main(["explore", str(RACES / f"{name}.opv"), "-f", "json", "--coverage"]) == 0
        document = json.loads(capsys.readouterr().out)
        validate(document, "opvasm-explore-1.json")
        assert document["schema"] == "opvasm-explore/1"


def test_coverage_says_what_was_never_run(capsys: pytest.CaptureFixture[str]) -> None:
    file = str(RACES / "never_exercised.opv")
    assert main(["explore", file, "alone", "--coverage", "--require", "all"]) == 1
    shown = capsys.readouterr()
    assert "replace[1]  opv   never" in shown.out
    assert "replace[1] as opv was never: executed" in shown.err
    assert main(["explore", file, "disturbed", "--coverage", "--require", "executed,aborted"]) == 0
    assert "aborted by preemption" in capsys.readouterr().out


def test_scenarios_are_tests_of_their_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A scenario that is not as it expects to be fails, with the command that shows why."""
    file = tmp_path / "s.opv"
    file.write_text(BROKEN)
    assert main(["test", str(file)]) == 1
    shown = capsys.readouterr().out
    assert "expected holds: fails in 1 of 1" in shown
    command = re.search(r"^  why: opvasm (explore .+)$", shown, re.MULTILINE)
    assert command is not None
    # The command that it names shows the picture.
    assert main(shlex.split(command[1])) == 1
    assert "Why   " in capsys.readouterr().out
    file.write_text(BROKEN.replace("expect holds", "expect fails"))
    assert main(["test", str(file)]) == 0
    file.write_text(BROKEN.replace("run bump(1)", "run bum(1)"))
    assert main(["test", str(file)]) == 1


def test_tests_can_be_of_another_revision(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With -a a file is read for that revision, and the command that shows why says so too."""
    file = tmp_path / "s.opv"
    file.write_text(BROKEN)
    assert main(["test", str(file), "-a", "2017-11"]) == 1
    shown = capsys.readouterr().out
    assert "(2017-11, " in shown
    assert re.search(r"^  why: opvasm explore .+ -a 2017-11$", shown, re.MULTILINE)
    assert main(["test", str(file), "-a", "2016-01"]) == 2
    capsys.readouterr()
    cases = tmp_path / "c.jsonl"
    cases.write_text("")
    assert main(["test", str(cases), "-a", "2017-11", "--against", "reference", "reference"]) == 2


def test_reductions_can_be_switched_off(capsys: pytest.CaptureFixture[str]) -> None:
    file = str(RACES / "counter.opv")
    words = ["explore", file, "four", "-f", "json"]
    assert main(words) == 0
    few = json.loads(capsys.readouterr().out)["scenarios"][0]["runs"][0]["states"]
    assert main([*words, "--no-reduction", "symmetry"]) == 0
    many = json.loads(capsys.readouterr().out)["scenarios"][0]["runs"][0]["states"]
    assert few < many
