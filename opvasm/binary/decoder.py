"""From the bytes of ``struct cpu_op[]`` to ops: exact for every byte string of whole ops."""

from __future__ import annotations

from ..abi.layout import OP_BYTES, UNION_OFFSET
from ..abi.revisions import Abi
from ..errors import DecodeError, Diagnostic
from ..program import Instruction
from ..source import BytePlace
from .shapes import shapes_of


def decode(
    data: bytes | bytearray | memoryview, abi: Abi, name: str | None = "<bytes>"
) -> tuple[Instruction, ...]:
    """The ops that an array of ``struct cpu_op`` holds.

    Nothing is lost: padding words and unused bytes that are not zero are in ``extra``, an unknown
    opcode is an Instruction without an operation whose whole union is unused.  ``name`` is what
    the places call the bytes; None leaves the places out, for callers that decode a great many.

    Raises DecodeError when bytes are left that make no whole op.
    """
    data = bytes(data)
    count, rest = divmod(len(data), OP_BYTES)
    if rest:
        raise DecodeError([_trailing_bytes(len(data), count, rest, name or "<bytes>")])
    shapes = shapes_of(abi)
    by_bytes, unknown = shapes.by_bytes, shapes.unknown
    instructions: list[Instruction] = []
    for index in range(count):
        start = index * OP_BYTES
        end = start + OP_BYTES
        shape = by_bytes.get(data[start : start + 4], unknown)
        values = shape.fields.unpack_from(data, start)
        split = 2 + shape.addresses
        if shape.has_immediate:
            immediate = values[split]
            flags = values[split + 1 :]
        else:
            immediate = None
            flags = values[split:]
        extra: tuple[tuple[int, int], ...] = ()
        if int.from_bytes(data[start + UNION_OFFSET : end], "big") & shape.unused_mask:
            extra = tuple(
                (offset, data[start + offset]) for offset in shape.unused if data[start + offset]
            )
        instructions.append(
            Instruction(
                values[0],
                shape.operation,
                values[1],
                values[2:split],
                flags or shape.no_flags,
                immediate,
                extra,
                None if name is None else BytePlace(name, start, end, index),
            )
        )
    return tuple(instructions)


def _trailing_bytes(size: int, count: int, rest: int, name: str) -> Diagnostic:
    ops = (
        "no whole op comes"
        if count == 0
        else f"{count} whole op{'s come' if count > 1 else ' comes'}"
    )
    return Diagnostic(
        "error",
        "OPV120",
        f"{rest} byte{'s' if rest > 1 else ''} at the end make no op: an op takes {OP_BYTES} bytes",
        BytePlace(name, count * OP_BYTES, size),
        help=f"{ops} before; cut the last {rest}, or add the missing {OP_BYTES - rest}",
    )
