"""Another decision at some moment of a schedule, and what then comes."""

from __future__ import annotations

from ..steps.state import STEP, Decision
from .schedule import Replay, follow

# A thread that spins lets another one on after so many steps; a branch is cut off after so many.
_TURN = 200
DECISIONS_MAX = 2_000


def branched(replay: Replay, moment: int, decision: Decision) -> Replay:
    """The schedule up to ``moment`` (decisions done), then ``decision``, then each thread to its end.

    After the decision nothing disturbs: the thread that moved last goes on as long as it can.  The
    rest is cut off after DECISIONS_MAX decisions.  ``decision`` is one of ``choices(moment - 1)``.
    """
    decisions = [each.decision for each in replay.moments[:moment]]
    if decision not in replay.choices(moment - 1):
        raise ValueError(f"{decision} can't happen after {moment} decisions")
    decisions.append(decision)
    model = replay.model
    state = follow(replay.plan, decisions).moments[-1].state
    last, steps = decision.thread, 0
    while len(decisions) < DECISIONS_MAX:
        able = [thread for thread in range(model.threads) if model.enabled(state, thread)]
        if not able:
            break
        if last not in able or steps >= _TURN:
            others = [thread for thread in able if thread > last] or able
            last, steps = others[0], 0
        decisions.append(Decision(STEP, last))
        state = model.step(state, last).state
        steps += 1
    return follow(replay.plan, decisions)


def decision_text(replay: Replay, moment: int, decision: Decision) -> str:
    """A decision in words, as it would be after so many decisions of the schedule."""
    names, model = replay.plan.names, replay.model
    who = names[decision.thread] if 0 <= decision.thread < len(names) else ""
    if decision.kind == STEP:
        step = model.next_step(replay.state(moment - 1), decision.thread)
        return f"{who}: {' '.join(step.text.split()) or 'registers at work'}"
    kind = getattr(decision.kind, "value", str(decision.kind))
    return f"{kind} {who}".strip() + (f" (CPU {decision.argument})" if decision.argument else "")
