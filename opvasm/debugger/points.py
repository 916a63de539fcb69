"""Breakpoints and watchpoints: at which movements a run stops."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ..expression import Expression
from ..interpreter.errno import result_name
from ..interpreter.events import Called, CopiedIn, Loaded, Returned, Started, Stored
from ..light_enum import Enum
from ..scenario.events import (
    CallBegins,
    MemorySet,
    SectionBegins,
    SectionStepped,
    StatementBegins,
)
from ..source import Place, Span
from .landmarks import instruction_at
from .movements import Movement, Scheduled
from .packing import Write


class AtLine(NamedTuple):
    """A line of a file: the statement of a test, or the op of a vector, that begins there."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


class AtVector(NamedTuple):
    """A call of a vector, before its first check."""

    vector: str

    def __str__(self) -> str:
        return self.vector


class AtOp(NamedTuple):
    """An op of a vector (None: of ops that have no name), before it runs."""

    vector: str | None
    op: int

    def __str__(self) -> str:
        return f"{self.vector}.{self.op}" if self.vector is not None else f"op {self.op}"


class AtResult(NamedTuple):
    """A call that has returned this: 0, the index + 1 of a compare, or a negative errno."""

    result: int

    def __str__(self) -> str:
        return f"result {result_name(self.result)}"


class Mode(Enum):
    """Which accesses a watchpoint is about."""

    CHANGE = "changes"
    WRITE = "writes"
    READ = "reads"
    ACCESS = "reads and writes"


class AtMemory(NamedTuple):
    """An access of ``length`` bytes at ``address``; ``text`` is how it was asked for."""

    address: int
    length: int
    mode: Mode
    text: str

    def __str__(self) -> str:
        return f"{self.text} ({self.mode.value})"


Location = AtLine | AtVector | AtOp | AtResult | AtMemory


class Condition(NamedTuple):
    """An expression that must not be zero for a point to stop a run."""

    expression: Expression
    text: str


class Point:
    """A breakpoint or watchpoint with what has become of it."""

    __slots__ = ("condition", "enabled", "hits", "location", "number", "temporary")

    def __init__(
        self,
        number: int,
        location: Location,
        condition: Condition | None = None,
        temporary: bool = False,
    ) -> None:
        self.number = number
        self.location = location
        self.condition = condition
        self.temporary = temporary
        self.enabled = True
        self.hits = 0

    @property
    def is_watch(self) -> bool:
        """Whether it watches memory."""
        return isinstance(self.location, AtMemory)


def stops_before(location: Location, movements: Sequence[Movement], index: int) -> bool:
    """Whether a run stops before movement ``index`` of an entry."""
    movement = movements[index]
    instruction = instruction_at(movements, index)
    if instruction is not None:
        return _stops_at(location, movements, instruction)
    match location:
        case AtLine():
            match movement:
                case StatementBegins(statement=statement):
                    return _on_line(statement.span, location)
                case Started(op=op):
                    return _on_line(op_place(movements, op), location)
                case Scheduled(place=place):
                    return _on_line(place, location)
                case _:
                    return False
        case AtVector(vector=name):
            if isinstance(movement, Scheduled):
                return movement.operation == (name, 0)
            return isinstance(movement, Called) and vector_name(movements) == name
        case AtOp(vector=name, op=op):
            if isinstance(movement, Scheduled):
                return movement.operation == (name, op)
            return (
                isinstance(movement, Started)
                and movement.op == op
                and vector_name(movements) == name
            )
        case AtResult() | AtMemory():
            return False


def _stops_at(
    location: Location, movements: Sequence[Movement], instruction: SectionStepped
) -> bool:
    """Whether a run stops before an instruction of a section."""
    name = next(e.section.name for e in movements if isinstance(e, SectionBegins))
    match location:
        case AtLine():
            return _on_line(instruction.step.place, location)
        case AtVector(vector=wanted):
            return wanted == name and instruction.at == 0
        case AtOp(vector=wanted_name, op=op):
            return (wanted_name, op) == (name, instruction.at)
        case AtResult() | AtMemory():
            return False


def stops_after(location: Location, movement: Movement) -> bool:
    """Whether a run stops after a movement because of what it did."""
    match location:
        case AtResult(result=result):
            return isinstance(movement, Returned) and movement.result == result
        case AtMemory():
            return accesses(location, movement)
        case _:
            return False


def accesses(watched: AtMemory, movement: Movement) -> bool:
    """Whether a movement touches watched bytes in the way that is asked for."""
    match movement, watched.mode:
        case Loaded(address=address, data=data), Mode.READ | Mode.ACCESS:
            return _overlap(watched, address, len(data))
        case (Stored(address=address, before=before, after=after), mode) | (
            MemorySet(address=address, before=before, after=after),
            mode,
        ) if (
            mode is not Mode.READ
        ):
            if not _overlap(watched, address, len(after)):
                return False
            return mode is not Mode.CHANGE or _differs(watched, address, before, after)
        case _:
            return False


def may_stop(location: Location, opening: Sequence[Movement], writes: Sequence[Write]) -> bool:
    """Whether an entry can hold a stop at all, from what is known without making its call again."""
    match location:
        case AtMemory(mode=Mode.CHANGE | Mode.WRITE):
            return any(_overlap(location, each.address, len(each.before)) for each in writes)
        case AtVector(vector=name) | AtOp(vector=name):
            scheduled = bool(opening) and isinstance(opening[0], Scheduled)
            return scheduled or vector_name(opening) == name
        case _:
            return True


def call_begins(movements: Sequence[Movement]) -> CallBegins | None:
    """The call of an entry, with its vector and arguments; None for one without a call."""
    return next((each for each in movements if isinstance(each, CallBegins)), None)


def vector_name(movements: Sequence[Movement]) -> str | None:
    """The name of the vector that an entry calls."""
    begins = call_begins(movements)
    return None if begins is None or begins.vector is None else begins.vector.name


def op_place(movements: Sequence[Movement], op: int) -> Place | None:
    """Where an op of the called vector is written."""
    begins = call_begins(movements)
    if begins is not None and begins.vector is not None and op < len(begins.vector.instructions):
        return begins.vector.instructions[op].place
    copied = next((each for each in movements if isinstance(each, CopiedIn)), None)
    if copied is None or op >= len(copied.instructions):
        return None
    return copied.instructions[op].place


def same_file(name: str, written: str) -> bool:
    """Whether a file's name is what a user means, who may leave folders out."""
    return name == written or name.endswith("/" + written)


def _on_line(place: Place | None, location: AtLine) -> bool:
    return (
        isinstance(place, Span)
        and place.line == location.line
        and same_file(place.file.name, location.file)
    )


def _overlap(watched: AtMemory, address: int, length: int) -> bool:
    return address < watched.address + watched.length and watched.address < address + length


def _differs(watched: AtMemory, address: int, before: bytes, after: bytes) -> bool:
    first = max(watched.address - address, 0)
    last = watched.address + watched.length - address
    return before[first:last] != after[first:last]
