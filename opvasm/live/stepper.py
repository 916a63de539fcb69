"""A program under a debugger's eyes: its restartable sections stepped, or aborted now and then.

Stepping: a breakpoint at the first instruction of each section, from where the thread is stepped one
instruction at a time until it leaves.  Injecting: a hardware breakpoint counter of the kernel's perf
events lets the program run at full speed and stops a thread inside a section at every Nth entry.
"""

from __future__ import annotations

import ctypes
import os
import signal
import struct
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple

from . import linux
from .call import Call
from .linux import RIP
from .sections import DescriptorPlaces, Section, entry_of, read_sections
from .settings import Settings
from .stubrun import is_inside
from .supervisor import Supervisor
from .task import Task

_BREAKPOINT = b"\xcc"
_SYS_PERF_EVENT_OPEN = 298
_TRAP_PERF = 6
BREAKPOINTS_MAX = 4  # debug registers of x86-64


class Tally(NamedTuple):
    """What became of one section's entries.  ``left`` is by another way than commit or abort."""

    entered: int
    completed: int
    aborted: int
    left: int


class BoundReached(Exception):
    """As many entries as were allowed, and the program still runs."""


class Stepper(Supervisor):
    """A supervisor that also steps sections; its calls of cpu_opv are answered as ever.

    ``bound`` ends the program after so many entries; ``inject`` N aborts every Nth entry instead of
    stepping.
    """

    def __init__(
        self,
        settings: Settings,
        places: DescriptorPlaces,
        bound: int | None = None,
        inject: int | None = None,
        answered: Callable[[Call], None] | None = None,
        foreign: Callable[[int, str], None] | None = None,
        executed: Callable[[int], None] | None = None,
    ) -> None:
        super().__init__(settings, answered, foreign, executed)
        self.sections: tuple[Section, ...] = ()
        self.steps = 0
        self.entries = 0
        self.bound_reached = False
        self._places = places
        self._bound = bound
        self._every = inject
        self._entry = 0
        self._entered: Counter[int] = Counter()
        self._completed: Counter[int] = Counter()
        self._aborted: Counter[int] = Counter()
        self._original: dict[int, bytes] = {}
        self._stepping: dict[int, Section] = {}
        self._unprotected: set[int] = set()  # threads that step over a removed breakpoint
        self._events_open: list[int] = []

    def prepare(self, program: int) -> None:
        """Before the program's first instruction: stop once its sections have their addresses."""
        self._entry = entry_of(program)
        self._memory = os.open(f"/proc/{program}/mem", os.O_RDWR | os.O_CLOEXEC)
        self._original[self._entry] = os.pread(self._memory, 1, self._entry)
        os.pwrite(self._memory, _BREAKPOINT, self._entry)

    def follow(self, program: int) -> int:
        """Follow the program to its end, or to the bound, where it is killed; its wait status."""
        try:
            return super().follow(program)
        except BoundReached:
            for pid in {task.process.pid for task in self.threads}:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            while len(self.threads):
                try:
                    tid, status = os.waitpid(-1, linux.WALL)
                except ChildProcessError:
                    break
                if not os.WIFSTOPPED(status):
                    self._remove(tid)
                    continue
                with suppress(OSError):  # at its end it stops once more
                    linux.go_on(tid)
            return 0

    def tally(self, section: Section) -> Tally:
        """What became of a section's entries."""
        start = section.start
        entered, completed = self._entered[start], self._completed[start]
        aborted = self._aborted[start]
        return Tally(entered, completed, aborted, entered - completed - aborted)

    def _signalled(self, task: Task, number: int) -> None:
        registers = self._registers
        linux.get_registers(task.tid, registers)
        if number == signal.SIGTRAP and not is_inside(task, registers):
            if task.tid in self._stepping:
                self._stepped(task)
                return
            address = registers[RIP] - 1
            if address == self._entry:
                self._begun(task)
                return
            section = next((each for each in self.sections if each.start == address), None)
            if section is not None and self._every is None:
                self._enter_section(task, section)
                return
            if self._every is not None and linux.signal_info(task.tid).code == _TRAP_PERF:
                self._injected(task)
                return
        super()._signalled(task, number)

    def _begun(self, task: Task) -> None:
        """The program begins: its descriptors have their addresses now."""
        registers = self._registers
        os.pwrite(self._memory, self._original[self._entry], self._entry)
        registers[RIP] = self._entry
        linux.set_registers(task.tid, registers)
        self.sections = read_sections(self._memory, self._places, self._entry - self._places.entry)
        if self._every is None:
            for section in self.sections:
                self._original[section.start] = os.pread(self._memory, 1, section.start)
                os.pwrite(self._memory, _BREAKPOINT, section.start)
        else:
            for section in self.sections[:BREAKPOINTS_MAX]:
                self._events_open.append(_count_entries(task.tid, section.start, self._every))
        self._entry = 0
        linux.go_on(task.tid)

    def _enter_section(self, task: Task, section: Section) -> None:
        """At the first instruction of a section: step it."""
        self._count_entry(section)
        self._registers[RIP] = section.start
        linux.set_registers(task.tid, self._registers)
        self._stepping[task.tid] = section
        self._step(task)

    def _count_entry(self, section: Section) -> None:
        self.entries += 1
        self._entered[section.start] += 1
        if self._bound is not None and self.entries > self._bound:
            self.entries -= 1
            self._entered[section.start] -= 1
            self.bound_reached = True
            raise BoundReached

    def _step(self, task: Task) -> None:
        self.steps += 1
        linux.ptrace(linux.PTRACE_SINGLESTEP, task.tid)

    def _stepped(self, task: Task) -> None:
        """One instruction further: still inside, through with it, or sent to the abort handler."""
        registers, section = self._registers, self._stepping[task.tid]
        address = registers[RIP]
        if task.tid in self._unprotected:
            self._unprotected.discard(task.tid)
            os.pwrite(self._memory, _BREAKPOINT, section.start)
        elif address == section.start + 1 and self._is_breakpoint(section):
            # The kernel let it in: this thread is not registered.  Step the real instruction.
            os.pwrite(self._memory, self._original[section.start], section.start)
            self._unprotected.add(task.tid)
            registers[RIP] = section.start
            linux.set_registers(task.tid, registers)
            self._step(task)
            return
        if section.start <= address < section.end:
            self._step(task)
            return
        del self._stepping[task.tid]
        if address == section.end:
            self._completed[section.start] += 1
        elif section.abort <= address <= section.abort + 15 or self._jumped_from_abort(
            section, address
        ):
            self._aborted[section.start] += 1
        linux.go_on(task.tid)

    def _is_breakpoint(self, section: Section) -> bool:
        return os.pread(self._memory, 1, section.start) == _BREAKPOINT

    def _jumped_from_abort(self, section: Section, address: int) -> bool:
        """Whether an address is where the abort handler's jump goes: a step may carry out both."""
        code = os.pread(self._memory, 5, section.abort)
        if code[:1] == b"\xe9":
            offset: int = struct.unpack("<i", code[1:5])[0]
            return bool(address == section.abort + 5 + offset)
        if code[:1] == b"\xeb":
            return bool(address == section.abort + 2 + struct.unpack("<b", code[1:2])[0])
        return False

    def _injected(self, task: Task) -> None:
        """The Nth entry: being stopped is what aborts the section; the kernel may have done so."""
        address = self._registers[RIP]
        for section in self.sections:
            if section.start <= address < section.end or address == section.abort:
                self._count_entry(section)
                self._aborted[section.start] += 1
        linux.go_on(task.tid)

    def _remove(self, tid: int) -> None:
        self._stepping.pop(tid, None)
        self._unprotected.discard(tid)
        super()._remove(tid)

    def total_entries(self) -> int:
        """While injecting: how often sections were entered at all, as the kernel counted."""
        total = 0
        for event in self._events_open:
            total += struct.unpack("<Q", os.read(event, 8))[0]
            os.close(event)
        self._events_open = []
        return total


def _count_entries(tid: int, address: int, period: int) -> int:
    """A counter of how often a thread and those it creates come to an address.

    Every ``period``th time raises SIGTRAP at that very place.  Raises OSError.
    """
    # disabled 0, inherit 1, exclude_kernel 5, exclude_hv 6, inherit_thread 35, remove_on_exec 36,
    # sigtrap 37
    flags = 1 << 1 | 1 << 5 | 1 << 6 | 1 << 35 | 1 << 36 | 1 << 37
    attributes = bytearray(136)
    struct.pack_into("<IIQQQQQ", attributes, 0, 5, 136, 0, period, 0, 0, flags)
    struct.pack_into("<IQQ", attributes, 52, 4, address, 8)  # bp_type: execution; bp_addr; bp_len
    buffer = ctypes.create_string_buffer(bytes(attributes), 136)
    return linux.system_call(
        "counting the entries of a section",
        *(_SYS_PERF_EVENT_OPEN, ctypes.addressof(buffer), tid, -1, -1, 8),
    )
