"""How the 32 bytes of each op are packed: one ``struct.Struct`` an op, made from the op table.

The table's fields are asked once per revision and data model; encoding and decoding then cost one
call of the struct module an op.
"""

from __future__ import annotations

from struct import Struct

from ..abi.layout import OP_BYTES, DataModel, Field, FieldKind
from ..abi.ops import Operation
from ..abi.revisions import Abi, Revision
from ..light_typing import NamedTuple

_LETTERS = {1: "B", 2: "H", 4: "I", 8: "Q"}


class Shape(NamedTuple):
    """The packing of one op.

    ``fields`` packs op, len, the addresses, then the immediate if there is one, then the
    expect_fault bytes; everything else is zero.  ``unused`` are the offsets (bytes) that no kernel
    reads, ``unused_mask`` has their bits set in the union read as one big-endian number.
    """

    operation: Operation | None
    fields: Struct
    addresses: int
    has_immediate: bool
    flags: int
    no_flags: tuple[int, ...]
    unused: tuple[int, ...]
    unused_mask: int


class Shapes(NamedTuple):
    """The packings of a revision in a data model, by opcode and by the opcode's four bytes."""

    revision: Revision
    model: DataModel
    by_opcode: dict[int, Shape]
    by_bytes: dict[bytes, Shape]
    unknown: Shape


def letter(field: Field) -> str:
    """The struct module's letter for a field."""
    code = _LETTERS[field.size]
    return code.lower() if field.kind is FieldKind.SIGNED else code


def _shape(abi: Abi, operation: Operation | None) -> Shape:
    fields = [each for each in abi.fields(operation) if each.kind is not FieldKind.PADDING]
    pointers = [each.name for each in fields if each.kind is FieldKind.POINTER]
    flags = [each.name for each in fields if each.kind is FieldKind.EXPECT_FAULT]
    operands = operation.operands if operation is not None else ()
    immediate = operation.immediate if operation is not None else None
    expected = [
        "op",
        "len",
        *(operand.name for operand in operands),
        *([immediate.name] if immediate is not None else []),
        *(operand.expect_fault_name for operand in operands if abi.revision.expect_fault),
    ]
    if [each.name for each in fields] != expected:
        raise ValueError(f"the fields of {operation} do not stand in the order of its operands")
    text = "<" if abi.model.byteorder == "little" else ">"
    position = 0
    for field in fields:
        text += "x" * (field.offset - position) + letter(field)
        position = field.end
    text += "x" * (OP_BYTES - position)
    unused = abi.unused(operation)
    mask = sum(0xFF << (8 * (OP_BYTES - 1 - offset)) for offset in unused)
    return Shape(
        operation=operation,
        fields=Struct(text),
        addresses=len(pointers),
        has_immediate=immediate is not None,
        flags=len(flags),
        no_flags=(0,) * len(operands),
        unused=unused,
        unused_mask=mask,
    )


_known: dict[tuple[int, int], Shapes] = {}


def shapes_of(abi: Abi) -> Shapes:
    """The packings of an Abi; the page size plays no part.

    Kept by identity, since hashing a whole revision would cost more than decoding an op; the value
    holds the revision and the model, so that no other object can take their identities.
    """
    key = id(abi.revision), id(abi.model)
    found = _known.get(key)
    if found is None:
        by_opcode = {
            opcode: _shape(abi, operation)
            for opcode, operation in enumerate(abi.revision.operations)
        }
        by_bytes = {
            opcode.to_bytes(4, abi.model.byteorder): shape for opcode, shape in by_opcode.items()
        }
        found = Shapes(abi.revision, abi.model, by_opcode, by_bytes, _shape(abi, None))
        _known[key] = found
    return found
