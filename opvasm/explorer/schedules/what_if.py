"""What if a state of a schedule had been another one: the rest of the schedule from there."""

from __future__ import annotations

from ...light_typing import NamedTuple
from ..model.model import Model
from ..search.graph import take
from ..steps.state import STEP, Decision, Micro, State
from ..steps.step import NOWHERE, Guard
from .schedule import Moment, Replay

# Steps after the decisions of the schedule: a scenario that goes round is left where it is then.
STEPS_MAX = 10_000


class WhatIf(NamedTuple):
    """A schedule with a change in it; ``left_out`` decisions were not possible any more."""

    replay: Replay
    left_out: int


def what_if(replay: Replay, index: int, state: State, text: str) -> WhatIf:
    """The history in which ``state`` stands before moment ``index``.

    The change is a moment of its own, which ``text`` names.  The decisions that came after it are
    made again, without those that are not possible now; then the threads that can go on do so, the
    first one first.
    """
    model = replay.model
    micro = Micro(NOWHERE, NOWHERE, None, text, Guard.NONE, (), (), ())
    moments = [*replay.moments[:index], Moment(Decision(STEP, NOWHERE), micro, state)]
    left_out = 0
    for moment in replay.moments[index:]:
        if not _is_possible(model, state, moment.decision):
            left_out += 1
            continue
        moments.append(_taken(model, state, moment.decision))
        state = moments[-1].state
    for _ in range(STEPS_MAX):
        able = next((t for t in range(model.threads) if model.enabled(state, t)), None)
        if able is None:
            break
        moments.append(_taken(model, state, Decision(STEP, able)))
        state = moments[-1].state
    found = Replay(replay.plan, model, replay.initial, tuple(moments), len(moments) - 1, None)
    return WhatIf(found, left_out)


def _is_possible(model: Model, state: State, decision: Decision) -> bool:
    if decision.thread == NOWHERE and decision.kind == STEP:
        return False  # an earlier change
    if decision.kind == STEP:
        return model.enabled(state, decision.thread)
    return decision in set(model.disturbances(state))


def _taken(model: Model, state: State, decision: Decision) -> Moment:
    log: list[Micro] = []
    model.log = log
    try:
        after = take(model, state, decision)
    finally:
        model.log = None
    return Moment(decision, log[0], after)
