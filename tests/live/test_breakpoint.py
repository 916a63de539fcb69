"""What a debugger's breakpoint does to real sections."""

from __future__ import annotations

import re
import shutil
import subprocess

import pytest

from .conftest import Build, require

SECTIONS = 200


def run(program: str, *options: str) -> tuple[int, int, int]:
    """Sections committed, increments lost, aborts; with options, under gdb."""
    words = ["gdb", "-q", "-batch", "-nx", *options, "--args"] if options else []
    done = subprocess.run(
        [*words, program, str(SECTIONS)], capture_output=True, text=True, timeout=120, check=False
    )
    found = re.search(r"(\d+) sections committed, (\d+) increments lost, (\d+) abo", done.stdout)
    if found is None:
        pytest.skip(f"it can't be run here: {done.stdout}{done.stderr}")
    return int(found[1]), int(found[2]), int(found[3])


@pytest.fixture
def program(build: Build) -> str:
    """Two threads of one CPU that count with sections."""
    require(335)
    return str(build("breakpoint", 335))


def test_without_a_debugger_nothing_is_lost(program: str) -> None:
    """Sections of two threads on one CPU exclude each other."""
    committed, lost, _ = run(program)
    assert (committed, lost) == (2 * SECTIONS, 0)


def test_a_breakpoint_that_never_stops_loses_updates(program: str) -> None:
    """gdb as it is by default takes the protection away: increments are lost, none is aborted."""
    if shutil.which("gdb") is None:
        pytest.skip("gdb is not installed")
    committed, lost, aborts = run(program, "-ex", "break *section_loaded if 0", "-ex", "run")
    assert committed == 2 * SECTIONS
    assert lost > 0
    assert aborts < lost


def test_the_program_names_the_place_in_its_section(program: str) -> None:
    """The symbol that the documents' command stops at lies inside of the section."""
    if shutil.which("nm") is None:
        pytest.skip("binutils are not installed")
    listed = subprocess.run(["nm", program], capture_output=True, text=True, check=True).stdout
    at = {
        line.split()[2]: int(line.split()[0], 16) for line in listed.splitlines() if line[0] != " "
    }
    assert at["section_start"] < at["section_loaded"] < at["section_end"]
