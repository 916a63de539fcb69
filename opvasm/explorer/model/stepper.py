"""One step of a thread: what it does, also to other threads, and what may join it.

Semantics: model.md section 2.2.
"""

from __future__ import annotations

from ...kernels.disturbances import Disturbance
from ..steps.evaluate import TROUBLE
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
from .common import Common
from .kernel import Kernel, left
from .quiet import FUSE_LIMIT, Quiet


class Stepper:
    """Takes steps."""

    def __init__(self, common: Common, quiet: Quiet, kernel: Kernel) -> None:
        self.common = common
        self.quiet = quiet
        self.kernel = kernel
        self.codes = common.codes
        self.work = common.work
        self.profile = common.profile
        self.stepped = frozenset(common.plan.stepped)
        self.trap = Disturbance.STEPPED.cause_under(common.profile)
        self.trapped = False

    def step(self, state: State, thread: int) -> Taken:
        """The next step of a thread, which must be enabled."""
        work = self.common.begin(state, thread)
        self.common.disturbed = False
        threads = list(state.threads)
        system = state.system
        local = work.local
        code = self.codes[thread]
        step = code.steps[local[POINT]]
        fusion = self.common.fusion
        here = local[CPU]
        if step.kind > LAST_QUIET:
            if self.common.tracks_running:
                system = self.kernel.switch(state, system, thread, here)
            self.kernel.preempt_others(threads, thread, here)
        committed = False
        if local[POINT] != code.killed:  # unless the switch to it found an id that it had written
            committed = self._execute(step, thread, threads, system)
        if local[CPU] != here:
            self.kernel.look_at_ids(thread, local, "migration", here)
            if self.common.tracks_running:
                system = self.kernel.switch(state, left(system, thread), thread, local[CPU])
        system = self._after(system)
        if fusion is not None:
            shared = bool(fusion.classes) and self._touches(fusion.classes, 0, 0, SHARED_BYTE)
            committed |= self._fuse(thread, fusion, shared, system)
        threads[thread] = self.quiet.frozen(thread, local)
        after = State(bytes(work.memory), tuple(threads), system)
        return Taken(after, tuple(work.reads), tuple(work.writes), committed, self.common.disturbed)

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
                local[POINT] = self.common.runs[thread][local[POINT]](work)
            except TROUBLE:
                local[POINT] = self.codes[thread].crash
            if step.kind > Kind.ACCESS:
                self._reach_others(step, thread, threads, system, cpu)
        if local[GUARD] and self.codes[thread].steps[local[POINT]].guard is Guard.NONE:
            local[GUARD] = Guard.NONE
        if local[GUARD] == Guard.SECTION and thread in self.stepped:
            self._trap(thread, local, system)
        if self.common.log is not None:
            self._note(step, thread, cpu, reads, writes)
        return step.commits

    def _trap(self, thread: int, local: list[int], system: System) -> None:
        """A single-step trap inside of a section, which is delivered as a signal is."""
        if self.trap is not None and system.allows(Disturbance.STEPPED):
            self.kernel.abort(local, Abort(thread, self.trap))
            self.trapped = True

    def _reach_others(
        self, step: Step, thread: int, threads: list[Local], system: System, cpu: int
    ) -> None:
        """What system calls do beside changing the caller, who made them on a CPU."""
        local, action = self.work.local, step.action
        match action:
            case Enter():
                if local[GUARD] == Guard.VECTOR:
                    self.kernel.preempt_others(threads, thread, local[CPU])
            case Fence():
                self.kernel.fence(threads, thread, local[action.cpu], system)
            case FenceVector():
                target = local[action.cpu]
                there = 0 <= target < self.common.cpus and system.online >> target & 1
                if there and (target == cpu or target in self.common.plan.allowed[thread]):
                    local[CPU] = target
                    self.kernel.preempt_others(threads, thread, target)
            case _:
                return
        fences = not isinstance(action, Enter) and action.own_too
        if fences and local[action.cpu] == cpu and self.common.threads > 1:
            self.kernel.look_at_ids(thread, local, "sleep", cpu)  # back from a system call

    def _after(self, system: System) -> System:
        """Budgets that the step used up."""
        if self.trapped:
            system = system.spent(Disturbance.STEPPED)
        self.trapped = False
        self.common.aborts.clear()
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
                if not self.quiet.joins(step, thread, local, fusion):
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
        self.common.aborts.clear()
        return committed

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
        undo, log = len(work.undo), None if self.common.log is None else len(self.common.log)
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
        if free and self.quiet.failing(thread, work.local) is not None:
            free = False  # nothing runs after a failure: what others do before it has to be seen
        if free:
            return shared or touches
        work.local[:] = local
        for start, data in reversed(work.undo[undo:]):
            work.memory[start : start + len(data)] = data
        del work.reads[reads:], work.writes[writes:], work.undo[undo:]
        if log is not None and self.common.log is not None:
            del self.common.log[log:]
        return None

    def _touches(self, classes: bytes, reads: int, writes: int, wanted: bytes) -> bool:
        work = self.work
        find = classes.find
        for start, end in work.reads[reads:]:
            if find(wanted, start, end) >= 0:
                return True
        if len(work.writes) == writes:
            return False
        return any(find(wanted, start, end) >= 0 for start, end in work.writes[writes:])

    def _note(self, step: Step, thread: int, cpu: int, reads: int, writes: int) -> None:
        work = self.work
        stores = tuple(
            (start, data, bytes(work.memory[start : start + len(data)]))
            for start, data in work.undo[writes:]
        )
        log = self.common.log
        assert log is not None
        loads = tuple(work.reads[reads:])
        aborts = tuple(self.common.aborts)
        log.append(Micro(thread, cpu, step, step.text, work.local[GUARD], loads, stores, aborts))
        self.common.aborts.clear()
