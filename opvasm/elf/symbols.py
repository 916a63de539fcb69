"""Symbol tables: all symbols of a kind, the one at an index, and the names that cover addresses."""

from __future__ import annotations

import struct
from bisect import bisect_right
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import chain, compress, count

from ..light_typing import NamedTuple
from .file import SHF_ALLOC, SHT_DYNSYM, SHT_SYMTAB, ElfFile, FileSection, Strings
from .problems import unreadable
from .source import chunks

NOTYPE, OBJECT, FUNCTION, SECTION, THREAD_LOCAL, INDIRECT_FUNCTION = 0, 1, 2, 3, 6, 10  # STT_
UNDEFINED, _RESERVED, _EXTENDED = 0, 0xFF00, 0xFFFF  # SHN_
ABSOLUTE = 0xFFF1
_PAGE = 4096  # bytes, by which symbols are looked at roughly
_DT_STRTAB, _DT_SYMTAB, _DT_STRSZ = 5, 6, 10


class Symbol(NamedTuple):
    """A symbol.  ``address`` is that of the file, of the layout where it is an object file.

    ``value`` is st_value as it stands; ``section`` the index of its section (0: not defined here);
    ``size`` is in bytes.
    """

    name: str
    address: int
    value: int
    size: int
    kind: int
    section: int


def _layout(file: ElfFile) -> struct.Struct:
    return struct.Struct(file.order + ("IBBHQQ" if file.wide else "IIIBBH"))


def symbol_tables(file: ElfFile) -> list[FileSection]:
    """The sections ``.symtab`` and ``.dynsym``, in this order, as far as there are any."""
    kinds = (SHT_SYMTAB, SHT_DYNSYM)
    found = [each for each in file.sections if each.kind in kinds]
    return sorted(found, key=lambda each: kinds.index(each.kind))


def symbols(
    file: ElfFile, table: FileSection, kinds: Collection[int] | None = None
) -> Iterator[Symbol]:
    """The symbols of a table, in its order; with ``kinds`` only those (STT_) and only defined ones.

    The null symbol at index 0 is left out where ``kinds`` are given.
    """
    names = _names(file, table)
    for fields in _entries(file, table):
        name, info, section, value, size = fields
        kind = info & 15
        if kinds is not None and (kind not in kinds or section == UNDEFINED):
            continue
        yield _symbol(file, names.at(name), kind, section, value, size)


def symbol_at(file: ElfFile, table: FileSection, index: int) -> Symbol:
    """The symbol with a number, as relocations name it.  Raises ElfError."""
    layout = _layout(file)
    if not 0 <= index < table.size // layout.size:
        message = f"symbol {index} of a table that has {table.size // layout.size}"
        raise unreadable(file.name, message, table.offset, table.offset + table.size)
    data = file.source.read(table.offset + index * layout.size, layout.size)
    name, info, section, value, size = _fields(file, layout.unpack(data))
    text = ""
    if 0 < table.link < len(file.sections):
        strings = file.sections[table.link]
        text = _name_at(file, strings.offset, strings.size, name)
    return _symbol(file, text, info & 15, section, value, size)


def dynamic_symbol(file: ElfFile, index: int) -> Symbol | None:
    """The symbol that a dynamic relocation names, found by PT_DYNAMIC.  Raises ElfError."""
    table = file.dynamic.get(_DT_SYMTAB)
    if table is None:
        return None
    layout = _layout(file)
    data = file.at(table + index * layout.size, layout.size)
    name, info, section, value, size = _fields(file, layout.unpack(data))
    text = ""
    strings = file.offset_of(file.dynamic.get(_DT_STRTAB, 0))
    if strings is not None:
        limit = min(file.dynamic.get(_DT_STRSZ, 0), file.source.size - strings)
        text = _name_at(file, strings, limit, name)
    return Symbol(text, value, value, size, info & 15, section)


class Names:
    """The functions (or other symbols) that cover addresses; reads each table once for all."""

    def __init__(self, found: Iterable[Symbol], aliases: Mapping[int, Sequence[str]] = {}) -> None:
        self._aliases = aliases
        self._found = sorted(found, key=lambda each: (each.address, each.size))
        self._starts = [each.address for each in self._found]

    def covering(self, address: int) -> Symbol | None:
        """The symbol that an address is in: that which begins last among those that reach it."""
        index = bisect_right(self._starts, address) - 1
        # Those before it may be longer and enclose it: a few are looked at.
        for each in reversed(self._found[max(0, index - 8) : index + 1]):
            if address < each.address + max(each.size, 1):
                return each
        return None

    def every_name(self, address: int) -> tuple[str, ...]:
        """The names of the symbol that an address is in, of which there may be several."""
        symbol = self.covering(address)
        return () if symbol is None else (symbol.name, *self._aliases.get(symbol.address, ()))


