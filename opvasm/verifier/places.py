"""Where a part of an op stands, in a text or in raw bytes."""

from __future__ import annotations

from collections.abc import Sequence

from ..abi.layout import OP_BYTES
from ..abi.revisions import Abi
from ..program import Instruction, Vector
from ..source import BytePlace, Place, Span


def op_place(instruction: Instruction, index: int, name: str) -> Place:
    """The whole op; for an op that came from nowhere, its bytes in an array called ``name``."""
    if instruction.place is not None:
        return instruction.place
    return BytePlace(name, index * OP_BYTES, (index + 1) * OP_BYTES, index)


def field_place(
    instruction: Instruction, index: int, field: str | None, abi: Abi, name: str
) -> Place:
    """A field of an op by the header's name; the whole op where the text does not spell it."""
    whole = op_place(instruction, index, name)
    if field is None:
        return whole
    if isinstance(whole, Span):
        for part, place in instruction.parts:
            if part == field:
                return place
        return whole
    for row in abi.fields(instruction.operation):
        if row.name == field:
            start, end = whole.start + row.offset, whole.start + row.end
            return whole._replace(start=start, end=end, op=index, field=field)
    return whole


def offset_place(
    instruction: Instruction, index: int, first: int, last: int, abi: Abi, name: str
) -> Place:
    """The bytes ``first`` to ``last`` of the struct, both included."""
    whole = op_place(instruction, index, name)
    if isinstance(whole, BytePlace):
        return whole._replace(start=whole.start + first, end=whole.start + last + 1)
    named = [place for part, place in instruction.parts if part in _byte_names(first, last)]
    spans = [place for place in named if isinstance(place, Span)]
    return spans[0].to(spans[-1]) if spans else whole


def _byte_names(first: int, last: int) -> set[str]:
    return {f"byte {offset}" for offset in range(first, last + 1)}


def ops_place(instructions: Sequence[Instruction], first: int, name: str) -> Place:
    """The ops from index ``first`` on: the first of them in a text, all of their bytes in raw input."""
    place = op_place(instructions[first], first, name)
    if isinstance(place, BytePlace):
        last = op_place(instructions[-1], len(instructions) - 1, name)
        end = last.end if isinstance(last, BytePlace) else place.end
        return place._replace(end=end, op=None)
    return place


def vector_place(vector: Vector, name: str) -> Place:
    """The vector itself: its name in a text, all of its bytes in raw input."""
    if vector.place is not None:
        return vector.place
    return BytePlace(name, 0, len(vector.instructions) * OP_BYTES)
