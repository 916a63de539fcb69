"""Sections that load: the explorer against the judge on generated scenarios."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from opvasm.explorer.lowering import lower_section
from opvasm.explorer.lowering.lower_section import SectionBody

from .campaign import tried
from .compare import Disagreement
from .section_generator import STEPS, make_with_sections

# A slice for every run of the tests; `python -m tests.oracle --sections` tries more.
SLICE = range(48)
LARGEST = 500


def disagreements(numbers: range, modes: tuple[str, ...]) -> tuple[int, list[Disagreement]]:
    """How many answers are equal, and those that are not."""
    found = [tried(1, number, modes, make_with_sections, LARGEST) for number in numbers]
    wrong = [each.disagreement for each in found if each.disagreement is not None]
    return sum(each.agreed for each in found), wrong


def test_the_explorer_and_the_judge_say_the_same_of_sections() -> None:
    """With all reductions and with none; most of the scenarios are small enough."""
    equal, wrong = disagreements(SLICE, ("all", "none"))
    assert [each.text() for each in wrong] == []
    assert equal > len(SLICE)


def test_the_generator_makes_every_kind_of_step() -> None:
    """In the sections of the slice each comes."""
    made = {kind for number in SLICE for kind in make_with_sections(1, number).statements}
    assert made == set(STEPS)


def _no_exit_is_seen(patch: pytest.MonkeyPatch) -> None:
    """An abort between the last load and the way out is lost."""
    patch.setattr(lower_section, "settled", lambda code, index: None)


def _the_cpu_of_before(patch: pytest.MonkeyPatch) -> None:
    """Percpu places are those of the CPU before the section was entered."""
    patch.setattr(SectionBody, "noted", lambda self: ())


def _every_result_is_given(patch: pytest.MonkeyPatch) -> None:
    """An exit leaves what the caller had."""
    patch.setattr(lower_section, "assigned", lambda code: [frozenset()] * len(code))


@pytest.mark.usefixtures("python_engine")
@pytest.mark.parametrize(
    "plant",
    [_no_exit_is_seen, _the_cpu_of_before, _every_result_is_given],
    ids=lambda f: f.__name__,
)
def test_a_planted_error_is_noticed(
    plant: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The slice disagrees with an explorer that is wrong; what comes after that says nothing more."""
    plant(monkeypatch)
    assert any(disagreements(range(each, each + 1), ("all",))[1] for each in SLICE)
