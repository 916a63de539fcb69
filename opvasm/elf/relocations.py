"""What the loader or linker writes into a file's words, looked up by address.

A program of a hundred megabytes has hundreds of thousands of relocations and a question is about a
few: they are unpacked in bulk and filtered by address before anything is made of them.
"""

from __future__ import annotations

import struct
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence

from ..light_typing import NamedTuple
from .file import SHT_REL, SHT_RELA, ElfFile, FileSection
from .packed import android_entries, packed_relative
from .source import chunks
from .symbols import Symbol, dynamic_symbol, symbol_at

_DT_RELA, _DT_RELASZ, _DT_REL, _DT_RELSZ = 7, 8, 17, 18
_MIPS = 8

Ranges = Sequence[tuple[int, int]]


class Relocation(NamedTuple):
    """A relocation at an address.  ``addend`` is None where it stands in the word itself (REL)."""

    address: int
    kind: int
    symbol: int
    addend: int | None


class Target(NamedTuple):
    """What a word points at: an address of the file, or what another file defines.

    ``symbol`` is the one that the relocation names, None where it names none.
    """

    address: int | None
    symbol: Symbol | None
    addend: int


def dynamic_tables(file: ElfFile) -> Iterator[tuple[bool, int, int]]:
    """DT_RELA and DT_REL: whether with addends, the place in the file, the size in bytes."""
    for tag, size_tag, addends in ((_DT_RELA, _DT_RELASZ, True), (_DT_REL, _DT_RELSZ, False)):
        address, size = file.dynamic.get(tag), file.dynamic.get(size_tag, 0)
        if address is None or not size:
            continue
        yield addends, file.held(address, "relocations"), size


def relocations_in(file: ElfFile, ranges: Ranges) -> dict[int, Relocation]:
    """The relocations of words in ranges of (address, bytes): dynamic ones, or an object's own.

    RELR words are among them, as relative ones whose addend stands in place, and what is packed for
    Android's loader.  Raises ElfError.
    """
    if not ranges:
        return {}
    if file.relocatable:
        return _of_object(file, ranges)
    found: dict[int, Relocation] = {}
    spans = _Spans(ranges)
    low, high = spans.low, spans.high
    for addends, offset, size in dynamic_tables(file):
        layout = _entry(file, addends)
        for chunk in chunks(file.source, offset, size, layout.size):
            for entry in layout.iter_unpack(chunk):
                if low <= entry[0] < high and spans.holds(entry[0]):
                    found[entry[0]] = _relocation(file, entry, entry[0])
    for entry in android_entries(file, low, high):
        if spans.holds(entry[0]):
            found[entry[0]] = _relocation(file, entry, entry[0])
    relative = (*file.machine.relative, 0)[0]
    for address in packed_relative(file, low, high):
        if spans.holds(address):
            found.setdefault(address, Relocation(address, relative, 0, None))
    return found


def target(file: ElfFile, relocation: Relocation, stored: int) -> Target | None:
    """What a word holds once it is relocated; None for a relocation that sets no whole word.

    ``stored`` is the word as it stands in the file.  Addresses are those of the file.
    """
    addend = stored if relocation.addend is None else relocation.addend
    known = file.machine
    mask = (1 << 8 * file.word_bytes) - 1
    if relocation.kind in known.relative and not relocation.symbol:
        return Target(addend & mask, None, addend)
    if relocation.kind not in known.absolute and not (
        known.number == _MIPS and relocation.kind in known.relative
    ):
        return None
    symbol = _symbol_of(file, relocation)
    if symbol is None or symbol.section == 0:
        return Target(None, symbol, addend)
    return Target((symbol.address + addend) & mask, symbol, addend)


def words_in(file: ElfFile, ranges: Ranges) -> dict[int, Target]:
    """The relocated words in ranges of (address, bytes): only whole words, by address."""
    found: dict[int, Target] = {}
    for address, relocation in relocations_in(file, ranges).items():
        stored = 0
        if relocation.addend is None:
            data = file.at(address, file.word_bytes)
            stored = int.from_bytes(data, "little" if file.order == "<" else "big")
        reached = target(file, relocation, stored)
        if reached is not None:
            found[address] = reached
    for address, distance in _distances(file, ranges).items():
        found[address] = Target(distance & (1 << 8 * file.word_bytes) - 1, None, distance)
    return found


