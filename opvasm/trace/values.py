"""Bytes of memory as a person reads them."""

from __future__ import annotations

from ..abi.layout import ByteOrder
from ..abi.ops import WORD_LENGTHS
from .names import Names

SHOWN_BYTES = 16
# Numbers below it read better in decimal.
DECIMAL_MAX = 4096


def number(data: bytes, byteorder: ByteOrder, names: Names) -> str:
    """A word as a number, with the variable whose address it is."""
    value = int.from_bytes(data, byteorder)
    if value < DECIMAL_MAX:
        return str(value)
    address = names.address(value) if len(data) == names.program.abi.model.word else None
    return f"{value:#x}" if address is None else f"{value:#x} ({address})"


def value(data: bytes, names: Names) -> str:
    """Bytes of any length: a word as a number, others in hexadecimal in the order of memory."""
    if len(data) in WORD_LENGTHS:
        return number(data, names.program.abi.model.byteorder, names)
    if not data:
        return "no bytes"
    shown = data[:SHOWN_BYTES].hex(" ")
    return f"{shown} … ({len(data)} bytes)" if len(data) > SHOWN_BYTES else shown


def change(before: bytes, after: bytes, names: Names) -> str:
    """Bytes before and after a store; of long ones, the part that has changed."""
    if before == after:
        return f"{value(after, names)} (as before)"
    if len(after) in WORD_LENGTHS or len(after) <= SHOWN_BYTES // 2:
        return f"{value(before, names)} -> {value(after, names)}"
    first = next(i for i, pair in enumerate(zip(before, after, strict=False)) if pair[0] != pair[1])
    count = sum(a != b for a, b in zip(before, after, strict=False))
    old, new = before[first : first + SHOWN_BYTES // 2], after[first : first + SHOWN_BYTES // 2]
    return f"{count} of {len(after)} bytes changed, from byte {first}: {old.hex(' ')} -> {new.hex(' ')}"


def difference(a: bytes, b: bytes) -> str | None:
    """Where two long runs of bytes differ first; None for words, whose values say it."""
    if len(a) in WORD_LENGTHS or a == b:
        return None
    first = next(i for i, pair in enumerate(zip(a, b, strict=False)) if pair[0] != pair[1])
    return f"byte {first} is the first that differs: {a[first]:#04x} and {b[first]:#04x}"