def names_covering(
    file: ElfFile, addresses: Iterable[int], kinds: Collection[int] = (FUNCTION, INDIRECT_FUNCTION)
) -> Names:
    """The names of a few addresses, in one walk over the tables that decodes no other name."""
    wanted = sorted(set(addresses))
    found: dict[tuple[int, int], Symbol] = {}
    aliases: dict[int, list[str]] = {}
    if not wanted:
        return Names(())
    for table in symbol_tables(file):
        names: Strings | None = None
        bases = _bases(file)
        entries = _entries(file, table) if file.relocatable else _near(file, table, wanted)
        for name, info, section, value, size in entries:
            if info & 15 not in kinds or section == UNDEFINED:
                continue
            address = value + bases.get(section, 0)
            index = bisect_right(wanted, address + max(size, 1) - 1)
            if index and wanted[index - 1] >= address:
                names = names if names is not None else _names(file, table)
                text = names.at(name)
                if (address, size) in found:
                    aliases.setdefault(address, []).append(text)
                    continue
                found[address, size] = Symbol(text, address, value, size, info & 15, section)
    return Names(found.values(), aliases)


def _bases(file: ElfFile) -> dict[int, int]:
    """What a symbol's value in a section grows by: the section's address, in object files."""
    if not file.relocatable:
        return {}
    return {each.number: each.address for each in file.sections if each.flags & SHF_ALLOC}


def _symbol(file: ElfFile, name: str, kind: int, section: int, value: int, size: int) -> Symbol:
    address = value
    if file.relocatable and 0 < section < len(file.sections):
        base = file.sections[section]
        address += base.address
        if kind == SECTION and not name:
            name = base.name
    return Symbol(name, address, value, size, kind, section)


def _names(file: ElfFile, table: FileSection) -> Strings:
    if not 0 < table.link < len(file.sections):
        message = f"symbol table {table.name} names section {table.link} as its strings"
        raise unreadable(file.name, message, table.offset, table.offset + table.size)
    return Strings(file.data(file.sections[table.link]), file.name)


def _name_at(file: ElfFile, start: int, size: int, offset: int) -> str:
    """One name, without reading the whole table of strings."""
    if offset >= size:
        return ""
    data = file.source.read(start + offset, min(size - offset, 1 << 12))
    return data.partition(b"\0")[0].decode("utf-8", "replace")


def _fields(file: ElfFile, raw: tuple[int, ...]) -> tuple[int, int, int, int, int]:
    """Name, info, section, value and size, whose order differs between 32 and 64 bits."""
    if file.wide:
        name, info, _, section, value, size = raw
    else:
        name, value, size, info, _, section = raw
    return name, info, section, value, size


def _entries(file: ElfFile, table: FileSection) -> Iterator[tuple[int, int, int, int, int]]:
    """The entries of a symbol table.  Raises ElfError where they are not in the file."""
    layout = _layout(file)
    extended = _extended(file, table)
    number = 0
    for chunk in chunks(file.source, table.offset, table.size, layout.size):
        for raw in layout.iter_unpack(chunk):
            fields = _fields(file, raw)
            if fields[2] >= _RESERVED:
                section = _EXTENDED
                if fields[2] == _EXTENDED and number < len(extended):
                    section = extended[number]
                elif fields[2] == ABSOLUTE:
                    section = ABSOLUTE
                fields = (fields[0], fields[1], section, fields[3], fields[4])
            number += 1
            yield fields


def _near(
    file: ElfFile, table: FileSection, wanted: Iterable[int]
) -> Iterator[tuple[int, int, int, int, int]]:
    """The entries that may cover one of some addresses: few of the half a million of a large program.

    A symbol of at most a page begins in the page of what it covers, or in the one before.
    """
    layout = _layout(file)
    pages = {each // _PAGE - back for each in wanted for back in (0, 1)}
    for chunk in chunks(file.source, table.offset, table.size, layout.size):
        for number in _hits(file, chunk, pages):
            yield _fields(file, layout.unpack_from(chunk, number * layout.size))


def _hits(file: ElfFile, chunk: bytes, pages: set[int]) -> list[int]:
    """The numbers of the entries that begin in one of some pages, or are larger than a page."""
    if not file.wide:
        places = struct.Struct(file.order + "4xII4x")
        return [
            number
            for number, (value, size) in enumerate(places.iter_unpack(chunk))
            if value // _PAGE in pages or size > _PAGE
        ]
    # Most entries are passed by in C: by the 64 KiB in which they begin, which are bytes 2 to 5 of
    # a value in either order, and by whether they are as large.
    regions = {(each * _PAGE >> 16) - back & 0xFFFF_FFFF for each in pages for back in (0, 1)}
    begins = struct.iter_unpack(file.order + "10xI10x", chunk)
    sizes = struct.iter_unpack(file.order + "18xI2x", chunk)
    near = set(compress(count(), map(regions.__contains__, chain.from_iterable(begins))))
    near.update(compress(count(), chain.from_iterable(sizes)))
    entry = struct.Struct(file.order + "8xQQ")
    found = []
    for number in sorted(near):
        value, size = entry.unpack_from(chunk, number * entry.size)
        if value // _PAGE in pages or size > _PAGE:
            found.append(number)
    return found


def _extended(file: ElfFile, table: FileSection) -> tuple[int, ...]:
    """SHT_SYMTAB_SHNDX: section indexes of 65,280 and more."""
    for each in file.sections if len(file.sections) >= _RESERVED else ():
        if each.kind == 18 and each.link == table.number:
            data = file.data(each)
            return struct.unpack(f"{file.order}{len(data) // 4}I", data[: len(data) // 4 * 4])
    return ()