def _distances(file: ElfFile, ranges: Ranges) -> dict[int, int]:
    """The words of an object file that are differences of symbols, as far as it knows them."""
    known = file.machine
    if not file.relocatable or not ranges or not known.adds:
        return {}
    found: dict[int, int] = {}
    unknown: set[int] = set()
    for each in _each_of_object(file, _Spans(ranges)):
        if each.kind in known.adds or each.kind in known.subtracts:
            symbol = _symbol_of(file, each)
            if symbol is None or symbol.section == 0:
                unknown.add(each.address)
                continue
            value = symbol.address + (each.addend or 0)
            value = value if each.kind in known.adds else -value
            found[each.address] = found.get(each.address, 0) + value
    return {address: value for address, value in found.items() if address not in unknown}


def object_tables(file: ElfFile, section: FileSection) -> list[FileSection]:
    """The relocation sections of an object file that apply to one of its sections."""
    return [
        each
        for each in file.sections
        if each.kind in (SHT_REL, SHT_RELA) and each.info == section.number
    ]


def object_relocations(file: ElfFile, table: FileSection, base: int) -> Iterator[Relocation]:
    """The relocations of a table; their offsets grow by ``base``."""
    layout = _entry(file, table.kind == SHT_RELA)
    for chunk in chunks(file.source, table.offset, table.size, layout.size):
        for entry in layout.iter_unpack(chunk):
            yield _relocation(file, entry, base + entry[0])


def _of_object(file: ElfFile, ranges: Ranges) -> dict[int, Relocation]:
    return {each.address: each for each in _each_of_object(file, _Spans(ranges))}


def _each_of_object(file: ElfFile, spans: _Spans) -> Iterator[Relocation]:
    """An object file's relocations in ranges, in the order of their tables."""
    for table in file.sections:
        if table.kind not in (SHT_REL, SHT_RELA) or not 0 < table.info < len(file.sections):
            continue
        section = file.sections[table.info]
        if not spans.meet(section.address, section.address + section.size):
            continue
        for each in object_relocations(file, table, section.address):
            if spans.holds(each.address):
                yield each


def _symbol_of(file: ElfFile, relocation: Relocation) -> Symbol | None:
    if not file.relocatable:
        return dynamic_symbol(file, relocation.symbol)
    for table in file.sections:
        if table.kind == 2:  # an object file has one table of symbols
            return symbol_at(file, table, relocation.symbol)
    return None


class _Spans:
    """Ranges, merged and in order, so that many of them cost no more than a few."""

    def __init__(self, ranges: Ranges) -> None:
        self._starts: list[int] = []
        self._ends: list[int] = []
        for start, size in sorted(ranges):
            if self._ends and start <= self._ends[-1]:
                self._ends[-1] = max(self._ends[-1], start + size)
            else:
                self._starts.append(start)
                self._ends.append(start + size)
        self.low, self.high = self._starts[0], self._ends[-1]

    def holds(self, address: int) -> bool:
        """Whether an address is in one of them."""
        index = bisect_right(self._starts, address) - 1
        return index >= 0 and address < self._ends[index]

    def meet(self, start: int, end: int) -> bool:
        """Whether any address from ``start`` up to ``end`` is in one of them."""
        index = bisect_left(self._starts, end) - 1
        return index >= 0 and start < self._ends[index]


def _entry(file: ElfFile, addends: bool) -> struct.Struct:
    if file.wide:
        return struct.Struct(file.order + ("QQq" if addends else "QQ"))
    return struct.Struct(file.order + ("IIi" if addends else "II"))


def _relocation(file: ElfFile, entry: tuple[int, ...], address: int) -> Relocation:
    info = entry[1]
    addend = entry[2] if len(entry) == 3 else None
    if not file.wide:
        return Relocation(address, info & 0xFF, info >> 8, addend)
    if file.machine.number == _MIPS and file.order == "<":
        # Little-endian MIPS64: the symbol first, then ssym and three types, one byte each.
        return Relocation(address, info >> 56, info & 0xFFFF_FFFF, addend)
    if file.machine.number == _MIPS:
        return Relocation(address, info & 0xFF, info >> 32, addend)
    return Relocation(address, info & 0xFFFF_FFFF, info >> 32, addend)
