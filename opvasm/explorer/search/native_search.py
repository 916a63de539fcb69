"""The search by the C engine: the same questions, and the same answers, as search.py has.

The engine holds the whole search.  What needs words (which condition is broken, how an outcome
reads) is asked here afterwards, of the states that it names.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from math import inf
from time import monotonic

from ...errors import Crash
from ...light_typing import Any
from ..model.model import Model
from ..native import engine
from ..native.engine import Given, Native, Wanted
from ..plan.symmetry import Symmetry
from ..setting.options import INTERRUPTED, NATIVE
from ..steps.state import Decision, State
from .estimate import Extrapolation
from .graph import Edge, Graph
from .search import Found, Progress, Search, StartOver

# Seconds between two reports of how far a search is.
REPORT_SECONDS = 0.2
# Seconds for what an interrupted search has seen.
PROMPT_SECONDS = 0.2


class _States(Sequence[State]):
    """The states that an engine has seen, decoded when they are asked for, then those of walks."""

    def __init__(self, native: Native, count: int) -> None:
        self.native = native
        self.first_walked = count
        self.more: list[State] = []

    def __len__(self) -> int:
        return self.first_walked + len(self.more)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return [self[each] for each in range(*index.indices(len(self)))]
        index = index + len(self) if index < 0 else index
        if not 0 <= index < len(self):
            raise IndexError(f"there is no state {index}")
        return (
            self.native.state(index)
            if index < self.first_walked
            else self.more[index - self.first_walked]
        )

    def append(self, state: State) -> None:
        """One more, that a walk has come to."""
        self.more.append(state)


class _CameFrom:
    """How each state was first reached."""

    def __init__(self, native: Native, count: int) -> None:
        self.native = native
        self.first_walked = count
        self.more: list[tuple[int, Decision] | None] = []

    def __getitem__(self, index: int) -> tuple[int, Decision] | None:
        if index < self.first_walked:
            return self.native.came_from(index)
        return self.more[index - self.first_walked]

    def append(self, came: tuple[int, Decision]) -> None:
        """How one more was."""
        self.more.append(came)


class NativeGraph(Graph):
    """A graph whose states stay where the engine has them until somebody asks."""

    def __init__(self, model: Model, symmetry: Symmetry | None, native: Native, count: int) -> None:
        self.model = model
        self.symmetry = symmetry
        self.native = native
        self.states = _States(native, count)  # type: ignore[assignment]
        self.came_from = _CameFrom(native, count)  # type: ignore[assignment]
        # While a walk goes on only states that are new to it are told apart.
        self.walked: dict[State, int] | None = None

    @cached_property
    def _numbers(self) -> dict[State, int]:
        return {state: number for number, state in enumerate(self.states)}

    @property
    def numbers(self) -> dict[State, int]:  # type: ignore[override]
        """The numbers of all states."""
        return self._numbers if self.walked is None else self.walked

    @cached_property
    def edges(self) -> list[Edge]:  # type: ignore[override]
        """All transitions, where they were asked for."""
        return [Edge(*each) for each in self.native.edges()]


class NativeSearch(Search):
    """One search of one configuration by the C engine."""

    engine = NATIVE

    def run(self) -> Found:
        """Search.  Raises native.instructions.Refused where the engine can't, or gives up."""
        native = Native(self.plan)
        if self.reductions.fuse:
            self.fuse(b"")  # which bytes are shared the engine finds out itself
        probes = True
        while True:
            try:
                return self._by(native, probes)
            except StartOver:  # a walk after the limit has met something new
                native, probes = Native(self.plan), False

    def _by(self, native: Native, probes: bool) -> Found:
        plan, model, sharing = self.plan, self.model, self.sharing
        fusion = model.fusion
        seconds = -1.0 if self.until is None else max(0.0, self.until - monotonic())
        given = native.run(
            Wanted(
                fuse=self.reductions.fuse,
                dead=self.reductions.dead,
                groups=self.may_group,
                symmetry=self.reductions.symmetry,
                keep_edges=self.keep_edges,
                private=fusion is not None and fusion.private,
                sections=fusion is not None and fusion.sections,
                vectors=fusion is not None and fusion.vectors,
                probe=probes,
                stays=_mask(model.stays),
                bound=-1 if self.limits.preemptions is None else self.limits.preemptions,
                jobs=self.limits.jobs,
                states=self.limits.states,
                memory=self.room,
                seconds=seconds,
                sharing=sharing.tables(),
                covered=frozenset(model.work.covered),
            ),
            None if self.report is None else self._reporter(),
        )
        if given.interrupt is not None:
            self.broken_off(given.interrupt)
        sharing.take(native.sharing())
        self.classes = bytes(sharing.classes)
        if self.reductions.fuse:
            self.fuse(self.classes)
        model.work.covered |= given.covered
        symmetric = self.reductions.symmetry and plan.groups
        graph = NativeGraph(model, Symmetry(plan) if symmetric else None, native, given.states)
        self.begin(graph)
        self.transitions, self.expanded = given.transitions, given.expanded
        stopped = self._stopped(given)
        try:
            self._judge(given, native)
            if stopped not in (None, INTERRUPTED) and not self.failures and self.limits.goes_on:
                graph.walked = {}
                self.walk()
        except KeyboardInterrupt as interrupt:
            stopped = self.broken_off(interrupt)
        graph.walked = None
        return self.found(stopped)

    def _reporter(self) -> Callable[[int, int, int], None]:
        """Tells how far the search is, now and then, and how far it has to go."""
        report = self.report
        assert report is not None
        told, size = self.started, Extrapolation()

        def tell(states: int, waiting: int, room: int) -> None:
            nonlocal told
            now, expanded = monotonic(), states - waiting
            guess = size.states(states, expanded)
            if now - told < REPORT_SECONDS or not expanded:
                return
            told, seconds = now, now - self.started
            rest = seconds * (guess - expanded) / expanded
            report(Progress(states, waiting, seconds, guess, rest, room * guess // states))

        return tell

    def _judge(self, given: Given, native: Native) -> None:
        """Put into words what the engine has seen: after an interrupt, as much as is quickly done."""
        until = inf if given.interrupt is None else monotonic() + PROMPT_SECONDS
        for what, number in given.events:
            if monotonic() > until:
                return
            state, before = native.state(number), len(self.failures)
            if what in (engine.SAW_END, engine.SAW_BAD_END):
                self.ended(number, state, counts=what == engine.SAW_END)
            else:
                self.look(number, state)
            if what != engine.SAW_END and len(self.failures) == before:
                raise Crash(f"the engines judge state {number} differently")
        for count, number in given.rows:
            if monotonic() > until:
                return
            outcome = self.plan.judge.outcome(native.state(number))
            self.outcomes[outcome] = self.outcomes.get(outcome, 0) + count
        for label, number in native.table.exists:
            self.exists[label] = self.exists[label] or bool(given.witnessed >> number & 1)

    def _stopped(self, given: Given) -> str | None:
        if given.interrupt is not None:
            return self.limits.stopped_by(given.interrupt)
        match given.stopped:
            case engine.DONE:
                return None
            case engine.BY_STATES:
                return f"{self.limits.states} states"
            case engine.BY_TIME:
                return self.limits.time_text()
            case engine.BY_MEMORY:
                return f"{self.room >> 20} MiB of memory"
            case other:
                raise Crash(f"the engine stopped for a reason without a name: {other}")


def _mask(flags: Sequence[bool]) -> int:
    return sum(1 << number for number, flag in enumerate(flags) if flag)
