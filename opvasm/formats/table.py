"""Ops as a table for reading: a line an op, every field of the header by its name."""

from __future__ import annotations

from collections.abc import Sequence

from ..abi.layout import OP_BYTES, FieldKind
from ..abi.revisions import Abi
from ..binary import decode
from ..program import Instruction, Value
from .template import field_values

_HEAD = ("op", "offset", "name", "len", "fields")


def disassembly(data: bytes, source_name: str, abi: Abi) -> str:
    """The table of an array of struct cpu_op.  Raises DecodeError for bytes that are not whole ops."""
    return table(decode(data, abi, source_name), abi)


def table(instructions: Sequence[Instruction], abi: Abi) -> str:
    """One line for each op: index, offset in the array (bytes), name, length, fields.

    An expect_fault byte is listed where it is not zero; so are unused bytes, by their offset in the
    struct.
    """
    rows = [
        (
            str(index),
            f"{index * OP_BYTES:#05x}",
            _name(each),
            str(each.length),
            "  ".join(_fields(each, abi)),
        )
        for index, each in enumerate(instructions)
    ]
    widths = [max(len(row[column]) for row in (_HEAD, *rows)) for column in range(4)]
    return "".join(
        f"{index:>{widths[0]}}  {offset:>{widths[1]}}  {name:<{widths[2]}}  {length:>{widths[3]}}  "
        f"{fields}".rstrip() + "\n"
        for index, offset, name, length, fields in (_HEAD, *rows)
    )


def _name(instruction: Instruction) -> str:
    if instruction.operation is None:
        return f"unknown op {instruction.opcode}"
    return instruction.operation.c_name


def _fields(instruction: Instruction, abi: Abi) -> list[str]:
    fields: list[str] = []
    for field, value in field_values(instruction, abi):
        match field.kind:
            case FieldKind.EXPECT_FAULT if not value:
                continue
            case FieldKind.POINTER | FieldKind.PADDING:
                text = _hexadecimal(value)
            case FieldKind.UNSIGNED if field.size == 8:
                text = _hexadecimal(value)
            case _:
                text = str(value)
        fields.append(f"{field.name}={text}")
    return fields + _unused(instruction.extra)


def _unused(extra: Sequence[tuple[int, int]]) -> list[str]:
    """Runs of unused bytes: ``bytes 26..27=0aff``."""
    texts: list[str] = []
    start = 0
    for position, (offset, _) in enumerate(extra):
        if position + 1 == len(extra) or extra[position + 1][0] != offset + 1:
            first = extra[start][0]
            digits = bytes(byte for _, byte in extra[start : position + 1]).hex()
            place = f"byte {first}" if first == offset else f"bytes {first}..{offset}"
            texts.append(f"{place}={digits}")
            start = position + 1
    return texts


def _hexadecimal(value: Value) -> str:
    return f"{value:#x}" if isinstance(value, int) else str(value)
