"""What deflate has packed, read in any order: neither unpacked to disk nor held in memory.

A packed stream can be read from its start alone.  On the first way through it the state of zlib is kept
every so many bytes (a copy has the last 32 KiB and zlib's tables), and what is asked for later
is unpacked again from the nearest state before it.
"""

from __future__ import annotations

import zlib
from bisect import bisect_right
from collections import OrderedDict

from ..elf.problems import ElfError, unreadable
from ..elf.source import Source

DEFLATE, GZIP = -zlib.MAX_WBITS, 16 + zlib.MAX_WBITS  # how zlib is told which of them it is
_GZIP_MAGIC = b"\x1f\x8b"
_INPUT = 1 << 14  # packed bytes at a time: a state that is kept holds what is left of them, too
_STEP = 1 << 18  # bytes between two states, at first
_STATES_MAX = 1 << 10  # about 48 KiB each
_PIECES = 1 << 24  # bytes that were unpacked last and are kept
_ENDLESS = 1 << 62


class Inflated:
    """A source of what is packed in ``packed``, from ``offset`` on, in ``packed_size`` bytes.

    ``form`` is DEFLATE or GZIP.  ``size`` and ``crc`` are what a container says of the bytes; of gzip's
    streams the size is not known before their end.
    """

    def __init__(
        self,
        packed: Source,
        offset: int,
        packed_size: int,
        name: str,
        form: int = GZIP,
        size: int = _ENDLESS,
        crc: int | None = None,
    ) -> None:
        self.name = name
        self.size = size
        self._crc_wanted, self._crc = crc, 0
        self._front = _State(packed, offset, offset + packed_size, name, form)
        self._reached = 0  # unpacked once, and states kept
        self._ended = False
        self._step = _STEP
        self._starts: list[int] = []
        self._states: list[_State] = []
        self._pieces: OrderedDict[int, bytes] = OrderedDict()  # by their starts

    def read(self, offset: int, size: int) -> bytes:
        """Exactly these bytes; raises ElfError where they are not all there."""
        found = self.some(offset, size)
        if len(found) < size or offset < 0:
            end = offset + size
            message = f"bytes {offset:#x} to {end:#x} are asked for; {self._reached:#x} are there"
            raise unreadable(self.name, message, offset, end)
        return found

    def some(self, offset: int, size: int) -> bytes:
        """These bytes, as far as they are there.  Raises ElfError for what can't be unpacked."""
        found = []
        size = min(size, self.size - offset)
        while size > 0:
            start, piece = self._piece(offset)
            part = piece[offset - start : offset - start + size]
            if not part:
                break
            found.append(part)
            offset, size = offset + len(part), size - len(part)
        return b"".join(found)

    def forget(self, before: int) -> None:
        """What lies before an offset will not be asked for any more."""
        kept = max(0, bisect_right(self._starts, before) - 1)
        del self._starts[:kept], self._states[:kept]

    def _piece(self, offset: int) -> tuple[int, bytes]:
        """The piece in which a byte is, and where it begins; an empty one after the last byte."""
        while offset >= self._reached and not self._ended:
            self._go_on()
        if offset >= self._reached:
            return offset, b""
        at = bisect_right(self._starts, offset) - 1
        if at < 0:
            raise unreadable(self.name, "bytes that were given up are asked for", offset)
        start = self._starts[at]
        piece = self._pieces.get(start)
        if piece is None:
            end = self._starts[at + 1] if at + 1 < len(self._starts) else self._reached
            piece = self._states[at].copy().take(end - start)
            self._keep(start, piece)
        else:
            self._pieces.move_to_end(start)
        return start, piece

    def _go_on(self) -> None:
        """Unpack the next piece for the first time."""
        start = self._reached
        if len(self._states) >= _STATES_MAX:
            self._step *= 2
            del self._starts[1::2], self._states[1::2]
            self._pieces.clear()
        self._starts.append(start)
        self._states.append(self._front.copy())
        piece = self._front.take(min(self._step, self.size - start))
        self._reached += len(piece)
        self._ended = len(piece) < self._step or self._reached == self.size
        if self._crc_wanted is not None:
            self._crc = zlib.crc32(piece, self._crc)
            if self._ended and self._crc != self._crc_wanted:
                message = (
                    f"the bytes' CRC-32 is {self._crc:#010x}; {self._crc_wanted:#010x} is written"
                )
                raise unreadable(self.name, message)
        self._keep(start, piece)

    def _keep(self, start: int, piece: bytes) -> None:
        self._pieces[start] = piece
        while len(self._pieces) > max(2, _PIECES // self._step):
            self._pieces.popitem(last=False)


class _State:
    """Where zlib is in a packed stream: what it needs to go on."""

    def __init__(self, packed: Source, at: int, end: int, name: str, form: int) -> None:
        self._packed, self._at, self._end = packed, at, end
        self._name, self._form = name, form
        self._engine = zlib.decompressobj(form)

    def copy(self) -> _State:
        """The same state, to go on from here again."""
        other = _State.__new__(_State)
        other._packed, other._at, other._end = self._packed, self._at, self._end
        other._name, other._form = self._name, self._form
        other._engine = self._engine.copy()
        return other

    def take(self, size: int) -> bytes:
        """The next bytes; fewer only where the stream ends.  Raises ElfError."""
        found = []
        while size > 0:
            if self._engine.eof and not self._another():
                break
            data = self._engine.unconsumed_tail or self._input()
            try:
                part = self._engine.decompress(data, size)
            except zlib.error as error:
                raise self._problem(f"it can't be unpacked: {error}") from None
            if not part and not data and not self._engine.eof:
                raise self._problem("it is cut off")
            found.append(part)
            size -= len(part)
        return b"".join(found)

    def _input(self) -> bytes:
        data = self._packed.read(self._at, min(_INPUT, self._end - self._at))
        self._at += len(data)
        return data

    def _another(self) -> bool:
        """Whether another gzip stream follows, as in what several programs have written."""
        if self._form != GZIP:
            return False
        at = self._at - len(self._engine.unused_data)
        if self._packed.read(at, min(2, self._end - at)) != _GZIP_MAGIC:
            return False
        self._at = at
        self._engine = zlib.decompressobj(self._form)
        return True

    def _problem(self, message: str) -> ElfError:
        return unreadable(self._name, message)
