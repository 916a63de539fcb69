"""What continuous integration reads: JUnit XML and GitHub annotations."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from .conftest import Opvasm

FILE = """percpu counter: u64
vector bump(n: i64) { add.u64 counter, n }
scenario good {
    strategy rseq
    thread a @0 { run bump(1) { aborted -> retry } }
    forall counter@0 == 1
}
scenario bad "loses an increment" {
    cpus 1
    kernel v6_19_arm64
    strategy rseq
    thread a @0 { run bump(1) { aborted -> retry } }
    thread b @0 { run bump(1) { aborted -> retry } }
    forall counter == 2
    expect holds
}
"""


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "two.opv"
    path.write_text(FILE)
    return str(path)


def test_junit_has_a_case_for_each_scenario(opvasm: Opvasm, file: str) -> None:
    root = ET.fromstring(opvasm("explore", file, "-f", "junit", code=1))
    cases = {each.attrib["name"]: each for each in root.iter("testcase")}
    assert set(cases) == {"good", "bad"}
    assert cases["good"].find("failure") is None
    failure = cases["bad"].find("failure")
    assert failure is not None
    assert "expected: holds" in failure.attrib["message"]
    assert "wrote what it had made of the old value" in (failure.text or "")


def test_github_is_told_at_the_expect_line(opvasm: Opvasm, file: str) -> None:
    """The annotation stands at line 16, where `expect holds` is."""
    line = FILE.splitlines().index("    expect holds") + 1
    text = opvasm("explore", file, "-f", "github", code=1)
    assert text.startswith(f"::error file={file},line={line},")
    assert text.count("\n") == 1


def test_what_a_limit_leaves_open_is_a_warning(opvasm: Opvasm, file: str) -> None:
    text = opvasm("explore", file, "good", "-f", "github", "--max-states", "1", code=3)
    assert text.startswith("::warning ")
    assert "OPV551" in text


def test_nothing_is_said_where_everything_is_as_expected(opvasm: Opvasm) -> None:
    assert opvasm("explore", "samples/races/stepping.opv", "-f", "github") == ""
