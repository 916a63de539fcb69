"""opvasm explore --jobs: the same words, however many cores a search has."""

from __future__ import annotations

import re

import pytest

from opvasm.cli.main import main
from opvasm.explorer.native import built
from opvasm.explorer.native.built import Refused

from .helpers import RACES

COUNTER = str(RACES / "counter.opv")


def explored(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    """The exit code of a command, and what it says."""
    code = main(["explore", *words])
    said = capsys.readouterr()
    return code, said.out, said.err


def test_a_report_is_the_same_on_two_cores(capsys: pytest.CaptureFixture[str]) -> None:
    """Verdicts, outcomes, states and schedules do not depend on --jobs."""
    words = (str(RACES / "list.opv"), "-f", "json")
    alone, several = explored(capsys, *words), explored(capsys, *words, "--jobs", "2")
    assert (several[0], several[2]) == (alone[0], alone[2])
    timeless = [re.sub(r'"seconds": [0-9.e-]+', "", each[1]) for each in (alone, several)]
    assert timeless[0] == timeless[1]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--jobs", "0"), "--jobs 0 is not within 1 to 16"),
        (("--jobs", "17"), "--jobs 17 is not within 1 to 16"),
        (("--jobs", "two"), "--jobs: 'two' is not a whole number"),
        (("--jobs", "2", "--engine", "python"), "the one in Python searches on one core"),
    ],
)
def test_what_no_search_can_do_is_refused(
    words: tuple[str, ...], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A number of cores that makes no sense, or an engine that has one, ends with 2 and says why."""
    code, _, errors = explored(capsys, COUNTER, *words)
    assert (code, says in errors) == (2, True)


def test_a_search_that_falls_back_to_one_core_says_so(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where several cores are asked for and the engine in C is not there, the report says why."""

    def missing() -> None:
        raise Refused("it was not built here")

    monkeypatch.setattr(built, "engine_type", missing)
    assert "not in C" not in explored(capsys, COUNTER, "preempted")[1]
    code, shown, _ = explored(capsys, COUNTER, "preempted", "--jobs", "2")
    assert (code, "in Python, not in C: it was not built here" in shown) == (0, True)


def test_help_says_what_jobs_are(capsys: pytest.CaptureFixture[str]) -> None:
    """One option: processes of a sweep, threads of one search."""
    code, out, _ = explored(capsys, "--help")
    shown = " ".join(out.split())
    assert code == 0
    assert "with --sweep as processes" in shown
    assert "threads of one search by the engine in C" in shown
