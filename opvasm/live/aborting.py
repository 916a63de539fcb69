"""Aborting sections at full speed, at each of their instructions in turn.

Hardware breakpoint counters let the program run and stop a thread every Nth time that it comes to an
instruction inside a section.  Being stopped there is what makes the kernel abort the section; whether
it did is looked at one instruction later.  After each abort the counter moves on to the section's next
instruction, after the last one to another section; a counter that nothing has come to for a while
moves on, too, as a branch may never be taken and a section never be entered.
"""

from __future__ import annotations

import os
import signal
from collections import Counter, deque
from collections.abc import Callable
from time import monotonic
from types import FrameType
from typing import NamedTuple

from . import linux
from .call import Call
from .instructions import Listed, instructions
from .linux import RIP
from .perf import BREAKPOINTS_MAX, Breakpoint, CannotCount
from .rseq_area import Guard
from .sections import Section, Wanted
from .settings import Settings
from .stubrun import is_inside
from .tallies import Key
from .task import Task
from .watching import LAPS, BoundReached, Image, Watcher

_TRAP_PERF = 6
_IDLE_SECONDS = 0.02


class Instruction(NamedTuple):
    """An instruction of a section, by its offset from the section's start in bytes."""

    key: Key
    offset: int


class _Turn:
    """A section's instructions, and whose turn it is; ``met`` is whether any was come to."""

    def __init__(self, section: Section, offsets: tuple[int, ...]) -> None:
        self.section = section
        self.offsets = offsets
        self.index = 0
        self.met = False

    @property
    def address(self) -> int:
        """Where a thread is stopped next."""
        return self.section.start + self.offsets[self.index]

    @property
    def instruction(self) -> Instruction:
        """Whose turn it is."""
        return Instruction(self.section.key, self.offsets[self.index])


class _Slot:
    """A breakpoint counter, the section that it is at, and whether it was idle since the last look."""

    def __init__(self, breakpoint: Breakpoint, turn: _Turn, waiting: deque[_Turn]) -> None:
        self.breakpoint = breakpoint
        self.turn = turn
        self.waiting = waiting
        self.idle = False


class _Stop(NamedTuple):
    """A thread that was stopped inside a section and has gone one instruction further."""

    section: Section
    offset: int
    guard: Guard


