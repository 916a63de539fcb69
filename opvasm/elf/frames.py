"""Where functions begin and end, by the unwind tables: a stripped program still has those.

PT_GNU_EH_FRAME is a sorted table of (function, FDE); a lookup reads the few bytes that it needs.
"""

from __future__ import annotations

from ..light_typing import NamedTuple
from .file import PT_GNU_EH_FRAME, ElfFile
from .problems import ElfError

_ENTRY = 8
_USUAL = (0x1B, 0x03, 0x3B)  # encodings: pcrel sdata4, udata4, datarel sdata4: what linkers write


class Extent(NamedTuple):
    """The addresses of a function, from ``start`` up to ``end``."""

    start: int
    end: int


class Frames:
    """The table of one file; ``count`` is 0 where it has none, or one that no linker writes."""

    def __init__(self, file: ElfFile) -> None:
        self._file = file
        self.count = 0
        self._base = self._table = 0
        self._read: dict[int, tuple[int, int]] = {}  # searches look at the same middles first
        self._order = "little" if file.order == "<" else "big"
        segment = next((each for each in file.segments if each.kind == PT_GNU_EH_FRAME), None)
        if segment is None or segment.file_size < 12:
            return
        try:
            head = file.source.read(segment.offset, 12)
        except ElfError:
            return
        if head[0] != 1 or tuple(head[1:4]) != _USUAL:
            return
        count = int.from_bytes(head[8:12], self._order)  # type: ignore[arg-type]
        if 12 + count * _ENTRY > segment.file_size:
            return
        self.count = count
        self._base, self._table = segment.address, segment.offset + 12

    def around(self, address: int) -> Extent | None:
        """The function that an address is in; None where no table says.  Raises ElfError."""
        low, high = 0, self.count
        while low < high:
            middle = (low + high) // 2
            if self._entry(middle)[0] <= address:
                low = middle + 1
            else:
                high = middle
        if not low:
            return None
        start, description = self._entry(low - 1)
        size = self._size(description)
        if size is None or not start <= address < start + size:
            return None
        return Extent(start, start + size)

    def _entry(self, index: int) -> tuple[int, int]:
        known = self._read.get(index)
        if known is None:
            data = self._file.source.read(self._table + index * _ENTRY, _ENTRY)
            known = self._base + self._signed(data[:4]), self._base + self._signed(data[4:])
            self._read[index] = known
        return known

    def _size(self, description: int) -> int | None:
        """The bytes of code that an FDE covers: its second word, as wide as the CIE says."""
        head = self._file.available(description, 24)
        if len(head) < 16:  # two words and two numbers of four bytes: the shortest there is
            return None
        back = int.from_bytes(head[4:8], self._order)  # type: ignore[arg-type]
        encoding = self._pointer_encoding(description + 4 - back)
        if encoding is None:
            return None
        match encoding & 7:
            case 3:
                return int.from_bytes(head[12:16], self._order)  # type: ignore[arg-type]
            case 4:
                return int.from_bytes(head[16:24], self._order) if len(head) == 24 else None  # type: ignore[arg-type]
            case 0:
                word = self._file.word_bytes
                return int.from_bytes(head[8 + word : 8 + 2 * word], self._order)  # type: ignore[arg-type]
            case _:
                return None

    def _pointer_encoding(self, cie: int) -> int | None:
        """The encoding of addresses in the FDEs of a CIE: the ``R`` of its augmentation."""
        data = self._file.available(cie, 64)
        end = data.find(b"\0", 9)
        if len(data) < 12 or end < 0 or data[8] not in (1, 3):
            return None
        augmentation = data[9:end]
        at = end + 1
        if not augmentation.startswith(b"z"):
            return 0
        for _ in range(
            4 if augmentation else 3
        ):  # alignments, return register, length of what follows
            while at < len(data) and data[at] & 0x80:
                at += 1
            at += 1
        for letter in augmentation[1:]:
            if at >= len(data):
                return None
            match chr(letter):
                case "R":
                    return data[at]
                case "L":
                    at += 1
                case "P":
                    at += 1 + (8 if data[at] & 7 in (0, 4) else 4)
                case "S" | "B":
                    pass
                case _:
                    return None
        return 0

    def _signed(self, data: bytes) -> int:
        return int.from_bytes(data, self._order, signed=True)  # type: ignore[arg-type]
