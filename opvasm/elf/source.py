"""Where the bytes of an ELF file come from: an open file, or memory."""

from __future__ import annotations

import os
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate

from ..light_typing import Protocol
from .problems import unreadable

CHUNK = 1 << 20


class Source(Protocol):
    """Bytes that can be read in any order.  ``name`` is for messages, ``size`` is in bytes."""

    name: str
    size: int

    def read(self, offset: int, size: int) -> bytes:
        """Exactly these bytes; raises ElfError where they are not all there."""


class MemorySource:
    """Bytes that are in memory, or a part of them."""

    def __init__(self, data: bytes | memoryview, name: str) -> None:
        self.name = name
        self._data = memoryview(data)
        self.size = len(self._data)

    def read(self, offset: int, size: int) -> bytes:
        """Exactly these bytes; raises ElfError where they are not all there."""
        _check(self, offset, size)
        return bytes(self._data[offset : offset + size])


class FileSource:
    """An open file, read with pread: a file that shrinks meanwhile is an error, not a SIGBUS."""

    def __init__(self, descriptor: int, name: str) -> None:
        self.name = name
        self._descriptor = descriptor
        self.size = os.fstat(descriptor).st_size

    def read(self, offset: int, size: int) -> bytes:
        """Exactly these bytes; raises ElfError where they are not all there, and OSError."""
        _check(self, offset, size)
        data = os.pread(self._descriptor, size, offset)
        while len(data) < size:
            more = os.pread(self._descriptor, size - len(data), offset + len(data))
            if not more:
                raise unreadable(self.name, "the file became shorter while it was read", offset)
            data += more
        return data


class PiecesSource:
    """Bytes in memory that came in pieces, none of them empty but perhaps the only one."""

    def __init__(self, pieces: Sequence[bytes], name: str) -> None:
        self.name = name
        self.size = sum(map(len, pieces))
        self._pieces = pieces
        self._starts = list(accumulate((len(each) for each in pieces), initial=0))

    def read(self, offset: int, size: int) -> bytes:
        """Exactly these bytes; raises ElfError where they are not all there."""
        _check(self, offset, size)
        at = bisect_right(self._starts, offset) - 1
        found = []
        while size > 0:
            begin = offset - self._starts[at]
            part = self._pieces[at][begin : begin + size]
            found.append(part)
            offset, size, at = offset + len(part), size - len(part), at + 1
        return b"".join(found)


class PartSource:
    """A part of another source, such as a member of an archive."""

    def __init__(self, whole: Source, offset: int, size: int, name: str) -> None:
        _check(whole, offset, size)
        self.name = name
        self.size = size
        self._whole = whole
        self._offset = offset

    def read(self, offset: int, size: int) -> bytes:
        """Exactly these bytes; raises ElfError where they are not all there."""
        _check(self, offset, size)
        return self._whole.read(self._offset + offset, size)


def chunks(source: Source, offset: int, size: int, unit: int = 1) -> Iterator[bytes]:
    """The bytes in pieces of about a mebibyte, each a whole number of ``unit`` bytes.

    What is left over at the end, less than a unit, is left out.
    """
    step = max(unit, CHUNK // unit * unit)
    end = offset + size // unit * unit
    while offset < end:
        length = min(step, end - offset)
        yield source.read(offset, length)
        offset += length


def _check(source: Source, offset: int, size: int) -> None:
    if offset < 0 or size < 0 or offset + size > source.size:
        end = offset + size
        message = f"bytes {offset:#x} to {end:#x} are asked for; the file has {source.size:#x}"
        raise unreadable(source.name, message, offset, end)
