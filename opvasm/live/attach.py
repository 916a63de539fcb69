"""A supervisor that stops the program at calls that are meant, and shows them to somebody.

The caller stands still before anything of its call has happened, and so does every other thread.
What is looked at is a copy: an interpreter may run the call there, back and forth, as often as it
likes.  When the program is let go the call is answered as every other, once, before the others run.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from time import perf_counter
from typing import NamedTuple, Protocol

from ..abi.layout import OP_BYTES
from ..abi.revisions import Abi
from ..binary import decode
from ..errors import DecodeError
from ..interpreter import Machine
from ..light_enum import Enum
from ..program import Instruction, Layout, Program
from ..scenario.evaluate import Scope
from . import linux
from .call import Arguments, Call
from .image import LAYOUT, machine_of, program_of
from .linux import FS_BASE, RIP, RSP, RegisterValues
from .pattern import Pattern, Subject
from .report import Names
from .settings import Settings
from .supervisor import Supervisor
from .symbols import Symbols
from .task import Pending, Task, pending_call

# Seconds until every other thread stands still; one that sleeps in the kernel may take longer.
_STOP_PATIENCE = 1.0
_FROM_TERMINAL = 0x80  # SI_KERNEL: what a key raises
_OPS_MAX = 16  # of any revision: more are refused, and not read here


class Then(Enum):
    """What a program does when its call was looked at."""

    GO_ON = "go on to the next call that is meant"
    DETACH = "go on, and never stop again"
    KILL = "be killed"


class ThreadLine(NamedTuple):
    """A thread of the program: ids, its name, the CPU it was on last."""

    pid: int
    tid: int
    name: str
    cpu: int


class StoppedCall(NamedTuple):
    """A call that was stopped before anything of it happened.

    ``number`` counts the program's calls from 1.  ``machine`` is a copy of the process as the caller
    sees it; ``names`` are the call's numbers, for expressions.  ``caller`` is the function that
    calls, empty where it has no name.  ``registers`` are by name.  ``remarks`` are
    what was odd when the pattern was asked.
    """

    pid: int
    tid: int
    number: int
    arguments: Arguments
    machine: Machine
    program: Program
    layout: Layout
    names: Mapping[str, int]
    caller: str
    registers: Mapping[str, int]
    threads: tuple[ThreadLine, ...]
    pattern: Pattern
    remarks: tuple[str, ...] = ()


class Front(Protocol):
    """Whoever looks at the calls."""

    def started(self, pid: int) -> None:
        """The program stands before its first instruction."""

    def stopped(self, call: StoppedCall) -> Then:
        """A call that is meant; nothing of the program runs until this returns."""

    def returned(self, stopped: StoppedCall, call: Call | None) -> None:
        """The call that was shown has been answered; None where the thread died before."""


class _Asked:
    """What a pattern may ask of a call, each worked out when it is first needed."""

    def __init__(self, owner: Attached, pending: Pending) -> None:
        self._owner = owner
        self._pending = pending
        task, arguments = pending.task, pending.arguments
        self.numbers = {
            "cpu": arguments.cpu,
            "ops": arguments.cpuopcnt,
            "flags": arguments.flags,
            "tid": task.tid,
            "pid": task.process.pid,
            "nr": owner.calls + 1,
        }

    @property
    def subject(self) -> Subject:
        """For Pattern.matches."""
        return Subject(
            self.numbers,
            lambda: self.instructions,
            lambda: self.symbols,
            lambda: self.result,
            self.scope,
        )

    @cached_property
    def instructions(self) -> tuple[Instruction, ...]:
        """The ops, none where they can't be read."""
        arguments, space = self._pending.arguments, self._pending.task.space
        space.open()
        if not 0 < arguments.cpuopcnt <= _OPS_MAX:
            return ()
        data = space.read(arguments.vector, arguments.cpuopcnt * OP_BYTES)
        if data is None:
            return ()
        with suppress(DecodeError):
            return tuple(decode(data, self._owner.settings.abi, None))
        return ()

    @cached_property
    def symbols(self) -> frozenset[str]:
        """The variables that operands lie in."""
        names = self._owner.symbols_of(self._pending.task)
        thread = self._pending.registers[FS_BASE]
        found = (
            names.name(address, thread)
            for each in self.instructions
            for address in each.addresses
            if isinstance(address, int)
        )
        return frozenset(name.partition("+")[0] for name in found if name)

    @cached_property
    def result(self) -> int:
        """What the call would answer with memory as it is now."""
        pointer, count, cpu, flags = self._pending.arguments
        machine = self._owner.machine_of(self._pending.task)
        return machine.cpu_opv(pointer, count, cpu, flags)

    def scope(self) -> Scope:
        """What a condition's names mean."""
        program = self._owner.program_of(self._pending)
        machine = self._owner.machine_of(self._pending.task)
        cpus = machine.cpus
        return Scope(
            program, LAYOUT, cpus.current, cpus.possible, machine.memory.read, self.numbers
        )


