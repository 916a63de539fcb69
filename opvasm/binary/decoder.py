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
        raise DecodeError([_trailing_bytes(data, count, rest, name or "<bytes>")])
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


def _trailing_bytes(data: bytes, count: int, rest: int, name: str) -> Diagnostic:
    before = {0: "no whole op comes", 1: "1 whole op comes"}.get(count, f"{count} whole ops come")
    cut = f"{before} before; cut the last {rest}, or add the missing {OP_BYTES - rest}"
    made = f"{rest} bytes at the end make" if rest > 1 else "1 byte at the end makes"
    return Diagnostic(
        "error",
        "OPV120",
        f"{made} no op: an op takes {OP_BYTES} bytes",
        BytePlace(name, count * OP_BYTES, len(data)),
        help=_looks_like(data) or cut,
    )


def _looks_like(data: bytes) -> str | None:
    """What bytes that are not ops may be instead."""
    head = data[:256]
    if not head.isascii() or any(byte < 32 and byte not in b"\t\r\n" for byte in head):
        return None
    if not head.strip(b"0123456789abcdefABCDEF \t\r\n"):
        return "the input looks like hexadecimal digits, which disasm reads with --from hex"
    if head.lstrip().startswith(b"{"):
        return "the input looks like JSON; raw ops are bytes"
    return "the input looks like a text, which asm reads"
