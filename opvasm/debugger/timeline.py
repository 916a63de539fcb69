"""What has happened so far, kept small enough for a hundred thousand calls, and how to move in it.

History is a row of entries; an entry is one statement of a test, with at most one call.  Of a call
only its arguments and what it overwrote are kept.  Its events come back when they are asked for, by
undoing the one call and making it again: the machine is deterministic, so they are the same events.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from ..binary import encode
from ..errors import Crash
from ..interpreter import Machine
from ..interpreter.events import Called, Returned
from ..scenario.events import CallBegins, MemorySet
from .effects import Holder, apply, revert
from .movements import Movement, with_computed
from .packing import SET_UP, Write, pack, revert_packed, writes


class Timeline(Protocol):
    """A history to move in, with the machine whose history it is.

    Entries count from 0.  ``movements`` and ``advance`` leave the machine after the entry, ``undo``
    leaves it before the entry; the machine must be on the other side when they are called.
    """

    @property
    def holder(self) -> Holder:
        """The machine, in the state that the last move left."""

    @property
    def starts(self) -> Sequence[int]:
        """The number of movements before each known entry; one more item than entries."""

    def advance(self) -> list[Movement] | None:
        """Make the entry after the last known one happen; None when there is no more."""

    def movements(self, entry: int) -> list[Movement]:
        """Do a known entry again and give its movements."""

    def undo(self, entry: int) -> None:
        """Undo a known entry."""

    def opening(self, entry: int) -> Sequence[Movement]:
        """The movements of an entry before its call, without moving the machine."""

    def writes(self, entry: int) -> list[Write]:
        """The stores of an entry's call, without moving the machine; op -1 is the test's own."""


class Driver(Protocol):
    """Makes things happen on a machine, one statement at a time.

    ``advance`` tells ``observe`` of everything that changes the machine, and returns False when
    nothing is left to do.
    """

    @property
    def machine(self) -> Machine:
        """The machine on which it happens."""

    def advance(self, observe: Callable[[Movement], None]) -> bool:
        """Carry out the next statement."""


class Call(NamedTuple):
    """The arguments of one call: a pointer or the vector's bytes, and the three numbers."""

    ops: int | bytes
    cpuopcnt: int
    cpu: int
    flags: int


class Entry(NamedTuple):
    """One statement: what came before its call, the call, what that overwrote, what followed."""

    opening: tuple[Movement, ...]
    call: Call | None
    undo: bytes
    closing: tuple[Movement, ...]


class LiveTimeline:
    """The history of a driver's machine, which grows as the driver goes on."""

    def __init__(self, driver: Driver) -> None:
        self.driver = driver
        self.entries: list[Entry] = []
        self.starts = array("Q", [0])
        self._vectors: dict[bytes, bytes] = {}
        self._finished = False

    @property
    def holder(self) -> Machine:
        """The driver's machine."""
        return self.driver.machine

    def advance(self) -> list[Movement] | None:
        """Let the driver carry out its next statement."""
        if self._finished:
            return None
        seen: list[Movement] = []
        try:
            self._finished = not self.driver.advance(seen.append)
        except BaseException:
            for movement in reversed(seen):
                revert(movement, self.holder)
            raise
        if not seen:
            return None if self._finished else self.advance()
        movements = with_computed(seen)
        self.entries.append(self._entry(movements))
        self.starts.append(self.starts[-1] + len(movements))
        return movements

    def _entry(self, movements: list[Movement]) -> Entry:
        """The movements made small: those of the call can be had again."""
        begin = _index(movements, Called)
        if begin is None:
            return Entry(tuple(movements), None, b"", ())
        end = _index(movements, Returned)
        assert end is not None
        called = movements[begin]
        assert isinstance(called, Called)
        opening = movements[:begin]
        ops: int | bytes = b""
        for number, movement in enumerate(opening):
            if isinstance(movement, CallBegins):
                ops = self._ops(movement)
                opening[number] = movement._replace(instructions=())
        return Entry(
            tuple(opening),
            Call(ops, called.cpuopcnt, called.cpu, called.flags),
            pack(movements[begin : end + 1]),
            tuple(movements[end + 1 :]),
        )

    def _ops(self, begins: CallBegins) -> int | bytes:
        if begins.address is not None:
            return begins.address
        data = encode(begins.instructions, self.holder.abi)
        return self._vectors.setdefault(data, data)

    def movements(self, entry: int) -> list[Movement]:
        """Make the entry's call again."""
        opening, call, _, closing = self.entries[entry]
        for movement in opening:
            apply(movement, self.holder)
        if call is None:
            return [*opening]
        seen: list[Movement] = [*opening]
        machine = self.holder
        observe, machine.observe = machine.observe, self.observer(entry, seen)
        try:
            machine.cpu_opv(call.ops, call.cpuopcnt, call.cpu, call.flags)
        finally:
            machine.observe = observe
        seen.extend(closing)
        for movement in closing:
            apply(movement, machine)
        movements = with_computed(seen)
        if len(movements) != self.starts[entry + 1] - self.starts[entry]:
            raise Crash(f"entry {entry} was not the same when it was made again")
        return movements

    def observer(self, entry: int, seen: list[Movement]) -> Callable[[Movement], None]:
        """Collects the movements of a call that is made again."""
        return seen.append

    def undo(self, entry: int) -> None:
        """Put back what the entry overwrote."""
        opening, _, undo, closing = self.entries[entry]
        holder = self.holder
        for movement in reversed(closing):
            revert(movement, holder)
        revert_packed(undo, holder)
        for movement in reversed(opening):
            revert(movement, holder)

    def opening(self, entry: int) -> Sequence[Movement]:
        """What comes before the entry's call."""
        return self.entries[entry].opening

    def writes(self, entry: int) -> list[Write]:
        """The stores of the entry, the test's own first."""
        opening, _, undo, _ = self.entries[entry]
        return [*set_up_writes(opening), *writes(undo)]


def set_up_writes(movements: Sequence[Movement]) -> list[Write]:
    """The writes that a test makes itself, as those of op -1."""
    return [
        Write(SET_UP, each.address, each.before)
        for each in movements
        if isinstance(each, MemorySet)
    ]


def _index(movements: list[Movement], kind: type) -> int | None:
    return next((i for i, movement in enumerate(movements) if isinstance(movement, kind)), None)