class Attached(Supervisor):
    """Stops the program at the calls that one of ``patterns`` means, and shows them to ``front``."""

    def __init__(
        self,
        settings: Settings,
        patterns: Sequence[Pattern],
        front: Front,
        names: Names,
        foreign: Callable[[int, str], None] | None = None,
        executed: Callable[[int], None] | None = None,
    ) -> None:
        super().__init__(settings, self._returned, foreign, executed)
        self.stops = 0
        self._patterns = patterns
        self._front = front
        self._names = names
        self._detached = False
        self._held: dict[int, StoppedCall] = {}
        self._programs: dict[tuple[int, int], Program] = {}

    def prepare(self, program: int) -> None:
        """The program is there."""
        self._front.started(program)

    def symbols_of(self, task: Task) -> Symbols:
        """The names of a thread's process."""
        return self._names.of(task.process.pid)

    def machine_of(self, task: Task) -> Machine:
        """The process as a machine."""
        return machine_of(task, self.settings.abi, self.settings.quirks)

    def program_of(self, pending: Pending) -> Program:
        """The variables of a thread's process, those of files that it loaded meanwhile as well."""
        task, thread = pending.task, pending.registers[FS_BASE]
        pid, symbols = task.process.pid, self.symbols_of(task)
        if symbols.refresh():
            self._programs = {key: each for key, each in self._programs.items() if key[0] != pid}
        if (pid, thread) not in self._programs:
            abi: Abi = self.settings.abi
            self._programs[pid, thread] = program_of(symbols.variables(thread), abi)
        return self._programs[pid, thread]

    def _called(self, task: Task) -> None:
        pending = pending_call(task, self._registers, perf_counter())
        answering = self._answering
        if self._meant(pending) is None:
            answering.called(pending)
            return
        answering.world.let_others_finish(task)
        answering.stop_others(task, _STOP_PATIENCE)
        try:
            # What memory holds is asked again, now that nobody writes it any more.
            meant = self._meant(pending) if self.threads.is_alive(task) else None
            if meant is not None and self._show(pending, *meant) is Then.KILL:
                self._kill()
                return
            answering.called(pending._replace(started=perf_counter()), at_once=meant is not None)
            if answering.world.alone is task:
                answering.world.finish(task)
        finally:
            answering.world.release(task)

    def _signalled(self, task: Task, number: int) -> None:
        if number == signal.SIGTSTP and linux.signal_info(task.tid).code == _FROM_TERMINAL:
            linux.go_on(task.tid)  # Ctrl-Z: the program alone would stop, and nobody wake it
            return
        super()._signalled(task, number)

    def _meant(self, pending: Pending) -> tuple[Pattern, tuple[str, ...]] | None:
        """The first pattern that means a call, with what is odd about it."""
        if self._detached:
            return None
        asked = _Asked(self, pending).subject
        for pattern in self._patterns:
            remark = pattern.matches(asked)
            if remark is not None:
                return pattern, (remark,) if remark else ()
        return None

    def _show(self, pending: Pending, pattern: Pattern, remarks: tuple[str, ...]) -> Then:
        """Let somebody look at a call; what is to happen then."""
        task, registers, arguments, _ = pending
        self.stops += 1
        named = dict(zip(linux.REGISTERS, registers, strict=True))
        named["orig_rax"] = self.settings.host.number
        stopped = StoppedCall(
            task.process.pid,
            task.tid,
            self.calls + 1,
            pending.arguments,
            self.machine_of(task),
            self.program_of(pending),
            LAYOUT,
            {"cpu": arguments.cpu, "ops": arguments.cpuopcnt, "flags": arguments.flags},
            self._caller(task, registers),
            named,
            tuple(_thread_lines(self)),
            pattern,
            remarks,
        )
        then = self._front.stopped(stopped)
        if then is Then.DETACH:
            self._detached = True
        if then is not Then.KILL:
            self._held[task.tid] = stopped
        return then

    def _caller(self, task: Task, registers: RegisterValues) -> str:
        """The function that calls: that which called libc's ``syscall``, where that is it."""
        symbols = self.symbols_of(task)
        function = symbols.function(registers[RIP]) or ""
        if function.partition("+")[0] == "syscall":
            with suppress(OSError):
                word = os.pread(task.space.memory, 8, registers[RSP])
                return symbols.function(int.from_bytes(word, "little")) or function
        return function

    def _returned(self, call: Call) -> None:
        stopped = self._held.pop(call.tid, None)
        if stopped is not None:
            self._front.returned(stopped, call)

    def _remove(self, tid: int) -> None:
        super()._remove(tid)
        stopped = self._held.pop(tid, None)
        if stopped is not None:
            self._front.returned(stopped, None)

    def _kill(self) -> None:
        self._detached = True
        for pid in {each.process.pid for each in self.threads}:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def _thread_lines(supervisor: Supervisor) -> list[ThreadLine]:
    """The program's threads, those that are gone left out."""
    found = []
    for task in sorted(supervisor.threads, key=lambda each: each.tid):
        with suppress(OSError):
            with open(f"/proc/{task.tid}/stat", encoding="utf-8", errors="replace") as file:
                text = file.read()
            name = text[text.index("(") + 1 : text.rindex(")")]
            cpu = int(text.rpartition(")")[2].split()[36])
            found.append(ThreadLine(task.process.pid, task.tid, name, cpu))
    return found
