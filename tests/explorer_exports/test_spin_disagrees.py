"""A wrong rule, in the explorer or in the model, makes the two disagree."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from opvasm.abi import ops
from opvasm.explorer.setting.options import Limits
from opvasm.explorer_exports.agreement import compare
from opvasm.explorer_exports.spin import run_spin
from opvasm.interpreter.semantics import SEMANTICS
from opvasm.kernels.disturbances import Cause

from ..explorer.helpers import plans, sample
from ..explorer.plants import (
    Plant,
    atomic_for_everyone,
    checkpoint_restarts,
    empty_vector_stays,
    fence_forgotten,
    flag_never_set,
    lazy_is_eager,
    look_nowhere,
    no_abort,
    no_bounce,
    profile,
    rollback,
    unequal_alike,
)
from .helpers import needs_spin, spin_of


def effect_lost(patch: pytest.MonkeyPatch) -> None:
    """An add changes nothing."""
    patch.setitem(SEMANTICS, ops.ADD, lambda *_: False)


def commit_lost(patch: pytest.MonkeyPatch) -> None:
    """A copy is only made where it makes no difference."""
    original: Callable[..., Any] = SEMANTICS[ops.MEMCPY]

    def copy(memory: Any, length: int, to: int, source: int) -> Any:
        return original(memory, length, source, source)

    patch.setitem(SEMANTICS, ops.MEMCPY, copy)


# The error, and a configuration of a sample where it shows.
IN_THE_EXPLORER: dict[str, tuple[Plant, str, str, int]] = {
    "preemption aborts nothing": (
        profile("legacy", preemption_aborts=False),
        *("counter", "preempted", 0),
    ),
    "6.19 on arm64 aborts": (
        profile("v6_19_arm64", preemption_aborts=True),
        *("counter", "preempted", 3),
    ),
    "migration aborts nothing": (no_abort(Cause.MIGRATION), "counter", "moved", 0),
    "a fence aborts nothing": (fence_forgotten, "locks", "with_fence", 2),
    "a vector is atomic for every CPU": (atomic_for_everyone, "ring", "head_first", 0),
    "an add is lost": (effect_lost, "counter", "preempted", 0),
    "a copy is lost": (commit_lost, "list", "inside", 0),
    "a failed compare rolls back": (rollback, "cmpxchg", "own_memory", 0),
    "nobody looks at the flag": (look_nowhere, "ring", "subscribed", 1),
    "the flag is never set": (flag_never_set, "ring", "subscribed", 1),
    "lazy is eager": (lazy_is_eager, "ring", "subscribed", 0),
    "an empty vector waits for nobody": (empty_vector_stays, "membarrier", "vector_fenced", 0),
    "EAGAIN never happens": (no_bounce, "again", "taken_for_an_error", 0),
    "a checkpoint restarts": (checkpoint_restarts, "checkpoint", "restored_inside", 0),
    "unequal threads are alike": (unequal_alike, "list", "naive", 0),
}


@pytest.mark.usefixtures("python_engine")
@pytest.mark.parametrize("name", IN_THE_EXPLORER)
def test_an_error_in_the_explorer_makes_them_disagree(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    needs_spin()
    plant, file, scenario, number = IN_THE_EXPLORER[name]
    _, spin = spin_of(file, scenario, number)
    assert compare(plans(sample(file), scenario)[number], spin).agree
    plant(monkeypatch)
    limits = Limits(states=20_000)
    try:
        agree = compare(plans(sample(file), scenario)[number], spin, limits=limits).agree
    except (IndexError, KeyError):  # what a wrong rule also leads to
        return
    assert not agree


# A piece of the model's text, what stands there instead, and where it shows.
IN_THE_MODEL: dict[str, tuple[str, str, str, str, int]] = {
    "nobody is aborted": (
        *("section[o] = false; restart[o] = true", "skip"),
        *("counter", "preempted", 0),
    ),
    "a vector leaves preemption on": ("owner[c] = s;", "", "ring", "head_first_on_one_cpu", 0),
    "a compare never fails": ("argument_0 != pending", "false", "list", "naive", 0),
    "a copy is lost": ("write8(memory[0] /* counter@0 */, pending)", "skip", "counter", "mixed", 0),
    "the lock does not exclude": ("!lock[0]", "true", "locks", "elided", 0),
    "an invariant is the other way round": (
        ":: bag_parted ::",
        ":: !bag_parted ::",
        "list",
        "inside",
        0,
    ),
}


@pytest.mark.parametrize("name", IN_THE_MODEL)
def test_an_error_in_the_model_makes_them_disagree(name: str) -> None:
    needs_spin()
    right, wrong, file, scenario, number = IN_THE_MODEL[name]
    model, _ = spin_of(file, scenario, number)
    assert right in model.text
    spin = run_spin(model._replace(text=model.text.replace(right, wrong)))
    agreement = compare(model.plan, spin)
    other = spin.finals != spin_of(file, scenario, number)[1].finals
    assert not agreement.agree or other
