"""Values and memory as ``print`` and ``x`` show them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from ..machine import Fault
from ..program import Array, Pointer, Scalar, Struct, Type
from ..scenario.evaluate import Value, decode_value
from ..trace.names import Names
from .locations import CommandError
from .session import Session
from .wording import number_text, title

_FORMAT = re.compile(r"/(?P<count>\d*)(?P<letters>[a-z]*)$")
_SIZES = {"b": 1, "h": 2, "w": 4, "g": 8}
_COUNT_MAX = 4096


class Format(NamedTuple):
    """``/8xb``: how many, in which base (x, d, u, o, t, c), of which size in bytes."""

    units: int = 1
    base: str = ""
    size: int | None = None


def parse_format(word: str) -> Format:
    """A format with its slash.  Raises CommandError."""
    match = _FORMAT.match(word)
    base, size = "", None
    for letter in "" if match is None else match["letters"]:
        if letter in _SIZES:
            size = _SIZES[letter]
        elif letter in "xduotc":
            base = letter
        else:
            match = None
            break
    count = 1 if match is None or not match["count"] else int(match["count"])
    if match is None or not 1 <= count <= _COUNT_MAX:
        raise CommandError(
            f"{word} is not a format: /COUNT (1 to {_COUNT_MAX}), then one of x d u o t c for the "
            "base, then one of b h w g for 1, 2, 4 or 8 bytes, such as /8xb"
        )
    return Format(count, base, size)


def formatted(number: int, base: str, names: Names, size: int = 8) -> str:
    """A number in a base; without one as it reads best.

    As gdb does, d takes the bits of ``size`` bytes as signed, the others as unsigned.
    """
    bits = 8 * size
    if base in ("x", "o", "t", "u") and -(1 << (bits - 1)) <= number < 0:
        number += 1 << bits
    if base == "d" and 1 << (bits - 1) <= number < 1 << bits:
        number -= 1 << bits
    match base:
        case "x":
            return f"{number:#0{2 * size + 2}x}" if number >= 0 else f"{number:#x}"
        case "o":
            return f"{number:#o}"
        case "t":
            return f"{number:#b}"
        case "c":
            return f"{number} {chr(number)!r}" if 32 <= number < 127 else str(number)
        case "d" | "u":
            return str(number)
        case _:
            return number_text(number, names)


def typed_text(value: Value, kind: Type | None, base: str, session: Session, names: Names) -> str:
    """A value of a type: a struct by its fields, an array by its elements."""
    if isinstance(value, int):
        size = kind.size if isinstance(kind, Scalar | Pointer) else session.program.abi.model.word
        return formatted(value, base, names, size)
    if isinstance(kind, Struct):
        fields = (
            f".{each.name} = {_part(value, each.offset, each.type, base, session, names)}"
            for each in kind.members
        )
        return "{ " + ", ".join(fields) + " }"
    assert isinstance(kind, Array)
    size = kind.element.size
    parts = [
        _part(value, index * size, kind.element, base, session, names)
        for index in range(kind.count)
    ]
    return "{ " + ", ".join(_repeated(parts)) + " }"


def _part(data: bytes, offset: int, kind: Type, base: str, session: Session, names: Names) -> str:
    piece = data[offset : offset + kind.size]
    return typed_text(decode_value(piece, kind, session.program), kind, base, session, names)


def _repeated(parts: list[str]) -> Iterator[str]:
    """Parts with runs of more than four equal ones said once, at most 200 of them."""
    index = shown = 0
    while index < len(parts):
        run = 1
        while index + run < len(parts) and parts[index + run] == parts[index]:
            run += 1
        if shown >= 200:
            yield f"… {len(parts) - index} more"
            return
        if run > 4:
            yield f"{parts[index]} <{run} times>"
        else:
            yield from parts[index : index + run]
        shown += 1
        index += run


def dump(address: int, form: Format, session: Session, names: Names) -> Iterator[str]:
    """Memory in rows of 8 bytes (16 of larger units), each with its name.  Raises Fault."""
    size = form.size or session.program.abi.model.word
    order = session.program.abi.model.byteorder
    per_row = 8 if size == 1 else max(1, 16 // size)
    base = form.base or "x"
    for first in range(0, form.units, per_row):
        cells = []
        start = address + first * size
        for index in range(first, min(form.units, first + per_row)):
            try:
                data = session.holder.memory.read(address + index * size, size)
            except Fault as fault:
                cells.append(f"not mapped (page {fault.page:#x})")
                break
            cells.append(
                formatted(int.from_bytes(data, order, signed=base == "d"), base, names, size)
            )
        name = title(names, start, size)
        named = "" if name.startswith("@0x") else f" <{name}>"
        yield f"{start:#x}{named}:\t" + "  ".join(cells)
