"""The model: threads on CPUs, sections that restart, vectors that nobody of their CPU interrupts.

Semantics: explore.md section 2.  A State is frozen; ``step`` and ``disturb`` make the next one.
There is no running thread of a CPU in a state (unless something needs it): that a thread runs on a
CPU has one effect on the others there, which is that their sections restart.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

from ..errors import Crash
from ..light_typing import NamedTuple
from ..machine.memory import Fault
from ..text.scenario_tree import RSEQ
from .code import CPU, GUARD, NOWHERE, POINT, RETURN, Code, Guard, Kind, Node
from .plan import Plan
from .work import Range, Work

Local = tuple[int, ...]
UNLIMITED = -1


class System(NamedTuple):
    """What is neither memory nor a thread's: budgets left, CPUs online (a mask), who runs where.

    ``running`` is empty unless somebody must know it (a bound on preemptions, ids that are
    rewritten at switches, sections that survive them); NOWHERE is a task of another process.
    """

    migrate: int
    signal: int
    hotplug: int
    preempt: int
    checkpoint: int
    stepped: int
    online: int
    running: tuple[int, ...]
    preemptions: int


class State(NamedTuple):
    """Memory, the threads' local states, the rest."""

    memory: bytes
    threads: tuple[Local, ...]
    system: System


class Decision(NamedTuple):
    """What happens next: ``step`` of a thread, or something that disturbs one.

    ``argument`` is the CPU of a ``migrate`` or ``hotplug`` (thread is then NOWHERE for hotplug).
    """

    kind: str
    thread: int
    argument: int = 0


class Micro(NamedTuple):
    """One node's execution, for whoever shows a schedule.

    ``stores`` are (start, old bytes, new bytes); ``loads`` ranges; ``aborts`` (thread, cause).
    """

    thread: int
    cpu: int
    node: Node | None
    text: str
    guard: int
    loads: tuple[Range, ...]
    stores: tuple[tuple[int, bytes, bytes], ...]
    aborts: tuple[tuple[int, str], ...]


class Fusion(NamedTuple):
    """Which nodes may follow the first one within a step.

    ``classes`` gives each byte of the state its sharing (sharing.py).  ``private`` says whether
    accesses to a thread's own bytes may be left out of sight, ``sections`` whether loads of a
    section may be, ``current`` whether the thread's CPU can't change on its own.
    """

    classes: bytes
    private: bool
    sections: bool
    current: bool
    vectors: bool


class Taken(NamedTuple):
    """A step that was taken: the state after it and what it touched.

    ``committed``: a run succeeded; ``disturbed``: the section of another thread was aborted.
    """

    state: State
    reads: tuple[Range, ...]
    writes: tuple[Range, ...]
    committed: bool
    disturbed: bool


def abort_kind(cause: str) -> str:
    """``aborted by preemption`` and the like, of a cause in words."""
    kind = next(kind for word, kind in _ABORTS if word in cause)
    return f"aborted by {kind}"


_ABORTS = (
    ("preempted", "preemption"),
    ("migrated", "migration"),
    ("signal", "signal"),
    ("fence", "fence"),
    ("trap", "step"),
)


@cache
def online_set(mask: int) -> frozenset[int]:
    """The CPUs of a mask."""
    return frozenset(cpu for cpu in range(mask.bit_length()) if mask >> cpu & 1)


SHARED_BYTE = b"\3"
FUSE_LIMIT = 1000


class Model:
    """All behaviours of one configuration.  ``fusion`` None: every node is a step of its own."""

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
            except Fault:
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
        if local[GUARD] == Guard.SECTION and thread in self.stepped and system.stepped:
            if self.profile.preemption_aborts:
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
        covered = set(work.covered) if self.log is None else None
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
        if covered is not None:
            work.covered = covered
        if log is not None and self.log is not None:
            del self.log[log:]
        return None

    def _touches(self, classes: bytes, reads: int, writes: int, wanted: bytes) -> bool:
        work = self.work
        find = classes.find
        return any(find(wanted, start, end) >= 0 for start, end in work.reads[reads:]) or any(
            find(wanted, start, end) >= 0 for start, end in work.writes[writes:]
        )

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
            local[POINT] = node.run(work).point
        work.local, self.log = mine, log

    def _frozen(self, thread: int, local: list[int]) -> Local:
        if self.zero_dead:
            for register in self.codes[thread].dead[local[POINT]]:
                local[register] = 0
        return tuple(local)

    def _crash_point(self, thread: int) -> int:
        return self.codes[thread].crash

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
            if system.signal and local[RETURN] == NOWHERE:
                if self.codes[thread].handler != NOWHERE or local[GUARD]:
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
