"""An ELF file: its header, its segments and sections, and the bytes at an address.

An object file (ET_REL) has no addresses yet.  Its sections are laid out one after the other, as a
linker would, so that everything else speaks of addresses alone; ``place`` turns one back into a
section and an offset for people.
"""

from __future__ import annotations

import os
import struct
from bisect import bisect_right
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property

from ..light_typing import NamedTuple
from .machines import Machine, machine
from .problems import unreadable
from .source import FileSource, MemorySource, Source

MAGIC = b"\x7fELF"
RELOCATABLE, EXECUTABLE, SHARED = 1, 2, 3  # e_type
PT_LOAD, PT_DYNAMIC, PT_TLS, PT_GNU_EH_FRAME = 1, 2, 7, 0x6474E550
PF_X, PF_W, PF_R = 1, 2, 4
SHT_SYMTAB, SHT_STRTAB, SHT_RELA, SHT_NOBITS, SHT_REL, SHT_DYNSYM = 2, 3, 4, 8, 9, 11
SHF_WRITE, SHF_ALLOC, SHF_EXECINSTR, SHF_TLS = 1, 2, 4, 0x400
_SHN_XINDEX = 0xFFFF
_PN_XNUM = 0xFFFF
_NAME_MAX = 1 << 14  # bytes of a name: more than any compiler makes, a limit for hostile files
_OBJECT_BASE = 0x1000_0000  # the first address in the layout of an object file


class Header(NamedTuple):
    """The ELF header.  ``kind`` is e_type, ``bits`` 32 or 64, ``entry`` the first instruction."""

    bits: int
    little: bool
    kind: int
    machine: Machine
    flags: int
    entry: int


class Segment(NamedTuple):
    """A program header: type and flags, then places and sizes in bytes."""

    kind: int
    flags: int
    offset: int
    address: int
    file_size: int
    memory_size: int
    alignment: int


class FileSection(NamedTuple):
    """A section header.  ``address`` is that of the layout where the file is an object."""

    number: int
    name: str
    kind: int
    flags: int
    address: int
    offset: int
    size: int
    link: int
    info: int
    alignment: int
    entry_size: int


class Strings:
    """A string table.  Names are cut off at 16 KiB, and in total at 16 times the table's size."""

    def __init__(self, data: bytes, name: str) -> None:
        self._data = data
        self._name = name
        self._left = 16 * len(data) + (1 << 16)

    def at(self, offset: int) -> str:
        """The name at an offset, empty where there is none."""
        end = self._data.find(b"\0", offset, offset + _NAME_MAX)
        found = self._data[offset : end if end >= 0 else offset + _NAME_MAX]
        self._left -= len(found)
        if self._left < 0:
            raise unreadable(self._name, "the names of its symbols overlap without end")
        return found.decode("utf-8", "replace")


