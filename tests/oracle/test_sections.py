"""Sections that load: the explorer against the judge on generated scenarios."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from opvasm.explorer.lowering import lower_section
from opvasm.explorer.lowering.lower_section import SectionBody
from opvasm.verifier.section_report import vector_beside
from opvasm.verifier.section_vector import AsVector

from .campaign import Maker, tried
from .compare import Disagreement
from .section_generator import SHAPES, STEPS, make_that_call, make_with_sections

# A slice for every run of the tests; `python -m tests.oracle --sections` tries more.
SLICE = range(48)
LARGEST = 500
# Of those that the system call runs, each shape once.
CALLED = range(len(SHAPES))


def disagreements(
    numbers: range, modes: tuple[str, ...], maker: Maker = make_with_sections
) -> tuple[int, list[Disagreement]]:
    """How many answers are equal, and those that are not."""
    found = [tried(1, number, modes, maker, LARGEST) for number in numbers]
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


# Errors, and the number that is known to notice each: it is tried first, then all others.
ERRORS: dict[Callable[[pytest.MonkeyPatch], None], int] = {
    _no_exit_is_seen: 12,
    _the_cpu_of_before: 46,
    _every_result_is_given: 1,
}


@pytest.mark.usefixtures("python_engine")
@pytest.mark.parametrize("plant", ERRORS, ids=lambda f: f.__name__)
def test_a_planted_error_is_noticed(
    plant: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The slice disagrees with an explorer that is wrong; what comes after that says nothing more."""
    plant(monkeypatch)
    numbers = sorted(SLICE, key=lambda each: each != ERRORS[plant])
    assert any(disagreements(range(each, each + 1), ("all",))[1] for each in numbers)


def test_the_explorer_and_the_judge_say_the_same_of_the_call() -> None:
    """A section that is exactly a vector is run by the system call, where its attempts were aborted."""
    equal, wrong = disagreements(CALLED, ("all", "none"), make_that_call)
    assert [each.text() for each in wrong] == []
    assert equal > len(CALLED)


def _for_the_own_cpu(found: AsVector) -> AsVector:
    """The call is for the CPU that the thread is on."""
    return found._replace(cpu=None)


def _with_one_way_out(found: AsVector) -> AsVector:
    """A compare that fails is not the exit of the section."""
    return found._replace(labels={})


@pytest.mark.usefixtures("python_engine")
@pytest.mark.parametrize("change", [_for_the_own_cpu, _with_one_way_out], ids=lambda f: f.__name__)
def test_a_planted_error_of_the_call_is_noticed(
    change: Callable[[AsVector], AsVector], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same scenarios disagree with an explorer that calls for something else."""
    name = "opvasm.explorer.plan.called.vector_beside"
    monkeypatch.setattr(name, lambda *given: change(vector_beside(*given)))
    assert any(disagreements(range(n, n + 1), ("all",), make_that_call)[1] for n in CALLED)
