"""The supervisor: follows a program's threads and answers their calls of cpu_opv.

A call reaches it as a stop of the calling thread (SIGILL, or a seccomp filter's event).  It checks
the vector and its pages with the reference interpreter's code, pins the thread to the CPU of the
call at a real-time priority, and lets it run the ops itself in the stub (stub.S), so that every
other thread of that CPU is preempted meanwhile, as with the real call.  The stub stops once more
to report, and then puts everything back on its own.
"""

from __future__ import annotations

import os
import signal
import struct
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from errno import EBUSY, EINVAL, ENOSYS, ESRCH
from time import perf_counter, sleep
from typing import NamedTuple

from ..abi.layout import OP_BYTES
from ..abi.pages import PageKind
from ..abi.revisions import Abi
from ..interpreter.entry import check_arguments, outside_user_space
from ..interpreter.errno import EAGAIN, EFAULT, ENOMEM
from ..interpreter.events import CpuRefused, Moved, PinRefused, Queried, RunsOffline
from ..interpreter.pages import Demand
from . import linux, stub
from .call import Arguments, Call, Interruption
from .host import Host, Mechanism
from .linux import CS, EFLAGS, ORIG_RAX, R8, R9, R10, R12, RAX, RDI, RDX, RIP, RSI
from .placement import current_cpu, place_thread
from .plan import Planner
from .space import CHUNK_SIZE, Space
from .task import Process, Running, Task, new_registers

# What the filter passes with its event.
CALL, REPORT, SIGILL_ACTION = 1, 2, 3
# The number of the stub's report; the kernel answers ENOSYS to it when no supervisor is left.
REPORT_NUMBER = 0x0F70_7661

# Between the answers to threads that only ask again: seconds, and events of other threads.
_RETRY_PAUSE = 50e-6
_MOMENT = 100e-6
# Seconds: for all threads to stop, and for one thread's ops while they are.
_STOP_PATIENCE = 0.02
_ALONE_PATIENCE = 1.0
# How many events are handled, at most, before those that came meanwhile are collected.
_EVENTS_PER_COLLECTION = 8
_EVENTS_PER_RETRY = 8
_CALLS_BEFORE_MOVING = 3
_SYSCALL_INSTRUCTION = b"\x0f\x05"
# The wait status of a thread that PTRACE_INTERRUPT stopped.
_INTERRUPTED = linux.EVENT_STOP << 16 | signal.SIGTRAP << 8 | 0x7F
_STOPPING_SIGNALS = (signal.SIGSTOP, signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU)
# Raised by the kernel for what the thread itself does: blocking these would lose their handlers.
_SYNCHRONOUS = (signal.SIGSEGV, signal.SIGBUS, signal.SIGTRAP)
_MASK_IN_STUB = (1 << 64) - 1 & ~sum(1 << each - 1 for each in _SYNCHRONOUS)
_SIGILL_BIT = 1 << signal.SIGILL - 1
_FILLED_MASK = sum(
    1 << each - 1 for each in (signal.SIGSEGV, signal.SIGBUS, signal.SIGFPE, signal.SIGTRAP)
)
VECTOR_FAULT = -1  # in place of an op: the vector itself
_GONE = (ProcessLookupError, FileNotFoundError)
_IGNORED = 1  # SIG_IGN as a handler


class Settings(NamedTuple):
    """How calls are answered.

    ``record`` keeps what each op met, for traces; ``refuse`` answers ENOSYS to every call;
    ``strict`` stops the program's other threads where real-time priorities are refused.
    """

    abi: Abi
    host: Host
    quirks: frozenset[str] = frozenset()
    record: bool = False
    refuse: bool = False
    strict: bool = False


