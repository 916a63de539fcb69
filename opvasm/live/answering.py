"""Answering a call: the checks in the kernel's order, the CPU, then the caller's own run of the ops."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from errno import EBUSY, EINVAL, ENOSYS
from functools import lru_cache
from time import perf_counter

from ..abi.layout import OP_BYTES
from ..interpreter.entry import check_arguments, outside_user_space
from ..interpreter.errno import EFAULT, ENOMEM
from ..interpreter.events import CpuRefused, Moved, PinRefused, Queried, RunsOffline
from . import linux, stub, stubrun
from .call import Call, Interruption
from .held import waits
from .host import Mechanism
from .injection import mask_before_sigill, take_slot
from .linux import FS_BASE, RAX
from .placement import current_cpu, place_thread
from .plan import Checked, Plan, Planner
from .settings import Settings
from .stops import Stops
from .task import VECTOR_FAULT, Pending, Running, Task
from .threads import Threads
from .wakefulness import Wakefulness
from .world import World

_CALLS_BEFORE_MOVING = 3
_REAL_TIME_POLICIES = (linux.SCHED_FIFO, linux.SCHED_RR, linux.SCHED_DEADLINE)
_FEW_THREADS = 3  # below this nobody is kept from the CPU by one that asks again


class Answering:
    """Answers the calls of a program's threads; ``answered`` is told of each."""

    def __init__(
        self,
        settings: Settings,
        threads: Threads,
        dispatch: Callable[[int, int], None],
        answered: Callable[[Call], None] | None,
    ) -> None:
        self.calls = 0
        self.answered = answered
        self.stops = Stops(threads, self._again)
        self.wakefulness = Wakefulness()
        self.world = World(threads, self.stops, dispatch)
        self._settings = settings
        self._abi = settings.abi
        self._threads = threads
        self._planner = Planner(settings.abi, settings.quirks)
        self._chunk = stub.chunk_of(settings.abi)
        self._offline: Task | None = None  # who holds the mutex of vectors for offline CPUs
        self._offline_waiting: deque[Pending] = deque()
        self._home = -1
        self._away = 0
        self._priority = os.sched_param(settings.host.real_time or 0)

    def called(self, pending: Pending, at_once: bool = False) -> None:
        """A new call; ``at_once`` it is answered even where it only repeats one that failed."""
        self.calls += 1
        self.wakefulness.called(pending.started)
        pending.task.running = None
        self._begin(pending, again=at_once)

    def stop_others(self, task: Task, patience: float | None = None) -> None:
        """Let this thread be the only one that runs; ``patience`` as of World.stop."""
        waiting = {each.task.tid for each in self._offline_waiting}
        self.world.stop(task, self.stops.standing_still() | waiting, patience)

    def _again(self, pending: Pending) -> None:
        """A call that had to wait."""
        if self._threads.is_alive(pending.task):
            with suppress(ProcessLookupError, FileNotFoundError):
                self._begin(pending._replace(started=perf_counter()), again=True)

    def ended(self, task: Task) -> None:
        """A thread is gone, or about to go."""
        task.running = None
        task.reports = False
        self.world.release(task)
        self._release_offline(task)

    def _begin(self, pending: Pending, again: bool) -> None:
        """Steps 1 to 9 of the call (abi.md section 2.1)."""
        task, arguments = pending.task, pending.arguments
        settings, abi, space = self._settings, self._abi, task.space
        if settings.refuse:
            self._answer(pending, -ENOSYS)
            return
        ended = check_arguments(abi, arguments.cpuopcnt, arguments.cpu, arguments.flags)
        if ended is not None:
            result = ended.answer if isinstance(ended, Queried) else -ended.errno
            self._answer(pending, result, ended=ended)
            return
        space.open()
        length = arguments.cpuopcnt * OP_BYTES
        data: bytes | None = b""
        if length:
            inside = not outside_user_space(abi, arguments.vector, length)
            data = space.read(arguments.vector, length) if inside else None
        if data is None:
            self._answer(pending, -EFAULT)
            return
        plan = self._planner.plan(data)
        if not again and self._repeats(task, data):
            refusal = stubrun.last_refusal(task, plan.native)
            if refusal is not None and waits(pending, refusal):
                self.stops.hold(pending, refusal)
                return
        checked = None
        if plan.passes:
            page = _only_page(arguments.vector, length, space.page_size)
            checked = self._planner.check(plan, space, settings.record, page)
        refused = None if checked is None else checked.refused
        if (checked is None or refused) and not space.is_readable_now(arguments.vector, length):
            self._answer(pending, -EFAULT)
        elif checked is None:
            self._answer(pending, -EINVAL, data=data, plan=plan)
        elif refused is not None:
            outcomes = checked.outcomes
            self._answer(
                pending, -refused.errno, data=data, plan=plan, ended=refused, outcomes=outcomes
            )
        else:
            self._place(pending, data, plan, checked)

    def _repeats(self, task: Task, data: bytes) -> bool:
        """Whether a thread asks again, word for word, while others could change the answer."""
        if data != task.last_data:
            task.last_data = data
            return False
        return bool(task.slot and data and len(self._threads) >= _FEW_THREADS)

    def _place(self, pending: Pending, data: bytes, plan: Plan, checked: Checked) -> None:
        """Step 10: the CPU."""
        task, cpu = pending.task, pending.arguments.cpu
        current = current_cpu(task.tid) if self._settings.record else None
        allowed = os.sched_getaffinity(task.tid)
        placed: Moved | RunsOffline | CpuRefused
        if cpu in allowed:
            placed = Moved(cpu if current is None else current, cpu)
        else:
            placed = place_thread(task.tid, self._abi, cpu, self._planner.quirks)
        if isinstance(placed, CpuRefused):
            facts = {"data": data, "plan": plan, "outcomes": checked.outcomes, "placed": placed}
            self._answer(pending, -placed.errno, ended=placed, current=current, **facts)
            return
        if isinstance(placed, RunsOffline):
            if self._offline is not None:
                self._offline_waiting.append(pending)
                return
            self._offline = task
        if not take_slot(task, pending.registers):
            self._answer(pending, -ENOMEM, data=data, plan=plan)
            self._release_offline(task)
            return
        mask = self._own_mask(pending)
        task.fault = None
        running = Running(pending, data, plan, checked, placed, mask, current)
        task.running = running
        if self._settings.stops_world and self.world.alone is not task:
            self.stop_others(task)
        try:
            if task.running is running:  # else it was killed while the others were stopped
                self._enter(task, running, allowed)
                if self.world.alone is task:
                    self.world.finish(task)
        except OSError as problem:
            self.ended(task)
            if problem.errno not in (EINVAL, EBUSY):
                raise
            # The CPU went offline, or left the mask, since the check.
            self._begin(pending, again=True)

    def _own_mask(self, pending: Pending) -> int:
        """The signal mask that the caller had."""
        mask = linux.get_signal_mask(pending.task.tid)
        if self._settings.host.mechanism is Mechanism.ILLEGAL_INSTRUCTION:
            return mask_before_sigill(pending.task, pending.registers, mask)
        return mask

    def _enter(self, task: Task, running: Running, allowed: set[int]) -> None:
        """Send a thread into the stub, on the CPU of the call, at the priority of sections."""
        tid, cpu = task.tid, running.cpu
        flags = stub.FLAG_USAGE | stub.FLAG_SIGNALS
        if self.answered is not None or self.world.alone is task or self._offline is task:
            flags |= stub.FLAG_REPORT
            task.reports = True
        affinity = b""
        if allowed != {cpu}:
            flags |= stub.FLAG_AFFINITY
            affinity = _affinity_bytes(frozenset(allowed))
        policy = 0
        if self._settings.host.real_time is not None:
            policy = os.sched_getscheduler(tid)
            if policy & 0xFF not in _REAL_TIME_POLICIES:
                flags |= stub.FLAG_POLICY
        stubrun.point_at_stub(task, running, flags, policy, affinity, self._chunk)
        try:
            if affinity:
                os.sched_setaffinity(tid, {cpu})
            if flags & stub.FLAG_POLICY:
                os.sched_setscheduler(tid, linux.SCHED_FIFO, self._priority)
        except OSError:
            linux.set_signal_mask(tid, running.signal_mask)
            raise
        linux.go_on(tid)
        self._stay_near(cpu)

    def _stay_near(self, cpu: int) -> None:
        """Move to the CPU that several calls in a row ran on: a stop is noticed there at once,
        while waking another CPU takes longer than the rest of the call."""
        if cpu == self._home or self.stops.crowded:
            self._away = 0
            return
        self._away += 1
        if self._away >= _CALLS_BEFORE_MOVING:
            self._away = 0
            self._home = cpu
            with suppress(OSError):  # not ours to use: stay where we are
                os.sched_setaffinity(0, {cpu})

    def reported(self, task: Task, running: Running) -> None:
        """The ops have run; the thread goes on by itself while the call is told of."""
        task.running = None
        task.reports = False
        record = self._settings.record
        native = running.checked.native
        data = stubrun.read_back(task, native.record_end if record else stub.MASK)
        pending = running.pending
        microseconds = (perf_counter() - pending.started) * 1e6
        linux.go_on(task.tid)
        alone = self.world.release(task)
        fault = task.fault
        self._release_offline(task)
        if self.answered is None:
            return
        identity = (task.process.pid, task.tid, pending.arguments, stubrun.result_of(data))
        thread_pointer = pending.registers[FS_BASE]
        call = Call(*identity, microseconds, current=running.current, thread_pointer=thread_pointer)
        if fault != VECTOR_FAULT:
            refused = fault if isinstance(fault, PinRefused) else None
            call = call._replace(
                data=running.data,
                plan=running.plan,
                outcomes=running.checked.outcomes,
                placed=running.placed,
                native=native,
                record=data if record and refused is None else None,
                ended=refused,
                fault_op=fault if isinstance(fault, int) else None,
                interruption=None if alone else self._interruption(data),
            )
        self.answered(call)

    def _interruption(self, data: bytes) -> Interruption | None:
        """The interruption, unless it can't have let another thread of the program run there.

        At a real-time priority only a wait can; what is preempted then goes on before any thread
        of ordinary priority.
        """
        found = Interruption(*stubrun.switches_of(data))
        counts = found.voluntary if self._settings.host.real_time is not None else any(found)
        return found if counts else None

    def _answer(self, pending: Pending, result: int, **facts: object) -> None:
        """Answer a call that runs no op, and let the thread go; ``facts`` are of the Call."""
        task, registers = pending.task, pending.registers
        if self._settings.host.mechanism is Mechanism.ILLEGAL_INSTRUCTION:
            before = linux.get_signal_mask(task.tid)
            mask = mask_before_sigill(task, registers, before)
            if mask != before:
                linux.set_signal_mask(task.tid, mask)
        registers[RAX] = result & 0xFFFF_FFFF_FFFF_FFFF
        linux.set_registers(task.tid, registers)
        current = facts.pop("current", None)
        if current is None and self._settings.record:
            current = current_cpu(task.tid)
        linux.go_on(task.tid)
        if self.answered is not None:
            microseconds = (perf_counter() - pending.started) * 1e6
            identity = (task.process.pid, task.tid, pending.arguments, result)
            call = Call(*identity, microseconds, thread_pointer=registers[FS_BASE])
            self.answered(call._replace(current=current, **facts))  # type: ignore[arg-type]

    def _release_offline(self, task: Task) -> None:
        """Vectors for offline CPUs run one at a time: let the next one begin."""
        if self._offline is task:
            self._offline = None
            while self._offline_waiting and self._offline is None:
                self._again(self._offline_waiting.popleft())


def _only_page(address: int, length: int, page_size: int) -> int:
    """The number of the page that holds a whole range; -1 for two."""
    first, last = address // page_size, (address + length - 1) // page_size
    return first if first == last else -1


@lru_cache
def _affinity_bytes(cpus: frozenset[int]) -> bytes:
    """A cpu_set_t of whole words."""
    mask = sum(1 << cpu for cpu in cpus)
    return mask.to_bytes(8 * (max(cpus) // 64 + 1), "little")
