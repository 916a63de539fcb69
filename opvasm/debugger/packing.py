"""What a call changed, packed: some twenty bytes a store instead of several objects.

A long run keeps one such string for each call.  It says what was there before, which is all that
going back takes, and which op wrote where, which is what ``who`` asks.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from struct import Struct
from typing import NamedTuple

from ..abi.pages import PageKind
from ..interpreter.events import Moved, PageChange, Pinned, PinRefused, Stored
from ..scenario.events import MemorySet
from .effects import Holder
from .movements import Movement

_KINDS = tuple(PageKind)
_KIND_NUMBERS = {kind: number for number, kind in enumerate(_KINDS)}
# A tag, then: op, address and length in bytes, followed by the bytes …
_STORE = Struct("<chQI")
# … or page address and the numbers of two kinds …
_PAGE = Struct("<cQBB")
# … or a CPU.
_CPU = Struct("<ci")
_STORED, _CHANGED, _MOVED = b"S", b"P", b"C"
_PLAIN, _COMPRESSED = b"\0", b"\1"
# Below this compressing costs more than it saves.
COMPRESS_FROM = 160
# In the place of an op's index: the debugger's user wrote, or the test itself.
SET_UP = -1


class Write(NamedTuple):
    """Op ``op`` of a call wrote at ``address``; ``before`` is what was there."""

    op: int
    address: int
    before: bytes


def pack(movements: Iterable[Movement]) -> bytes:
    """Everything that the movements changed, in their order."""
    parts: list[bytes] = []
    for movement in movements:
        match movement:
            case Stored(op=op, address=address, before=before):
                parts.append(_STORE.pack(_STORED, op, address, len(before)) + before)
            case MemorySet(address=address, before=before):  # by `set`, while the call ran
                parts.append(_STORE.pack(_STORED, SET_UP, address, len(before)) + before)
            case Pinned(changes=changes) | PinRefused(changes=changes):
                parts.extend(
                    _PAGE.pack(
                        _CHANGED, each.page, _KIND_NUMBERS[each.before], _KIND_NUMBERS[each.after]
                    )
                    for each in changes
                )
            case Moved(source=source, target=target) if source != target:
                parts.append(_CPU.pack(_MOVED, source))
            case _:
                pass
    data = b"".join(parts)
    if len(data) >= COMPRESS_FROM:
        smaller = zlib.compress(data, 1)
        if len(smaller) < len(data):
            return _COMPRESSED + smaller
    return _PLAIN + data if data else b""


def _unpack(packed: bytes) -> Iterator[Write | PageChange | int]:
    """The changes in their order; a number is the CPU that the caller was on."""
    data = zlib.decompress(packed[1:]) if packed[:1] == _COMPRESSED else packed[1:]
    position = 0
    while position < len(data):
        match data[position : position + 1]:
            case b"S":
                _, op, address, length = _STORE.unpack_from(data, position)
                position += _STORE.size + length
                yield Write(op, address, data[position - length : position])
            case b"P":
                _, page, before, after = _PAGE.unpack_from(data, position)
                position += _PAGE.size
                yield PageChange(page, _KINDS[before], _KINDS[after])
            case _:
                _, cpu = _CPU.unpack_from(data, position)
                position += _CPU.size
                yield cpu


def revert_packed(packed: bytes, holder: Holder) -> None:
    """Undo everything, the last change first."""
    memory = holder.memory
    for change in reversed(list(_unpack(packed))):
        match change:
            case Write(address=address, before=before):
                memory.write(address, before)
            case PageChange(page=page, before=kind):
                memory.pages[page >> memory.shift].kind = kind
            case cpu:
                holder.cpus.current = cpu


def writes(packed: bytes) -> list[Write]:
    """The stores, in their order."""
    return [change for change in _unpack(packed) if isinstance(change, Write)]