class Supervisor:
    """Follows the threads of one program until all of them are gone.

    ``answered`` is told of every call, ``foreign`` of a process whose calls can't be answered and
    why, ``executed`` of a process that has become another program.
    """

    def __init__(
        self,
        settings: Settings,
        answered: Callable[[Call], None] | None = None,
        foreign: Callable[[int, str], None] | None = None,
        executed: Callable[[int], None] | None = None,
    ) -> None:
        self.settings = settings
        self.abi = settings.abi
        self.planner = Planner(settings.abi, settings.quirks)
        self.answered = answered
        self.foreign = foreign
        self.executed = executed
        self.tasks: dict[int, Task] = {}
        self.exit_status = 0
        self.calls = 0
        self.interruptions = 0
        self._program = 0
        self._registers = new_registers()
        self._chunk = stub.chunk_of(settings.abi)
        self._offline: Task | None = None  # who holds the mutex of vectors for offline CPUs
        self._offline_waiting: deque[tuple[Task, Arguments, float]] = deque()
        self._retries: deque[tuple[Task, Arguments]] = deque()
        self._since_retry = 0
        self._until_collecting = 0
        self._events: deque[tuple[int, int]] = deque()
        self._alone: Task | None = None  # who runs while all others are stopped
        self._world: list[int] = []  # those that were stopped for it
        self._home = -1
        self._away = 0
        self._priority = os.sched_param(settings.host.real_time or 0)

    # Life

    def prepare(self, program: int) -> None:
        """A chance to change a program before its first instruction."""

    def follow(self, program: int) -> int:
        """Follow a seized program (its first thread's id) to the end; its wait status."""
        self._program = program
        self._add(program, Process(program), Space(program, self.abi.page_size))
        while self.tasks:
            try:
                tid, status = self._next_event()
            except ChildProcessError:
                break
            self._dispatch(tid, status)
        return self.exit_status

    def processes(self) -> list[int]:
        """Whom a signal for the program is passed on to: the program, or who is left of it."""
        if self._program in self.tasks:
            return [self._program]
        return sorted({each.process.pid for each in self.tasks.values()})

    def _next_event(self) -> tuple[int, int]:
        """The next stop or end of a thread, the ones noticed first coming first.

        All that are ready are collected at once: the kernel looks through the threads in one order,
        so that taking one at a time would leave the last ones waiting for ever.
        """
        events = self._events
        self._until_collecting -= 1
        while not events or self._until_collecting <= 0:
            self._until_collecting = _EVENTS_PER_COLLECTION
            if not self._retries and not events:
                events.append(os.waitpid(-1, linux.WALL))
            while len(self.tasks) > 1:
                try:
                    more = os.waitpid(-1, linux.WALL | os.WNOHANG)
                except ChildProcessError:
                    break
                if more[0] == 0:
                    break
                events.append(more)
            if not events:
                sleep(_RETRY_PAUSE)
                self._retry()
        if self._retries:
            self._since_retry += 1
            if self._since_retry > _EVENTS_PER_RETRY:
                self._retry()
        return events.popleft()

    def _is_retry(self, task: Task, data: bytes) -> bool:
        """Whether a thread asks again, word for word, what a compare has just refused it.

        Others must run before the answer can be another: with hundreds of threads that spin for a
        lock, answering them at once would keep its holder from the CPU.
        """
        if data != task.last_data:
            task.last_data = data
            return False
        if not task.slot or len(self.tasks) < 3 or not data:
            return False
        base = task.slot + stub.CODE_SIZE
        result: int = struct.unpack("<q", os.pread(task.space.memory, 8, base + stub.RESULT))[0]
        return result > 0

    def _retry(self) -> None:
        """Answer the one that has waited longest of those that ask again."""
        self._since_retry = 0
        task, arguments = self._retries.popleft()
        if self.tasks.get(task.tid) is task:
            try:
                linux.get_registers(task.tid, self._registers)
                self._begin(task, arguments, perf_counter(), again=True)
            except _GONE:
                pass

    def _add(self, tid: int, process: Process, space: Space) -> Task:
        task = self.tasks[tid] = Task(tid, process, space)
        return task

    def _remove(self, tid: int) -> None:
        """Forget a thread that is gone."""
        task = self.tasks.pop(tid, None)
        if task is None:
            return
        self._leave_space(task)
        if self._offline is task:
            self._release_offline()
        if self._alone is task:
            self._resume_world()

    def _return_slot(self, task: Task) -> None:
        """A thread needs its slot no longer: count its interruptions, let others have it."""
        space, slot = task.space, task.slot
        if not slot:
            return
        task.slot = 0
        try:
            sums = os.pread(space.memory, 16, slot + stub.INTERRUPTIONS_OFFSET)
            waited, preempted = stub.INTERRUPTIONS.unpack(sums)
        except (OSError, struct.error):
            return  # the memory went with the last thread
        space.free_slots.append(slot)
        if self.settings.host.real_time is not None:
            self.interruptions += waited
        elif not self.settings.strict:  # a stopped world is never interrupted by itself
            self.interruptions += waited + preempted

    def _leave_space(self, task: Task) -> None:
        space = task.space
        self._return_slot(task)
        space.users -= 1
        if space.users == 0:
            space.close()

    def _dispatch(self, tid: int, status: int) -> None:
        """One event of a thread."""
        try:
            if os.WIFSTOPPED(status):
                task = self.tasks.get(tid) or self._adopt(tid)
                postponed, task.postponed = task.postponed, []
                for number in postponed:
                    linux.send_signal(task.process.pid, tid, number)
                self._stopped(task, status)
                return
        except _GONE:
            return  # killed meanwhile; its end is the next event
        except OSError as problem:
            if problem.errno != ESRCH:
                raise
            return
        if tid == self._program:
            self.exit_status = status
        self._remove(tid)

    def _adopt(self, tid: int) -> Task:
        """A thread or child that appeared; its first stop may come before its creator's event."""
        group, parent = tid, 0
        with open(f"/proc/{tid}/status", encoding="utf-8", errors="replace") as file:
            for line in file:
                if line.startswith("Tgid:"):
                    group = int(line.split()[1])
                elif line.startswith("PPid:"):
                    parent = int(line.split()[1])
                    break
        siblings = next((each for each in self.tasks.values() if each.process.pid == group), None)
        if siblings is not None:
            return self._add(tid, siblings.process, siblings.space)
        creator = next((each for each in self.tasks.values() if each.process.pid == parent), None)
        if creator is None:
            return self._add(tid, Process(tid), Space(tid, self.abi.page_size))
        process = Process(tid, creator.process.sigill_action)
        shared = linux.same_address_space(parent, tid)
        if shared is None:
            shared = creator.vfork_wait
        space = creator.space if shared else creator.space.forked(tid)
        return self._add(tid, process, space)

    def _stopped(self, task: Task, status: int) -> None:
        """A thread stopped: a signal on its way, an event, or all of its process."""
        stop, event = status >> 8 & 0xFF, status >> 16
        if event == 0:
            self._signalled(task, stop)
        elif event == linux.EVENT_SECCOMP:
            self._filtered(task)
        elif event == linux.EVENT_STOP and stop in _STOPPING_SIGNALS:
            linux.ptrace(linux.PTRACE_LISTEN, task.tid)
            if self._alone is task:
                # Stopped in the middle of its ops: only the others can let it go on.
                self.interruptions += 1
                self._resume_world()
        else:
            if event == linux.EVENT_EXEC:
                self._executed(task)
            elif event == linux.EVENT_VFORK:
                task.vfork_wait = True
            elif event == linux.EVENT_VFORK_DONE:
                task.vfork_wait = False
            elif event == linux.EVENT_EXIT:
                self._return_slot(task)
                task.running = None
                if self._alone is task:
                    self._resume_world()
            linux.go_on(task.tid)

    def _filtered(self, task: Task) -> None:
        """A system call that the filter stops for: a call, the stub's report, or a new handler."""
        registers = self._registers
        linux.get_registers(task.tid, registers)
        number = registers[ORIG_RAX]
        if number == self.settings.host.number:
            self._called(task)
        elif number == REPORT_NUMBER and task.running is not None:
            self._reported(task)
        elif number == linux.SYS_RT_SIGACTION:
            self._sigill_action(task)
        else:
            linux.go_on(task.tid)

    def _signalled(self, task: Task, number: int) -> None:
        """A signal is about to be delivered."""
        if (
            number == signal.SIGILL
            and self.settings.host.mechanism is Mechanism.ILLEGAL_INSTRUCTION
        ):
            registers = self._registers
            linux.get_registers(task.tid, registers)
            if (
                registers[ORIG_RAX] == self.settings.host.number
                and registers[CS] == linux.CS_64_BIT
            ):
                self._called(task)
                return
        elif number in (signal.SIGSEGV, signal.SIGBUS) and task.running is not None:
            if self._faulted(task):
                return
        if task.slot and self._in_stub(task):
            phase = self._phase(task)
            if phase >= stub.PHASE_DONE:
                self._leave_stub(task)
            elif number not in _STOPPING_SIGNALS:
                # Sent by somebody, and one that the stub can't block: it waits until the call is over.
                task.postponed.append(number)
                number = 0
        linux.go_on(task.tid, number)

    def _in_stub(self, task: Task) -> bool:
        """Whether a stopped thread stands in its slot's code; ``_registers`` are its own then."""
        registers = self._registers
        linux.get_registers(task.tid, registers)
        inside: bool = task.slot <= registers[RIP] < task.slot + stub.CODE_SIZE
        return inside

    @staticmethod
    def _phase(task: Task) -> int:
        """How far the stub has come."""
        address = task.slot + stub.CODE_SIZE + stub.PHASE
        phase: int = struct.unpack("<Q", os.pread(task.space.memory, 8, address))[0]
        return phase

    def _leave_stub(self, task: Task) -> None:
        """A signal came at the very end of the stub, when its mask was put back: finish for it.

        A handler must not run on top of a slot that its own calls would use again.
        """
        registers, base = self._registers, task.slot + stub.CODE_SIZE
        header = stub.HEADER.unpack(os.pread(task.space.memory, stub.HEADER.size, base))
        data = os.pread(task.space.memory, 27 * 8, base + stub.REGISTERS)
        saved = type(registers).from_buffer_copy(data)
        saved[RAX] = header[0] & 0xFFFF_FFFF_FFFF_FFFF
        saved[ORIG_RAX] = linux.NO_SYSTEM_CALL
        linux.set_registers(task.tid, saved)
        linux.set_signal_mask(task.tid, header[9])

    def _executed(self, task: Task) -> None:
        """exec: a new address space, and one thread, with the id of its process."""
        tid = task.tid
        former = {each.tid for each in self.tasks.values() if each.process is task.process} - {tid}
        self._events = deque(event for event in self._events if event[0] not in former)
        for other in former:
            self._remove(other)
        action = task.process.sigill_action
        self._remove(tid)
        ignored = action is not None and struct.unpack_from("<Q", action)[0] == _IGNORED
        process = Process(tid, action if ignored else None)
        self._add(tid, process, Space(tid, self.abi.page_size))
        if self.executed is not None:
            self.executed(tid)
        problem = foreign_program(f"/proc/{tid}/exe")
        if problem and self.foreign is not None:
            self.foreign(tid, problem)

    def _sigill_action(self, task: Task) -> None:
        """rt_sigaction(SIGILL, action, …) is about to run: remember the program's own handler."""
        registers = self._registers
        task.space.open()
        if registers[RSI]:
            action = task.space.read(registers[RSI], 32)
            if action is not None:
                task.process.sigill_action = action
        linux.go_on(task.tid)

    # A call

    def _called(self, task: Task) -> None:
        """A call of cpu_opv: answer it, or send the thread into the stub."""
        started = perf_counter()
        self.calls += 1
        task.running = None
        registers = self._registers
        arguments = Arguments(
            registers[RDI],
            _signed(registers[RSI]),
            _signed(registers[RDX]),
            _signed(registers[R10]),
        )
        self._begin(task, arguments, started)

    def _begin(self, task: Task, arguments: Arguments, started: float, again: bool = False) -> None:
        """Steps 1 to 10 of the call; ``_registers`` are the caller's."""
        settings, abi = self.settings, self.abi
        _, cpuopcnt, cpu, flags = arguments

        current = current_cpu(task.tid) if settings.record else None

        def call(result: int) -> Call:
            microseconds = (perf_counter() - started) * 1e6
            return Call(
                *(task.process.pid, task.tid, arguments, result, microseconds), current=current
            )

        if settings.refuse:
            self._answer(task, call(-ENOSYS))
            return
        ended = check_arguments(abi, cpuopcnt, cpu, flags)
        if ended is not None:
            result = ended.answer if isinstance(ended, Queried) else -ended.errno
            self._answer(task, call(result)._replace(ended=ended))
            return
        space = task.space
        space.open()
        length = cpuopcnt * OP_BYTES
        data: bytes | None = b""
        if length:
            inside = not outside_user_space(abi, arguments.vector, length)
            data = space.read(arguments.vector, length) if inside else None
        if data is None:
            self._answer(task, call(-EFAULT))
            return
        if not again and self._is_retry(task, data):
            self._retries.append((task, arguments))
            return
        plan = self.planner.plan(data)
        if plan.prepared.violation is not None:
            if not space.is_readable_now(arguments.vector, length):
                self._answer(task, call(-EFAULT))
                return
            self._answer(task, call(-EINVAL)._replace(data=data, plan=plan))
            return
        checked = self.planner.check(plan, space, settings.record)
        if checked.refused is not None:
            if not space.is_readable_now(arguments.vector, length):
                self._answer(task, call(-EFAULT))
                return
            self._answer(
                task,
                call(-checked.refused.errno)._replace(
                    data=data, plan=plan, ended=checked.refused, outcomes=checked.outcomes
                ),
            )
            return
        allowed = os.sched_getaffinity(task.tid)
        placed: Moved | RunsOffline | CpuRefused
        if cpu in allowed:
            placed = Moved(cpu if current is None else current, cpu)
        else:
            placed = place_thread(task.tid, abi, cpu, self.planner.quirks)
        if isinstance(placed, CpuRefused):
            self._answer(
                task,
                call(-placed.errno)._replace(
                    data=data, plan=plan, ended=placed, outcomes=checked.outcomes, placed=placed
                ),
            )
            return
        if isinstance(placed, RunsOffline):
            if self._offline is not None:
                self._offline_waiting.append((task, arguments, started))
                return
            self._offline = task
        if not task.slot and not self._take_slot(task):
            if self._offline is task:
                self._release_offline()
            self._answer(task, call(-ENOMEM)._replace(data=data, plan=plan))
            return
        mask = linux.get_signal_mask(task.tid)
        if settings.host.mechanism is Mechanism.ILLEGAL_INSTRUCTION:
            mask = self._restore_sigill(task, mask)
        saved = type(self._registers).from_buffer_copy(self._registers)
        saved[ORIG_RAX] = linux.NO_SYSTEM_CALL
        task.fault = None
        task.running = Running(
            arguments, saved, data, plan, checked, placed, mask, started, current
        )
        if settings.strict and settings.host.real_time is None:
            self._stop_world(task)
        try:
            self._enter(task, allowed)
            if self._alone is task:
                self._finish_alone(task)
        except OSError as problem:
            task.running = None
            if self._alone is task:
                self._resume_world()
            if problem.errno not in (EINVAL, EBUSY):
                raise
            # The CPU went offline, or left the mask, since the check.
            if self._offline is task:
                self._release_offline()
            self._begin(task, arguments, started, again=True)

    def _enter(self, task: Task, allowed: set[int]) -> None:
        """Send a thread into the stub, on the CPU of the call, at the priority of sections."""
        running, tid = task.running, task.tid
        if running is None:
            return  # it was killed while the others were being stopped
        checked, placed = running.checked, running.placed
        native = checked.native
        cpu = placed.target if isinstance(placed, Moved) else placed.current
        touches = _vector_touches(running.arguments, self.abi.page_size) + checked.touches
        flags = stub.FLAG_USAGE | stub.FLAG_SIGNALS
        if self.answered is not None or self._alone is task or self._offline is task:
            flags |= stub.FLAG_REPORT
        mask_bytes = b""
        if allowed != {cpu}:
            os.sched_setaffinity(tid, {cpu})
            flags |= stub.FLAG_AFFINITY
            mask_bytes = _affinity_bytes(allowed)
        policy = 0
        if self.settings.host.real_time is not None:
            policy = os.sched_getscheduler(tid)
            if policy & 0xFF not in (linux.SCHED_FIFO, linux.SCHED_RR, linux.SCHED_DEADLINE):
                os.sched_setscheduler(tid, linux.SCHED_FIFO, self._priority)
                flags |= stub.FLAG_POLICY
        data = bytearray(stub.RECORD)
        stub.HEADER.pack_into(
            data,
            0,
            *(0, flags, 0, len(touches) // 8, native.count, REPORT_NUMBER),
            *(policy, 0, len(mask_bytes), running.signal_mask, self._chunk, native.record_pages),
        )
        data[stub.REGISTERS : stub.REGISTERS + 27 * 8] = running.registers
        data[stub.MASK : stub.MASK + len(mask_bytes)] = mask_bytes
        data[stub.OPS : stub.OPS + len(native.descriptors)] = native.descriptors
        end = stub.TOUCHES + len(touches)
        data[stub.TOUCHES : end] = touches
        os.pwrite(task.space.memory, memoryview(data)[:end], task.slot + stub.CODE_SIZE)
        linux.set_signal_mask(tid, _MASK_IN_STUB)
        registers = self._registers
        registers[RIP] = task.slot + stub.ENTER
        registers[ORIG_RAX] = linux.NO_SYSTEM_CALL
        linux.set_registers(tid, registers)
        linux.go_on(tid)
        self._stay_near(cpu)

    def _stay_near(self, cpu: int) -> None:
        """Move to the CPU that several calls in a row ran on: a stop is noticed there at once,
        while waking another CPU takes longer than the rest of the call."""
        if cpu == self._home:
            self._away = 0
            return
        self._away += 1
        if self._away >= _CALLS_BEFORE_MOVING:
            self._away = 0
            self._home = cpu
            try:
                os.sched_setaffinity(0, {cpu})
            except OSError:
                pass  # not ours to use: stay where we are

    def _reported(self, task: Task) -> None:
        """The ops have run; the thread goes on by itself while the call is told of."""
        running = task.running
        assert running is not None
        task.running = None
        space, base = task.space, task.slot + stub.CODE_SIZE
        native = running.checked.native
        size = native.record_end if self.settings.record else stub.MASK
        data = os.pread(space.memory, size, base)
        microseconds = (perf_counter() - running.started) * 1e6
        linux.go_on(task.tid)
        alone = self._alone is task
        if alone:
            self._resume_world()
        if self._offline is task:
            self._release_offline()
        if self.answered is None:
            return
        result = struct.unpack_from("<q", data, stub.RESULT)[0]
        before = struct.unpack_from("<qq", data, stub.USAGE_BEFORE + 128)
        after = struct.unpack_from("<qq", data, stub.USAGE_AFTER + 128)
        interruption = Interruption(after[0] - before[0], after[1] - before[1])
        fault = task.fault
        if fault == VECTOR_FAULT:
            identity = (task.process.pid, task.tid, running.arguments, result, microseconds)
            self.answered(Call(*identity, current=running.current))
            return
        self.answered(
            Call(
                *(task.process.pid, task.tid, running.arguments, result, microseconds),
                data=running.data,
                plan=running.plan,
                outcomes=running.checked.outcomes,
                placed=running.placed,
                native=native,
                record=data if self.settings.record and not isinstance(fault, PinRefused) else None,
                ended=fault if isinstance(fault, PinRefused) else None,
                fault_op=fault if isinstance(fault, int) else None,
                current=running.current,
                interruption=None if alone else self._counts(interruption),
            )
        )

    def _counts(self, interruption: Interruption) -> Interruption | None:
        """The interruption, unless it can't have let another thread of the program run there.

        At a real-time priority only a wait can; what is preempted then goes on before any thread
        of ordinary priority.
        """
        if not any(interruption):
            return None
        if self.settings.host.real_time is not None and interruption.voluntary == 0:
            return None
        return interruption

    def _faulted(self, task: Task) -> bool:
        """SIGSEGV or SIGBUS in the stub: memory went away after it was checked.

        While touching, no op has run: the operand's own answer.  Later, EFAULT with what was done.
        """
        running = task.running
        assert running is not None
        if not self._in_stub(task) or linux.signal_info(task.tid).code <= 0:
            return False
        registers, base = self._registers, task.slot + stub.CODE_SIZE
        phase = self._phase(task)
        task.space.forget()
        result = -EFAULT
        if phase == stub.PHASE_TOUCHING:
            # The vector's own pages come first.
            index = registers[R12] - (
                len(_vector_touches(running.arguments, self.abi.page_size)) // 8
            )
            owners = running.checked.owners
            if index < 0:
                task.fault = VECTOR_FAULT
            elif index < len(owners):
                task.fault = _touch_refused(owners[index])
                result = -task.fault.errno
        elif phase == stub.PHASE_RUNNING:
            task.fault = registers[R12]
        else:
            return False
        os.pwrite(task.space.memory, struct.pack("<q", result), base + stub.RESULT)
        registers[RIP] = task.slot + stub.FINISH
        linux.set_registers(task.tid, registers)
        linux.go_on(task.tid)
        return True

    def _answer(self, task: Task, call: Call) -> None:
        """Answer a call that runs no op, and let the thread go."""
        registers = self._registers
        tid = task.tid
        if self.settings.host.mechanism is Mechanism.ILLEGAL_INSTRUCTION:
            before = linux.get_signal_mask(tid)
            mask = self._restore_sigill(task, before)
            if mask != before:
                linux.set_signal_mask(tid, mask)
        registers[RAX] = call.result & 0xFFFF_FFFF_FFFF_FFFF
        registers[ORIG_RAX] = linux.NO_SYSTEM_CALL
        linux.set_registers(tid, registers)
        linux.go_on(tid)
        if self.answered is not None:
            self.answered(call)

    def _restore_sigill(self, task: Task, mask: int) -> int:
        """What the kernel undid to deliver SIGILL: a blocked signal's mask bit, and its handler.

        A thread that blocks the other signals of the same kind has blocked all of them.
        """
        blocked = mask & _FILLED_MASK == _FILLED_MASK
        action = task.process.sigill_action
        if action is not None:
            handler = struct.unpack_from("<Q", action)[0]
            if handler and (blocked or handler == _IGNORED) and self._scratch(task):
                address = task.slot + stub.CODE_SIZE + stub.MASK
                os.pwrite(task.space.memory, action, address)
                self._inject(task, linux.SYS_RT_SIGACTION, (signal.SIGILL, address, 0, 8))
        return mask | _SIGILL_BIT if blocked else mask

    def _scratch(self, task: Task) -> bool:
        """Whether the thread has a slot, taking one where it has none."""
        if task.slot:
            return True
        task.space.open()
        return self._take_slot(task)

    def _take_slot(self, task: Task) -> bool:
        """Give a thread a slot, mapping more of them into its memory where none is free."""
        space = task.space
        if not space.free_slots:
            # mmap(NULL, size, read | write | execute, private | anonymous | no reserve, -1, 0)
            arguments = (0, CHUNK_SIZE, 7, 0x4022, 0xFFFF_FFFF_FFFF_FFFF, 0)
            address = self._inject(task, linux.SYS_MMAP, arguments)
            if address is None or address < 0:
                return False
            space.add_chunk(address)
        task.slot = space.free_slots.pop()
        os.pwrite(space.memory, bytes(16), task.slot + stub.INTERRUPTIONS_OFFSET)
        return True

    def _inject(self, task: Task, number: int, arguments: tuple[int, ...]) -> int | None:
        """Let a stopped thread make a system call of ours in place of its own; the answer.

        The thread's registers are put back.  None when it can't be done or the thread is gone.
        """
        tid = task.tid
        registers = self._registers
        after = registers[RIP]
        if os.pread(task.space.memory, 2, after - 2) != _SYSCALL_INSTRUCTION:
            return None
        mask = linux.get_signal_mask(tid)
        linux.set_signal_mask(tid, (1 << 64) - 1)
        changed = type(registers).from_buffer_copy(registers)
        changed[RAX], changed[ORIG_RAX] = number, linux.NO_SYSTEM_CALL
        changed[RIP] = after - 2
        changed[EFLAGS] &= ~0x100
        for register, value in zip((RDI, RSI, RDX, R10, R8, R9), arguments, strict=False):
            changed[register] = value
        linux.set_registers(tid, changed)
        for _ in range(4):
            linux.ptrace(linux.PTRACE_SINGLESTEP, tid)
            _, status = os.waitpid(tid, linux.WALL)
            if not os.WIFSTOPPED(status):
                self._events.append((tid, status))
                raise ProcessLookupError
            if status >> 16:
                continue  # our own filter stops for some of them
            linux.get_registers(tid, changed)
            if changed[RIP] == after:
                break
        result = changed[RAX]
        linux.set_signal_mask(tid, mask)
        linux.set_registers(tid, registers)
        return int(result - (1 << 64) if result >> 63 else result)

    # Vectors for offline CPUs run one at a time.

    def _release_offline(self) -> None:
        self._offline = None
        while self._offline_waiting and self._offline is None:
            task, arguments, started = self._offline_waiting.popleft()
            if task.tid in self.tasks:
                try:
                    linux.get_registers(task.tid, self._registers)
                    self._begin(task, arguments, started, again=True)
                except _GONE:
                    continue

    # Strict without real time: nobody else runs.

    def _stop_world(self, task: Task) -> None:
        """Stop every other thread until the vector of this one has run.

        A thread that sleeps in the kernel does not stop, and need not: it will before it runs
        another instruction of its program.
        """
        self._alone = task
        stopped = {event[0] for event in self._events}
        stopped |= {waiting[0].tid for waiting in self._offline_waiting}
        stopped |= {waiting[0].tid for waiting in self._retries}
        asked: set[int] = set()
        for other in self.tasks.values():
            if other is not task and not other.vfork_wait and other.tid not in stopped:
                with suppress(OSError):
                    linux.ptrace(linux.PTRACE_INTERRUPT, other.tid)
                    asked.add(other.tid)
        deadline = perf_counter() + _STOP_PATIENCE
        while asked and perf_counter() < deadline:
            tid, status = _wait_until(-1, deadline)
            if tid in asked and status == _INTERRUPTED:
                self._world.append(tid)
            elif tid == 0:
                break
            elif not os.WIFSTOPPED(status) or status >> 16 == linux.EVENT_EXIT:
                self._dispatch(tid, status)  # nobody may be kept from ending
            else:
                self._events.append((tid, status))
            asked.discard(tid)
        if self._alone is not task:
            self._resume_world()  # it was killed meanwhile

    def _finish_alone(self, task: Task) -> None:
        """Wait for the only thread that runs; others go on when it must wait for one of them."""
        deadline = perf_counter() + _ALONE_PATIENCE
        while self._alone is task and task.running is not None:
            tid, status = _wait_until(task.tid, deadline)
            if tid:
                self._dispatch(tid, status)
            else:
                self.interruptions += 1
                self._resume_world()
        # Whoever was stopped gets a moment before the next call stops it again.
        sleep(_MOMENT)

    def _resume_world(self) -> None:
        self._alone = None
        stopped, self._world = self._world, []
        for tid in stopped:
            try:
                linux.go_on(tid)
            except OSError:
                continue


def _wait_until(tid: int, deadline: float) -> tuple[int, int]:
    """An event of a thread (-1: of any); (0, 0) when none came in time.

    SIGCHLD is blocked meanwhile, so that none is missed between looking and waiting.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
    try:
        while True:
            found = os.waitpid(tid, linux.WALL | os.WNOHANG)
            left = deadline - perf_counter()
            if found[0] or left <= 0:
                return found
            signal.sigtimedwait({signal.SIGCHLD}, left)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _vector_touches(arguments: Arguments, page_size: int) -> bytes:
    """The pages of the vector itself, which a mapping changed since it was read may deny."""
    start, length = arguments.vector, arguments.cpuopcnt * OP_BYTES
    if not length:
        return b""
    first, last = start & -page_size, (start + length - 1) & -page_size
    pages = (first,) if first == last else (first, last)
    return struct.pack(f"<{len(pages)}Q", *pages)


def _touch_refused(demand: Demand) -> PinRefused:
    """The outcome of an operand whose memory went away between its check and its use."""
    return PinRefused(
        op=demand.op,
        operand=demand.operand.name,
        address=demand.address,
        length=demand.length,
        access=demand.operand.access,
        page=demand.address,
        kind=PageKind.UNMAPPED,
        reason="the page went away after it was checked",
        expected=demand.expect_fault,
        errno=EAGAIN if demand.expect_fault else EFAULT,
    )


def _signed(register: int) -> int:
    """The signed 32-bit argument in a register."""
    value = register & 0xFFFF_FFFF
    return value - (1 << 32) if value >> 31 else value


def _affinity_bytes(cpus: set[int]) -> bytes:
    """A cpu_set_t of whole words."""
    mask = sum(1 << cpu for cpu in cpus)
    return mask.to_bytes(8 * (max(cpus) // 64 + 1), "little")


def foreign_program(path: str) -> str:
    """Why a program's calls can't be answered: not a 64-bit x86-64 one; empty when they can."""
    try:
        with open(path, "rb") as file:
            header = file.read(20)
    except OSError:
        return ""
    if header[:4] != b"\x7fELF" or len(header) < 20:
        return ""
    machine = struct.unpack_from("<H", header, 18)[0]
    if header[4] == 2 and machine == 62:
        return ""
    if header[4] == 1 and machine == 62:
        return "an x32 program"
    if machine == 3:
        return "a 32-bit i386 program"
    return f"a program for another machine (ELF machine {machine})"
