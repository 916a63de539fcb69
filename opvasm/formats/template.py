"""The bytes of a vector that is not bound: zeros where a value is to come, and a list of those.

What an object file or a loader needs, made from the field table alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..abi.layout import OP_BYTES, Field, FieldKind
from ..abi.revisions import Abi
from ..binary import encode
from ..light_typing import NamedTuple
from ..program import Instruction, Relocation


class Hole(NamedTuple):
    """A field of an op whose value is not known yet; ``offset`` counts from the vector's start."""

    op: int
    field: Field
    offset: int
    value: Relocation


def template(instructions: Sequence[Instruction], abi: Abi) -> bytes:
    """The ops' bytes with zeros in the fields that hold relocations."""
    return encode(
        [
            each._replace(
                addresses=tuple(v if isinstance(v, int) else 0 for v in each.addresses),
                immediate=_known(each),
            )
            for each in instructions
        ],
        abi,
    )


def _known(instruction: Instruction) -> int | None:
    value = instruction.immediate
    return value if value is None or isinstance(value, int) else 0


def holes(instructions: Sequence[Instruction], abi: Abi) -> Iterator[Hole]:
    """The fields that hold relocations, by op and by their offset in it."""
    for index, instruction in enumerate(instructions):
        if instruction.is_bound:
            continue
        for field, value in field_values(instruction, abi):
            if not isinstance(value, int):
                yield Hole(index, field, index * OP_BYTES + field.offset, value)


def field_values(instruction: Instruction, abi: Abi) -> Iterator[tuple[Field, int | Relocation]]:
    """The fields of an op's union, padding left out, with what each holds, by their offset."""
    operation = instruction.operation
    if operation is None:
        return
    values: dict[str, int | Relocation] = {}
    for operand, address, flag in instruction.operands():
        values[operand.name] = address
        values[operand.expect_fault_name] = flag
    if operation.immediate is not None and instruction.immediate is not None:
        values[operation.immediate.name] = instruction.immediate
    for field in abi.fields(operation):
        if field.kind is not FieldKind.PADDING and field.name in values:
            yield field, values[field.name]
