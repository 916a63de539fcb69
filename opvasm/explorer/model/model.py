"""The model: threads on CPUs, sections that restart, vectors that nobody of their CPU interrupts.

Semantics: model.md section 2.  A State is frozen; ``step`` and ``disturb`` make the next one.
A state does not record which thread runs on a CPU (unless something needs it), because that has one
effect on the other threads there: their sections restart.
"""

from __future__ import annotations

from collections.abc import Iterator

from ...errors import Crash
from ...kernels.disturbances import BUDGETS, Cause, Disturbance
from ..steps.state import Abort, Decision, Local, Micro, State, System
from ..steps.step import (
    CPU,
    GUARD,
    LAST_QUIET,
    NOWHERE,
    POINT,
    RETURN,
    Enter,
    FenceVector,
    Guard,
    Kind,
    Lock,
    Step,
    Wait,
)
from .stepper import Stepper, left


class Model(Stepper):
    """All behaviours of one configuration: its first state, who can step, what can disturb."""

    # ---- states ---------------------------------------------------------------------------------

    def initial(self) -> State:
        """The state in which nothing has run yet."""
        limits = self.plan.limits
        system = System(
            left=tuple(limits[each] for each in BUDGETS),
            online=(1 << self.cpus) - 1,
            running=(NOWHERE,) * self.cpus if self.tracks_running else (),
            preemptions=0,
        )
        threads = []
        work = self.work
        work.memory = bytearray(self.plan.memory)
        for index, code in enumerate(self.codes):
            local = [code.entry, self.plan.homes[index], 0, NOWHERE]
            local += [0] * (code.size - len(local))
            self._settle(index, local)
            threads.append(self._frozen(index, local))
        return State(bytes(self.plan.memory), tuple(threads), system)

    def next_step(self, state: State, thread: int) -> Step:
        """The step that a thread takes next: where it stands."""
        return self.codes[thread].steps[state.threads[thread][POINT]]

    def done(self, state: State, thread: int) -> bool:
        """Whether a thread has ended."""
        return self.next_step(state, thread).kind is Kind.END

    def failure(self, state: State) -> tuple[int, str] | None:
        """The thread that has failed, and how; nothing runs after that."""
        for thread in range(self.threads):
            step = self.next_step(state, thread)
            if step.kind is Kind.FAIL:
                return thread, step.text
        return None

    def rests(self, state: State) -> bool:
        """Whether no thread has registers to work out before its next step.

        Only such states are shown to invariants, so that it does not matter whether registers are
        worked out in steps of their own.  A thread that goes round without any access rests where
        it comes by again.
        """
        for thread, local in enumerate(state.threads):
            step = self.codes[thread].steps[local[POINT]]
            if step.kind <= LAST_QUIET and not (step.head and self._goes_round(thread, local)):
                return False
        return True

    def quiescent(self, state: State) -> bool:
        """Whether no thread is inside a ``run``, be it below a signal handler."""
        for thread, local in enumerate(state.threads):
            steps = self.codes[thread].steps
            if not steps[local[POINT]].counted:
                return False
            if local[RETURN] != NOWHERE and not steps[local[RETURN]].counted:
                return False
        return True

    # ---- who can step ----------------------------------------------------------------------------

    def enabled(self, state: State, thread: int) -> bool:
        """Whether a thread can take a step now, within the bound on preemptions."""
        return self._ready(state, thread) and (
            self.bound is None or self._within_bound(state, thread)
        )

    def able(self, state: State, thread: int) -> bool:
        """Whether a thread waits for nothing but that vectors end, which they do.

        Fairness asks this, so that it does not matter whether a vector is one step or many.
        """
        local = state.threads[thread]
        step = self.codes[thread].steps[local[POINT]]
        if step.kind <= Kind.ENTER:
            return True
        match step.action:
            case Lock(cpu=cpu):
                return state.memory[self.image.lock_word(local[cpu])] == 0
            case Wait(cpu=cpu):
                return state.memory[self.image.slow_flag(local[cpu])] == 0
            case _:
                return step.kind < Kind.END

    def _ready(self, state: State, thread: int) -> bool:
        threads = state.threads
        local = threads[thread]
        step = self.codes[thread].steps[local[POINT]]
        if step.kind <= LAST_QUIET:
            return True
        if not self.able(state, thread) or not self._cpu_is_free(threads, thread, local[CPU]):
            return False
        action = step.action
        if isinstance(action, Enter | FenceVector):
            target = local[action.cpu]
            if 0 <= target < self.cpus and not state.system.online >> target & 1:
                if any(
                    each[GUARD] == Guard.OFFLINE for i, each in enumerate(threads) if i != thread
                ):
                    return False
            elif not self._cpu_is_free(threads, thread, target):
                return False
        return True

    def _cpu_is_free(self, threads: tuple[Local, ...], thread: int, cpu: int) -> bool:
        """Whether no other thread keeps a CPU with preemption off."""
        for index, other in enumerate(threads):
            if other[GUARD] == Guard.VECTOR and other[CPU] == cpu and index != thread:
                return False
        return True

    def _within_bound(self, state: State, thread: int) -> bool:
        assert self.bound is not None
        local = state.threads[thread]
        step = self.codes[thread].steps[local[POINT]]
        if step.kind <= LAST_QUIET:
            return True
        if step.kind is Kind.ENTER or step.kind is Kind.FENCE_VECTOR:
            # It may take two CPUs from others: its own to make the call, and the one it moves to.
            log, self.log = self.log, None
            after = self.step(state, thread).state.system.preemptions
            self.log = log
            return after <= self.bound
        return state.system.preemptions + self._preempts(state, thread, local[CPU]) <= self.bound

    # ---- what disturbs threads ---------------------------------------------------------------------

    def disturbances(self, state: State) -> Iterator[Decision]:
        """Everything the environment can do now, within its limits."""
        allowed = [each for each in self.deciding if state.system.allows(each)]
        if not allowed:
            return
        for thread, local in enumerate(state.threads):
            kind = self.next_step(state, thread).kind
            if kind is Kind.END or kind is Kind.FAIL or local[GUARD] >= Guard.VECTOR:
                continue
            for disturbance in allowed:
                yield from self._strikes(state, thread, disturbance)
        if Disturbance.HOTPLUG in allowed:
            busy = any(each[GUARD] >= Guard.VECTOR for each in state.threads)
            for cpu in () if busy else range(self.cpus):
                if state.system.online != 1 << cpu:
                    yield Decision(Disturbance.HOTPLUG, NOWHERE, cpu)

    def _strikes(self, state: State, thread: int, disturbance: Disturbance) -> Iterator[Decision]:
        """What a disturbance can do to a thread that is outside of vectors."""
        local = state.threads[thread]
        inside = local[GUARD] == Guard.SECTION
        match disturbance:
            case Disturbance.MIGRATE:
                for cpu in self._elsewhere(state, thread, local[CPU]):
                    yield Decision(disturbance, thread, cpu)
            case Disturbance.BOUNCE:
                yield from self._bounces(state, thread)
            case Disturbance.SIGNAL:
                handled = self.codes[thread].handler != NOWHERE
                struck = inside and self.profile.signal_aborts
                if local[RETURN] == NOWHERE and (
                    handled or struck or self._ids_are_stale(state, thread, "signal")
                ):
                    yield Decision(disturbance, thread)
            case Disturbance.PREEMPT:
                if self._can_lose_its_cpu(state, thread):
                    yield Decision(disturbance, thread)
            case Disturbance.CHECKPOINT:
                if inside:
                    yield Decision(disturbance, thread)
            case Disturbance.UNPROTECTED:
                if inside and self._exposed(state, thread):
                    yield Decision(disturbance, thread)
            case Disturbance.HOTPLUG | Disturbance.STEPPED | Disturbance.STALLED:
                pass  # of CPUs; along with steps; only that a thread may stand still

    def _elsewhere(self, state: State, thread: int, here: int) -> list[int]:
        """The CPUs other than one that a thread can move to."""
        online = state.system.online
        return [cpu for cpu in self.plan.allowed[thread] if online >> cpu & 1 and cpu != here]

    def _exposed(self, state: State, thread: int) -> bool:
        """Whether a thread stands where its section may lose its protection."""
        operation = self.next_step(state, thread).operation
        return any(
            thread in threads and place in (None, operation)
            for threads, place in self.plan.unprotected
        )

    def _bounces(self, state: State, thread: int) -> Iterator[Decision]:
        """Migrations that a vector meets between its move and its start."""
        action, local = self.next_step(state, thread).action, state.threads[thread]
        if not isinstance(action, Enter) or self.plan.retries_migration:
            return
        if self._cpu_is_free(state.threads, thread, local[CPU]) and self._starts(state, thread):
            for cpu in self._elsewhere(state, thread, local[action.cpu]):
                yield Decision(Disturbance.BOUNCE, thread, cpu)

    def _starts(self, state: State, thread: int) -> bool:
        """Whether the kernel would move a caller of cpu_opv and start its vector."""
        work = self._begin(state, thread)
        self.runs[thread][work.local[POINT]](work)
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
        return self._ids_are_stale(state, thread, "preemption")

    def disturb(self, state: State, decision: Decision) -> State:
        """The state after something of ``disturbances``."""
        thread, system = decision.thread, state.system
        threads = list(state.threads)
        work = self._begin(state, max(thread, 0))
        assert isinstance(decision.kind, Disturbance)
        row = decision.kind.row
        if decision.kind is Disturbance.HOTPLUG:
            system = self._hotplug(threads, system, decision.argument)
        else:
            local = work.local
            if decision.kind is Disturbance.BOUNCE:  # it runs, to make the call
                if self.tracks_running:
                    system = self._switch(state, system, thread, local[CPU])
                self._preempt_others(threads, thread, local[CPU])
            self._strike(decision, local)
            system = system.spent(decision.kind)
            if row.moves or decision.kind is Disturbance.PREEMPT:
                system = left(system, thread)
            self._settle(thread, local)
            threads[thread] = self._frozen(thread, local)
        if self.log is not None:
            cpu = decision.argument if thread == NOWHERE else state.threads[thread][CPU]
            text = row.happened.format(
                thread=self.plan.names[thread] if thread != NOWHERE else "",
                before=cpu,
                cpu=decision.argument,
                state="online" if system.online >> decision.argument & 1 else "offline",
            )
            self.log.append(Micro(thread, cpu, None, text, 0, (), (), tuple(self._aborts)))
        self._aborts.clear()
        return State(bytes(work.memory), tuple(threads), system)

    def _strike(self, decision: Decision, local: list[int]) -> None:
        """One disturbance of one thread."""
        thread, kind = decision.thread, decision.kind
        assert isinstance(kind, Disturbance)
        ability = kind.row.aborts
        aborts = ability is not None and getattr(self.profile, ability)
        inside = local[GUARD] == Guard.SECTION and aborts
        match kind:
            case Disturbance.MIGRATE:
                old, new = local[CPU], decision.argument
                if inside:
                    self._abort(local, Abort(thread, Cause.MIGRATION, before=old, cpu=new))
                local[CPU] = new
                self._look_at_ids(thread, local, "migration", old)
            case Disturbance.SIGNAL:
                if inside:
                    self._abort(local, Abort(thread, Cause.SIGNAL))
                self._look_at_ids(thread, local, "signal", local[CPU])
                handler = self.codes[thread].handler
                if handler != NOWHERE:
                    local[RETURN], local[POINT] = local[POINT], handler
                    for register in self.codes[thread].fresh:
                        local[register] = 0
            case Disturbance.PREEMPT:
                if inside:
                    self._abort(local, Abort(thread, Cause.PROCESS))
                self._look_at_ids(thread, local, "preemption", local[CPU])
            case Disturbance.UNPROTECTED | Disturbance.CHECKPOINT:
                local[GUARD] = Guard.NONE
            case Disturbance.BOUNCE:
                action = self.codes[thread].steps[local[POINT]].action
                assert isinstance(action, Enter)
                local[POINT] = action.again
                old, local[CPU] = local[CPU], decision.argument
                if old != decision.argument:
                    self._look_at_ids(thread, local, "migration", old)
            case Disturbance.HOTPLUG | Disturbance.STEPPED | Disturbance.STALLED:
                raise Crash(f"{kind} strikes no single thread")

    def _hotplug(self, threads: list[Local], system: System, cpu: int) -> System:
        """A CPU goes offline, and its threads move, or it comes back."""
        online = system.online ^ (1 << cpu)
        system = system.spent(Disturbance.HOTPLUG)._replace(online=online)
        refuge = (online & -online).bit_length() - 1
        if online >> cpu & 1:
            return system
        for index, other in enumerate(threads):
            if other[CPU] == cpu:
                local = list(other)
                if local[GUARD] == Guard.SECTION and self.profile.migration_aborts:
                    self._abort(local, Abort(index, Cause.MIGRATION, before=cpu, cpu=refuge))
                allowed = [c for c in self.plan.allowed[index] if online >> c & 1]
                local[CPU] = min(allowed, default=refuge)
                self._look_at_ids(index, local, "migration", cpu)
                self._settle(index, local)
                threads[index] = self._frozen(index, local)
                system = left(system, index)
        return system
