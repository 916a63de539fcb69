"""A program under a debugger's eyes: its restartable sections stepped, or aborted now and then.

Stepping: a breakpoint at the first instruction of each section, from where the thread is stepped one
instruction at a time until it leaves.  Injecting: a hardware breakpoint counter of the kernel's perf
events lets the program run at full speed and stops a thread inside a section at every Nth entry.

Sections are looked for when a program begins, with all libraries that it was linked with: in the one
that was started, and in whatever it executes.
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
from .elf import foreign_program
from .linux import RIP, force_write
from .sections import Section, Wanted, entry_of
from .settings import Settings
from .space import Space
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


class CannotCount(Exception):
    """The kernel gives no hardware breakpoint counter."""


class _Image(NamedTuple):
    """The sections of one memory by their first instructions, and the bytes that stood there."""

    sections: dict[int, Section]
    original: dict[int, bytes]


class _Step(NamedTuple):
    """A section that a thread is stepped through, and the memory that it stands in."""

    section: Section
    image: _Image


class Stepper(Supervisor):
    """A supervisor that also steps sections; its calls of cpu_opv are answered as ever.

    ``bound`` ends the program after so many entries; ``inject`` N aborts every Nth entry instead of
    stepping.  ``sections`` are those found so far, each once however many processes have it;
    ``uncovered`` is how many there are too many to abort.
    """

    def __init__(
        self,
        settings: Settings,
        wanted: Wanted,
        bound: int | None = None,
        inject: int | None = None,
        answered: Callable[[Call], None] | None = None,
        foreign: Callable[[int, str], None] | None = None,
        executed: Callable[[int], None] | None = None,
    ) -> None:
        super().__init__(settings, answered, foreign, executed)
        self.sections: dict[tuple[str, int], Section] = {}
        self.steps = 0
        self.entries = 0
        self.uncovered = 0
        self.bound_reached = False
        self._wanted = wanted
        self._bound = bound
        self._every = inject
        self._begins: dict[int, tuple[int, bytes]] = {}  # by process: its entry, what stands there
        self._entered: Counter[tuple[str, int]] = Counter()
        self._completed: Counter[tuple[str, int]] = Counter()
        self._aborted: Counter[tuple[str, int]] = Counter()
        self._images: dict[Space, _Image] = {}
        self._stepping: dict[int, _Step] = {}
        self._unprotected: set[int] = set()  # threads that step over a removed breakpoint
        self._events_open: list[int] = []

    # -- the program's life --------------------------------------------------------------------

    def prepare(self, program: int) -> None:
        """Before a program's first instruction: stop once its sections have their addresses."""
        address = entry_of(program)
        if address is None or foreign_program(f"/proc/{program}/exe"):
            return
        with open(f"/proc/{program}/mem", "rb", buffering=0) as memory:
            memory.seek(address)
            self._begins[program] = (address, memory.read(1))
        force_write(program, address, _BREAKPOINT)

    def _looked_at(self, pid: int) -> None:
        super()._looked_at(pid)
        self.prepare(pid)

    def follow(self, program: int) -> int:
        """Follow the program to its end, or to the bound, where it is killed; its wait status."""
        try:
            return super().follow(program)
        except (BoundReached, CannotCount) as reason:
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
            if isinstance(reason, CannotCount):
                raise
            return 0

    def _remove(self, tid: int) -> None:
        self._stepping.pop(tid, None)
        self._unprotected.discard(tid)
        self._begins.pop(tid, None)
        super()._remove(tid)

    def _begun(self, task: Task) -> None:
        """A program begins: its libraries are there."""
        registers, pid = self._registers, task.process.pid
        entry, original = self._begins.pop(pid)
        force_write(pid, entry, original)
        registers[RIP] = entry
        linux.set_registers(task.tid, registers)
        image = _Image({each.start: each for each in self._wanted.of_process(pid)}, {})
        self._images[task.space] = image
        self.sections |= {each.key: each for each in image.sections.values()}
        if self._every is None:
            task.space.open()
            for address in image.sections:
                image.original[address] = os.pread(task.space.memory, 1, address)
                os.pwrite(task.space.memory, _BREAKPOINT, address)
        else:
            addresses = sorted(image.sections)
            self.uncovered = max(self.uncovered, len(addresses) - BREAKPOINTS_MAX)
            for address in addresses[:BREAKPOINTS_MAX]:
                try:
                    self._events_open.append(_count_entries(task.tid, address, self._every))
                except OSError as problem:
                    raise CannotCount(problem.strerror) from problem
        linux.go_on(task.tid)

    def _image(self, task: Task) -> _Image | None:
        """The sections of a thread's memory; a forked child has its parent's, breakpoints too."""
        image = self._images.get(task.space)
        if image is None:
            task.space.open()
            for known in tuple(self._images.values()):
                if known.original and all(
                    os.pread(task.space.memory, 1, address) == _BREAKPOINT
                    for address in known.original
                ):
                    image = self._images[task.space] = known
                    break
        return image

    # -- stops ---------------------------------------------------------------------------------

    def _signalled(self, task: Task, number: int) -> None:
        registers = self._registers
        linux.get_registers(task.tid, registers)
        step = self._stepping.get(task.tid)
        if number != signal.SIGTRAP or is_inside(task, registers):
            if step is not None:
                # Delivering a signal aborts the section, whatever the handler does.
                self._leave(task)
                self._aborted[step.section.key] += 1
            super()._signalled(task, number)
            return
        if step is not None:
            self._stepped(task, step)
            return
        address = registers[RIP] - 1
        begins = self._begins.get(task.process.pid)
        if begins is not None and address == begins[0]:
            self._begun(task)
        elif self._every is None:
            image = self._image(task)
            if image is not None and address in image.original:
                self._enter_section(task, _Step(image.sections[address], image))
            else:
                super()._signalled(task, number)
        elif linux.signal_info(task.tid).code == _TRAP_PERF:
            self._injected(task)
        else:
            super()._signalled(task, number)

    # -- stepping ------------------------------------------------------------------------------

    def tally(self, section: Section) -> Tally:
        """What became of a section's entries."""
        key = section.key
        entered, completed = self._entered[key], self._completed[key]
        aborted = self._aborted[key]
        return Tally(entered, completed, aborted, entered - completed - aborted)

    @property
    def completed(self) -> int:
        """How many entries of all sections were completed."""
        return self._completed.total()

    def _enter_section(self, task: Task, step: _Step) -> None:
        """At the first instruction of a section: step it."""
        self._count_entry(step.section)
        self._registers[RIP] = step.section.start
        linux.set_registers(task.tid, self._registers)
        self._stepping[task.tid] = step
        self._step(task)

    def _count_entry(self, section: Section) -> None:
        if self._bound is not None and self.entries >= self._bound:
            self.bound_reached = True
            raise BoundReached
        self.entries += 1
        self._entered[section.key] += 1

    def _step(self, task: Task) -> None:
        self.steps += 1
        linux.ptrace(linux.PTRACE_SINGLESTEP, task.tid)

    def _leave(self, task: Task) -> None:
        """A thread is stepped no more."""
        step = self._stepping.pop(task.tid)
        if task.tid in self._unprotected:
            self._unprotected.discard(task.tid)
            os.pwrite(task.space.memory, _BREAKPOINT, step.section.start)

    def _stepped(self, task: Task, step: _Step) -> None:
        """One instruction further: still inside, through with it, or sent to the abort handler."""
        registers, section, memory = self._registers, step.section, task.space.memory
        address = registers[RIP]
        if task.tid in self._unprotected:
            self._unprotected.discard(task.tid)
            os.pwrite(memory, _BREAKPOINT, section.start)
        elif address == section.start + 1 and os.pread(memory, 1, section.start) == _BREAKPOINT:
            # The kernel let it in: this thread is not registered.  Step the real instruction.
            os.pwrite(memory, step.image.original[section.start], section.start)
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
            self._completed[section.key] += 1
        elif section.abort <= address <= section.abort + 15 or _jumps_to(memory, section, address):
            self._aborted[section.key] += 1
        linux.go_on(task.tid)

    # -- injecting -----------------------------------------------------------------------------

    def _injected(self, task: Task) -> None:
        """The Nth entry: being stopped is what aborts the section; the kernel may have done so."""
        address = self._registers[RIP]
        for image in self._images.values():
            for section in image.sections.values():
                if section.start <= address < section.end or address == section.abort:
                    self._count_entry(section)
                    self._aborted[section.key] += 1
                    linux.go_on(task.tid)
                    return
        linux.go_on(task.tid)

    def total_entries(self) -> int:
        """While injecting: how often sections were entered at all, as the kernel counted."""
        total = 0
        for event in self._events_open:
            total += struct.unpack("<Q", os.read(event, 8))[0]
            os.close(event)
        self._events_open = []
        return total


