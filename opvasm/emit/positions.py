"""Parameters that are handed over as the number of an element of an array, and not as its address.

A pointer into the CPU's own data is worked out by the caller before the section begins, since the fallback
needs it as well. Of an element's number the section makes the address as part of the instruction that uses it,
the form for the CPU that a thread is on finds the element there, and no caller can hand over one of another CPU.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ..formats.c_words import identifier
from ..light_typing import NamedTuple
from ..program import (
    Area,
    ArgumentValue,
    Array,
    Data,
    Pointer,
    SlotAddress,
    Struct,
    Type,
    Vector,
)
from ..text.names import type_text


class Position(NamedTuple):
    """An array in the percpu data: ``offset`` and ``stride`` of its elements in bytes, how many there are.

    ``path`` is the array as C names it in the CPU's data, ``log.slot``.
    """

    path: str
    offset: int
    stride: int
    elements: int
    element: Type

    def distance(self, name: str, scale: int) -> str:
        """A C expression for how far the element is from the first one, in units of ``scale`` bytes."""
        number = f"(uint64_t){identifier(name)}"
        times = self.stride // scale
        return number if times == 1 else f"({number} * {times})"

    def address(self, area: str, name: str) -> str:
        """A C expression for the address of the element; ``area``: how C comes to the CPU's data."""
        return f"&{area}{self.path}[{identifier(name)}]"


class NoPosition(Exception):
    """An array that can't be meant, and the way out."""

    def __init__(self, message: str, help: str) -> None:
        super().__init__(message)
        self.help = help


def find_position(path: str, data: Data) -> Position:
    """The array of percpu data that is called ``path`` (``log.slot``).  Raises NoPosition."""
    first, *fields = path.split(".")
    symbol = data.symbols.get(first)
    if symbol is None or symbol.area is not Area.PERCPU:
        known = [each.name for each in data.symbols.values() if each.area is Area.PERCPU]
        help = f"percpu variables are: {', '.join(known) or 'none'}"
        raise NoPosition(f"there is no percpu variable {first!r}", help)
    found, offset = symbol.type, symbol.offset
    for name in fields:
        member = found.member(name) if isinstance(found, Struct) else None
        if member is None:
            fields_there = [m.name for m in found.members] if isinstance(found, Struct) else []
            help = f"its fields are: {', '.join(fields_there) or 'none'}"
            raise NoPosition(f"{path!r}: there is no field {name!r}", help)
        found, offset = member.type, offset + member.offset
    if not isinstance(found, Array):
        what = "has no type" if found is None else f"is a {type_text(found)}"
        raise NoPosition(f"{path!r} {what}, not an array", "name an array of percpu data")
    c_path = ".".join(identifier(each) for each in (first, *fields))
    return Position(c_path, offset, found.element.size, found.count, found.element)


def check_parameter(name: str, position: Position, vectors: Iterable[Vector]) -> None:
    """Whether a parameter can be an element of that array wherever a vector has it.  Raises NoPosition."""
    having = [each for each in vectors if each.parameter(name) is not None]
    if not having:
        raise NoPosition(f"no vector has a parameter {name!r}", "name one that is a pointer")
    for vector in having:
        parameter = vector.parameter(name)
        assert parameter is not None
        element = type_text(position.element)
        if not isinstance(parameter.type, Pointer) or parameter.type.target not in (None, element):
            raise NoPosition(
                f"{name} of {vector.name} is a {type_text(parameter.type)}, and {position.path} has "
                f"elements of {element}",
                f"declare it as ptr<{element}>",
            )
        for index in _as_address(vector, name):
            raise NoPosition(
                f"op {index} of {vector.name} uses the address that {name} is, and not what is there",
                f"only [{name}] and its fields can be found by a number",
            )


def _as_address(vector: Vector, name: str) -> Iterator[int]:
    """The ops for which a parameter is a word."""
    for index, instruction in enumerate(vector.instructions):
        word = any(
            isinstance(v, SlotAddress) and v.parameter == name for v in instruction.addresses
        )
        number = instruction.immediate
        if word or (isinstance(number, ArgumentValue) and number.parameter == name):
            yield index
