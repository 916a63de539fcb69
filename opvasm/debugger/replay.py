"""A recorded trace as a history: whoever recorded it, it can be walked like one of our own.

Nothing is executed.  The lines stay text; an entry's are read again when the walk comes by.
"""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence

from ..interpreter.events import Called, Loaded, Stored
from ..machine import Cpus, Fault, Memory
from ..program import Program
from ..scenario.events import CallBegins, MachineReady, MemorySet, StatementBegins
from ..text.tree import TestStatement
from ..trace.reader import ReadEvent, TraceReader, no_trace
from .effects import Holder, apply, revert
from .movements import MachineSet, Movement, with_computed
from .packing import SET_UP, Write


class Recorded:
    """The state that a trace tells of: memory and CPUs, no kernel."""

    def __init__(self, memory: Memory, cpus: Cpus) -> None:
        self.memory = memory
        self.cpus = cpus


def header_of(
    text: str,
    name: str,
    program: Program | None = None,
    statements: Mapping[str, TestStatement] | None = None,
) -> TraceReader:
    """The reader of a trace, by its first line.  Raises DecodeError where it is not a trace."""
    first = next((line for line in text.splitlines() if line.strip()), None)
    if first is None:
        raise no_trace(name, 1, "the file is empty")
    try:
        return TraceReader(first, program, statements)
    except (ValueError, KeyError, TypeError) as error:
        raise no_trace(name, 1, str(error)) from None


class TraceTimeline:
    """The history that a trace tells.

    Reads all of it once, to find the entries and to hold what it says against itself: what a store
    found must be what was there.  ``notes`` lists where it was not, and lines that were passed over.
    Raises DecodeError (OPV601) at the first line that is not an event.
    """

    def __init__(
        self,
        text: str,
        name: str,
        program: Program | None = None,
        statements: Mapping[str, TestStatement] | None = None,
    ) -> None:
        self.name = name
        self.notes: list[str] = []
        self._lines = [line for line in text.splitlines() if line.strip()]
        self.reader = header_of(text, name, program, statements)
        self.holder: Holder = Recorded(Memory(self.reader.abi.page_size), Cpus(1))
        self.starts: array[int] = array("Q", [0])
        self._machines: dict[int, MachineSet] = {}
        self._first = self._entry_lines()
        self._walk()

    # -- reading -------------------------------------------------------------------------------

    def _event(self, line: int) -> ReadEvent | None:
        """The event of a line (from 0).  Raises DecodeError."""
        try:
            return self.reader.read(self._lines[line])
        except (ValueError, KeyError, TypeError, IndexError, AttributeError, Fault) as error:
            what = f"field {error} is missing" if isinstance(error, KeyError) else str(error)
            raise no_trace(self.name, line + 1, what) from None

    def _entry_lines(self) -> list[int]:
        """The lines at which entries begin: a statement, else a call; the last item is the end."""
        first: list[int] = []
        in_statement = in_call = False
        for line in range(1, len(self._lines)):
            event = self._event(line)
            match event:
                case StatementBegins():
                    begins, in_statement, in_call = True, True, False
                case CallBegins():
                    begins = not in_statement or in_call
                    in_call = True
                case Called():
                    begins = not in_statement and not in_call
                    in_call = False
                case MachineReady():
                    begins = not in_statement
                case None:
                    begins = False
                    if "test_begins" in self._lines[line]:
                        in_statement = False
                case _:
                    begins = not first
            if begins:
                first.append(line)
        return [*first, len(self._lines)]

    def _walk(self) -> None:
        """Read all of it forwards once, then stand at the start again."""
        start = (self.holder.memory, self.holder.cpus)
        if not any('"machine_ready"' in line for line in self._lines):
            self.holder.memory = start_memory = self._memory_seen()
            start = (start_memory, self.holder.cpus)
            self.notes.append(
                "the trace does not say what memory held: only what its ops touched is known"
            )
        for entry in range(len(self._first) - 1):
            movements = self._read(entry)
            for movement in movements:
                self._check(movement)
                self._apply(movement)
            self.starts.append(self.starts[-1] + len(movements))
        for entry in range(len(self._first) - 2, -1, -1):
            self.undo(entry)
        assert (self.holder.memory, self.holder.cpus) == start

    def _memory_seen(self) -> Memory:
        """Memory with the bytes that the trace's accesses found first."""
        memory = Memory(self.reader.abi.page_size)
        seen: set[int] = set()
        for line in range(1, len(self._lines)):
            match self._event(line):
                case Loaded(address=address, data=data) | Stored(address=address, before=data):
                    for part in memory.ranges(address, len(data)):
                        if part.page not in memory.pages:
                            memory.map(part.page << memory.shift, memory.page_size)
                    for offset, byte in enumerate(data):
                        if address + offset not in seen:
                            seen.add(address + offset)
                            memory.write(address + offset, bytes([byte]))
                case _:
                    pass
        return memory

    def _check(self, movement: Movement) -> None:
        """Hold what a movement found against what the trace has said so far."""
        match movement:
            case Loaded(op=op, address=address, data=found):
                what = f"op {op} read"
            case Stored(op=op, address=address, before=found):
                what = f"op {op} overwrote"
            case MemorySet(address=address, before=found):
                what = "the test overwrote"
            case _:
                return
        try:
            held = self.holder.memory.read(address, len(found))
        except Fault:
            raise no_trace(
                self.name, 0, f"{what} memory at {address:#x} that the trace never mapped"
            ) from None
        if held != found and len(self.notes) < 20:
            self.notes.append(
                f"position {self.starts[-1]}: {what} {found.hex()} at {address:#x}, where "
                f"{held.hex()} was: something that is not in the trace wrote there"
            )

    def _apply(self, movement: Movement) -> None:
        try:
            apply(movement, self.holder)
        except (Fault, KeyError) as error:
            raise no_trace(self.name, 0, f"it changes memory that is not mapped: {error}") from None

    def _read(self, entry: int) -> list[Movement]:
        """The movements of an entry; the machine stands before it."""
        movements: list[Movement] = []
        for line in range(self._first[entry], self._first[entry + 1]):
            event = self._event(line)
            if isinstance(event, MachineReady):
                if line not in self._machines:
                    before = (self.holder.memory, self.holder.cpus)
                    self._machines[line] = MachineSet(before, (event.memory, event.cpus))
                movements.append(self._machines[line])
            elif event is not None:
                movements.append(event)
        return with_computed(movements)

    # -- the history ---------------------------------------------------------------------------

    def advance(self) -> list[Movement] | None:
        """A trace has an end, and all of it is known."""
        return None

    def movements(self, entry: int) -> list[Movement]:
        """Do an entry again."""
        movements = self._read(entry)
        for movement in movements:
            apply(movement, self.holder)
        return movements

    def undo(self, entry: int) -> None:
        """Undo an entry."""
        for movement in reversed(self._read(entry)):
            revert(movement, self.holder)

    def opening(self, entry: int) -> Sequence[Movement]:
        """What comes before the entry's call."""
        movements = self._read(entry)
        end = next((i for i, each in enumerate(movements) if isinstance(each, Called)), None)
        return movements[:end]

    def writes(self, entry: int) -> list[Write]:
        """The stores of an entry."""
        found = []
        for movement in self._read(entry):
            match movement:
                case Stored(op=op, address=address, before=before):
                    found.append(Write(op, address, before))
                case MemorySet(address=address, before=before):
                    found.append(Write(SET_UP, address, before))
                case _:
                    pass
        return found