def _jumps_to(memory: int, section: Section, address: int) -> bool:
    """Whether an address is where the abort handler's jump goes: a step may carry out both."""
    code = os.pread(memory, 5, section.abort)
    if code[:1] == b"\xe9":
        offset: int = struct.unpack("<i", code[1:5])[0]
        return bool(address == section.abort + 5 + offset)
    if code[:1] == b"\xeb":
        return bool(address == section.abort + 2 + struct.unpack("<b", code[1:2])[0])
    return False


def _count_entries(tid: int, address: int, period: int) -> int:
    """A counter of how often a thread and all those it creates come to an address.

    Every ``period``th time raises SIGTRAP at that very place.  Raises OSError.
    """
    # disabled 0, inherit 1, exclude_kernel 5, exclude_hv 6, remove_on_exec 36, sigtrap 37
    flags = 1 << 1 | 1 << 5 | 1 << 6 | 1 << 36 | 1 << 37
    attributes = bytearray(136)
    struct.pack_into("<IIQQQQQ", attributes, 0, 5, 136, 0, period, 0, 0, flags)
    struct.pack_into("<IQQ", attributes, 52, 4, address, 8)  # bp_type: execution; bp_addr; bp_len
    buffer = ctypes.create_string_buffer(bytes(attributes), 136)
    return linux.system_call(
        "counting the entries of a section",
        *(_SYS_PERF_EVENT_OPEN, ctypes.addressof(buffer), tid, -1, -1, 8),
    )
