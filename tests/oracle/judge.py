"""A judge of scenarios: every interleaving, state by state, without any reduction.

Written from docs/explorer.md and grammar/README.md, to be read as a second specification of what
they say; it shares no line with the explorer.  Trees come from opvasm's parser, relocations from its
assembler; what they mean is in world.py (memory, expressions, ops), bodies.py (statements), runs.py (strategies), state.py
(what happens to threads), progress.py (fair cycles), and here: the search, disturbances, conditions.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from opvasm.assembler import Assembly
from opvasm.expression import Expression
from opvasm.text.scenario_tree import Condition, Partition, Scenario, Strategy

from .bodies import Code
from .memory import Fault
from .progress import Cycles, Edge
from .state import KERNELS, KILLED, Frame, Setting, State, Thread
from .world import Scope, World


class Verdict(NamedTuple):
    """What the judge found.  ``outcomes`` are values of ``observe`` in final states.

    ``failures`` maps (kind, label) to True where it must be reported, to False where another
    condition of the same kind hides it in every state.
    """

    findings: frozenset[str]
    outcomes: frozenset[tuple[Any, ...]]
    failures: dict[tuple[str, str], bool]
    levels: tuple[str, ...]
    states: int


class TooLarge(Exception):
    """More states than the judge was asked to look at."""


class Judge:
    """One configuration: a number of CPUs, a kernel, a strategy for each thread."""

    def __init__(
        self,
        assembly: Assembly,
        scenario: Scenario,
        cpus: int,
        kernel: str,
        strategies: dict[str, Strategy],
    ) -> None:
        self.scenario = scenario
        self.world = world = World(assembly, scenario, cpus)
        self.setting = Setting(world, KERNELS[kernel], [], [], [], [])
        world.registered = self.setting.kernel.sections
        self.handlers: dict[int, int] = {}
        self.first: list[int] = []
        for number, (thread, copy) in enumerate(world.copies):
            self.setting.names.append(thread.name if thread.count == 1 else f"{thread.name}{copy}")
            everywhere = range(cpus)
            if thread.allowed is not None:
                low, high = (world.value(each, Scope(None)) for each in thread.allowed)
                everywhere = range(low, high + 1)
            self.setting.allowed.append(everywhere)
            self.first.append(len(self.setting.codes))
            signals = any(each.thread == thread.name for each in scenario.handlers)
            self.setting.codes.append(Code(world, thread.body, strategies[thread.name], signals))
            for handler in scenario.handlers:
                if handler.thread == thread.name:
                    self.handlers[number] = len(self.setting.codes)
                    self.setting.codes.append(Code(world, handler.body, strategies[thread.name]))
            self.setting.moves.append(self._may_move(number))

    def _may_move(self, thread: int) -> bool:
        """Whether a thread's CPU may change by itself: by an event, or by what its handler calls."""
        kinds = {each.kind for each in self.scenario.environment if each.limit != 0}
        code = self.setting.codes[self.handlers[thread]].steps if thread in self.handlers else []
        return bool(kinds & {"migrate", "hotplug"}) or (
            "signal" in kinds and any(each.moves for each in code)
        )

    def start(self) -> State:
        state = State(self.setting)
        state.memory = self.world.initial()
        cpus = self.world.cpus
        state.threads = [
            Thread(self.world.value(thread.cpu, Scope(None)), "", [Frame(self.first[n])], False)
            for n, (thread, _) in enumerate(self.world.copies)
        ]
        state.online = [True] * cpus
        state.budget = [each.limit for each in self.scenario.environment]
        state.locks, state.flags = [None] * cpus, [0] * cpus
        state.running, state.failures = [None] * cpus, set()
        if not self.setting.kernel.sections:
            for number in range(len(state.threads)):
                self.world.set_ids(state, number, 0, -2)
        return state

    # ---- steps of threads --------------------------------------------------------------------------

    def ready(self, state: State, thread: int) -> bool:
        """Whether a thread can step: it is not done, has its CPU, and waits for nothing."""
        one = state.threads[thread]
        if one.done:
            return False
        step = state.step(thread)
        if not step.access:
            return True
        return state.free(thread, one.cpu) and (step.ready is None or step.ready(state, thread))

    def able(self, state: State, thread: int) -> bool:
        """Whether a thread can step, or could if the vectors under way were at their end."""
        if state.failed():
            return False
        modes = [each.mode for each in state.threads]
        for each in state.threads:
            each.mode = "" if each.mode in ("vector", "offline") else each.mode
        able = self.ready(state, thread)
        for each, mode in zip(state.threads, modes, strict=True):
            each.mode = mode
        return able

    def advance(self, state: State, thread: int) -> None:
        """One instruction of a thread."""
        one, step = state.threads[thread], state.step(thread)
        if step.access:
            state.runs_on(thread, one.cpu)
            if one.condemned:
                state.fail(thread, KILLED)
                return
        state.do(thread, step)
        if (
            step.access
            and not state.failures
            and one.mode == "section"
            and self.spends(state, "stepped", thread)
        ):
            aborted = state.aborted
            state.strike(thread, "trap")
            state.aborted = aborted

    def spends(self, state: State, kind: str, thread: int | None = None, dry: bool = False) -> bool:
        """Whether the environment may do something (to that thread) once more; counts it."""
        place = None if thread is None or state.threads[thread].done else state.step(thread).op
        for number, each in enumerate(self.scenario.environment):
            left = state.budget[number]
            if each.kind != kind or left == 0:
                continue
            if thread is not None and each.thread not in (None, self.world.copies[thread][0].name):
                continue
            if each.place not in (None, place):
                continue
            if left is not None and not dry:
                state.budget[number] = left - 1
            return True
        return False

    # ---- what the environment does --------------------------------------------------------------

    def disturbances(self, key: tuple[Any, ...]) -> Iterator[State]:
        """Every state that one event leads to."""
        here = State(self.setting, key)
        for number, one in enumerate(here.threads):
            if one.done:
                continue
            in_user = one.mode not in ("vector", "offline")
            if in_user and self.spends(here, "preempt", number, dry=True):
                yield self.struck(key, number, "preempt")
            if in_user and len(one.frames) == 1 and self.spends(here, "signal", number, dry=True):
                after = self.struck(key, number, "signal")
                if number in self.handlers:
                    after.threads[number].frames.append(Frame(self.handlers[number]))
                yield after
            for word in ("checkpoint", "unprotected") if one.mode == "section" else ():
                if self.spends(here, word, number, dry=True):
                    after = State(self.setting, key)
                    self.spends(after, word, number)
                    after.threads[number].mode = ""
                    yield after
            if not self.spends(here, "migrate", number, dry=True):
                continue
            others = [c for c in self.setting.allowed[number] if here.online[c] and c != one.cpu]
            for cpu in others if in_user else ():
                after = State(self.setting, key)
                self.spends(after, "migrate", number)
                after.migrate(number, cpu)
                yield after
            yield from self.lost_moves(key, here, number)
        if self.spends(here, "hotplug", dry=True):
            for cpu in range(self.world.cpus):
                yield from self.switched(key, here, cpu)

    def struck(self, key: tuple[Any, ...], thread: int, cause: str) -> State:
        after = State(self.setting, key)
        self.spends(after, cause, thread)
        after.strike(thread, cause)
        return after

    def lost_moves(self, key: tuple[Any, ...], here: State, thread: int) -> Iterator[State]:
        """A vector starts after a lost move: EAGAIN in the revisions that do not retry."""
        step = None if here.threads[thread].done else here.step(thread)
        if (
            step is None
            or step.call is None
            or step.lose is None
            or self.world.program.abi.revision.retries_migration
        ):
            return
        if not self.ready(here, thread):
            return
        target = step.call(here, thread)
        for cpu in self.setting.allowed[thread]:
            if target >= 0 and here.online[cpu] and cpu != target:
                after = State(self.setting, key)
                self.spends(after, "migrate", thread)
                after.runs_on(thread, after.threads[thread].cpu)
                after.move(thread, target)
                after.migrate(thread, cpu)
                after.top(thread).pc += 1
                step.lose(after, thread)
                yield after

    def switched(self, key: tuple[Any, ...], here: State, cpu: int) -> Iterator[State]:
        """A CPU goes off or comes back; its threads move to the first CPU that they may run on."""
        if any(each.mode in ("vector", "offline") for each in here.threads):
            return
        after = State(self.setting, key)
        self.spends(after, "hotplug")
        after.online[cpu] = not here.online[cpu]
        if here.online[cpu]:
            if sum(here.online) == 1:
                return
            for number, one in enumerate(after.threads):
                if one.cpu == cpu and not one.done:
                    left = [c for c in range(self.world.cpus) if after.online[c]]
                    own = [c for c in left if c in self.setting.allowed[number]]
                    after.migrate(number, (own or left)[0])
        yield after

    # ---- the search ---------------------------------------------------------------------------------

    def search(self, most: int) -> None:
        """All states and edges.  Raises TooLarge."""
        first = self.start().key()
        self.number = {first: 0}
        self.keys = [first]
        self.edges: list[list[Edge]] = []
        self.failed: list[set[str]] = []
        for key in self.keys:
            self.edges.append([])
            if len(self.keys) > most:
                raise TooLarge
            here = State(self.setting, key)
            self.failed.append(here.failed())
            if self.failed[-1]:
                continue
            for thread in range(len(here.threads)):
                if self.ready(here, thread):
                    after = State(self.setting, key)
                    self.advance(after, thread)
                    self._arrive(after, thread)
            for after in self.disturbances(key):
                self._arrive(after, None)

    def _arrive(self, state: State, thread: int | None) -> None:
        key = state.key()
        if key not in self.number:
            self.number[key] = len(self.keys)
            self.keys.append(key)
        edge = Edge(thread, state.aborted, frozenset(state.success), self.number[key])
        self.edges[-1].append(edge)

    # ---- what is claimed --------------------------------------------------------------------------------

    def holds(self, condition: Condition, state: State) -> bool:
        """Whether a condition's test is not 0; what has no value is not."""
        scope = Scope(state)
        if isinstance(condition.test, Partition):
            wanted = [self.world.place(each, scope).address for each in condition.test.elements]
            return sorted(wanted) == sorted(self.world.listed(condition.test.whole, scope))
        try:
            return bool(self.world.value(condition.test, scope))
        except Fault:
            return False

    def pending(self, state: State) -> bool:
        """Whether some thread has registers to work out before its next step.

        One that goes round without any step is asked where it comes by again.
        """
        for number, each in enumerate(state.threads):
            if each.done or state.step(number).access:
                continue
            if state.worked_out(number).key() != state.key():
                return True
        return False

    def inside_a_run(self, state: State) -> bool:
        return any("$inside" in frame.registers for each in state.threads for frame in each.frames)

    def judge(self, most: int = 3000) -> Verdict:
        self.search(most)
        failures: dict[tuple[str, str], bool] = {}
        outcomes = set()
        findings = set()
        witnessed = set()
        conditions = self.scenario.conditions
        for number, key in enumerate(self.keys):
            state = State(self.setting, key)
            if self.failed[number]:
                failures |= {("fail", each): True for each in self.failed[number]}
                findings.add("fails")
                continue
            final = all(each.done for each in state.threads)
            if final:
                outcomes.add(self.outcome(state))
            elif not any(edge.thread is not None for edge in self.edges[number]):
                outcomes.add(self.outcome(state))
                findings.add("deadlock")
                failures["deadlock", ""] = True
            violated: dict[str, bool] = {}
            for which, each in enumerate(conditions):
                if each.kind == "exists":
                    if final and self.holds(each, state):
                        witnessed.add(which)
                    continue
                always = each.kind in ("invariant", "quiescent")
                if always and (
                    self.pending(state) or (each.kind == "quiescent" and self.inside_a_run(state))
                ):
                    continue
                if (not always and not final) or self.holds(each, state) is (each.kind != "never"):
                    continue
                kind = "invariant" if always else "condition"
                label = kind, each.label or " ".join(each.span.text.split())
                failures[label] = failures.get(label, False) or kind not in violated
                violated[kind] = True
                findings.add("fails")
        if any(each.kind == "exists" and n not in witnessed for n, each in enumerate(conditions)):
            findings.add("fails")
        levels = tuple(self.progress(findings)) if self.scenario.progress else ()
        # Where no execution ends, and nothing else is wrong, conditions on final states say nothing.
        last = any(each.kind in ("forall", "exists", "never") for each in conditions)
        if not outcomes and not findings and (last or not (conditions or self.scenario.progress)):
            findings.add("endless")
        return Verdict(frozenset(findings), frozenset(outcomes), failures, levels, len(self.keys))

    def outcome(self, state: State) -> tuple[tuple[int, ...] | None, ...]:
        """What ``observe`` shows: a value, of several copies' local the value of each, of a list
        its nodes; None of what has no value."""

        def cell(expression: Expression) -> tuple[int, ...] | None:
            try:
                return self.world.cell(expression, Scope(state))
            except Fault:
                return None

        return tuple(map(cell, self.scenario.observed))

    def progress(self, findings: set[str]) -> Iterator[str]:
        """The level of each claim; what breaks one is added to the findings."""
        states = [State(self.setting, key) for key in self.keys]
        able = [[self.able(each, n) for n in range(len(each.threads))] for each in states]
        cycles = Cycles(self.scenario, self.world, states, self.edges, able, self.failed)
        for claim in self.scenario.progress:
            yield cycles.level(claim, findings)
