"""Symbol tables: all symbols of a kind, the one at an index, and the names that cover addresses."""

from __future__ import annotations

import re
import struct
from bisect import bisect_right
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from ..light_typing import NamedTuple
from .file import SHF_ALLOC, SHT_DYNSYM, SHT_NOBITS, SHT_SYMTAB, ElfFile, FileSection, Strings
from .problems import unreadable
from .source import chunks

NOTYPE, OBJECT, FUNCTION, SECTION, THREAD_LOCAL, INDIRECT_FUNCTION = 0, 1, 2, 3, 6, 10  # STT_
UNDEFINED, _RESERVED, _EXTENDED = 0, 0xFF00, 0xFFFF  # SHN_
ABSOLUTE = 0xFFF1
_PAGE = 4096  # bytes, by which symbols are looked at roughly
_NAME_MOSTLY, _NAME_MAX = 128, 1 << 14  # bytes of a name
_WIDE_ENTRY = 24  # bytes of a symbol of 64 bits
_NOT_ZERO = re.compile(rb"[^\0]", re.DOTALL)
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
        names: _FewStrings | None = None
        bases = _bases(file)
        entries = _entries(file, table) if file.relocatable else _near(file, table, wanted)
        for name, info, section, value, size in entries:
            if info & 15 not in kinds or section == UNDEFINED:
                continue
            address = value + bases.get(section, 0)
            index = bisect_right(wanted, address + max(size, 1) - 1)
            if index and wanted[index - 1] >= address:
                names = names if names is not None else _FewStrings(file, table)
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
    return Strings(file.data(_strings_of(file, table)), file.name)


def _strings_of(file: ElfFile, table: FileSection) -> FileSection:
    if not 0 < table.link < len(file.sections):
        message = f"symbol table {table.name} names section {table.link} as its strings"
        raise unreadable(file.name, message, table.offset, table.offset + table.size)
    return file.sections[table.link]


class _FewStrings:
    """A table of strings of which a few are wanted: read one by one, with the limits of Strings."""

    def __init__(self, file: ElfFile, table: FileSection) -> None:
        self._file = file
        self._strings = _strings_of(file, table)
        self._left = 16 * self._strings.size + (1 << 16)

    def at(self, offset: int) -> str:
        """The name at an offset, empty where there is none."""
        strings = self._strings
        if strings.kind == SHT_NOBITS or offset >= strings.size:
            return ""
        found = b""
        for most in (_NAME_MOSTLY, _NAME_MAX):
            size = min(most, strings.size - offset)
            found, end, _ = self._file.source.read(strings.offset + offset, size).partition(b"\0")
            if end:
                break
        self._left -= len(found)
        if self._left < 0:
            raise unreadable(self._file.name, "the names of its symbols overlap without end")
        return found.decode("utf-8", "replace")


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
    entry = struct.Struct(file.order + "8xQQ")
    found = []
    for number in _suspects(file.order, chunk, pages):
        value, size = entry.unpack_from(chunk, number * entry.size)
        if value // _PAGE in pages or size > _PAGE:
            found.append(number)
    return found


def _suspects(order: str, chunk: bytes, pages: set[int]) -> Iterator[int]:
    """The numbers of entries of 64 bits that may be hits: few of many, found without a loop over all.

    Looked at are two bytes of each entry's value, which say in which 64 KiB of four GiB it begins,
    and the bytes of its size that say whether that is as large.  A whole chunk's bytes of one kind
    are one number, so that one operation is one for all entries.
    """
    width = _WIDE_ENTRY

    def bytes_at(offset: int, length: int, index: int) -> bytes:
        """Byte ``index``, counted from the lowest, of a number of some bytes in every entry."""
        return chunk[offset + (index if order == "<" else length - 1 - index) :: width]

    def both(first: bytes, second: bytes) -> int:
        return int.from_bytes(first, "little") & int.from_bytes(second, "little")

    regions = {(each * _PAGE >> 16) - back & 0xFFFF for each in pages for back in (0, 1)}
    lows: dict[int, bytearray] = {}
    for each in regions:
        lows.setdefault(each >> 8, bytearray(256))[each & 0xFF] = 1
    low, high = bytes_at(8, 8, 2), bytes_at(8, 8, 3)
    near = 0
    for value, table in lows.items():
        if value in high:
            same = bytearray(256)
            same[value] = 1
            near |= both(high.translate(same), low.translate(table))
    for index in range(2, 8):
        near |= int.from_bytes(bytes_at(16, 8, index), "little")
    marks = near.to_bytes(len(low), "little")
    return (each.start() for each in _NOT_ZERO.finditer(marks))


def _extended(file: ElfFile, table: FileSection) -> tuple[int, ...]:
    """SHT_SYMTAB_SHNDX: section indexes of 65,280 and more."""
    for each in file.sections if len(file.sections) >= _RESERVED else ():
        if each.kind == 18 and each.link == table.number:
            data = file.data(each)
            return struct.unpack(f"{file.order}{len(data) // 4}I", data[: len(data) // 4 * 4])
    return ()
