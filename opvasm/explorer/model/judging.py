"""What is wrong with a single state, be it one of a search or of a walk."""

from __future__ import annotations

from ...light_typing import NamedTuple
from ..plan.plan import Plan
from ..steps.state import State
from .model import Model

# The verdict that each kind of trouble comes to.
VERDICT_OF = {"condition": "fails", "invariant": "fails", "fail": "fails", "deadlock": "deadlock"}


class Trouble(NamedTuple):
    """What is wrong with a state.  ``kind``: condition, invariant, fail, deadlock."""

    kind: str
    label: str


class Ending(NamedTuple):
    """A state in which no thread can step: its row in the table of outcomes, what is wrong."""

    outcome: tuple[str, ...]
    trouble: Trouble | None


def trouble_in(plan: Plan, model: Model, state: State) -> list[Trouble]:
    """What is wrong with any state: each thread that has failed, else an invariant that is broken."""
    judge = plan.judge
    if model.has_failed(state):
        failures = model.failures(state)
        return [Trouble("fail", f"thread {plan.names[t]}: {text}") for t, text in failures]
    if not (judge.always or judge.quiescent) or not model.rests(state):
        return []
    broken = judge.broken(judge.always, state)
    if broken is None and judge.quiescent and model.quiescent(state):
        broken = judge.broken(judge.quiescent, state)
    return [] if broken is None else [Trouble("invariant", broken.label)]


def ending(plan: Plan, model: Model, state: State) -> Ending | None:
    """A state in which no thread can step; None where only the bound on preemptions ends it."""
    judge = plan.judge
    waiting = [plan.names[t] for t in range(model.threads) if not model.done(state, t)]
    outcome = judge.outcome(state)
    if waiting:
        if model.bound is not None:
            free = model.unbounded()
            if any(free.enabled(state, t) for t in range(model.threads)):
                return None
        return Ending(outcome, Trouble("deadlock", f"{', '.join(waiting)} wait for ever"))
    broken = judge.broken(judge.final, state)
    return Ending(outcome, None if broken is None else Trouble("condition", broken.label))


def trouble_at(plan: Plan, model: Model, state: State) -> list[Trouble]:
    """What is wrong with a state, be it one in which no thread can step or one on the way."""
    troubles = trouble_in(plan, model, state)
    if not troubles and not any(model.enabled(state, t) for t in range(model.threads)):
        ended = ending(plan, model, state)
        if ended is not None and ended.trouble is not None:
            troubles.append(ended.trouble)
    return troubles
