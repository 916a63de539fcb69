"""Each row of docs/live.md about debuggers, with the tool itself where it is installed."""

from __future__ import annotations

import platform
import re
from pathlib import Path

import pytest

from opvasm.probe.breakage import uname_says

from .conftest import Build
from .debuggers import ROWS, asked, why_not

DOCUMENT = Path(__file__).parents[2] / "docs" / "live.md"


@pytest.mark.parametrize("name", ROWS)
def test_a_tool_does_what_the_document_says(name: str, build: Build) -> None:
    """Sections go on, lose increments, or are aborted, as it is told of this tool."""
    row = ROWS[name]
    if reason := why_not(row):
        pytest.skip(reason)
    if platform.machine() != "x86_64":
        pytest.skip("the sections are x86-64 code")
    legacy = uname_says(platform.release(), "x86-64", 32)
    if row.tool == "strace" and (legacy is None or legacy.system_call_switches != "aborts"):
        pytest.skip("from 6.19 on a system call inside aborts nothing")
    seen = asked(row, Path(build("watched", 335)))
    if seen is None:
        pytest.skip("the tool can't run the program here")
    assert seen.outcome == row.outcome, seen


def test_every_row_stands_in_the_document() -> None:
    """By the name that the command prints."""
    told = re.findall(r"^\| `([^`]*)` \|", DOCUMENT.read_text(), re.MULTILINE)
    assert set(ROWS) - {"no tool"} <= set(told)
