"""One step of a thread: its node, what it does to other threads, and what may join it.

Semantics: explore.md section 2.2.
"""

from __future__ import annotations

from ...errors import Crash
from ...text.scenario_tree import RSEQ
from ..lowering.arithmetic import TROUBLE
from ..plan.plan import Plan
from ..steps.code import CPU, GUARD, NOWHERE, POINT, RETURN, Code, Guard, Kind, Node
from ..steps.state import (
    SHARED_BYTE,
    Fusion,
    Local,
    Micro,
    State,
    System,
    Taken,
    abort_kind,
    online_set,
)
from ..steps.work import Work

FUSE_LIMIT = 1000


class Stepper:
    """Takes steps.  ``fusion`` None: every node is a step of its own."""

    def __init__(self, plan: Plan, zero_dead: bool = True, bound: int | None = None) -> None:
        self.plan = plan
        self.image = plan.image
        self.codes: tuple[Code, ...] = plan.codes
        self.profile = plan.configuration.profile
        self.threads = len(plan.codes)
        self.cpus = plan.configuration.cpus
        self.zero_dead = zero_dead
        self.bound = bound
        self.fusion: Fusion | None = None
        self.tracks_running = plan.tracks_running or bound is not None
        self.work = Work(plan.image, plan.chunk)
        self.log: list[Micro] | None = None
        self.stepped = frozenset(plan.stepped)
        self._aborts: list[tuple[int, str]] = []
        self._trapped = False
        self._disturbed = False

    def _preempts(self, state: State, thread: int) -> int:
        """1 when this step takes the CPU from a thread that could go on."""
        cpu = state.threads[thread][CPU]
        other = state.system.running[cpu]
        if other in (NOWHERE, thread) or state.threads[other][CPU] != cpu:
            return 0
        node = self.codes[other].nodes[state.threads[other][POINT]]
        if node.kind in (Kind.END, Kind.FAIL):
            return 0
        if node.kind is Kind.LOCK:
            word = self.image.lock_word(state.threads[other][node.cpu_register])
            return int(state.memory[word] == 0)
        if node.kind is Kind.WAIT:
            flag = self.image.slow_flag(state.threads[other][node.cpu_register])
            return int(state.memory[flag] == 0)
        return 1

    # ---- a step ----------------------------------------------------------------------------------

    def step(self, state: State, thread: int) -> Taken:
        """The next step of a thread, which must be enabled."""
        work = self._begin(state, thread)
        self._disturbed = False
        threads = list(state.threads)
        system = state.system
        local = work.local
        code = self.codes[thread]
        node = code.nodes[local[POINT]]
        fusion = self.fusion
        if node.kind > Kind.CURRENT:
            if self.tracks_running:
                system = self._switch(state, system, thread, local[CPU])
            self._preempt_others(threads, thread, local[CPU])
        committed = self._execute(node, thread, threads, system)
        system = self._after(system)
        if fusion is not None:
            shared = bool(fusion.classes) and self._touches(fusion.classes, 0, 0, SHARED_BYTE)
            committed |= self._fuse(thread, fusion, shared, system)
        threads[thread] = self._frozen(thread, local)
        after = State(bytes(work.memory), tuple(threads), system)
        return Taken(after, tuple(work.reads), tuple(work.writes), committed, self._disturbed)

    def _begin(self, state: State, thread: int) -> Work:
        work = self.work
        work.memory = bytearray(state.memory)
        work.local = list(state.threads[thread])
        work.reads.clear()
        work.writes.clear()
        work.undo.clear()
        work.online = online_set(state.system.online)
        work.allowed = self.plan.allowed[thread]
        return work

    def _execute(self, node: Node, thread: int, threads: list[Local], system: System) -> bool:
        """Run one node in ``work`` and what it does to other threads; True when a run succeeded."""
        work = self.work
        local = work.local
        reads, writes = len(work.reads), len(work.writes)
        cpu = local[CPU]
        if node.kind is Kind.HANDLER_RETURN:
            local[POINT], local[RETURN] = local[RETURN], NOWHERE
        else:
            try:
                local[POINT] = node.run(work).point
            except TROUBLE:
                local[POINT] = self._crash_point(thread)
            if node.kind is Kind.ENTER and local[GUARD] == Guard.VECTOR:
                self._preempt_others(threads, thread, local[CPU])
            elif node.kind is Kind.FENCE:
                self._fence(threads, thread, local[node.cpu_register], system)
            elif node.kind is Kind.FENCE_VECTOR:
                target = local[node.cpu_register]
                if 0 <= target < self.cpus and system.online >> target & 1:
                    local[CPU] = target
                    self._preempt_others(threads, thread, target)
        if local[GUARD] and self.codes[thread].nodes[local[POINT]].scope is Guard.NONE:
            local[GUARD] = Guard.NONE
        steps = thread in self.stepped and system.stepped and self.profile.preemption_aborts
        if steps and local[GUARD] == Guard.SECTION:
            self._abort(thread, local, "a single-step trap")
            self._trapped = True
        if self.log is not None:
            self._note(node, thread, cpu, reads, writes)
        return node.commits

    def _after(self, system: System) -> System:
        """Budgets that the step used up."""
        if self._trapped and system.stepped > 0:
            system = system._replace(stepped=system.stepped - 1)
        self._trapped = False
        self._aborts.clear()
        return system

    def _fuse(self, thread: int, fusion: Fusion, shared: bool, system: System) -> bool:
        """Nodes that nobody can tell from a part of the step before them."""
        work = self.work
        local = work.local
        nodes = self.codes[thread].nodes
        committed = False
        for _ in range(FUSE_LIMIT):
            node = nodes[local[POINT]]
            kind = node.kind
            if kind is Kind.LOCAL or kind is Kind.HANDLER_RETURN:
                committed |= self._execute(node, thread, [], system)
                continue
            if kind is Kind.CURRENT:
                if not fusion.current:
                    break
                committed |= self._execute(node, thread, [], system)
                continue
            if kind is not Kind.ACCESS:
                break
            again = self._try(node, thread, fusion, shared, system)
            if again is None:
                break
            shared = again
        self._aborts.clear()
        return committed

    def _try(
        self, node: Node, thread: int, fusion: Fusion, shared: bool, system: System
    ) -> bool | None:
        """Run an access if it may be fused, else leave everything as it was and say None.

        The answer is whether the step has touched bytes that other CPUs touch too.
        """
        work = self.work
        scope = node.scope
        if scope is Guard.NONE and not fusion.private:
            return None
        if scope is Guard.SECTION and not fusion.sections:
            return None
        if scope is Guard.VECTOR and not fusion.vectors:
            return None
        local, reads, writes = list(work.local), len(work.reads), len(work.writes)
        undo, log = len(work.undo), None if self.log is None else len(self.log)
        self._execute(node, thread, [], system)
        touches = self._touches(fusion.classes, reads, writes, SHARED_BYTE)
        match scope:
            case Guard.NONE:
                free = not touches and not self._touches(fusion.classes, reads, writes, b"\2")
            case Guard.SECTION:
                free = not touches and len(work.writes) == writes
            case _:
                free = not (touches and shared)
        if self.codes[thread].nodes[work.local[POINT]].kind is Kind.FAIL and scope is Guard.NONE:
            free = False
        if free:
            return shared or touches
        work.local[:] = local
        for start, data in reversed(work.undo[undo:]):
            work.memory[start : start + len(data)] = data
        del work.reads[reads:], work.writes[writes:], work.undo[undo:]
        if log is not None and self.log is not None:
            del self.log[log:]
        return None

    def _touches(self, classes: bytes, reads: int, writes: int, wanted: bytes) -> bool:
        work = self.work
        find = classes.find
        for start, end in work.reads[reads:]:
            if find(wanted, start, end) >= 0:
                return True
        return any(find(wanted, start, end) >= 0 for start, end in work.writes[writes:])

    # ---- what a step does to others ---------------------------------------------------------------

    def _preempt_others(self, threads: list[Local], thread: int, cpu: int) -> None:
        """Somebody runs on a CPU: the sections of all others there restart."""
        if not self.profile.preemption_aborts:
            return
        for index, other in enumerate(threads):
            if other[GUARD] == Guard.SECTION and other[CPU] == cpu and index != thread:
                threads[index] = self._aborted(
                    index, other, f"preempted by {self.plan.names[thread]}"
                )

    def _fence(self, threads: list[Local], thread: int, cpu: int, system: System) -> None:
        """membarrier: the sections of siblings that run restart; a vector is not waited for."""
        for index, other in enumerate(threads):
            if index == thread or cpu not in (NOWHERE, other[CPU]):
                continue
            if system.running and system.running[other[CPU]] != index:
                continue
            self._rewrite_ids(index, other[CPU])
            if other[GUARD] == Guard.SECTION:
                threads[index] = self._aborted(index, other, "a fence")

    def _switch(self, state: State, system: System, thread: int, cpu: int) -> System:
        """Who runs on a CPU, where that is tracked."""
        if system.running[cpu] == thread:
            return system
        used = system.preemptions
        if self.bound is not None:
            used += self._preempts(state, thread)
        running = list(system.running)
        running[cpu] = thread
        self._rewrite_ids(thread, cpu)
        return system._replace(running=tuple(running), preemptions=used)

    def _rewrite_ids(self, thread: int, cpu: int, changed: bool = False) -> None:
        """The kernel's store to cpu_id_start on the way back to user space."""
        index = self.plan.ids[thread]
        if index is not None and (changed or self.profile.ids_at_every_switch):
            size = 8
            self.work.memory[index : index + size] = cpu.to_bytes(size, self.image.byteorder)

    def _abort(self, thread: int, local: list[int], cause: str) -> None:
        """The section of a thread restarts: it goes to its abort handler."""
        node = self.codes[thread].nodes[local[POINT]]
        if node.abort is None:
            raise Crash(f"a section without an abort handler at {node.text}")
        if node.operation is not None:
            self.work.covered.add((*node.operation, RSEQ, abort_kind(cause)))
        local[POINT] = node.abort.point
        local[GUARD] = Guard.NONE
        self._aborts.append((thread, cause))

    def _aborted(self, thread: int, other: Local, cause: str) -> Local:
        """Another thread's local state after its section was aborted."""
        local = list(other)
        self._disturbed = True
        self._abort(thread, local, cause)
        self._settle(thread, local)
        return self._frozen(thread, local)

    def _settle(self, thread: int, local: list[int]) -> None:
        """Run the nodes of a thread that touch registers only, where these are no steps."""
        fusion = self.fusion
        if fusion is None:
            return
        work, nodes = self.work, self.codes[thread].nodes
        mine, log = work.local, self.log
        work.local = local
        for _ in range(FUSE_LIMIT):
            node = nodes[local[POINT]]
            if not (node.kind is Kind.LOCAL or (node.kind is Kind.CURRENT and fusion.current)):
                break
            try:
                local[POINT] = node.run(work).point
            except TROUBLE:
                local[POINT] = self._crash_point(thread)
        work.local, self.log = mine, log

    def _frozen(self, thread: int, local: list[int]) -> Local:
        if self.zero_dead:
            for register in self.codes[thread].dead[local[POINT]]:
                local[register] = 0
        return tuple(local)

    def _crash_point(self, thread: int) -> int:
        return self.codes[thread].crash

    # ---- showing ------------------------------------------------------------------------------------

    def _note(self, node: Node, thread: int, cpu: int, reads: int, writes: int) -> None:
        work = self.work
        stores = tuple(
            (start, data, bytes(work.memory[start : start + len(data)]))
            for start, data in work.undo[writes:]
        )
        log = self.log
        assert log is not None
        loads = tuple(work.reads[reads:])
        aborts = tuple(self._aborts)
        log.append(Micro(thread, cpu, node, node.text, work.local[GUARD], loads, stores, aborts))
        self._aborts.clear()
