"""What the kernel does to threads: sections restart, ids are written, CPUs are switched."""

from __future__ import annotations

from ...errors import Crash
from ...kernels.disturbances import Cause
from ...kernels.profiles import KEPT, KILLS
from ...text.scenario_tree import RSEQ
from ..steps.ids import IDS_SIZE, ids_bytes
from ..steps.state import Abort, Local, State, System
from ..steps.step import CPU, GUARD, NOWHERE, POINT, RETURN, Guard, Kind, Pause
from .common import Common
from .quiet import Quiet
from .readiness import Readiness


class Kernel:
    """By the rules of the configuration's profile."""

    def __init__(self, common: Common, quiet: Quiet, readiness: Readiness) -> None:
        self.common = common
        self.quiet = quiet
        self.readiness = readiness
        self.plan = common.plan
        self.codes = common.codes
        self.profile = common.profile

    def abort(self, local: list[int], abort: Abort) -> None:
        """The section of a thread restarts: it goes to its abort handler."""
        step = self.codes[abort.thread].steps[local[POINT]]
        if step.abort == NOWHERE:
            raise Crash(f"a section without an abort handler at {step.text}")
        if step.operation is not None:
            self.common.work.covered.add((*step.operation, RSEQ, abort.cause.event))
        local[POINT] = step.abort
        local[GUARD] = Guard.NONE
        self.common.aborts.append(abort)

    def abort_other(self, other: Local, abort: Abort) -> Local:
        """Another thread's local state after its section was aborted."""
        local = list(other)
        self.common.disturbed = True
        self.abort(local, abort)
        self.quiet.settle(abort.thread, local)
        return self.quiet.frozen(abort.thread, local)

    def preempt_others(self, threads: list[Local], thread: int, cpu: int) -> None:
        """Somebody runs on a CPU: the sections of all others there restart."""
        if not self.profile.preemption_aborts:
            return
        for index, other in enumerate(threads):
            if other[GUARD] == Guard.SECTION and other[CPU] == cpu and index != thread:
                threads[index] = self.abort_other(other, Abort(index, Cause.THREAD, by=thread))

    def fence(self, threads: list[Local], thread: int, cpu: int, system: System) -> None:
        """membarrier: the sections of siblings that run restart; a vector is not waited for."""
        for index, other in enumerate(threads):
            if index == thread or cpu not in (NOWHERE, other[CPU]):
                continue
            if self.plan.tracks_running and system.running[other[CPU]] != index:
                continue  # it does not run: the interrupt finds somebody else there
            local = list(other)
            if other[GUARD] == Guard.SECTION and self.profile.membarrier_aborts:
                self.common.disturbed = True
                self.abort(local, Abort(index, Cause.FENCE))
            self.look_at_ids(index, local, "membarrier", other[CPU])
            if tuple(local) != other:
                self.quiet.settle(index, local)
                threads[index] = self.quiet.frozen(index, local)

    def switch(self, state: State, system: System, thread: int, cpu: int) -> System:
        """Who runs on a CPU, where that is tracked."""
        if system.running[cpu] == thread:
            return system
        used = system.preemptions
        if self.common.bound is not None:
            used += self.preempts(state, thread, cpu)
        running = list(system.running)
        running[cpu] = thread
        self.look_at_ids(thread, self.common.work.local, "preemption", cpu)
        return system._replace(running=tuple(running), preemptions=used)

    def preempts(self, state: State, thread: int, cpu: int) -> int:
        """1 when this thread's taking a CPU takes it from one that could go on."""
        other = state.system.running[cpu]
        if other in (NOWHERE, thread) or state.threads[other][CPU] != cpu:
            return 0
        local, _ = self.quiet.ahead(other, state.threads[other])
        if local[POINT] != state.threads[other][POINT]:
            threads = list(state.threads)
            threads[other] = tuple(local)
            state = state._replace(threads=tuple(threads))
        return int(self.readiness.ready(state, other))

    def look_at_ids(self, thread: int, local: list[int], event: str, before: int) -> None:
        """What the kernel does to both ids on the way back to user space, after an event.

        ``before`` is the CPU that it wrote into them the last time.  It rewrites them, leaves them,
        or kills the thread when they are not what it wrote.
        """
        index, profile = self.plan.ids[thread], self.profile
        if index is None or not profile.registered:
            return
        rule = profile.id_rule(event)
        if rule == KEPT:
            return
        ahead = self.quiet.step_ahead(thread, local)
        if ahead.kind is Kind.END:
            return  # it does not come back to user space
        memory, order = self.common.work.memory, self.common.image.byteorder
        if rule == KILLS and memory[index : index + IDS_SIZE] != ids_bytes(before, order):
            if isinstance(ahead.action, Pause):
                return  # it comes back to no instruction of its own, only to its handler
            local[POINT], local[GUARD], local[RETURN] = (
                self.codes[thread].killed,
                Guard.NONE,
                NOWHERE,
            )
            return
        memory[index : index + IDS_SIZE] = ids_bytes(local[CPU], order)

    def ids_are_stale(self, state: State, thread: int, event: str) -> bool:
        """Whether the kernel's look at a thread's ids would change them, or kill it."""
        index, profile = self.plan.ids[thread], self.profile
        if index is None or not profile.registered or profile.id_rule(event) == KEPT:
            return False
        right = ids_bytes(state.threads[thread][CPU], self.common.image.byteorder)
        return state.memory[index : index + IDS_SIZE] != right


def left(system: System, thread: int) -> System:
    """The system after a thread has gone from its CPU: it runs nowhere until its next step."""
    if thread not in system.running:
        return system
    running = tuple(NOWHERE if each == thread else each for each in system.running)
    return system._replace(running=running)
