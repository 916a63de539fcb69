"""The model: threads on CPUs, sections that restart, vectors that nobody of their CPU interrupts.

Semantics: model.md section 2.  A State is frozen; ``step`` and ``disturb`` make the next one.
A state does not record which thread runs on a CPU (unless something needs it), because that has one
effect on the other threads there: their sections restart.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..steps.code import CPU, GUARD, LAST_QUIET, NOWHERE, POINT, RETURN, Guard, Kind, Node
from ..steps.state import UNLIMITED, Decision, Local, Micro, State, System
from .stepper import Stepper, left


class Model(Stepper):
    """All behaviours of one configuration: its first state, who can step, what can disturb."""

    # ---- states ---------------------------------------------------------------------------------

    def initial(self) -> State:
        """The state in which nothing has run yet."""
        limits = self.plan.limits
        system = System(
            **limits,
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

    def node(self, state: State, thread: int) -> Node:
        """Where a thread is."""
        return self.codes[thread].nodes[state.threads[thread][POINT]]

    def done(self, state: State, thread: int) -> bool:
        """Whether a thread has ended."""
        return self.node(state, thread).kind is Kind.END

    def failure(self, state: State) -> tuple[int, str] | None:
        """The thread that has failed, and how; nothing runs after that."""
        for thread in range(self.threads):
            node = self.node(state, thread)
            if node.kind is Kind.FAIL:
                return thread, node.text
        return None

    def rests(self, state: State) -> bool:
        """Whether no thread has registers to work out before its next step.

        Only such states are shown to invariants, so that it does not matter whether registers are
        worked out in steps of their own.  A thread that goes round without any access rests where
        it comes by again.
        """
        for thread, local in enumerate(state.threads):
            node = self.codes[thread].nodes[local[POINT]]
            if node.kind <= LAST_QUIET and not (node.head and self._goes_round(thread, local)):
                return False
        return True

    def quiescent(self, state: State) -> bool:
        """Whether no thread is inside a ``run``, be it below a signal handler."""
        for thread, local in enumerate(state.threads):
            nodes = self.codes[thread].nodes
            if not nodes[local[POINT]].counted:
                return False
            if local[RETURN] != NOWHERE and not nodes[local[RETURN]].counted:
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
        node = self.codes[thread].nodes[local[POINT]]
        match node.kind:
            case Kind.END | Kind.FAIL:
                return False
            case Kind.LOCK:
                return state.memory[self.image.lock_word(local[node.cpu_register])] == 0
            case Kind.WAIT:
                return state.memory[self.image.slow_flag(local[node.cpu_register])] == 0
            case _:
                return True

    def _ready(self, state: State, thread: int) -> bool:
        threads = state.threads
        local = threads[thread]
        node = self.codes[thread].nodes[local[POINT]]
        kind = node.kind
        if kind <= LAST_QUIET:
            return True
        if not self.able(state, thread) or not self._cpu_is_free(threads, thread, local[CPU]):
            return False
        if kind is Kind.ENTER or kind is Kind.FENCE_VECTOR:
            target = local[node.cpu_register]
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
        node = self.codes[thread].nodes[local[POINT]]
        if node.kind <= LAST_QUIET:
            return True
        if node.kind is Kind.ENTER or node.kind is Kind.FENCE_VECTOR:
            # It may take two CPUs from others: its own to make the call, and the one it moves to.
            log, self.log = self.log, None
            after = self.step(state, thread).state.system.preemptions
            self.log = log
            return after <= self.bound
        return state.system.preemptions + self._preempts(state, thread, local[CPU]) <= self.bound

    # ---- what disturbs threads ---------------------------------------------------------------------

    def disturbances(self, state: State) -> Iterator[Decision]:
        """Everything the environment can do now, within its limits."""
        system = state.system
        busy = any(each[GUARD] >= Guard.VECTOR for each in state.threads)
        for thread, local in enumerate(state.threads):
            kind = self.node(state, thread).kind
            if kind is Kind.END or kind is Kind.FAIL or local[GUARD] >= Guard.VECTOR:
                continue
            if system.migrate:
                yield from self._moves(state, thread, kind)
            if system.signal and local[RETURN] == NOWHERE:
                handled = self.codes[thread].handler != NOWHERE
                struck = local[GUARD] and self.profile.signal_aborts
                if handled or struck or self._ids_are_stale(state, thread, "signal"):
                    yield Decision("signal", thread)
            if system.preempt and self._can_lose_its_cpu(state, thread):
                yield Decision("preempt", thread)
            if system.checkpoint and local[GUARD] == Guard.SECTION:
                yield Decision("checkpoint", thread)
            if (
                system.unprotected
                and local[GUARD] == Guard.SECTION
                and self._exposed(state, thread)
            ):
                yield Decision("unprotected", thread)
        if system.hotplug and not busy:
            for cpu in range(self.cpus):
                if system.online != 1 << cpu:
                    yield Decision("hotplug", NOWHERE, cpu)

    def _exposed(self, state: State, thread: int) -> bool:
        """Whether a thread stands where its section may lose its protection."""
        operation = self.node(state, thread).operation
        return any(
            thread in threads and place in (None, operation)
            for threads, place in self.plan.unprotected
        )

    def _moves(self, state: State, thread: int, kind: Kind) -> Iterator[Decision]:
        """Migrations of a thread, also those that a vector meets between its move and its start."""
        local, online = state.threads[thread], state.system.online
        others = [cpu for cpu in self.plan.allowed[thread] if online >> cpu & 1]
        for cpu in others:
            if cpu != local[CPU]:
                yield Decision("migrate", thread, cpu)
        if kind is Kind.ENTER and not self.plan.retries_migration:
            target = local[self.node(state, thread).cpu_register]
            if self._cpu_is_free(state.threads, thread, local[CPU]) and self._starts(state, thread):
                for cpu in others:
                    if cpu != target:
                        yield Decision("bounce", thread, cpu)

    def _starts(self, state: State, thread: int) -> bool:
        """Whether the kernel would move a caller of cpu_opv and start its vector."""
        work = self._begin(state, thread)
        node = self.node(state, thread)
        node.run(work)
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
        if decision.kind == "hotplug":
            system = self._hotplug(threads, system, decision.argument)
        else:
            local = work.local
            if decision.kind == "bounce":  # it runs, to make the call
                if self.tracks_running:
                    system = self._switch(state, system, thread, local[CPU])
                self._preempt_others(threads, thread, local[CPU])
            text = self._strike(decision, local, system)
            system = self._spend(system, decision.kind)
            if decision.kind in ("migrate", "bounce", "preempt"):
                system = left(system, thread)
            self._settle(thread, local)
            threads[thread] = self._frozen(thread, local)
            if self.log is not None:
                aborts = tuple(self._aborts)
                cpu = state.threads[thread][CPU]
                self.log.append(Micro(thread, cpu, None, text, 0, (), (), aborts))
        self._aborts.clear()
        return State(bytes(work.memory), tuple(threads), system)

    def _strike(self, decision: Decision, local: list[int], system: System) -> str:
        """One disturbance of one thread; says in words what happened."""
        thread, inside = decision.thread, local[GUARD] == Guard.SECTION
        name = self.plan.names[thread]
        match decision.kind:
            case "migrate":
                old, new = local[CPU], decision.argument
                if inside and self.profile.migration_aborts:
                    self._abort(thread, local, f"migrated from CPU {old} to {new}")
                local[CPU] = new
                self._look_at_ids(thread, local, "migration", old)
                return f"{name} migrates from CPU {old} to {new}"
            case "signal":
                if inside and self.profile.signal_aborts:
                    self._abort(thread, local, "a signal")
                self._look_at_ids(thread, local, "signal", local[CPU])
                handler = self.codes[thread].handler
                if handler != NOWHERE:
                    local[RETURN], local[POINT] = local[POINT], handler
                    for register in self.codes[thread].fresh:
                        local[register] = 0
                return f"{name} gets a signal"
            case "preempt":
                if inside and self.profile.preemption_aborts:
                    self._abort(thread, local, "preempted by another process")
                self._look_at_ids(thread, local, "preemption", local[CPU])
                return f"{name} is preempted by another process"
            case "unprotected":
                local[GUARD] = Guard.NONE
                return f"{name} is made to leave its section, and goes on in it unprotected"
            case "checkpoint":
                local[GUARD] = Guard.NONE
                return f"{name} is checkpointed and restored inside its section"
            case _:
                node = self.codes[thread].nodes[local[POINT]]
                local[POINT] = node.targets[1].point  # again
                old = local[CPU]
                if old != decision.argument:
                    local[CPU] = decision.argument
                    self._look_at_ids(thread, local, "migration", old)
                return (
                    f"{name} finds itself on CPU {decision.argument} before its vector starts: "
                    "EAGAIN"
                )

    def _spend(self, system: System, kind: str) -> System:
        field = "migrate" if kind == "bounce" else kind
        left = getattr(system, field)
        return system if left == UNLIMITED else system._replace(**{field: left - 1})

    def _hotplug(self, threads: list[Local], system: System, cpu: int) -> System:
        online = system.online ^ (1 << cpu)
        system = self._spend(system, "hotplug")._replace(online=online)
        came = bool(online >> cpu & 1)
        refuge = (online & -online).bit_length() - 1
        if not came:
            for index, other in enumerate(threads):
                if other[CPU] == cpu:
                    local = list(other)
                    if local[GUARD] == Guard.SECTION and self.profile.migration_aborts:
                        self._abort(index, local, f"migrated from CPU {cpu} to {refuge}")
                    allowed = [c for c in self.plan.allowed[index] if online >> c & 1]
                    local[CPU] = min(allowed, default=refuge)
                    self._look_at_ids(index, local, "migration", cpu)
                    self._settle(index, local)
                    threads[index] = self._frozen(index, local)
                    system = left(system, index)
        if self.log is not None:
            text = f"CPU {cpu} goes {'online' if came else 'offline'}"
            self.log.append(Micro(NOWHERE, cpu, None, text, 0, (), (), tuple(self._aborts)))
        return system
