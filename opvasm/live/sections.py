"""A program's restartable sections: the descriptors that its executable and its libraries hold."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from .linux import parse_file_mappings
from .symbols import Named, covering, load_bias, read_table

if TYPE_CHECKING:
    from elftools.elf.elffile import ELFFile

_AT_ENTRY = 9
DESCRIPTOR = struct.Struct("<IIQQQ")
DESCRIPTOR_SECTION = "__rseq_cs"
_RELATIVE = 8  # R_X86_64_RELATIVE
_FIELDS = (8, 16, 24)  # start, length, abort: offsets in a descriptor


class Section(NamedTuple):
    """A restartable section: its first instruction, the one after its commit, its abort handler.

    ``file`` and ``descriptor`` (its address there) tell it from others in whatever process;
    ``place`` says where its code stands, for people.
    """

    start: int
    end: int
    abort: int
    file: str
    descriptor: int
    place: str

    @property
    def key(self) -> tuple[str, int]:
        """The same section in another process."""
        return self.file, self.descriptor


class _Found(NamedTuple):
    """A section in the addresses of its file."""

    descriptor: int
    start: int
    length: int
    abort: int
    place: str


class Wanted:
    """Which sections are meant: all, or those of some symbols, each a descriptor or a function.

    ``missing`` are the symbols that no file has had so far.
    """

    def __init__(self, symbols: Sequence[str]) -> None:
        self.symbols = tuple(symbols)
        self.missing = set(symbols)

    def of_process(self, pid: int) -> tuple[Section, ...]:
        """The sections of all files that a process has mapped; raises OSError when it is gone."""
        with open(f"/proc/{pid}/maps", encoding="utf-8", errors="surrogateescape") as file:
            mappings = list(parse_file_mappings(file.read()))
        found: dict[tuple[str, int], Section] = {}
        seen: set[str] = set()
        for mapping in mappings:
            path = mapping.path
            if not path.startswith("/") or path in seen:
                continue
            bias = load_bias(mapping, read_table(path).segments)
            if bias is None:
                continue
            seen.add(path)
            for each in self._in_file(path):
                start = each.start + bias
                section = Section(
                    *(start, start + each.length, each.abort + bias),
                    *(path, each.descriptor, each.place),
                )
                found.setdefault((path, start), section)
        return tuple(found.values())

    def _in_file(self, path: str) -> tuple[_Found, ...]:
        sections, known = _read(path, self.symbols)
        self.missing -= known
        return sections


@lru_cache(maxsize=256)
def _read(path: str, symbols: tuple[str, ...]) -> tuple[tuple[_Found, ...], frozenset[str]]:
    """The sections of a file, and those of the wanted symbols that it has."""
    from elftools.common.exceptions import ELFError
    from elftools.elf.elffile import ELFFile

    table = read_table(path)
    variables = [each for each in table.variables if each.name in symbols]
    functions = [each for each in table.functions if each.name in symbols]
    known = frozenset(each.name for each in (*variables, *functions))
    ranges = [(each.address, max(each.size, DESCRIPTOR.size)) for each in variables]
    try:
        with open(path, "rb") as file:
            elf = ELFFile(file)
            section = elf.get_section_by_name(DESCRIPTOR_SECTION)
            if section is not None and (functions or not symbols):
                ranges.append((int(section["sh_addr"]), int(section["sh_size"])))
            found = list(_descriptors(elf, ranges, table.functions)) if ranges else []
    except (ELFError, OSError):
        return (), known
    named = {each.address for each in variables}
    if symbols:
        found = [
            each
            for each in found
            if each.descriptor in named
            or any(in_.address <= each.start < in_.address + in_.size for in_ in functions)
        ]
    return tuple(found), known


def _descriptors(
    elf: ELFFile, ranges: Sequence[tuple[int, int]], functions: Sequence[Named]
) -> Iterator[_Found]:
    """The descriptors in ranges of (address, bytes), as they are once the file is relocated."""
    relocated = _relocations(elf)
    for address, size in ranges:
        for descriptor in range(address, address + size // DESCRIPTOR.size * DESCRIPTOR.size, 32):
            fields = [
                relocated.get(descriptor + offset, _word(elf, descriptor + offset))
                for offset in _FIELDS
            ]
            start, length, abort = fields
            if start and length:
                place = covering(functions, start) or f"{start:#x}"
                yield _Found(descriptor, start, length, abort, place)


def _relocations(elf: ELFFile) -> dict[int, int]:
    """What the loader writes where, before it adds the address at which the file is loaded."""
    from elftools.elf.relocation import RelocationSection

    return {
        int(each["r_offset"]): int(each["r_addend"])
        for section in elf.iter_sections()
        if isinstance(section, RelocationSection) and section.is_RELA()
        for each in section.iter_relocations()
        if each["r_info_type"] == _RELATIVE
    }


def _word(elf: ELFFile, address: int) -> int:
    """The word that the file holds for an address."""
    for segment in elf.iter_segments("PT_LOAD"):
        offset = address - int(segment["p_vaddr"])
        if 0 <= offset <= int(segment["p_filesz"]) - 8:
            elf.stream.seek(int(segment["p_offset"]) + offset)
            return int.from_bytes(elf.stream.read(8), "little")
    return 0


def entry_of(pid: int) -> int | None:
    """The address at which a program begins, as the kernel told it; None where it did not."""
    with open(f"/proc/{pid}/auxv", "rb") as file:
        data = file.read()
    for kind, value in struct.iter_unpack("<QQ", data[: len(data) // 16 * 16]):
        if kind == _AT_ENTRY:
            return int(value)
    return None
