"""What disturbs threads: what can happen in a state, and what it does."""

from __future__ import annotations

from collections.abc import Iterator

from ...errors import Crash
from ...kernels.disturbances import BUDGETS, DECIDING, SLOT, Disturbance, Way
from ..steps.state import Abort, Decision, Local, Micro, State, System
from ..steps.step import CPU, GUARD, NOWHERE, POINT, RETURN, Enter, Guard, Kind, Step
from .common import Common
from .kernel import Kernel, left
from .quiet import Quiet
from .readiness import Readiness


class Environment:
    """Disturbs threads, within the limits of the scenario."""

    def __init__(self, common: Common, quiet: Quiet, kernel: Kernel, readiness: Readiness) -> None:
        self.common = common
        self.quiet = quiet
        self.kernel = kernel
        self.readiness = readiness
        self.plan = common.plan
        self.codes = common.codes
        self.profile = common.profile
        # What can be a decision of this configuration at all.
        limits = common.plan.limits
        self.deciding = tuple(each for each in DECIDING if limits[BUDGETS[SLOT[each]]])
        self.ways = {each: each.row.way for each in self.deciding}

    def _next(self, state: State, thread: int) -> Step:
        return self.codes[thread].steps[state.threads[thread][POINT]]

    def disturbances(self, state: State) -> Iterator[Decision]:
        """Everything the environment can do now, within its limits."""
        allowed = [each for each in self.deciding if state.system.allows(each)]
        if not allowed:
            return
        for thread, local in enumerate(state.threads):
            kind = self._next(state, thread).kind
            if kind is Kind.END or kind is Kind.FAIL or local[GUARD] >= Guard.VECTOR:
                continue
            for disturbance in allowed:
                yield from self._strikes(state, thread, disturbance)
        busy = any(each[GUARD] >= Guard.VECTOR for each in state.threads)
        for disturbance in allowed:
            if self.ways[disturbance] is Way.SWITCHES and not busy:
                for cpu in range(self.common.cpus):
                    if state.system.online != 1 << cpu:
                        yield Decision(disturbance, NOWHERE, cpu)

    def _strikes(self, state: State, thread: int, disturbance: Disturbance) -> Iterator[Decision]:
        """What a disturbance can do to a thread that is outside of vectors."""
        local = state.threads[thread]
        inside = local[GUARD] == Guard.SECTION
        match self.ways[disturbance]:
            case Way.MIGRATES:
                for cpu in self._elsewhere(state, thread, local[CPU]):
                    yield Decision(disturbance, thread, cpu)
            case Way.BOUNCES:
                yield from self._bounces(state, thread, disturbance)
            case Way.SIGNALS:
                handled = self.codes[thread].handler != NOWHERE
                struck = inside and disturbance.cause_under(self.profile)
                if local[RETURN] == NOWHERE and (
                    handled or struck or self.kernel.ids_are_stale(state, thread, "signal")
                ):
                    yield Decision(disturbance, thread)
            case Way.PREEMPTS:
                if self._can_lose_its_cpu(state, thread):
                    yield Decision(disturbance, thread)
            case Way.FORGETS:
                places = disturbance.row.strikes.names_place
                if inside and (not places or self._exposed(state, thread)):
                    yield Decision(disturbance, thread)
            case Way.SWITCHES | Way.TRAPS | Way.STALLS:
                pass  # of CPUs; along with steps; only that a thread may stand still

    def _elsewhere(self, state: State, thread: int, here: int) -> list[int]:
        """The CPUs other than one that a thread can move to."""
        online = state.system.online
        return [cpu for cpu in self.plan.allowed[thread] if online >> cpu & 1 and cpu != here]

    def _exposed(self, state: State, thread: int) -> bool:
        """Whether a thread stands where its section may lose its protection."""
        operation = self._next(state, thread).operation
        return any(
            thread in threads and place in (None, operation)
            for threads, place in self.plan.unprotected
        )

    def _bounces(self, state: State, thread: int, disturbance: Disturbance) -> Iterator[Decision]:
        """Migrations that a vector meets between its move and its start."""
        action, local = self._next(state, thread).action, state.threads[thread]
        if not isinstance(action, Enter) or self.plan.retries_migration:
            return
        if self.readiness.cpu_is_free(state.threads, thread, local[CPU]) and self._starts(
            state, thread
        ):
            for cpu in self._elsewhere(state, thread, local[action.cpu]):
                yield Decision(disturbance, thread, cpu)

    def _starts(self, state: State, thread: int) -> bool:
        """Whether the kernel would move a caller of cpu_opv and start its vector."""
        work = self.common.begin(state, thread)
        self.common.runs[thread][work.local[POINT]](work)
        return work.local[GUARD] == Guard.VECTOR

    def _can_lose_its_cpu(self, state: State, thread: int) -> bool:
        """Whether another process's turn on the CPU would change anything for a thread."""
        local, profile = state.threads[thread], self.profile
        if local[GUARD] == Guard.SECTION:
            if profile.preemption_aborts:
                return True
            # Only a scenario that can tell: a bound on preemptions must not add an event.
            running = state.system.running
            return self.plan.tracks_running and running[local[CPU]] == thread
        return self.kernel.ids_are_stale(state, thread, "preemption")

    def disturb(self, state: State, decision: Decision) -> State:
        """The state after something of ``disturbances``."""
        thread, system = decision.thread, state.system
        threads = list(state.threads)
        work = self.common.begin(state, max(thread, 0))
        assert isinstance(decision.kind, Disturbance)
        row = decision.kind.row
        if row.way is Way.SWITCHES:
            system = self._switch(threads, system, decision)
        else:
            local = work.local
            if row.way is Way.BOUNCES:  # it runs, to make the call
                if self.common.tracks_running:
                    system = self.kernel.switch(state, system, thread, local[CPU])
                self.kernel.preempt_others(threads, thread, local[CPU])
            self._strike(decision, local)
            system = system.spent(decision.kind)
            if row.way.moves or row.way is Way.PREEMPTS:
                system = left(system, thread)
            self.quiet.settle(thread, local)
            threads[thread] = self.quiet.frozen(thread, local)
        if self.common.log is not None:
            cpu = decision.argument if thread == NOWHERE else state.threads[thread][CPU]
            text = row.happened.format(
                thread=self.plan.names[thread] if thread != NOWHERE else "",
                before=cpu,
                cpu=decision.argument,
                state="online" if system.online >> decision.argument & 1 else "offline",
            )
            self.common.log.append(
                Micro(thread, cpu, None, text, 0, (), (), tuple(self.common.aborts))
            )
        self.common.aborts.clear()
        return State(bytes(work.memory), tuple(threads), system)

    def _strike(self, decision: Decision, local: list[int]) -> None:
        """One disturbance of one thread."""
        thread, kind = decision.thread, decision.kind
        assert isinstance(kind, Disturbance)
        old, cause = local[CPU], kind.cause_under(self.profile)
        if cause and local[GUARD] == Guard.SECTION:
            self.kernel.abort(local, Abort(thread, cause, before=old, cpu=decision.argument))
        match kind.row.way:
            case Way.MIGRATES:
                local[CPU] = decision.argument
                self.kernel.look_at_ids(thread, local, "migration", old)
            case Way.SIGNALS:
                self.kernel.look_at_ids(thread, local, "signal", old)
                handler = self.codes[thread].handler
                if handler != NOWHERE:
                    local[RETURN], local[POINT] = local[POINT], handler
                    for register in self.codes[thread].fresh:
                        local[register] = 0
            case Way.PREEMPTS:
                self.kernel.look_at_ids(thread, local, "preemption", old)
            case Way.FORGETS:
                local[GUARD] = Guard.NONE
            case Way.BOUNCES:
                action = self.codes[thread].steps[local[POINT]].action
                assert isinstance(action, Enter)
                local[POINT] = action.again
                local[CPU] = decision.argument
                if old != decision.argument:
                    self.kernel.look_at_ids(thread, local, "migration", old)
            case Way.SWITCHES | Way.TRAPS | Way.STALLS:
                raise Crash(f"{kind} strikes no single thread")

    def _switch(self, threads: list[Local], system: System, decision: Decision) -> System:
        """A CPU goes offline, and its threads move, or it comes back."""
        kind, cpu = decision.kind, decision.argument
        assert isinstance(kind, Disturbance)
        online = system.online ^ (1 << cpu)
        system = system.spent(kind)._replace(online=online)
        refuge = (online & -online).bit_length() - 1
        cause = kind.cause_under(self.profile)
        if online >> cpu & 1:
            return system
        for index, other in enumerate(threads):
            if other[CPU] == cpu:
                local = list(other)
                if cause and local[GUARD] == Guard.SECTION:
                    self.kernel.abort(local, Abort(index, cause, before=cpu, cpu=refuge))
                allowed = [c for c in self.plan.allowed[index] if online >> c & 1]
                local[CPU] = min(allowed, default=refuge)
                self.kernel.look_at_ids(index, local, "migration", cpu)
                self.quiet.settle(index, local)
                threads[index] = self.quiet.frozen(index, local)
                system = left(system, index)
        return system
