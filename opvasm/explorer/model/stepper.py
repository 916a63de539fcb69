"""One step of a thread: what it does, also to other threads, and what may join it.

Semantics: model.md section 2.2.
"""

from __future__ import annotations

from ...errors import Crash
from ...kernels.disturbances import BUDGETS, DECIDING, SLOT, Cause, Disturbance
from ...kernels.profiles import KEPT, KILLS
from ...text.scenario_tree import RSEQ
from ..plan.plan import Plan
from ..steps.code import Code
from ..steps.evaluate import TROUBLE
from ..steps.execute import runs_of
from ..steps.ids import IDS_SIZE, ids_bytes
from ..steps.state import (
    ONE_CPU_BYTE,
    SHARED_BYTE,
    Abort,
    Fusion,
    Local,
    Micro,
    State,
    System,
    Taken,
    online_set,
)
from ..steps.step import (
    CPU,
    GUARD,
    LAST_QUIET,
    NOWHERE,
    POINT,
    RETURN,
    Enter,
    Fence,
    FenceVector,
    Guard,
    Kind,
    Step,
)
from ..steps.work import Work

FUSE_LIMIT = 1000


class Stepper:
    """Takes steps.  ``fusion`` None: every step of the code is one of the search too."""

    def __init__(self, plan: Plan, zero_dead: bool = True, bound: int | None = None) -> None:
        self.plan = plan
        self.image = plan.image
        self.codes: tuple[Code, ...] = plan.codes
        self.runs = [runs_of(code, plan.image) for code in plan.codes]
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
        # What can be a decision of this configuration at all.
        self.deciding = tuple(each for each in DECIDING if plan.limits[BUDGETS[SLOT[each]]])
        self._aborts: list[Abort] = []
        self._trapped = False
        self._disturbed = False

    def _preempts(self, state: State, thread: int, cpu: int) -> int:
        """1 when this thread's taking a CPU takes it from one that could go on."""
        other = state.system.running[cpu]
        if other in (NOWHERE, thread) or state.threads[other][CPU] != cpu:
            return 0
        local, _ = self._ahead(other, state.threads[other])
        if local[POINT] != state.threads[other][POINT]:
            threads = list(state.threads)
            threads[other] = tuple(local)
            state = state._replace(threads=tuple(threads))
        return int(self._ready(state, other))

    def _ready(self, state: State, thread: int) -> bool:
        """Whether a thread could take a step, whatever the bound on preemptions says."""
        raise NotImplementedError

    # ---- a step ----------------------------------------------------------------------------------

    def step(self, state: State, thread: int) -> Taken:
        """The next step of a thread, which must be enabled."""
        work = self._begin(state, thread)
        self._disturbed = False
        threads = list(state.threads)
        system = state.system
        local = work.local
        code = self.codes[thread]
        step = code.steps[local[POINT]]
        fusion = self.fusion
        here = local[CPU]
        if step.kind > LAST_QUIET:
            if self.tracks_running:
                system = self._switch(state, system, thread, here)
            self._preempt_others(threads, thread, here)
        committed = False
        if local[POINT] != code.killed:  # unless the switch to it found an id that it had written
            committed = self._execute(step, thread, threads, system)
        if local[CPU] != here:
            self._look_at_ids(thread, local, "migration", here)
            if self.tracks_running:
                system = self._switch(state, left(system, thread), thread, local[CPU])
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

    def _execute(self, step: Step, thread: int, threads: list[Local], system: System) -> bool:
        """Run a step in ``work`` and what it does to other threads; True when a run succeeded."""
        work = self.work
        local = work.local
        reads, writes = len(work.reads), len(work.writes)
        cpu = local[CPU]
        if step.kind is Kind.HANDLER_RETURN:
            local[POINT], local[RETURN] = local[RETURN], NOWHERE
        else:
            try:
                local[POINT] = self.runs[thread][local[POINT]](work)
            except TROUBLE:
                local[POINT] = self.codes[thread].crash
            if step.kind > Kind.ACCESS:
                self._reach_others(step, thread, threads, system, cpu)
        if local[GUARD] and self.codes[thread].steps[local[POINT]].guard is Guard.NONE:
            local[GUARD] = Guard.NONE
        # A trap is delivered as a signal is.
        steps = thread in self.stepped and system.allows(Disturbance.STEPPED)
        if steps and self.profile.signal_aborts and local[GUARD] == Guard.SECTION:
            self._abort(local, Abort(thread, Cause.TRAP))
            self._trapped = True
        if self.log is not None:
            self._note(step, thread, cpu, reads, writes)
        return step.commits

    def _reach_others(
        self, step: Step, thread: int, threads: list[Local], system: System, cpu: int
    ) -> None:
        """What system calls do beside changing the caller, who made them on a CPU."""
        local, action = self.work.local, step.action
        match action:
            case Enter():
                if local[GUARD] == Guard.VECTOR:
                    self._preempt_others(threads, thread, local[CPU])
            case Fence():
                self._fence(threads, thread, local[action.cpu], system)
            case FenceVector():
                target = local[action.cpu]
                there = 0 <= target < self.cpus and system.online >> target & 1
                if there and (target == cpu or target in self.plan.allowed[thread]):
                    local[CPU] = target
                    self._preempt_others(threads, thread, target)
            case _:
                return
        fences = isinstance(action, Fence | FenceVector) and action.own_too
        if fences and local[action.cpu] == cpu and self.threads > 1:
            self._look_at_ids(thread, local, "sleep", cpu)  # back from a system call

    def _after(self, system: System) -> System:
        """Budgets that the step used up."""
        if self._trapped:
            system = system.spent(Disturbance.STEPPED)
        self._trapped = False
        self._aborts.clear()
        return system

    def _fuse(self, thread: int, fusion: Fusion, shared: bool, system: System) -> bool:
        """Steps that nobody can tell from a part of the step before them."""
        local = self.work.local
        steps = self.codes[thread].steps
        committed = False
        accessed: set[int] = set()
        for _ in range(FUSE_LIMIT):
            point = local[POINT]
            step = steps[point]
            if step.kind <= LAST_QUIET:
                if not self._joins(step, thread, local, fusion):
                    break
                committed |= self._execute(step, thread, [], system)
                continue
            if step.kind is not Kind.ACCESS or point in accessed:
                break  # once round is enough for one step
            accessed.add(point)
            again = self._try(step, thread, fusion, shared, system)
            if again is None:
                break
            shared = again
        self._aborts.clear()
        return committed

    def _joins(self, step: Step, thread: int, local: list[int], fusion: Fusion) -> bool:
        """Whether a step that works in registers is a part of the step before it."""
        if step.kind is Kind.CURRENT and not fusion.stays[thread]:
            return False
        return not step.head or not self._goes_round(thread, local)

    def settles(self, state: State, thread: int, fusion: Fusion | None) -> bool:
        """Whether a search that fuses so has run the next step of a thread along with another."""
        local = list(state.threads[thread])
        step = self.codes[thread].steps[local[POINT]]
        if fusion is None or step.kind > LAST_QUIET:
            return False
        return self._joins(step, thread, local, fusion)

    def _try(
        self, step: Step, thread: int, fusion: Fusion, shared: bool, system: System
    ) -> bool | None:
        """Run an access if it may be fused, else leave everything as it was and say None.

        The answer is whether the step has touched bytes that other CPUs touch too.
        """
        work = self.work
        guard = step.guard
        if work.local[GUARD] == Guard.OFFLINE:
            guard = Guard.NONE  # other threads of its CPU come between
        if guard is Guard.NONE and not fusion.private:
            return None
        if step.uses_cpu and not fusion.stays[thread]:
            return None
        if guard is Guard.SECTION and not fusion.sections:
            return None
        if guard is Guard.VECTOR and not fusion.vectors:
            return None
        local, reads, writes = list(work.local), len(work.reads), len(work.writes)
        undo, log = len(work.undo), None if self.log is None else len(self.log)
        self._execute(step, thread, [], system)
        touches = self._touches(fusion.classes, reads, writes, SHARED_BYTE)
        match guard:
            case Guard.NONE:
                free = not touches and not self._touches(
                    fusion.classes, reads, writes, ONE_CPU_BYTE
                )
            case Guard.SECTION:
                # A section that was left can't be aborted any more: that it could be has to be seen.
                free = (
                    not touches
                    and len(work.writes) == writes
                    and work.local[GUARD] == Guard.SECTION
                )
            case _:
                free = not (touches and shared)
        if self.codes[thread].steps[work.local[POINT]].kind is Kind.FAIL and guard is Guard.NONE:
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
                threads[index] = self._aborted(other, Abort(index, Cause.THREAD, by=thread))

    def _fence(self, threads: list[Local], thread: int, cpu: int, system: System) -> None:
        """membarrier: the sections of siblings that run restart; a vector is not waited for."""
        for index, other in enumerate(threads):
            if index == thread or cpu not in (NOWHERE, other[CPU]):
                continue
            if self.plan.tracks_running and system.running[other[CPU]] != index:
                continue  # it does not run: the interrupt finds somebody else there
            local = list(other)
            if other[GUARD] == Guard.SECTION and self.profile.membarrier_aborts:
                self._disturbed = True
                self._abort(local, Abort(index, Cause.FENCE))
            self._look_at_ids(index, local, "membarrier", other[CPU])
            if tuple(local) != other:
                self._settle(index, local)
                threads[index] = self._frozen(index, local)

    def _switch(self, state: State, system: System, thread: int, cpu: int) -> System:
        """Who runs on a CPU, where that is tracked."""
        if system.running[cpu] == thread:
            return system
        used = system.preemptions
        if self.bound is not None:
            used += self._preempts(state, thread, cpu)
        running = list(system.running)
        running[cpu] = thread
        self._look_at_ids(thread, self.work.local, "preemption", cpu)
        return system._replace(running=tuple(running), preemptions=used)

    def _look_at_ids(self, thread: int, local: list[int], event: str, before: int) -> None:
        """What the kernel does to both ids on the way back to user space, after an event.

        ``before`` is the CPU that it wrote into them the last time.  It rewrites them, leaves them,
        or kills the thread when they are not what it wrote.
        """
        index, profile = self.plan.ids[thread], self.profile
        if index is None or not profile.registered:
            return
        if self._is_at_its_end(thread, local):
            return  # it does not come back to user space
        rule = profile.id_rule(event)
        if rule == KEPT:
            return
        memory, order = self.work.memory, self.image.byteorder
        if rule == KILLS and memory[index : index + IDS_SIZE] != ids_bytes(before, order):
            local[POINT], local[GUARD], local[RETURN] = (
                self.codes[thread].killed,
                Guard.NONE,
                NOWHERE,
            )
            return
        memory[index : index + IDS_SIZE] = ids_bytes(local[CPU], order)

    def _ids_are_stale(self, state: State, thread: int, event: str) -> bool:
        """Whether the kernel's look at a thread's ids would change them, or kill it."""
        index, profile = self.plan.ids[thread], self.profile
        if index is None or not profile.registered or profile.id_rule(event) == KEPT:
            return False
        right = ids_bytes(state.threads[thread][CPU], self.image.byteorder)
        return state.memory[index : index + IDS_SIZE] != right

    def _abort(self, local: list[int], abort: Abort) -> None:
        """The section of a thread restarts: it goes to its abort handler."""
        step = self.codes[abort.thread].steps[local[POINT]]
        if step.abort == NOWHERE:
            raise Crash(f"a section without an abort handler at {step.text}")
        if step.operation is not None:
            self.work.covered.add((*step.operation, RSEQ, abort.cause.event))
        local[POINT] = step.abort
        local[GUARD] = Guard.NONE
        self._aborts.append(abort)

    def _aborted(self, other: Local, abort: Abort) -> Local:
        """Another thread's local state after its section was aborted."""
        local = list(other)
        self._disturbed = True
        self._abort(local, abort)
        self._settle(abort.thread, local)
        return self._frozen(abort.thread, local)

    def _settle(self, thread: int, local: list[int]) -> None:
        """Run the steps of a thread that touch registers only, where the search leaves them out."""
        fusion = self.fusion
        if fusion is None:
            return
        steps = self.codes[thread].steps
        for _ in range(FUSE_LIMIT):
            step = steps[local[POINT]]
            if step.kind > LAST_QUIET or not self._joins(step, thread, local, fusion):
                break
            self._work_out(step, thread, local)

    def _work_out(self, step: Step, thread: int, local: list[int]) -> None:
        """Run a step that works in registers only, of whichever thread."""
        if step.kind is Kind.HANDLER_RETURN:
            local[POINT], local[RETURN] = local[RETURN], NOWHERE
            return
        work = self.work
        mine, work.local = work.local, local
        try:
            local[POINT] = self.runs[thread][local[POINT]](work)
        except TROUBLE:
            local[POINT] = self.codes[thread].crash
        work.local = mine

    def _ahead(self, thread: int, local: Local | list[int]) -> tuple[list[int], bool]:
        """Where a thread stands after its work in registers, or once it comes to a place again.

        The second part says whether that place is the one where it stands now.
        """
        steps = self.codes[thread].steps
        moved = list(local)
        start = moved[POINT]
        seen: set[int] = set()
        while steps[moved[POINT]].kind <= LAST_QUIET and moved[POINT] not in seen:
            seen.add(moved[POINT])
            self._work_out(steps[moved[POINT]], thread, moved)
        return moved, moved[POINT] == start and start in seen

    def _is_at_its_end(self, thread: int, local: list[int]) -> bool:
        """Whether a thread has at most work in registers before its end."""
        steps = self.codes[thread].steps
        moved = list(local)
        for _ in range(FUSE_LIMIT):
            if steps[moved[POINT]].kind > LAST_QUIET:
                break
            self._work_out(steps[moved[POINT]], thread, moved)
        return steps[moved[POINT]].kind is Kind.END

    def _goes_round(self, thread: int, local: Local | list[int]) -> bool:
        """Whether a thread comes back to where it stands before it does anything but compute.

        Then this is a place to stop at: else nobody would ever look at what the others do.
        """
        return self._ahead(thread, local)[1]

    def _frozen(self, thread: int, local: list[int]) -> Local:
        if self.zero_dead:
            for register in self.codes[thread].dead(local[POINT]):
                local[register] = 0
        return tuple(local)

    # ---- showing ------------------------------------------------------------------------------------

    def _note(self, step: Step, thread: int, cpu: int, reads: int, writes: int) -> None:
        work = self.work
        stores = tuple(
            (start, data, bytes(work.memory[start : start + len(data)]))
            for start, data in work.undo[writes:]
        )
        log = self.log
        assert log is not None
        loads = tuple(work.reads[reads:])
        aborts = tuple(self._aborts)
        log.append(Micro(thread, cpu, step, step.text, work.local[GUARD], loads, stores, aborts))
        self._aborts.clear()


def left(system: System, thread: int) -> System:
    """The system after a thread has gone from its CPU: it runs nowhere until its next step."""
    if thread not in system.running:
        return system
    running = tuple(NOWHERE if each == thread else each for each in system.running)
    return system._replace(running=running)
