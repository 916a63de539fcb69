"""Which op wrote some bytes last, and which before it: found in the history."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ..interpreter.events import Stored
from ..scenario.events import MemorySet
from .movements import Movement
from .packing import SET_UP, Write
from .session import Session


class Writer(NamedTuple):
    """A write to watched bytes: by op ``op`` of the call in entry ``entry``, or by the test itself.

    ``op`` None is the test.  ``before`` and ``after`` are all of the watched bytes, before and
    after this write.  ``opening`` are the entry's movements before its call; ``position`` is where
    the entry begins.
    """

    entry: int
    op: int | None
    before: bytes
    after: bytes
    opening: Sequence[Movement]
    position: int


def writers(session: Session, address: int, length: int) -> Iterator[Writer]:
    """Every write that touched a range so far, the last one first.

    The machine does not move and no call is made again.  Raises Fault where the range is not
    mapped.
    """
    bytes_now = bytearray(session.holder.memory.read(address, length))
    timeline = session.timeline
    done = session.movements[: session.index]
    for number in range(session.entry, -1, -1):
        if number == session.entry:
            found = [write for movement in done if (write := _write(movement)) is not None]
            opening: Sequence[Movement] = session.movements
        else:
            found = timeline.writes(number)
            opening = timeline.opening(number)
        for op, start, before in reversed(found):
            first, last = max(start, address), min(start + len(before), address + length)
            if first >= last:
                continue
            after = bytes(bytes_now)
            bytes_now[first - address : last - address] = before[first - start : last - start]
            yield Writer(
                number,
                None if op == SET_UP else op,
                bytes(bytes_now),
                after,
                opening,
                timeline.starts[number],
            )


def _write(movement: Movement) -> Write | None:
    match movement:
        case Stored(op=op, address=address, before=before):
            return Write(op, address, before)
        case MemorySet(address=address, before=before):
            return Write(SET_UP, address, before)
        case _:
            return None
