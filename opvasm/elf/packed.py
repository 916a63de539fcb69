"""Relocations that take less room than a table of them: RELR, and the groups of Android's loader.

RELR is in the generic ABI (DT_RELR).  Android's form is "APS2" of bionic's linker, which lld writes with
--pack-dyn-relocs=android: numbers of variable length (signed LEB128), in groups that share what is equal.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from .file import ElfFile
from .problems import unreadable
from .source import chunks

# Each tag beside that of its size; the second pair is older and Android's own.
_RELR = ((36, 35), (0x6FFF_E000, 0x6FFF_E001))
_ANDROID = ((0x6000_000F, 0x6000_0010, False), (0x6000_0011, 0x6000_0012, True))  # REL, RELA
_SAME_INFO, _SAME_STEP, _SAME_ADDEND, _ADDENDS = 1, 2, 4, 8


def packed_relative(file: ElfFile, low: int = 0, high: int = 1 << 64) -> Iterator[int]:
    """The addresses from ``low`` up to ``high`` of the words that DT_RELR relocates in place."""
    for tag, size_tag in _RELR:
        address, size = file.dynamic.get(tag), file.dynamic.get(size_tag, 0)
        if address is not None and size:
            yield from _relr(file, file.held(address, "relocations"), size, low, high)


def _relr(file: ElfFile, offset: int, size: int, low: int, high: int) -> Iterator[int]:
    word = file.word_bytes
    span = word * (8 * word - 1)
    place = 0
    for chunk in chunks(file.source, offset, size, word):
        for (entry,) in struct.iter_unpack(file.order + ("Q" if word == 8 else "I"), chunk):
            if not entry & 1:
                if low <= entry < high:
                    yield entry
                place = entry + word
                continue
            if place < high and place + span > low:
                for bit in range(8 * word - 1):
                    if entry >> bit + 1 & 1 and low <= place + bit * word < high:
                        yield place + bit * word
            place += span


def android_entries(file: ElfFile, low: int = 0, high: int = 1 << 64) -> Iterator[tuple[int, ...]]:
    """What is packed for Android's loader at addresses from ``low`` up to ``high``: entries of REL or RELA.

    Other loaders don't know these tables and leave such words as they are.  Raises ElfError.
    """
    for tag, size_tag, addends in _ANDROID:
        address, size = file.dynamic.get(tag), file.dynamic.get(size_tag, 0)
        if address is not None and size:
            offset = file.held(address, "relocations")
            if file.source.read(offset, min(size, 4)) != b"APS2":
                raise unreadable(
                    file.name, "packed relocations that do not begin with APS2", offset
                )
            numbers = _signed_numbers(file, offset + 4, size - 4)
            count = next(numbers)
            if not 0 <= count <= file.source.size // file.word_bytes:
                message = f"{count} packed relocations are more than the file has words"
                if count < 0:
                    message = f"{count} packed relocations"
                raise unreadable(file.name, message, offset)
            for entry in _groups(file, numbers, count):
                if low <= entry[0] < high:
                    yield entry if addends else entry[:2]


def _groups(file: ElfFile, numbers: Iterator[int], left: int) -> Iterator[tuple[int, int, int]]:
    address, addend = next(numbers), 0
    while left > 0:
        size, flags = min(next(numbers), left), next(numbers)
        if size < 0:  # what is left would grow, and the next group could be of any size
            raise unreadable(file.name, f"a group of {size} packed relocations")
        left -= size
        step = next(numbers) if flags & _SAME_STEP else 0
        info = next(numbers) if flags & _SAME_INFO else 0
        if not flags & _ADDENDS:
            addend = 0
        elif flags & _SAME_ADDEND:
            addend += next(numbers)
        for _ in range(size):
            address += step if flags & _SAME_STEP else next(numbers)
            info = info if flags & _SAME_INFO else next(numbers)
            if flags & (_SAME_ADDEND | _ADDENDS) == _ADDENDS:
                addend += next(numbers)
            yield address, info, addend


def _signed_numbers(file: ElfFile, offset: int, size: int) -> Iterator[int]:
    """Signed LEB128 numbers, of at most ten bytes each; ElfError for whoever asks after the last."""
    value = shift = 0
    for chunk in chunks(file.source, offset, size):
        for byte in chunk:
            value |= (byte & 0x7F) << shift
            shift += 7
            if not byte & 0x80:
                yield value - (1 << shift) if byte & 0x40 else value
                value = shift = 0
            elif shift == 70:
                raise unreadable(file.name, "packed relocations with a number of over ten bytes")
    raise unreadable(file.name, "packed relocations that are cut off", offset, offset + size)
