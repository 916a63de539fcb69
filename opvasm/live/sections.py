"""A program's restartable sections: the descriptors that its executable holds."""

from __future__ import annotations

import os
import struct
from typing import NamedTuple

_AT_ENTRY = 9
DESCRIPTOR = struct.Struct("<IIQQQ")
DESCRIPTOR_SECTION = "__rseq_cs"


class Section(NamedTuple):
    """A restartable section: its first instruction, the one after its commit, its abort handler.

    ``name`` says where it stands, for people.
    """

    start: int
    end: int
    abort: int
    name: str


class DescriptorPlaces(NamedTuple):
    """Where an executable keeps descriptors: (address, size) in the file's own addresses, and the
    address at which the program begins."""

    ranges: tuple[tuple[int, int], ...]
    entry: int


class NoSections(Exception):
    """The executable names no restartable section that could be watched."""


def find_descriptors(path: str, symbols: list[str]) -> DescriptorPlaces:
    """The descriptors of an executable: its section ``__rseq_cs``, and the symbols named.

    Raises NoSections where there are none, and ImportError without pyelftools.
    """
    from elftools.common.exceptions import ELFError
    from elftools.elf.elffile import ELFFile

    try:
        with open(path, "rb") as file:
            elf = ELFFile(file)
            ranges = []
            section = elf.get_section_by_name(DESCRIPTOR_SECTION)
            if section is not None and not symbols:
                ranges.append((int(section["sh_addr"]), int(section["sh_size"])))
            for name in symbols:
                ranges.append(_symbol(elf, name, path))
            entry = int(elf.header["e_entry"])
    except (ELFError, OSError) as problem:
        raise NoSections(f"{path} can't be read as an executable: {problem}") from problem
    if not ranges:
        raise NoSections(
            f"{path} has no section {DESCRIPTOR_SECTION}; name its descriptors with --section"
        )
    return DescriptorPlaces(tuple(ranges), entry)


def _symbol(elf: object, name: str, path: str) -> tuple[int, int]:
    for table_name in (".symtab", ".dynsym"):
        table = elf.get_section_by_name(table_name)  # type: ignore[attr-defined]
        for symbol in (table.get_symbol_by_name(name) or ()) if table is not None else ():
            return int(symbol["st_value"]), max(int(symbol["st_size"]), DESCRIPTOR.size)
    raise NoSections(f"{path} has no symbol {name!r}")


def entry_of(pid: int) -> int:
    """The address at which a program begins, as the kernel told it."""
    with open(f"/proc/{pid}/auxv", "rb") as file:
        data = file.read()
    for kind, value in struct.iter_unpack("<QQ", data[: len(data) // 16 * 16]):
        if kind == _AT_ENTRY:
            return int(value)
    raise NoSections("the program has no entry address")


def read_sections(memory: int, places: DescriptorPlaces, bias: int) -> tuple[Section, ...]:
    """The sections of a running program, whose addresses grew by ``bias``, each once."""
    found: dict[int, Section] = {}
    for address, size in places.ranges:
        data = os.pread(memory, size // DESCRIPTOR.size * DESCRIPTOR.size, address + bias)
        for index, fields in enumerate(DESCRIPTOR.iter_unpack(data)):
            _, _, start, length, abort = fields
            if start and length:
                name = f"{address + index * DESCRIPTOR.size:#x}"
                found.setdefault(start, Section(start, start + length, abort, name))
    if not found:
        raise NoSections("the program's descriptors are empty")
    return tuple(found.values())
