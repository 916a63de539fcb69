"""The C engine answers what the Python engine answers: states, edges, outcomes, coverage, verdicts."""

from __future__ import annotations

import pytest

from opvasm.explorer.native import encode
from opvasm.explorer.native.built import Refused
from opvasm.explorer.native.engine import Native
from opvasm.kernels.disturbances import BUDGETS
from tests.oracle.generator import make

from ..helpers import plans, sample
from .agreement import MODES, ROOT, Compared, file_compared, text_compared
from .needed import needs_engine

# One file of each kind of thing; `python -m tests.explorer.native` goes through all of them.
FILES = (
    *("samples/races/list.opv", "samples/races/ids.opv", "samples/races/locks.opv"),
    *("tests/explorer/cases/handlers.opv", "tests/explorer/cases/loading_sections.opv"),
    *("tests/explorer/cases/moves.opv", "tests/explorer/cases/invariants.opv"),
)
STATES = 150
GENERATED = 16


@needs_engine
@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("WAYS", (*(None,) * 6, *encode.WAYS), "a way to disturb threads that it does not know"),
        ("KINDS", encode.KINDS * 5, "more disturbances than it has room for"),
        ("BUDGETS", BUDGETS * 2, "more limits than it has room for"),
        ("CAUSES", encode.CAUSES * 7, "more causes than it has room for"),
    ],
)
def test_disturbances_of_another_list_are_refused(
    name: str, value: object, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disturbance that the engine was not built with is never taken for something else."""
    plan = plans(sample("ids"), "preempted")[0]
    Native(plan)
    monkeypatch.setattr(encode, name, value)
    with pytest.raises(Refused, match=reason):
        Native(plan)


def wrong(found: list[Compared]) -> list[str]:
    """What differs, and what was refused, in words."""
    return [
        f"{each.where}  {each.mode}: {each.refused or '; '.join(each.differs)}"
        for each in found
        if each.refused is not None or each.differs
    ]


@needs_engine
@pytest.mark.parametrize("name", FILES)
def test_both_engines_agree_on_a_file_in_every_mode(name: str) -> None:
    """Every configuration of a sample has the same graph and the same answers in both engines."""
    found = list(file_compared(ROOT / name, tuple(MODES), STATES))
    assert found
    assert wrong(found) == []


@needs_engine
@pytest.mark.parametrize("number", range(GENERATED))
def test_both_engines_agree_on_a_generated_scenario(number: int) -> None:
    """A scenario that nobody wrote has the same graph and the same answers in both engines."""
    found = list(text_compared(make(77, number).text, "generated", tuple(MODES), STATES))
    assert wrong(found) == []
