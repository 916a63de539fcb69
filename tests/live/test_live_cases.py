"""The reference cases as real system calls of a real program, in every revision."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from opvasm.abi.revisions import REVISIONS

from .conftest import FILTERED, Opvasm, number_options, require

CASES = Path(__file__).parents[1] / "conformance" / "public.jsonl"
OF_OTHER_REVISIONS = 10  # every tenth


def run(
    opvasm: Opvasm, answered: str, expected: str, number: int, step: int = 1
) -> tuple[int, str]:
    """Call the cases of a revision while another one answers; the exit code and what is said."""
    require(number)
    program = (sys.executable, "-m", "tests.live.live_cases", str(CASES), expected)
    words = ("exec", "-a", answered, *number_options(number), "--", *program)
    steps = (str(step), str(OF_OTHER_REVISIONS))
    done = opvasm(*words, str(number), *steps, timeout=300, cwd=CASES.parents[2])
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("revision", [each.name for each in REVISIONS])
def test_every_revision_answers_the_cases(revision: str, opvasm: Opvasm) -> None:
    """Ops, errors in their order, faults, flags, CPUs: result and memory are the cases', or the
    interpreter's where the case was made with another revision.

    All cases of the newest revision that has some, and every third of those before it.
    """
    code, said = run(opvasm, revision, revision, 335, 1 if revision == "2018-04" else 3)
    assert code == 0, said
    assert int(said.split()[0]) > 250, said


def test_the_other_way_of_seeing_calls(opvasm: Opvasm) -> None:
    """Calls that a filter sees are answered alike: what answers does not know how they were seen."""
    code, said = run(opvasm, "2018-04", "2018-04", FILTERED, 6)
    assert code == 0, said
    assert int(said.split()[0]) > 250, said


def test_another_revision_is_noticed(opvasm: Opvasm) -> None:
    """The cases of 2018-04 fail where 2017-11 answers: the comparison is not an empty one."""
    code, said = run(opvasm, "2017-11", "2018-04", 335, 10)
    assert code == 1
    assert "wrong" in said
    assert ", 0 wrong" not in said
