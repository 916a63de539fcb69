"""What was shown of a call against what it really did."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from ..interpreter.events import Event, Stored


class Difference(NamedTuple):
    """Bytes that the call left otherwise than was shown; None where one of the two stored nothing."""

    address: int
    shown: bytes | None
    real: bytes | None


def differences(shown: Iterable[object], real: Iterable[Event]) -> tuple[Difference, ...]:
    """Where the stores of two accounts of one call differ, by address, neighbours as one."""
    first, second = _stored(shown), _stored(real)
    found: list[Difference] = []
    for address in sorted(first.keys() | second.keys()):
        ours, theirs = first.get(address), second.get(address)
        if ours == theirs:
            continue
        last = found[-1] if found else None
        if (
            last is not None
            and last.address + len(last.shown or last.real or b"") == address
            and (last.shown is None) == (ours is None)
            and (last.real is None) == (theirs is None)
        ):
            found[-1] = Difference(last.address, _more(last.shown, ours), _more(last.real, theirs))
        else:
            found.append(Difference(address, _more(b"", ours), _more(b"", theirs)))
    return tuple(found)


def _more(data: bytes | None, byte: int | None) -> bytes | None:
    return None if data is None or byte is None else data + bytes([byte])


def _stored(events: Iterable[object]) -> dict[int, int]:
    """The bytes that a call left, by address."""
    return {
        event.address + index: byte
        for event in events
        if isinstance(event, Stored)
        for index, byte in enumerate(event.after)
    }