class Aborter(Watcher):
    """A supervisor that aborts sections.

    ``every`` N stops at every Nth time that an instruction is come to.  ``only`` one instruction is
    meant, or all in turn.  ``reached`` counts how often each was come to while it was watched,
    ``aborted`` how often the section was aborted there, ``watched`` names the sections that had a
    counter at least for a while.  ``seconds`` ends the program after so long.
    ``stuck`` is whether the bound was reached and every entry on the way, LAPS at least, was aborted.
    """

    def __init__(
        self,
        settings: Settings,
        wanted: Wanted,
        every: int,
        bound: int | None = None,
        only: Instruction | None = None,
        seconds: float | None = None,
        answered: Callable[[Call], None] | None = None,
        foreign: Callable[[int, str], None] | None = None,
        executed: Callable[[int], None] | None = None,
    ) -> None:
        super().__init__(settings, wanted, bound, answered, foreign, executed)
        self.listed: dict[Key, tuple[Listed, ...]] = {}
        self.reached: Counter[Instruction] = Counter()
        self.aborted: Counter[Instruction] = Counter()
        self.watched: set[Key] = set()
        self.stuck = False
        self._every = every
        self._only = only
        self._deadline = None if seconds is None else monotonic() + seconds
        self._slots: list[_Slot] = []
        self._stops: dict[int, _Stop] = {}
        self._late = False

    def follow(self, program: int) -> int:
        """Follow the program to its end, or to the bound; its wait status."""
        before = signal.signal(signal.SIGALRM, self._look)
        signal.setitimer(signal.ITIMER_REAL, _IDLE_SECONDS, _IDLE_SECONDS)
        try:
            status = super().follow(program)
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)
            for slot in self._slots:
                self._count(slot)
                slot.breakpoint.close()
        self.bound_reached = self.bound_reached or self._late
        return status

    def _look(self, number: int, frame: FrameType | None) -> None:
        """Every now and then: move what nothing comes to, and end what takes too long."""
        if self._deadline is not None and monotonic() > self._deadline:
            self._late = True
            for pid in {task.process.pid for task in self.threads}:
                os.kill(pid, signal.SIGKILL)
            return
        for slot in self._slots:
            if slot.idle and self._only is None:
                self._count(slot)
                slot.idle = False
                # Its first instruction was not come to: nor will the others be.  Where no other
                # section waits it stays, as the program may come to the section later.
                if slot.turn.met or slot.waiting:
                    self._move(slot, another=not slot.turn.met)
            else:
                slot.idle = True

    def _arm(self, task: Task, image: Image) -> None:
        waiting: deque[_Turn] = deque()
        for section in sorted(image.sections.values()):
            code = os.pread(task.space.memory, section.end - section.start, section.start)
            listed = self.listed.setdefault(section.key, instructions(code, section.start))
            offsets = tuple(each.offset for each in listed)
            if self._only is not None:
                offsets = (self._only.offset,) if section.key == self._only.key else ()
            if offsets:
                waiting.append(_Turn(section, offsets))
        for _ in range(min(BREAKPOINTS_MAX, len(waiting))):
            turn = waiting.popleft()
            breakpoint = Breakpoint(task.tid, turn.address, self._every)
            self._slots.append(_Slot(breakpoint, turn, waiting))
            self.watched.add(turn.section.key)

    # -- turns ---------------------------------------------------------------------------------

    def _count(self, slot: _Slot) -> None:
        """Add up what the counter has seen since it was last moved or asked."""
        new = slot.breakpoint.new_counts()
        if new:
            slot.turn.met = True
            slot.idle = False
            self.reached[slot.turn.instruction] += new
            self.tallies.entered[slot.turn.section.key] += new

    def _move(self, slot: _Slot, another: bool) -> None:
        """On to the next instruction, or to another section that waits."""
        turn = slot.turn
        turn.index += 1
        if turn.index == len(turn.offsets):
            turn.index, another = 0, True
        if another and slot.waiting:
            turn.index = 0
            slot.waiting.append(turn)
            slot.turn = slot.waiting.popleft()
        self.watched.add(slot.turn.section.key)
        if not slot.breakpoint.move(slot.turn.address):
            raise CannotCount("a breakpoint can't be moved")

    # -- stops ---------------------------------------------------------------------------------

    def _signalled(self, task: Task, number: int) -> None:
        registers = self._registers
        linux.get_registers(task.tid, registers)
        stop = self._stops.pop(task.tid, None)
        if number != signal.SIGTRAP or is_inside(task, registers):
            guarded = stop is not None and stop.guard in (Guard.YES, Guard.UNKNOWN)
            if stop is not None and guarded and not self._kills(stop.section, number):
                # Delivering a signal aborts the section, whatever the handler does.
                self._aborted_at(stop.section, stop.offset)
            super()._signalled(task, number)
            return
        if self._begins_here(task):
            self._begun(task)
            return
        info = linux.signal_info(task.tid)
        if stop is not None:
            if self._was_aborted(task, stop.section, stop.guard):
                self._aborted_at(stop.section, stop.offset)
            if info.code != _TRAP_PERF:
                linux.go_on(task.tid)
                return
        if info.code == _TRAP_PERF:
            self._stopped_inside(task, info.data)
        else:
            super()._signalled(task, number)

    def _stopped_inside(self, task: Task, address: int) -> None:
        """The Nth time at an instruction."""
        slot = next((each for each in self._slots if each.turn.address == address), None)
        if slot is not None and self._only is None:
            self._count(slot)
            self._move(slot, another=False)
        image = self._image_of(address)
        section = None if image is None else image.around(address)
        if section is None:
            linux.go_on(task.tid)
            return
        self.entries += 1
        if self.bound is not None and self.entries * self._every >= self.bound:
            # One entry is this one, others are on their way.
            aborted = self.aborted.total() + len(self._stops) + 1
            # A few entries show nothing: programs try a section some times before they do something else.
            self.stuck = self._every == 1 and aborted >= self.entries >= LAPS
            raise BoundReached
        offset, here = address - section.start, int(self._registers[RIP])
        if here == section.abort:
            self._aborted_at(section, offset)  # the kernel was quicker
            linux.go_on(task.tid)
            return
        task.space.open()
        before = self._guard(task, section)
        if before in (Guard.UNREGISTERED, Guard.ELSEWHERE):
            self.tallies.unguarded[before] += 1
        self._stops[task.tid] = _Stop(section, offset, before)
        linux.ptrace(linux.PTRACE_SINGLESTEP, task.tid)

    def _image_of(self, address: int) -> Image | None:
        """The sections around an address; a forked child's memory is like its parent's."""
        return next((each for each in self.images.values() if each.around(address)), None)

    def _aborted_at(self, section: Section, offset: int) -> None:
        self.aborted[Instruction(section.key, offset)] += 1
        self.tallies.aborted[section.key] += 1

    def _remove(self, tid: int) -> None:
        self._stops.pop(tid, None)
        super()._remove(tid)
