"""A program whose restartable sections are watched: what stepping and injecting aborts share.

Sections are looked for when a program begins, with all libraries that it was linked with: in the one
that was started, and in whatever it executes.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import NamedTuple

from . import linux
from .call import Call
from .elf import foreign_program
from .linux import RIP, force_write
from .perf import CannotCount
from .rseq_area import Guard, Registration, current_descriptor, fatal, guard, registration
from .sections import Section, Wanted, entry_of
from .settings import Settings
from .space import Space
from .supervisor import Supervisor
from .tallies import Tallies
from .task import Task

# To tell a thread that does nothing but try again from one that does something else now and then:
# so many tries must have gone the same way.
LAPS = 64
BREAKPOINT = b"\xcc"


class BoundReached(Exception):
    """As many entries as were allowed, or as long, and the program still runs."""


class Kill(NamedTuple):
    """A process that a signal ended; ``reason`` is why, where it is known."""

    pid: int
    signal: int
    reason: str | None


class Image(NamedTuple):
    """The sections of one memory by their first instructions, and the bytes that stood there."""

    sections: Mapping[int, Section]
    original: dict[int, bytes]

    def around(self, address: int) -> Section | None:
        """The section that an instruction belongs to."""
        return next(
            (each for each in self.sections.values() if each.start <= address < each.end), None
        )


class Watcher(Supervisor):
    """A supervisor that finds sections; its calls of cpu_opv are answered as ever.

    ``bound`` ends the program after so many entries.  ``sections`` are those found so far, each once
    however many processes have it.  ``begun`` says whether any program came as far as its first
    instruction; ``kills`` are the processes that signals ended.
    """

    def __init__(
        self,
        settings: Settings,
        wanted: Wanted,
        bound: int | None,
        answered: Callable[[Call], None] | None = None,
        foreign: Callable[[int, str], None] | None = None,
        executed: Callable[[int], None] | None = None,
    ) -> None:
        super().__init__(settings, answered, foreign, executed)
        self.sections: dict[tuple[str, int], Section] = {}
        self.tallies = Tallies()
        self.entries = 0
        self.bound = bound
        self.bound_reached = False
        self.begun = False
        self.kills: list[Kill] = []
        self.images: dict[Space, Image] = {}
        self._wanted = wanted
        self._begins: dict[int, tuple[int, bytes]] = {}  # by process: its entry, what stands there
        self._reasons: dict[tuple[str, int], str | None] = {}
        self._entered_last: dict[int, Section] = {}  # by thread

    # -- the program's life --------------------------------------------------------------------

    def prepare(self, program: int) -> None:
        """Before a program's first instruction: stop once its sections have their addresses."""
        address = entry_of(program)
        if address is None or foreign_program(f"/proc/{program}/exe"):
            self.begun = True
            return
        with open(f"/proc/{program}/mem", "rb", buffering=0) as memory:
            memory.seek(address)
            self._begins[program] = (address, memory.read(1))
        force_write(program, address, BREAKPOINT)

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
            self.bound_reached = True
            return 0

    def _ended(self, tid: int, status: int) -> None:
        task = self.threads.get(tid)
        if os.WIFSIGNALED(status) and task is not None and task.process.pid == tid:
            number = os.WTERMSIG(status)
            self.kills.append(Kill(tid, number, self._reason(tid, number)))
        super()._ended(tid, status)

    def _reason(self, pid: int, number: int) -> str | None:
        """Why a process died: a section whose descriptor makes the kernel kill who is in it."""
        if number != signal.SIGSEGV:
            return None
        last = [
            section
            for tid, section in self._entered_last.items()
            if (task := self.threads.get(tid)) is not None and task.process.pid == pid
        ]
        for section in (*last, *self.sections.values()):
            reason = self._reasons.get(section.key)
            if reason is not None:
                return (
                    f"the kernel kills a thread that it would have to abort in section "
                    f"{section.place} (descriptor {section.descriptor:#x}): {reason}"
                )
        return None

    def _kills(self, section: Section, number: int) -> bool:
        """Whether a signal is the kernel's kill of a thread that it would have had to abort."""
        return number == signal.SIGSEGV and self._reasons.get(section.key) is not None

    def _remove(self, tid: int) -> None:
        self._begins.pop(tid, None)
        super()._remove(tid)
        self._entered_last.pop(tid, None)

    def _begun(self, task: Task) -> None:
        """A program begins: its libraries are there."""
        registers, pid = self._registers, task.process.pid
        entry, original = self._begins.pop(pid)
        force_write(pid, entry, original)
        registers[RIP] = entry
        linux.set_registers(task.tid, registers)
        self.begun = True
        image = Image({each.start: each for each in self._wanted.of_process(pid)}, {})
        self.images[task.space] = image
        self.sections |= {each.key: each for each in image.sections.values()}
        task.space.open()
        known = registration(task.tid)
        for section in image.sections.values():
            self._reasons[section.key] = fatal(task.space.memory, known, section)
        self._arm(task, image)
        linux.go_on(task.tid)

    def _arm(self, task: Task, image: Image) -> None:
        """Set what stops the threads of a program that begins in its sections."""
        raise NotImplementedError

    def _image(self, task: Task) -> Image | None:
        """The sections of a thread's memory; a forked child has its parent's, breakpoints too."""
        image = self.images.get(task.space)
        if image is None:
            task.space.open()
            for known in tuple(self.images.values()):
                if known.original and all(
                    os.pread(task.space.memory, 1, address) == BREAKPOINT
                    for address in known.original
                ):
                    image = self.images[task.space] = known
                    break
        return image

    # -- stops ---------------------------------------------------------------------------------

    def _begins_here(self, task: Task) -> bool:
        """Whether a thread stands at the breakpoint where its program begins."""
        begins = self._begins.get(task.process.pid)
        return begins is not None and self._registers[RIP] - 1 == begins[0]

    def _guard(self, task: Task, section: Section) -> Guard:
        """Whether the kernel would abort a thread that stands in a section, which is remembered."""
        known = registration(task.tid)
        self._entered_last[task.tid] = section
        if known is not None and known.area:
            self._reasons[section.key] = fatal(task.space.memory, known, section)
        return guard(task.space.memory, known, section)

    def _was_aborted(self, task: Task, section: Section, before: Guard) -> bool:
        """Whether the kernel aborted the section, one instruction after a stop inside of it."""
        memory, address = task.space.memory, int(self._registers[RIP])
        match before:
            case Guard.UNREGISTERED | Guard.ELSEWHERE:
                return False
            case Guard.YES:
                # The kernel clears rseq_cs when it aborts, and at no other time while we look.
                known: Registration | None = registration(task.tid)
                return known is not None and not current_descriptor(memory, known)
            case Guard.UNKNOWN:
                if section.start <= address <= section.end:
                    return False
                near = section.abort <= address <= section.abort + 15
                return near or _jumps_to(memory, section, address)


def _jumps_to(memory: int, section: Section, address: int) -> bool:
    """Whether an address is where the abort handler's jump goes: a step may carry out both."""
    code = os.pread(memory, 5, section.abort)
    if code[:1] == b"\xe9":
        offset = int.from_bytes(code[1:5], "little", signed=True)
        return address == section.abort + 5 + offset
    if code[:1] == b"\xeb":
        return address == section.abort + 2 + int.from_bytes(code[1:2], "little", signed=True)
    return False
