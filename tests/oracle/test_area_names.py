"""The names of a thread's area: the explorer against the judge, on scenarios in which they are put."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import islice

import pytest

from opvasm.explorer.lowering import bodies
from opvasm.explorer.plan import plan

from .campaign import tried
from .generator import Made, make

COUNT = 33
LARGEST = 500
OTHERS = {"cpu_id_start": "cpu_id", "current": "mm_cid"}


def make_with_names(seed: int, number: int, size: int = 0) -> Made:
    """A generated scenario that says ``cpu_id`` and ``mm_cid`` where it said others, each second time."""
    made = make(seed, number, size)
    seen: dict[str, int] = {}

    def other(found: re.Match[str]) -> str:
        seen[found[0]] = seen.get(found[0], number) + 1
        return OTHERS[found[0]] if seen[found[0]] % 2 else found[0]

    return made._replace(text=re.sub(r"\b(cpu_id_start|current)\b", other, made.text))


def numbers() -> list[int]:
    """The first scenarios in which the smallest form, too, has one of the names."""
    found = (n for n in range(10_000) if "cpu_id," in (text := make_with_names(3, n, 3).text)
             or "load cpu_id\n" in text or "mm_cid" in text)  # fmt: skip
    return list(islice(found, COUNT))


def test_the_explorer_and_the_judge_say_the_same_of_the_area() -> None:
    """With all reductions and with none; both names come on most kernels."""
    found = [tried(3, number, ("all", "none"), make_with_names, LARGEST) for number in numbers()]
    assert [each.disagreement.text() for each in found if each.disagreement is not None] == []
    assert sum(each.agreed for each in found) > COUNT


def _the_other_half(patch: pytest.MonkeyPatch) -> None:
    """cpu_id lies where cpu_id_start does."""
    patch.setattr(plan, "ID_SIZE", 0)


def _never_written(patch: pytest.MonkeyPatch) -> None:
    """mm_cid is always 0."""
    patch.setattr(bodies, "MM_CID", "")


@pytest.mark.parametrize("plant", [_the_other_half, _never_written], ids=lambda f: f.__name__)
def test_a_planted_error_is_noticed(
    plant: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The slice disagrees with an explorer that is wrong."""
    plant(monkeypatch)
    found = (tried(3, number, ("all",), make_with_names, LARGEST) for number in numbers())
    assert any(each.disagreement is not None for each in found)
