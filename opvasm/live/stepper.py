"""A program under a debugger's eyes: every section stepped from its first instruction on.

A breakpoint stands at the first instruction of each section; from there the thread is stepped one
instruction at a time until it leaves.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from typing import NamedTuple

from . import linux
from .call import Call
from .linux import RIP
from .rseq_area import Guard
from .sections import Section, Wanted
from .settings import Settings
from .stubrun import is_inside
from .task import Task
from .watching import BREAKPOINT, LAPS, BoundReached, Image, Watcher

# How long a way back to a section may be, in instructions.
_LAP_STEPS = 4000


class _Step(NamedTuple):
    """A section that a thread is stepped through, the memory that it stands in, who guards it.

    ``counted`` is False for what comes after the bound.
    """

    section: Section
    image: Image
    guard: Guard
    counted: bool


class _Laps:
    """The ways that one thread takes back to a section once the bound is reached."""

    def __init__(self) -> None:
        self.way: list[int] = []
        self.first: list[int] | None = None
        self.count = 0
        self.outside: Image | None = None


class Stepper(Watcher):
    """A supervisor that also steps sections.

    ``stuck`` says, once the bound is reached, that nothing was seen but the same way back to a section
    that is never completed: the answer to "does it make progress?" is no.
    """

    def __init__(
        self,
        settings: Settings,
        wanted: Wanted,
        bound: int | None = None,
        answered: Callable[[Call], None] | None = None,
        foreign: Callable[[int, str], None] | None = None,
        executed: Callable[[int], None] | None = None,
    ) -> None:
        super().__init__(settings, wanted, bound, answered, foreign, executed)
        self.steps = 0
        self.stuck = False
        self._stepping: dict[int, _Step] = {}
        self._unprotected: set[int] = set()  # threads that step over a removed breakpoint
        self._laps: dict[int, _Laps] = {}  # at most one thread

    @property
    def completed(self) -> int:
        """How many entries of all sections were completed."""
        return self.tallies.completed.total()

    def _remove(self, tid: int) -> None:
        self._stepping.pop(tid, None)
        self._unprotected.discard(tid)
        self._laps.pop(tid, None)
        super()._remove(tid)

    def _arm(self, task: Task, image: Image) -> None:
        for address in image.sections:
            image.original[address] = os.pread(task.space.memory, 1, address)
            os.pwrite(task.space.memory, BREAKPOINT, address)

    # -- stops ---------------------------------------------------------------------------------

    def _signalled(self, task: Task, number: int) -> None:
        registers = self._registers
        linux.get_registers(task.tid, registers)
        step = self._stepping.get(task.tid)
        laps = self._laps.get(task.tid)
        if number != signal.SIGTRAP or is_inside(task, registers):
            if step is not None:
                self._leave(task)
                self._interrupted(step, number)
            if laps is not None:
                laps.outside = None
            super()._signalled(task, number)
            return
        if step is not None:
            self._stepped(task, step)
        elif laps is not None and laps.outside is not None:
            self._on_the_way(task, laps, laps.outside)
        elif self._begins_here(task):
            self._begun(task)
        else:
            address = registers[RIP] - 1
            image = self._image(task)
            if image is not None and address in image.original:
                self._enter_section(task, image, address)
            else:
                super()._signalled(task, number)

    def _interrupted(self, step: _Step, number: int) -> None:
        """A signal on its way to a thread inside a section: delivering it aborts the section."""
        section = step.section
        if step.counted and not self._kills(section, number):
            guarded = step.guard in (Guard.YES, Guard.UNKNOWN)
            (self.tallies.aborted if guarded else self.tallies.left)[section.key] += 1

    # -- stepping ------------------------------------------------------------------------------

    def _enter_section(self, task: Task, image: Image, address: int) -> None:
        """At the first instruction of a section: step it."""
        section = image.sections[address]
        counted = self.bound is None or self.entries < self.bound
        if counted:
            self.entries += 1
            self.tallies.entered[section.key] += 1
        else:
            self._at_bound(task)
        self._registers[RIP] = section.start
        linux.set_registers(task.tid, self._registers)
        before = self._guard(task, section)
        if counted and before in (Guard.UNREGISTERED, Guard.ELSEWHERE):
            self.tallies.unguarded[before] += 1
        self._stepping[task.tid] = _Step(section, image, before, counted)
        self._step(task)

    def _step(self, task: Task) -> None:
        if self._stepping[task.tid].counted:
            self.steps += 1
        linux.ptrace(linux.PTRACE_SINGLESTEP, task.tid)

    def _leave(self, task: Task) -> None:
        """A thread is stepped no more."""
        step = self._stepping.pop(task.tid)
        if task.tid in self._unprotected:
            self._unprotected.discard(task.tid)
            os.pwrite(task.space.memory, BREAKPOINT, step.section.start)

    def _stepped(self, task: Task, step: _Step) -> None:
        """One instruction further: still inside, through with it, or sent to the abort handler."""
        registers, section, memory = self._registers, step.section, task.space.memory
        address = registers[RIP]
        if task.tid in self._unprotected:
            self._unprotected.discard(task.tid)
            os.pwrite(memory, BREAKPOINT, section.start)
        elif address == section.start + 1 and os.pread(memory, 1, section.start) == BREAKPOINT:
            # The kernel let it in.  Step the real instruction.
            os.pwrite(memory, step.image.original[section.start], section.start)
            self._unprotected.add(task.tid)
            registers[RIP] = section.start
            linux.set_registers(task.tid, registers)
            self._step(task)
            return
        aborted = self._was_aborted(task, section, step.guard)
        if not aborted and section.start <= address < section.end:
            self._step(task)
            return
        del self._stepping[task.tid]
        if step.counted:
            ended = self.tallies.completed if address == section.end else self.tallies.left
            (self.tallies.aborted if aborted else ended)[section.key] += 1
        laps = self._laps.get(task.tid)
        if laps is None:
            linux.go_on(task.tid)
            return
        laps.outside, laps.way = step.image, []
        self._on_the_way(task, laps, step.image)

    # -- at the bound --------------------------------------------------------------------------

    def _at_bound(self, task: Task) -> None:
        """Look for a while how a thread comes back to a section, if nothing has shown progress."""
        shown = self.completed + self.tallies.left.total() + self.calls
        if shown or len(self.tallies.entered) > 1:
            raise BoundReached
        laps = self._laps.get(task.tid)
        if laps is None:
            if not self._laps:
                self._laps[task.tid] = _Laps()
            return
        way = laps.way
        if laps.first is None and laps.count:
            laps.first = way
        elif laps.count and way != laps.first:
            raise BoundReached
        laps.count += 1
        if laps.count > LAPS:
            self.stuck = True
            raise BoundReached

    def _on_the_way(self, task: Task, laps: _Laps, image: Image) -> None:
        """Between an abort and the next entry: one instruction after the other."""
        address = int(self._registers[RIP])
        if address in image.sections or address - 1 in image.original:
            laps.outside = None
            start = address if address in image.sections else address - 1
            self._enter_section(task, image, start)
            return
        laps.way.append(address)
        if len(laps.way) > _LAP_STEPS:
            raise BoundReached
        linux.ptrace(linux.PTRACE_SINGLESTEP, task.tid)
