"""Schedules: what happened, decision by decision, at the finest grain there is.

A search takes several steps of the code in one of its own; a schedule takes one at a time, so it does not depend on
which reductions found it, and a debugger can stop between any two.
"""

from __future__ import annotations

from ...errors import Diagnostic, OpvasmError
from ...kernels.disturbances import BUDGETS, SLOT, Disturbance
from ...light_typing import NamedTuple
from ..model.model import Model
from ..model.quiet import FUSE_LIMIT
from ..plan.plan import Plan
from ..search.graph import Graph, take
from ..steps.state import STEP, Decision, Micro, State
from ..steps.step import GUARD, NOWHERE, POINT, Guard, Kind


class ScheduleError(OpvasmError):
    """A replay file that can't be read or followed."""


class Moment(NamedTuple):
    """One decision of a schedule, what it did, and the state after it."""

    decision: Decision
    micro: Micro
    state: State


class Replay(NamedTuple):
    """A schedule that was followed.

    ``moments`` are in order; ``initial`` is the state before them.  ``failing`` is the index of the
    last moment before the verdict was clear; ``cycle`` of the first one that repeats for ever
    (None: no cycle).
    """

    plan: Plan
    model: Model
    initial: State
    moments: tuple[Moment, ...]
    failing: int
    cycle: int | None

    def state(self, index: int) -> State:
        """The state after moment ``index``; -1 is the initial one."""
        return self.initial if index < 0 else self.moments[index].state

    def choices(self, index: int) -> tuple[Decision, ...]:
        """Everything that could have happened after moment ``index``."""
        state, model = self.state(index), self.model
        steps = [Decision(STEP, t) for t in range(model.threads) if model.enabled(state, t)]
        return (*steps, *model.disturbances(state))

    def as_hardware(self, index: int, thread: int) -> State:
        """The state if a debugger stops a thread after moment ``index``, as on real hardware.

        A trap inside a section aborts it; outside, nothing changes.  That is a debugger that does
        not step displaced: gdb as it is by default takes the section's protection away instead (the
        disturbance ``unprotected``).  (``state`` is the other view, from inside: a simulator may
        look without disturbing.)
        """
        state = self.state(index)
        if state.threads[thread][GUARD] != Guard.SECTION:
            return state
        return trapped(self.model, state, thread)


def trapped(model: Model, state: State, thread: int) -> State:
    """The state after a breakpoint or step trap inside a thread's section."""
    local = list(state.threads[thread])
    step = model.codes[thread].steps[local[POINT]]
    assert step.abort != NOWHERE
    local[POINT], local[GUARD] = step.abort, Guard.NONE
    threads = list(state.threads)
    threads[thread] = tuple(local)
    return state._replace(threads=tuple(threads))


def fine_model(plan: Plan) -> Model:
    """The model in which every step is one of the schedule and no register is forgotten."""
    return Model(plan, zero_dead=False)


def fine_decisions(graph: Graph, path: list[Decision]) -> list[Decision]:
    """Decisions of a search as decisions of the finest grain."""
    coarse = Model(graph.model.plan, graph.model.zero_dead, None)
    coarse.fusion = graph.model.fusion
    fine = fine_model(graph.model.plan)
    coarse_state, state = coarse.initial(), fine.initial()
    found: list[Decision] = []
    fusion = coarse.fusion

    def one(decision: Decision) -> None:
        nonlocal state
        found.append(decision)
        if decision.kind == STEP:
            state = fine.step(state, decision.thread).state
        else:
            state = fine.disturb(state, decision)

    def settle(thread: int) -> None:
        """Registers-only steps that the coarse model has run already, as many as it runs at once."""
        for _ in range(FUSE_LIMIT):
            if thread not in unsettled or not fine.settles(state, thread, fusion):
                break
            one(Decision(STEP, thread))
        unsettled.discard(thread)

    unsettled = set(range(fine.threads))
    for decision in path:
        if decision.thread >= 0:
            settle(decision.thread)
        before = coarse_state.threads
        if decision.kind != STEP:
            coarse_state = coarse.disturb(coarse_state, decision)
            one(decision)
        else:
            coarse.log = []
            coarse_state = coarse.step(coarse_state, decision.thread).state
            count = sum(micro.step is not None for micro in coarse.log)
            coarse.log = None
            for _ in range(count):
                one(decision)
        changed = {t for t, old in enumerate(before) if coarse_state.threads[t] != old}
        unsettled |= changed - ({decision.thread} if decision.kind == STEP else set())
    for thread in range(fine.threads):
        settle(thread)
    return [*found, *to_failures(fine, state)]


def to_failures(model: Model, state: State) -> list[Decision]:
    """The work in registers of threads that have failed by it, up to where they say so."""
    found: list[Decision] = []
    for thread, _ in model.failures(state):
        while model.next_step(state, thread).kind is not Kind.FAIL:
            found.append(Decision(STEP, thread))
            state = model.step(state, thread).state
    return found


def follow(plan: Plan, decisions: list[Decision], cycle: int | None = None) -> Replay:
    """Follow a schedule.  Raises ScheduleError where a decision is not possible."""
    model = fine_model(plan)
    state = initial = model.initial()
    moments: list[Moment] = []
    for index, decision in enumerate(decisions):
        if decision.kind == STEP:
            possible = 0 <= decision.thread < model.threads and model.enabled(
                state, decision.thread
            )
        else:
            possible = decision in set(model.disturbances(state))
        if not possible:
            who = plan.names[decision.thread] if 0 <= decision.thread < model.threads else "nobody"
            raise diverged(f"decision {index + 1}: {decision.kind} of {who} is not possible there")
        log: list[Micro] = []
        model.log = log
        state = take(model, state, decision)
        model.log = None
        moments.append(Moment(decision, _joined(log), state))
    return Replay(plan, model, initial, tuple(moments), len(moments) - 1, cycle)


def _joined(log: list[Micro]) -> Micro:
    return log[0]


def diverged(message: str) -> ScheduleError:
    """The error of a schedule that does not fit the model."""
    return ScheduleError(
        [
            Diagnostic(
                "error",
                "OPV541",
                f"the schedule can't be followed: {message}",
                help="the file or opvasm has changed since it was written: explore again",
            )
        ]
    )


def state_hash(state: State) -> str:
    """A short name for a state: equal states have equal ones on every machine.

    The text that is hashed is a part of the format of replay files.
    """
    memory, threads, system = state
    # What was added to the language later takes part where it can happen: older files stay good.
    left = {each: system.left[SLOT[each]] for each in BUDGETS}
    hashed = (*_HASHED, *(each for each in BUDGETS if each not in _HASHED and left[each]))
    counts = ", ".join(f"{each}={left[each]}" for each in hashed)
    rest = f"online={system.online}, running={system.running}, preemptions={system.preemptions}"
    text = f"({memory!r}, {threads!r}, System({counts}, {rest}))"
    from hashlib import sha256  # it loads OpenSSL, and few commands hash anything

    return sha256(text.encode()).hexdigest()[:16]


_HASHED = (
    *(Disturbance.MIGRATE, Disturbance.SIGNAL, Disturbance.HOTPLUG, Disturbance.PREEMPT),
    *(Disturbance.CHECKPOINT, Disturbance.UNPROTECTED, Disturbance.STEPPED),
)