class ElfFile:
    """Reads one ELF file, part by part, when asked.  Raises ElfError, and OSError from its source."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.name = source.name
        start = source.read(0, min(64, source.size))
        if start[:4] != MAGIC:
            raise unreadable(self.name, "not an ELF file", 0, 4)
        if len(start) < 52:
            raise unreadable(self.name, "the ELF header is cut off", 0, len(start))
        if start[4] not in (1, 2) or start[5] not in (1, 2):
            message = f"ELF class {start[4]} and byte order {start[5]}: both must be 1 or 2"
            raise unreadable(self.name, message, 4, 6)
        self.wide = start[4] == 2
        self.order = "<" if start[5] == 1 else ">"
        if self.wide and len(start) < 64:
            raise unreadable(self.name, "the ELF header is cut off", 0, len(start))
        layout = struct.Struct(self.order + ("HHIQQQIHHHHHH" if self.wide else "HHIIIIIHHHHHH"))
        fields = layout.unpack_from(start, 16)
        kind, number, _, entry, self._phoff, self._shoff, flags, *counts = fields
        _, self._phentsize, self._phnum, self._shentsize, self._shnum, self._shstrndx = counts
        self.header = Header(
            64 if self.wide else 32, self.order == "<", kind, machine(number), flags, entry
        )

    @property
    def machine(self) -> Machine:
        """The architecture."""
        return self.header.machine

    @property
    def word_bytes(self) -> int:
        """Bytes of an address."""
        return 8 if self.wide else 4

    @property
    def relocatable(self) -> bool:
        """Whether it is an object file, whose addresses are those of our layout."""
        return self.header.kind == RELOCATABLE

    @cached_property
    def segments(self) -> tuple[Segment, ...]:
        """The program headers, in the file's order."""
        size = 56 if self.wide else 32
        count = self._phnum
        if count == _PN_XNUM and self._raw_sections:
            count = self._raw_sections[0][7]
        if not count:
            return ()
        if self._phentsize != size:
            raise unreadable(self.name, f"program headers of {self._phentsize} bytes, not {size}")
        table = self.source.read(self._phoff, count * size)
        found = []
        for fields in struct.iter_unpack(self.order + ("IIQQQQQQ" if self.wide else "8I"), table):
            if self.wide:
                kind, flags, offset, address, _, file_size, memory_size, alignment = fields
            else:
                kind, offset, address, _, file_size, memory_size, flags, alignment = fields
            found.append(Segment(kind, flags, offset, address, file_size, memory_size, alignment))
        return tuple(found)

    @cached_property
    def sections(self) -> tuple[FileSection, ...]:
        """The section headers, in the file's order; none where they were stripped."""
        raw = self._raw_sections
        if not raw:
            return ()
        index = self._shstrndx if self._shstrndx != _SHN_XINDEX else raw[0][6]
        names = Strings(b"", self.name)
        if 0 < index < len(raw):
            names = Strings(self.source.read(raw[index][4], raw[index][5]), self.name)
        found = []
        at = _OBJECT_BASE
        for number, fields in enumerate(raw):
            name, kind, flags, address, offset, size, link, info, alignment, entry_size = fields
            if self.relocatable and flags & SHF_ALLOC:
                # Of a file without addresses: one after the other, at their alignment.
                if kind != SHT_NOBITS and offset + size > self.source.size:
                    message = f"section {number} ends at {offset + size:#x}, after the file's end"
                    raise unreadable(self.name, message, offset, offset + size)
                step = min(max(alignment, 16), 1 << 16)
                address = (at + step - 1) // step * step
                at = address + min(size, 1 << 40) + 16
            found.append(
                FileSection(
                    *(number, names.at(name), kind, flags, address, offset, size),
                    *(link, info, alignment, entry_size),
                )
            )
        return tuple(found)

    @cached_property
    def _raw_sections(self) -> tuple[tuple[int, ...], ...]:
        size = 64 if self.wide else 40
        if not self._shoff:
            return ()
        if self._shentsize != size:
            raise unreadable(self.name, f"section headers of {self._shentsize} bytes, not {size}")
        layout = struct.Struct(self.order + ("IIQQQQIIQQ" if self.wide else "10I"))
        first = layout.unpack(self.source.read(self._shoff, size))
        count = self._shnum or first[5]
        table = self.source.read(self._shoff, count * size)
        return tuple(layout.iter_unpack(table))

    def named(self, *names: str) -> list[FileSection]:
        """The sections of these names: several may share one (a C++ object has one a group)."""
        return [each for each in self.sections if each.name in names]

    def mentions(self, part: bytes) -> bool:
        """Whether any section's name has this in it: quick, for files of which most have none."""
        raw = self._raw_sections
        index = self._shstrndx if self._shstrndx != _SHN_XINDEX or not raw else raw[0][6]
        return 0 < index < len(raw) and part in self.source.read(raw[index][4], raw[index][5])

    def data(self, section: FileSection) -> bytes:
        """The bytes of a section, as they stand in the file; none for one without bytes."""
        if section.kind == SHT_NOBITS:
            return b""
        return self.source.read(section.offset, section.size)

    @cached_property
    def loaded(self) -> tuple[Segment, ...]:
        """What is in memory once the file is loaded, by address."""
        if self.relocatable:
            found = [
                Segment(
                    PT_LOAD,
                    PF_R
                    | (PF_W if each.flags & SHF_WRITE else 0)
                    | (PF_X if each.flags & SHF_EXECINSTR else 0),
                    *(each.offset, each.address),
                    *(each.size if each.kind != SHT_NOBITS else 0, each.size, each.alignment),
                )
                for each in self.sections
                if each.flags & SHF_ALLOC and each.size and not each.flags & SHF_TLS
            ]
        else:
            found = [each for each in self.segments if each.kind == PT_LOAD]
        return tuple(sorted(found, key=lambda each: each.address))

    @cached_property
    def _starts(self) -> list[int]:
        return [each.address for each in self.loaded]

    def segment_at(self, address: int) -> Segment | None:
        """The loaded segment that an address is in."""
        index = bisect_right(self._starts, address) - 1
        if index < 0:
            return None
        found = self.loaded[index]
        return found if address < found.address + found.memory_size else None

    def offset_of(self, address: int) -> int | None:
        """Where in the file the byte at an address stands; None where the file has no such byte."""
        segment = self.segment_at(address)
        if segment is None or address - segment.address >= segment.file_size:
            return None
        return segment.offset + address - segment.address

    def held(self, address: int, what: str) -> int:
        """The same, of ``what`` (plural) the file must hold.  Raises ElfError."""
        offset = self.offset_of(address)
        if offset is None:
            raise unreadable(self.name, f"{what} at {address:#x}, which the file does not hold")
        return offset

    def at(self, address: int, size: int) -> bytes:
        """The bytes at an address, before relocations; zeros where the file has none for them.

        Raises ElfError where they are not in one loaded segment.
        """
        segment = self.segment_at(address)
        if segment is None or address + size > segment.address + segment.memory_size:
            message = f"{size} bytes at address {address:#x} are not in a loaded segment"
            raise unreadable(self.name, message)
        start = address - segment.address
        there = max(0, min(size, segment.file_size - start))
        return (
            self.source.read(segment.offset + start, there).ljust(size, b"\0")
            if there
            else bytes(size)
        )

    def available(self, address: int, size: int) -> bytes:
        """At most ``size`` bytes at an address: those that its segment has in the file."""
        segment = self.segment_at(address)
        if segment is None:
            return b""
        start = address - segment.address
        there = min(size, segment.file_size - start, self.source.size - segment.offset - start)
        return self.source.read(segment.offset + start, there) if there > 0 else b""

    def place(self, address: int) -> str:
        """An address in words: the number or, in an object file, ``.text+0x10``."""
        if self.relocatable:
            for each in self.sections:
                if each.flags & SHF_ALLOC and each.address <= address <= each.address + each.size:
                    return f"{each.name}+{address - each.address:#x}"
        return f"{address:#x}"

    @cached_property
    def dynamic(self) -> dict[int, int]:
        """PT_DYNAMIC: the last value of each tag; empty where nothing is loaded dynamically."""
        for segment in self.segments:
            if segment.kind == PT_DYNAMIC:
                layout = self.order + ("QQ" if self.wide else "II")
                size = min(segment.file_size, 1 << 20) // struct.calcsize(layout)
                table = self.source.read(segment.offset, size * struct.calcsize(layout))
                found: dict[int, int] = {}
                for tag, value in struct.iter_unpack(layout, table):
                    if tag == 0:
                        break
                    found[tag] = value
                return found
        return {}


@contextmanager
def open_elf(path: str) -> Iterator[ElfFile]:
    """The ELF file at a path, while it is open.  Raises ElfError and OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        yield ElfFile(FileSource(descriptor, path))
    finally:
        os.close(descriptor)


def elf_from_bytes(data: bytes | memoryview, name: str) -> ElfFile:
    """The ELF file that these bytes are.  Raises ElfError."""
    return ElfFile(MemorySource(data, name))
