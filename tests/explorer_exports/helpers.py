"""Plans, models and what Spin says of them."""

from __future__ import annotations

from functools import cache

import pytest

from opvasm.explorer.model.model import Model
from opvasm.explorer.plan.plan import Plan
from opvasm.explorer.search.explore import explore
from opvasm.explorer.setting.options import NO_REDUCTIONS, Limits
from opvasm.explorer_exports.promela import PromelaModel, promela
from opvasm.explorer_exports.refusal import ExportError
from opvasm.explorer_exports.spin import SpinResult, missing_tools, run_spin

from ..explorer.helpers import assembled, plans, sample

# Spin keeps the states that the explorer's search without reductions has; beyond this many the
# comparison of whole final states is left out, and that of outcomes stays.
LARGEST = 20_000
Final = tuple[bool, tuple[int, ...]]


def needs_spin() -> None:
    """Say what is missing, and skip."""
    lacking = missing_tools()
    if lacking:
        pytest.skip(f"{', '.join(lacking)} not installed (Debian packages spin and gcc)")


@cache
def plan_of(file: str, name: str, number: int) -> Plan:
    """A configuration of a sample's scenario."""
    return plans(sample(file), name)[number]


@cache
def spin_of(file: str, name: str, number: int) -> tuple[PromelaModel, SpinResult]:
    """What Spin says of a configuration of a sample."""
    model = promela(plan_of(file, name, number))
    return model, run_spin(model)


def only(text: str, name: str = "s") -> Plan:
    """The plan of the only configuration of a text's scenario."""
    (plan,) = plans(assembled(text), name)
    return plan


def refusal(text: str) -> str:
    """The messages with which a text's scenario is refused."""
    with pytest.raises(ExportError) as caught:
        promela(only(text))
    return "\n".join(str(each) for each in caught.value.diagnostics)


def final_states(plan: Plan, model: PromelaModel) -> set[Final] | None:
    """Every final state with all of memory and every local, as Spin's models print them.

    From the search without any reduction; None when that is too large.
    """
    found = explore(plan, NO_REDUCTIONS, Limits(states=LARGEST, goes_on=False))
    if found.stopped is not None:
        return None
    stepper, order = Model(plan, False), plan.image.byteorder
    locks = plan.image.lock_start
    finals: set[Final] = set()
    for state in found.graph.states:
        threads = range(stepper.threads)
        if stepper.has_failed(state) or any(stepper.enabled(state, t) for t in threads):
            continue
        stuck = not all(stepper.done(state, t) for t in threads)
        numbers = [int.from_bytes(state.memory[at : at + n], order) for at, n in model.cells]
        numbers += state.memory[locks : locks + 2 * plan.configuration.cpus]
        numbers += [
            state.threads[thread][plan.codes[thread].registers[name]]
            for thread, name in model.locals
        ]
        finals.add((stuck, tuple(numbers)))
    return finals
