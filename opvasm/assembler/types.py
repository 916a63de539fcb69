"""Types without a program: the numbers, natural alignment, and how large things may be."""

from __future__ import annotations

from ..program import Array, Struct, Type

# No type is larger (bytes): the machine's areas have to fit into a 32-bit address space.
TYPE_SIZE_MAX = 128 << 20
# Structs in structs: keeps walks over types inside Python's own limit of calls.
NESTING_MAX = 16
# No literal is larger (bytes): more than any op of any revision may touch.
LITERAL_MAX = 64 << 10


def number_text(value: int) -> str:
    """A number in a message: decimal where that is easier to read."""
    return str(value) if abs(value) < 1 << 20 else f"{value:#x}"


def aligned(offset: int, alignment: int) -> int:
    """The first multiple of ``alignment`` at or after ``offset``."""
    return -(-offset // alignment) * alignment


def alignment_of(type: Type) -> int:
    """The natural alignment of a type in bytes: every address of it is a multiple."""
    while isinstance(type, Array):
        type = type.element
    return type.alignment if isinstance(type, Struct) else type.size
