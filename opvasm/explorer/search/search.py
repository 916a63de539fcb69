"""Breadth-first search over the states of one configuration.

Every state is kept, with the state and decision that first led to it, so that the first failure
found has a schedule of the fewest steps.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from time import monotonic

from ...kernels.disturbances import Disturbance, Way
from ...light_typing import NamedTuple
from ..model.judging import ending, trouble_in
from ..model.model import Model
from ..plan.plan import Plan
from ..plan.symmetry import Symmetry
from ..setting.options import AFTER_SECONDS, PYTHON, Limits, Reductions
from ..steps.state import SHARED_BYTE, STEP, UNLIMITED, Decision, Fusion, State, Taken
from ..steps.step import CPU, Enter, Fence, FenceVector, Kind, Lock, Wait
from ..steps.work import Covered
from .graph import Edge, Graph
from .growth import growing
from .sharing import SHARED, Sharing, probe, step_keys

PROBES, PROBE_LENGTH = 4, 400
PROGRESS_EVERY = 256
WALK_SEED, WALK_SECONDS, WALK_LENGTH = 1, 1.0, 5000
# So many walks one after the other that meet no state that is new to them have seen what is near.
WALKS_IN_VAIN = 1000
# Of the seconds after a limit of time, so that something is left for the report.
WALK_SHARE = 0.5


# About what a state takes beside the memory of the scenario, its edges among it: 660 to 1,380 bytes for two
# to four threads.
STATE_BYTES = 1500


# What is in caches does not count as free, and some systems say that nothing is.
LEAST_ROOM = 1 << 28


class Failure(NamedTuple):
    """A state that must not be.  ``kind``: condition, invariant, fail, deadlock."""

    kind: str
    label: str
    state: int


class Found(NamedTuple):
    """What a search has found.

    ``outcomes`` counts the distinct final states of each outcome.  ``stopped`` says which limit
    ended the search before its end; None when every state was seen.  ``growth`` says what took ever
    new values, where a limit ended it.  ``engine`` is the one that searched,
    ``refused`` why it was not the C engine, where that was asked for.
    """

    plan: Plan
    states: int
    expanded: int
    transitions: int
    outcomes: dict[tuple[str, ...], int]
    bad_outcomes: frozenset[tuple[str, ...]]
    failures: tuple[Failure, ...]
    stopped: str | None
    seconds: float
    covered: frozenset[Covered]
    graph: Graph
    missing: tuple[str, ...]
    reductions: Reductions
    growth: str | None
    engine: str = PYTHON
    refused: str | None = None


class Progress(NamedTuple):
    """How far a search is, for those who show it.

    ``estimate``: about how many states there are (of the Python engine: at least, where that is more
    than were seen).  ``rest`` are the seconds that are left by it, ``memory`` the bytes that they will
    take in the end; the C engine knows both.
    """

    states: int
    waiting: int
    seconds: float
    estimate: int | None
    rest: float | None = None
    memory: int | None = None


class StartOver(Exception):
    """A byte is shared more than the search had assumed."""


def can_wait(disturbance: Disturbance, limit: int) -> bool:
    """Whether the threads of one CPU may go first though the others could use up this limit.

    One checkpoint less for the others takes no step from anybody, so that may be put off.
    """
    match disturbance.row.way:
        case Way.MIGRATES | Way.BOUNCES | Way.SIGNALS | Way.SWITCHES:
            return limit == 0
        case Way.PREEMPTS | Way.TRAPS:
            return limit in (0, UNLIMITED)
        case Way.FORGETS | Way.STALLS:
            return True


def leaves_own_bytes(disturbance: Disturbance, limit: int, sections: bool) -> bool:
    """Whether steps on bytes that nobody else touches may be one, though this disturbs them.

    A signal's handler sees them; what is preempted so many times only is told by where it stands.
    """
    match disturbance.row.way:
        case Way.SIGNALS:
            return limit == 0
        case Way.PREEMPTS:
            return not sections or limit == UNLIMITED
        case Way.MIGRATES | Way.BOUNCES | Way.SWITCHES:
            return True
        case Way.FORGETS:
            return True
        case Way.TRAPS | Way.STALLS:
            return True


def leaves_sections(disturbance: Disturbance, limit: int) -> bool:
    """Whether a section that others would abort may be one step, though this disturbs it.

    It may not where it can go on without protection.
    """
    match disturbance.row.way:
        case Way.FORGETS:
            return limit == 0
        case Way.MIGRATES | Way.BOUNCES | Way.SIGNALS | Way.SWITCHES:
            return True
        case Way.PREEMPTS | Way.TRAPS | Way.STALLS:
            return True


def half_of_what_is_free() -> int:
    """Half of the bytes of memory that nobody uses, as far as the system says."""
    try:
        free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):
        return 1 << 30
    return max(free // 2, LEAST_ROOM)


class Search:
    """One search of one configuration, by the Python engine."""

    engine = PYTHON

    def __init__(
        self,
        plan: Plan,
        reductions: Reductions,
        limits: Limits,
        keep_edges: bool = False,
        report: Callable[[Progress], None] | None = None,
        keeps: bool = False,
    ) -> None:
        self.plan = plan
        self.keeps = keeps
        self.limits = limits
        self.reductions = reductions
        self.keep_edges = keep_edges
        self.report = report
        self.model = Model(plan, reductions.dead, limits.preemptions)
        self.sharing = Sharing(plan, reductions.symmetry)
        self.started = monotonic()
        self.until = limits.started().until
        self.room = limits.memory or half_of_what_is_free()
        judge = plan.judge
        self.may_group = (
            reductions.groups
            and plan.configuration.cpus > 1
            and not (judge.always or judge.quiescent)
            and all(can_wait(each, limit) for each, limit in plan.limits.items())
            and limits.preemptions is None
        )

    def run(self) -> Found:
        """Search; start over whenever the assumptions about shared bytes turn out too small."""
        self.prepare()
        while True:
            if self.reductions.fuse:
                self.fuse(self.sharing.frozen())
            self.classes = bytes(self.sharing.classes)
            try:
                return self._search()
            except StartOver:
                continue

    def prepare(self) -> None:
        """Guess which bytes are shared, where that is asked for."""
        if self.reductions.fuse:
            self.fuse(bytes((SHARED,)) * len(self.plan.memory))
            probe(self.model, self.sharing, PROBES, PROBE_LENGTH, until=self.until)

    def fuse(self, classes: bytes) -> None:
        """What may join the step before it, while bytes are shared like that."""
        plan, collapse = self.plan, self.reductions.collapse
        sections = any(e.kind is Kind.BEGIN for code in plan.codes for e in code.steps)
        limits = plan.limits
        watched = plan.judge.always or plan.judge.quiescent
        self.model.fusion = Fusion(
            classes=classes,
            private=collapse
            and not watched
            and not plan.tracks_running
            and all(leaves_own_bytes(each, limits[each], sections) for each in limits),
            sections=collapse
            and not plan.judge.always
            and plan.configuration.profile.preemption_aborts
            and plan.configuration.profile.migration_aborts
            and all(leaves_sections(each, limits[each]) for each in limits),
            vectors=collapse and not plan.judge.always,
            stays=self.model.stays,
        )

    def begin(self, graph: Graph) -> None:
        """Nothing is known yet of the states of a graph."""
        self.graph = graph
        self.estimate: int | None = None
        self.estimated = False
        self.failures: list[Failure] = []
        self.outcomes: dict[tuple[str, ...], int] = {}
        self.bad: set[tuple[str, ...]] = set()
        final = self.plan.judge.final
        self.exists = {c.label: False for c in final if c.condition.kind == "exists"}
        self.transitions = 0
        self.expanded = 0
        self.taken = 0  # bytes of memory of the scenario, in all states

    def _search(self) -> Found:
        symmetric = self.reductions.symmetry and self.plan.groups
        graph = Graph(self.model, Symmetry(self.plan) if symmetric else None)
        first, _ = graph.representative(self.model.initial())
        graph.numbers[first] = 0
        graph.states.append(first)
        graph.came_from.append(None)
        self.begin(graph)
        self.look(0, first)
        stopped: str | None = None
        try:
            while self.expanded < len(graph.states):
                stopped = self._limit()
                if stopped is not None:
                    break
                self._expand(self.expanded)
                self.expanded += 1
            if stopped is not None and not self.failures and self.limits.goes_on:
                self.walk()
        except KeyboardInterrupt as interrupt:
            stopped = self.broken_off(interrupt)
        return self.found(stopped)

    def broken_off(self, interrupt: KeyboardInterrupt) -> str:
        """What ended the search, where what it has found is kept; else the interrupt goes on."""
        if not self.keeps:
            raise interrupt
        return self.limits.stopped_by(interrupt)

    def found(self, stopped: str | None) -> Found:
        """What is known when the search ends."""
        return Found(
            plan=self.plan,
            states=len(self.graph.states),
            expanded=self.expanded,
            transitions=self.transitions,
            outcomes=self.outcomes,
            bad_outcomes=frozenset(self.bad),
            failures=tuple(self.failures),
            stopped=stopped,
            seconds=monotonic() - self.started,
            covered=frozenset(self.model.work.covered),
            graph=self.graph,
            missing=tuple(label for label, seen in self.exists.items() if not seen),
            reductions=self.reductions,
            growth=None if stopped is None else growing(self.plan, self.graph.states),
            engine=self.engine,
        )

    def _limit(self) -> str | None:
        seen = len(self.graph.states)
        if seen > self.limits.states:
            return f"{self.limits.states} states"
        if self.taken + seen * STATE_BYTES > self.room:
            return f"{self.room >> 20} MiB of memory"
        now = monotonic()
        if self.until is not None and now > self.until:
            return self.limits.time_text()
        if self.report is not None and self.expanded and self.expanded % PROGRESS_EVERY == 0:
            if not self.estimated:
                from .estimate import estimate  # uses the graph that this file defines

                self.estimate, self.estimated = estimate(self.graph), True
            guess = self.estimate
            if guess is not None and guess <= seen:
                guess = None  # that many there are already
            self.report(Progress(seen, seen - self.expanded, now - self.started, guess))
        return None

    def walk(self) -> None:
        """Go on with random schedules from states that were not expanded; what fails there counts."""
        from random import Random  # an import that takes as long as ten of our files

        random, model = Random(WALK_SEED), self.model
        first, until = self.expanded, monotonic() + WALK_SECONDS
        if self.until is not None:
            until = min(until, self.until + WALK_SHARE * AFTER_SECONDS)
        frontier = len(self.graph.states)
        in_vain = 0
        while not self.failures and in_vain < WALKS_IN_VAIN and monotonic() < until:
            number, known = random.randrange(first, frontier), len(self.graph.states)
            for _ in range(WALK_LENGTH):
                if monotonic() > until:
                    break
                state = self.graph.states[number]
                ready = [t for t in range(model.threads) if model.enabled(state, t)]
                if self.failures or not ready:
                    if not self.failures:
                        self.ended(number, state)
                    break
                disturbances = list(model.disturbances(state)) if random.random() < 0.2 else []
                if disturbances:
                    decision = random.choice(disturbances)
                    after = model.disturb(state, decision)
                    number = self._arrive(number, decision, after, False, True)
                else:
                    number = self._step(number, state, random.choice(ready))
            in_vain = in_vain + 1 if len(self.graph.states) == known else 0

    def _expand(self, number: int) -> None:
        model = self.model
        state = self.graph.states[number]
        if model.has_failed(state):
            return
        ready = [t for t in range(model.threads) if model.enabled(state, t)]
        disturbances = list(model.disturbances(state))
        if not ready:
            self.ended(number, state)
            if not disturbances:
                return
        if self.may_group and len(ready) > 1 and self._expand_group(number, state, ready):
            return
        for thread in ready:
            self._step(number, state, thread)
        for decision in disturbances:
            self._arrive(number, decision, model.disturb(state, decision), False, True)

    def _step(self, number: int, state: State, thread: int) -> int:
        taken = self._taken(state, thread)
        decision = Decision(STEP, thread)
        return self._arrive(number, decision, taken.state, taken.committed, taken.disturbed)

    def _taken(self, state: State, thread: int) -> Taken:
        model = self.model
        taken = model.step(state, thread)
        if model.fusion is not None or self.may_group:
            cpu = taken.state.threads[thread][CPU]
            for key in step_keys(model, state, thread):
                grew = self.sharing.note(key, cpu, taken.reads, taken.writes)
                if grew and self.classes != self.sharing.frozen():
                    raise StartOver
        return taken

    def _arrive(
        self, number: int, decision: Decision, state: State, committed: bool, finite: bool
    ) -> int:
        graph = self.graph
        self.transitions += 1
        state, _ = graph.representative(state)
        target = graph.numbers.get(state)
        if target is None:
            target = graph.numbers[state] = len(graph.states)
            graph.states.append(state)
            graph.came_from.append((number, decision))
            if state.memory is not graph.states[number].memory:
                self.taken += len(state.memory)
            self.look(target, state)
        if self.keep_edges:
            graph.edges.append(Edge(number, target, decision, committed, finite))
        return target

    def look(self, number: int, state: State) -> None:
        """Check what must hold in every state."""
        for found in trouble_in(self.plan, self.model, state):
            self.failures.append(Failure(found.kind, found.label, number))

    def ended(self, number: int, state: State, counts: bool = True) -> None:
        """A state in which no thread can step: all have ended, or those left wait for ever.

        ``counts``: its outcome has not been counted yet.
        """
        found = ending(self.plan, self.model, state)
        if found is None:
            return
        outcome, trouble = found
        self.outcomes[outcome] = self.outcomes.get(outcome, 0) + counts
        if trouble is not None:
            self.failures.append(Failure(trouble.kind, trouble.label, number))
            self.bad.add(outcome)
            if trouble.kind == "deadlock":
                return
        judge = self.plan.judge
        for claim in judge.final:
            if claim.condition.kind == "exists" and not self.exists[claim.label]:
                self.exists[claim.label] = claim.holds(judge.look(state))

    # ---- CPUs that have nothing in common --------------------------------------------------------

    def _expand_group(self, number: int, state: State, ready: list[int]) -> bool:
        """Expand the threads of one CPU only, where nobody else can tell (model.md section 3.2)."""
        for cpu in range(self.plan.configuration.cpus):
            mates = [t for t in ready if state.threads[t][CPU] == cpu]
            if not mates or len(mates) == len(ready) or not self._apart(state, cpu):
                continue
            steps = []
            for thread in mates:
                taken = self._taken(state, thread)
                # A failure ends everything: those put off would never be looked at.
                failed = self.model.has_failed(taken.state)
                if (
                    failed
                    or taken.state.threads[thread][CPU] != cpu
                    or any(
                        self.classes.find(SHARED_BYTE, start, end) >= 0
                        for start, end in (*taken.reads, *taken.writes)
                    )
                ):
                    break
                steps.append((thread, taken))
            else:
                if not self._leads_on(steps):
                    continue
                for thread, taken in steps:
                    decision = Decision(STEP, thread)
                    self._arrive(number, decision, taken.state, taken.committed, taken.disturbed)
                for decision in self.model.disturbances(state):
                    if state.threads[decision.thread][CPU] == cpu:
                        after = self.model.disturb(state, decision)
                        self._arrive(number, decision, after, False, True)
                return True
        return False

    def _leads_on(self, steps: list[tuple[int, Taken]]) -> bool:
        """The cycle proviso: some successor has not been expanded yet, so nobody waits for ever."""
        for _, taken in steps:
            after, _ = self.graph.representative(taken.state)
            target = self.graph.numbers.get(after)
            if target is None or target > self.expanded:
                return True
        return False

    def _apart(self, state: State, cpu: int) -> bool:
        """Whether the threads of a CPU and all others can't meet in what they do next."""
        model, plan = self.model, self.plan
        for thread, local in enumerate(state.threads):
            step = model.next_step(state, thread)
            if step.kind is Kind.END:
                continue
            if local[CPU] != cpu:
                if cpu in plan.reach[thread]:
                    return False
                continue
            match step.action:
                case Enter(cpu=register) | Fence(cpu=register) | FenceVector(cpu=register):
                    if local[register] != cpu:
                        return False
                case Lock(cpu=register):
                    if self.classes[plan.image.lock_word(local[register])] == SHARED:
                        return False
                case Wait(cpu=register):
                    if self.classes[plan.image.slow_flag(local[register])] == SHARED:
                        return False
                case _:
                    pass
        return True
