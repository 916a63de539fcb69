"""Sections that load in the debugger: forwards, backwards, to a point, with their registers."""

from __future__ import annotations

from opvasm.debugger.load import session_of_test
from tests.debugger.sessions import Transcript, assembly_of

TEXT = """percpu count: u64
section bump(n: u64) -> old {
    old = load count
    exit full if old > 5
    commit count, old + n
}
test "bumps" {
    cpu 0
    run bump(3) -> ok
    run bump(4) count 1 -> aborted
    run bump(4) -> full
}
"""


def transcript() -> Transcript:
    """The prompt at the start of the test."""
    assembly = assembly_of(TEXT)
    return Transcript(session_of_test(assembly, assembly.tests[0]))


def test_step_goes_from_instruction_to_instruction_and_back() -> None:
    """Where the section is, and what its registers hold, is shown; back again the same."""
    shell = transcript()
    shell("break bump.2")
    shown = shell("continue")
    assert ":5\tcommit count, old + n" in shown
    assert "in the section bump: old = 0" in shown
    assert "count = 0" in shell("print count") or "0" in shell("print count")
    assert ":10\trun bump(4) count 1 -> aborted" in shell("step")
    assert "3" in shell("print count")
    assert ":5\tcommit count, old + n" in shell("reverse-step")
    assert "0" in shell("print count")
    assert ":4\texit full if old > 5" in shell("reverse-step")


def test_a_wrong_label_is_where_the_test_fails() -> None:
    """The third run leaves by ok: 3 is not above 5."""
    shell = transcript()
    assert "the call returned ok, not full" in shell("continue")


def test_a_section_is_listed_and_shown() -> None:
    """By its name as a vector is."""
    shell = transcript()
    assert "section bump(n: u64)" in shell("info vectors")
    assert "    commit count, old + n" in shell("disassemble bump")
    assert "section bump(n: u64) -> old {" in shell("list bump")
