"""Findings in the formats of machines: valid by their schemas, and saying what the findings say."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import jsonschema
import pytest
from hypothesis import given, strategies as st

from opvasm.codes import all_codes
from opvasm.errors import Diagnostic, Edit, Level, Note
from opvasm.report import json_report, sarif_report
from opvasm.report.diagnostics import FORMATS, render
from opvasm.source import BytePlace, Place, SourceFile, Span

HERE = Path(__file__).parent
SUBSET = json.loads((HERE / "sarif-2.1.0-subset.json").read_text("utf-8"))
OWN = json.loads(
    (Path(json_report.__file__).parent / "schemas" / "opvasm-diagnostics-1.json").read_text("utf-8")
)
IS_SARIF = jsonschema.Draft7Validator(SUBSET)
IS_OWN = jsonschema.Draft202012Validator(OWN)
CODES = sorted(all_codes())
LEVELS: list[Level] = ["error", "warning", "note"]

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
NAMES = st.sampled_from(["list.opv", "a b/ä%,:.opv", "/tmp/x.opv", "<stdin>"])


@st.composite
def spans(draw: st.DrawFn) -> Span:
    """A span of some text."""
    file = SourceFile(draw(NAMES), draw(st.text("ab \n\té😀", max_size=40)))
    start = draw(st.integers(0, len(file.text)))
    return Span(file, start, draw(st.integers(start, len(file.text))))


BYTES = st.builds(
    BytePlace,
    NAMES,
    st.integers(0, 100),
    st.integers(100, 200),
    st.none() | st.integers(0, 16),
    st.none() | st.just("src"),
    st.none() | st.just("push_ops"),
)
PLACES: st.SearchStrategy[Place | None] = st.none() | spans() | BYTES
DIAGNOSTICS = st.builds(
    Diagnostic,
    st.sampled_from(LEVELS),
    st.sampled_from(CODES),
    TEXTS,
    PLACES,
    st.lists(st.builds(Note, TEXTS, PLACES), max_size=3).map(tuple),
    st.none() | TEXTS,
    st.lists(st.builds(Edit, spans(), TEXTS), max_size=2).map(tuple),
)


@given(st.lists(DIAGNOSTICS, max_size=5))
def test_the_json_is_valid_by_the_schema_in_the_package(found: list[Diagnostic]) -> None:
    document = json.loads(render("json", found))
    IS_OWN.validate(document)
    assert [each["code"] for each in document["findings"]] == [each.code for each in found]
    assert [each["message"] for each in document["findings"]] == [each.message for each in found]


@given(st.lists(DIAGNOSTICS, max_size=5))
def test_the_sarif_is_valid_by_what_the_specification_says(found: list[Diagnostic]) -> None:
    """OPVASM_SARIF_SCHEMA names a copy of the schema of OASIS, where there is one, to be held too."""
    document = json.loads(render("sarif", found))
    IS_SARIF.validate(document)
    official = os.environ.get("OPVASM_SARIF_SCHEMA")
    if official:
        jsonschema.validate(document, json.loads(Path(official).read_text("utf-8")))
    (run,) = document["runs"]
    for result, each in zip(run["results"], found, strict=True):
        assert result["level"] == each.level
        assert run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == each.code
        assert result["message"]["text"].startswith(each.message)


@given(spans())
def test_a_sarif_region_is_the_span(span: Span) -> None:
    """Lines and columns read back, with columns as characters, give the span's offsets."""
    document = sarif_report.document([Diagnostic("note", CODES[0], "m", span)])
    region = document["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["region"]
    starts = [0, *(match.end() for match in re.finditer("\n", span.file.text))]
    assert starts[region["startLine"] - 1] + region["startColumn"] - 1 == span.start
    assert starts[region["endLine"] - 1] + region["endColumn"] - 1 == span.end


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("list.opv", "list.opv"),
        ("a b/ä%.opv", "a%20b/%C3%A4%25.opv"),
        ("/tmp/x.opv", "file:///tmp/x.opv"),
        ("<stdin>", "%3Cstdin%3E"),
        ("c:x.opv", "c%3Ax.opv"),
    ],
)
def test_a_file_name_is_written_as_a_uri(name: str, expected: str) -> None:
    assert sarif_report.uri(name) == expected


def unescaped(text: str, *, is_property: bool = False) -> str:
    """What GitHub's runner makes of a workflow command's text."""
    codes = {"%0D": "\r", "%0A": "\n", "%25": "%"}
    if is_property:
        codes |= {"%3A": ":", "%2C": ","}
    return re.sub("%(?:0D|0A|25|3A|2C)", lambda match: codes.get(match[0], match[0]), text)


@given(st.lists(DIAGNOSTICS, max_size=5))
def test_each_finding_is_one_workflow_command(found: list[Diagnostic]) -> None:
    lines = render("github", found).split("\n")
    assert lines.pop() == ""
    assert len(lines) == len(found)
    for line, each in zip(lines, found, strict=True):
        match = re.fullmatch(r"::(error|warning|notice) ([^:]*)::(.*)", line, re.DOTALL)
        assert match is not None
        assert match[1] == {"note": "notice"}.get(each.level, each.level)
        properties = dict(part.split("=", 1) for part in match[2].split(","))
        assert unescaped(properties["title"], is_property=True).startswith(f"{each.code}: ")
        assert each.message in unescaped(match[3])
        if each.place is not None:
            name = each.place.file.name if isinstance(each.place, Span) else each.place.name
            assert unescaped(properties["file"], is_property=True) == name


def test_a_fix_says_what_to_delete_and_what_to_insert() -> None:
    file = SourceFile("v.opv", "add a, b?\n")
    edit = Edit(Span(file, 8, 9), "")
    place = Span(file, 7, 8)
    document = sarif_report.document([Diagnostic("warning", CODES[0], "m", place, edits=(edit,))])
    (change,) = document["runs"][0]["results"][0]["fixes"][0]["artifactChanges"]
    assert change == {
        "artifactLocation": {"uri": "v.opv"},
        "replacements": [
            {
                "deletedRegion": {"startLine": 1, "startColumn": 9, "endLine": 1, "endColumn": 10},
                "insertedContent": {"text": ""},
            }
        ],
    }


def test_every_format_takes_no_finding_at_all() -> None:
    documents: dict[str, Any] = {name: render(name, []) for name in FORMATS}
    assert documents["human"] == documents["github"] == ""
    assert json.loads(documents["json"])["findings"] == []
    assert json.loads(documents["sarif"])["runs"][0]["results"] == []


def test_an_unknown_format_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        render("xml", [])


def test_a_name_in_a_uri_reads_back() -> None:
    assert unquote(sarif_report.uri("a b/ä%,:.opv")) == "a b/ä%,:.opv"
