"""Changes that change no answer, on a fixed slice; and the slice notices planted errors."""

from __future__ import annotations

import pytest

from opvasm.explorer.model.kernel import Kernel
from opvasm.explorer.model.model import Model

from .generator import make
from .metamorphic import MORE, SAME, broken
from .plants import GROUPS, plant
from .slice import text

GENERATED = range(0, 48, 6)
SLICE = (
    "two fail in one step",
    "nothing kills at the end",
    "a busy CPU and another's failure",
    "alike threads push nodes of their own",
)
PLANTS = {
    "one failure is named": plant(
        Model,
        "failures",
        "found.append((thread, step.text))",
        "return [(thread, step.text)]",
    ),
    "the end comes directly": plant(
        Kernel,
        "look_at_ids",
        "self.quiet.step_ahead(thread, local)",
        "self.codes[thread].steps[local[POINT]]",
    ),
    "nobody minds a busy CPU": GROUPS["no proviso"],
}


@pytest.mark.parametrize("number", GENERATED)
def test_a_generated_scenario_keeps_its_answer(number: int) -> None:
    """Names, order, a dead variable, use, an idle CPU change nothing; events add, bounds remove."""
    count, found = broken(make(1, number).text)
    assert count >= len(SAME) - 1
    assert [(each.change, each.text) for each in found] == []


@pytest.mark.parametrize("name", SLICE)
def test_a_scenario_of_the_slice_keeps_its_answer(name: str) -> None:
    """The same for scenarios in which much can go wrong."""
    count, found = broken(text(name))
    assert count >= len(MORE)
    assert [(each.change, each.text) for each in found] == []


@pytest.mark.usefixtures("python_engine")
@pytest.mark.parametrize(("name", "wrong"), [*zip(PLANTS, SLICE, strict=False)])
def test_a_planted_error_breaks_a_promise(
    name: str, wrong: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An explorer that is wrong answers differently before and after such a change."""
    PLANTS[name].put(monkeypatch)
    assert broken(text(wrong))[1]
