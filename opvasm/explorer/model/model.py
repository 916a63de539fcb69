"""The model: threads on CPUs, sections that restart, vectors that nobody of their CPU interrupts.

Semantics: explore.md section 2.  A State is frozen; ``step`` and ``disturb`` make the next one.
There is no running thread of a CPU in a state (unless something needs it): that a thread runs on a
CPU has one effect on the others there, which is that their sections restart.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..steps.code import CPU, GUARD, NOWHERE, POINT, RETURN, Guard, Kind, Node
from ..steps.state import UNLIMITED, Decision, Local, Micro, State, System
from .stepper import Stepper


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
        worked out in steps of their own.
        """
        return all(
            self.node(state, thread).kind not in (Kind.LOCAL, Kind.CURRENT, Kind.HANDLER_RETURN)
            for thread in range(self.threads)
        )

    def quiescent(self, state: State) -> bool:
        """Whether no thread is inside a ``run``."""
        return all(self.node(state, thread).counted for thread in range(self.threads))

    # ---- who can step ----------------------------------------------------------------------------

    def enabled(self, state: State, thread: int) -> bool:
        """Whether a thread can take a step now."""
        threads = state.threads
        local = threads[thread]
        node = self.codes[thread].nodes[local[POINT]]
        kind = node.kind
        if kind is Kind.END or kind is Kind.FAIL:
            return False
        if not self._cpu_is_free(threads, thread, local[CPU]):
            return False
        if kind is Kind.LOCK:
            free = state.memory[self.image.lock_word(local[node.cpu_register])] == 0
            return free and self._within_bound(state, thread)
        if kind is Kind.WAIT:
            clear = state.memory[self.image.slow_flag(local[node.cpu_register])] == 0
            return clear and self._within_bound(state, thread)
        if kind is Kind.ENTER or kind is Kind.FENCE_VECTOR:
            target = local[node.cpu_register]
            if 0 <= target < self.cpus and not state.system.online >> target & 1:
                if any(
                    each[GUARD] == Guard.OFFLINE for i, each in enumerate(threads) if i != thread
                ):
                    return False
            elif not self._cpu_is_free(threads, thread, target):
                return False
        return self._within_bound(state, thread)

    def _cpu_is_free(self, threads: tuple[Local, ...], thread: int, cpu: int) -> bool:
        """Whether no other thread keeps a CPU with preemption off."""
        for index, other in enumerate(threads):
            if other[GUARD] >= Guard.VECTOR and other[CPU] == cpu and index != thread:
                return False
        return True

    def _within_bound(self, state: State, thread: int) -> bool:
        if self.bound is None:
            return True
        return state.system.preemptions + self._preempts(state, thread) <= self.bound

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
                for cpu in self.plan.allowed[thread]:
                    if cpu != local[CPU] and system.online >> cpu & 1:
                        yield Decision("migrate", thread, cpu)
                if kind is Kind.ENTER and not self.plan.retries_migration:
                    yield Decision("bounce", thread)
            struck = self.codes[thread].handler != NOWHERE or local[GUARD]
            if system.signal and local[RETURN] == NOWHERE and struck:
                yield Decision("signal", thread)
            if local[GUARD] == Guard.SECTION:
                if system.preempt and self.profile.preemption_aborts:
                    yield Decision("preempt", thread)
                if system.checkpoint:
                    yield Decision("checkpoint", thread)
        if system.hotplug and not busy:
            for cpu in range(self.cpus):
                if system.online != 1 << cpu:
                    yield Decision("hotplug", NOWHERE, cpu)

    def disturb(self, state: State, decision: Decision) -> State:
        """The state after something of ``disturbances``."""
        thread, system = decision.thread, state.system
        threads = list(state.threads)
        work = self._begin(state, max(thread, 0))
        if decision.kind == "hotplug":
            system = self._hotplug(threads, system, decision.argument)
        else:
            local = work.local
            text = self._strike(decision, local, system)
            system = self._spend(system, decision.kind)
            if self.tracks_running and decision.kind in ("migrate", "preempt"):
                running = [NOWHERE if each == thread else each for each in system.running]
                system = system._replace(running=tuple(running))
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
                if inside:
                    self._abort(thread, local, f"migrated from CPU {old} to {new}")
                local[CPU] = new
                self._rewrite_ids(thread, new, changed=True)
                return f"{name} migrates from CPU {old} to {new}"
            case "signal":
                if inside:
                    self._abort(thread, local, "a signal")
                self._rewrite_ids(thread, local[CPU])
                handler = self.codes[thread].handler
                if handler != NOWHERE:
                    local[RETURN], local[POINT] = local[POINT], handler
                return f"{name} gets a signal"
            case "preempt":
                self._abort(thread, local, "preempted by another process")
                self._rewrite_ids(thread, local[CPU])
                return f"{name} is preempted by another process"
            case "checkpoint":
                local[GUARD] = Guard.NONE
                return f"{name} is checkpointed and restored inside its section"
            case _:
                node = self.codes[thread].nodes[local[POINT]]
                local[POINT] = node.targets[1].point  # again
                return f"{name} loses the CPU before its vector starts: EAGAIN"

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
                    if local[GUARD] == Guard.SECTION:
                        self._abort(index, local, f"migrated from CPU {cpu} to {refuge}")
                    allowed = [c for c in self.plan.allowed[index] if online >> c & 1]
                    local[CPU] = min(allowed, default=refuge)
                    self._rewrite_ids(index, local[CPU], changed=True)
                    self._settle(index, local)
                    threads[index] = self._frozen(index, local)
        if self.log is not None:
            text = f"CPU {cpu} goes {'online' if came else 'offline'}"
            self.log.append(Micro(NOWHERE, cpu, None, text, 0, (), (), tuple(self._aborts)))
        return system
