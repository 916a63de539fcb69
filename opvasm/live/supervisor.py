"""The supervisor: follows a program's threads and answers their calls of cpu_opv.

A call reaches it as a stop of the calling thread (SIGILL, or a seccomp filter's event).  It checks
the vector and its pages with the reference interpreter's code, pins the thread to the CPU of the
call at a real-time priority, and lets it run the ops itself in the stub (stub.S), so that every
other thread of that CPU is preempted meanwhile, as with the real call.  The stub then puts
everything back on its own; where the call is to be told of, it stops once more to report.
"""

from __future__ import annotations

import gc
import os
import signal
from collections.abc import Callable
from errno import ESRCH
from time import perf_counter

from . import linux, stub, stubrun
from .answering import Answering
from .call import Call
from .elf import foreign_program, rival
from .host import Mechanism
from .injection import EndedMeanwhile
from .linux import CS, ORIG_RAX, RSI, Registers
from .settings import Settings
from .stubrun import REPORT_NUMBER
from .task import Task, pending_call
from .threads import Threads

_STOPPING_SIGNALS = (signal.SIGSTOP, signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU)
_SIGACTION_BYTES = 32
_ALLOCATIONS_PER_COLLECTION = 100_000
_SIGILL = int(signal.SIGILL)  # comparing with a plain number is quicker


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
        self.foreign = foreign
        self.executed = executed
        self.exit_status = 0
        self.threads = Threads(settings.abi.page_size)
        self._answering = Answering(settings, self.threads, self._dispatch, answered)
        self._program = 0
        self._registers = Registers()
        self._number = settings.host.number
        self._illegal = settings.host.mechanism is Mechanism.ILLEGAL_INSTRUCTION

    @property
    def calls(self) -> int:
        """How many calls were made."""
        return self._answering.calls

    @property
    def interruptions(self) -> int:
        """How often a vector's ops were interrupted, where that could let another thread in.

        At a real-time priority only a wait can; a stopped world can only be given up.
        """
        threads, broken = self.threads, self._answering.world.broken
        if self.settings.stops_world:
            return broken
        if self.settings.host.real_time is not None:
            return threads.waited + broken
        return threads.waited + threads.preempted + broken

    def prepare(self, program: int) -> None:
        """A chance to change a program before its first instruction."""

    def follow(self, program: int) -> int:
        """Follow a seized program (its first thread's id) to the end; its wait status."""
        self._program = program
        self.threads.add_program(program)
        # Nothing here is a cycle for long: reference counts do, and a collection would delay a call.
        thresholds = gc.get_threshold()
        gc.set_threshold(_ALLOCATIONS_PER_COLLECTION)
        handler = signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
        try:
            while len(self.threads):
                try:
                    tid, status = self._answering.stops.next()
                except ChildProcessError:
                    break
                self._dispatch(tid, status)
        finally:
            self._answering.wakefulness.end()
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
            signal.signal(signal.SIGCHLD, handler)
            gc.set_threshold(*thresholds)
        return self.exit_status

    def processes(self) -> list[int]:
        """Whom a signal for the program is passed on to: the program, or who is left of it."""
        if self._program in self.threads:
            return [self._program]
        return sorted({each.process.pid for each in self.threads})

    def _dispatch(self, tid: int, status: int) -> None:
        """One event of a thread."""
        if not os.WIFSTOPPED(status):
            self._ended(tid, status)
            return
        try:
            task = self.threads.get(tid) or self.threads.adopt(tid)
            if task.postponed:
                postponed, task.postponed = task.postponed, []
                for number in postponed:
                    linux.send_signal(task.process.pid, tid, number)
            self._stopped(task, status)
        except EndedMeanwhile as end:
            self._ended(end.tid, end.status)
        except FileNotFoundError:
            return  # killed meanwhile; its end is the next event
        except OSError as problem:
            if problem.errno != ESRCH and not isinstance(problem, ProcessLookupError):
                raise

    def _ended(self, tid: int, status: int) -> None:
        """A thread is gone."""
        if tid == self._program:
            self.exit_status = status
        self._remove(tid)

    def _remove(self, tid: int) -> None:
        task = self.threads.remove(tid)
        if task is not None:
            self._answering.ended(task)

    def _stopped(self, task: Task, status: int) -> None:
        """A thread stopped: a signal on its way, an event, or all of its process."""
        stop, event = status >> 8 & 0xFF, status >> 16
        if event == 0:
            self._signalled(task, stop)
        elif event == linux.EVENT_SECCOMP:
            self._filtered(task)
        elif event == linux.EVENT_STOP and stop in _STOPPING_SIGNALS:
            linux.ptrace(linux.PTRACE_LISTEN, task.tid)
            # Stopped in the middle of its ops: only the others can let it go on.
            self._answering.world.give_up(task)
        else:
            self._life_event(task, event)
            linux.go_on(task.tid)

    def _life_event(self, task: Task, event: int) -> None:
        """A process begins, changes, or a thread is about to end."""
        if event == linux.EVENT_EXEC:
            gone = self.threads.executed(task)
            self._answering.stops.forget(gone)
            self._answering.ended(task)
            self._looked_at(task.tid)
        elif event == linux.EVENT_VFORK:
            task.vfork_wait = True
        elif event == linux.EVENT_VFORK_DONE:
            task.vfork_wait = False
        elif event == linux.EVENT_EXIT:
            self.threads.return_slot(task)
            self._answering.ended(task)

    def _looked_at(self, pid: int) -> None:
        """A process has become another program."""
        if self.executed is not None:
            self.executed(pid)
        problem = foreign_program(f"/proc/{pid}/exe") or rival(f"/proc/{pid}/exe")
        if problem and self.foreign is not None:
            self.foreign(pid, problem)

    def _filtered(self, task: Task) -> None:
        """A system call that the filter stops for: a call, the stub's report, or a new handler."""
        registers = self._registers
        linux.get_registers(task.tid, registers)
        number = registers[ORIG_RAX]
        if number == self._number:
            self._called(task)
        elif number == REPORT_NUMBER and task.running is not None:
            self._answering.reported(task, task.running)
        else:
            if number == linux.SYS_RT_SIGACTION and registers[RSI]:
                task.space.open()
                action = task.space.read(registers[RSI], _SIGACTION_BYTES)
                if action is not None:
                    task.process.sigill_action = action
            linux.go_on(task.tid)

    def _called(self, task: Task) -> None:
        self._answering.called(pending_call(task, self._registers, perf_counter()))

    def _signalled(self, task: Task, number: int) -> None:
        """A signal is about to be delivered."""
        registers = self._registers
        linux.get_registers(task.tid, registers)
        if number == _SIGILL and self._is_call():
            self._called(task)
            return
        if stubrun.is_inside(task, registers):
            running = task.running
            faulted = number in (signal.SIGSEGV, signal.SIGBUS) and running is not None
            if (
                faulted
                and running is not None
                and linux.raised_by_kernel(task.tid)
                and stubrun.end_after_fault(task, running, registers)
            ):
                return
            if stubrun.phase(task) >= stub.PHASE_DONE:
                stubrun.finish_for(task)
            elif number not in _STOPPING_SIGNALS:
                # Sent by somebody, and one that the stub can't block: it waits for the call's end.
                task.postponed.append(number)
                number = 0
        linux.go_on(task.tid, number)

    def _is_call(self) -> bool:
        """Whether SIGILL was raised by the call; ``_registers`` are the thread's.

        The call always raises it, so one that was sent just before has become the same signal.
        """
        registers = self._registers
        return (
            self._illegal
            and registers[ORIG_RAX] == self._number
            and registers[CS] == linux.CS_64_BIT
        )
