"""Names for a program's addresses, from the symbol tables of the files that it maps."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from typing import NamedTuple

from .linux import FileMapping, parse_file_mappings


class Named(NamedTuple):
    """A symbol of a file: its address there, its size in bytes, its name."""

    address: int
    size: int
    name: str


class _Loaded(NamedTuple):
    """Part of a file in memory: the symbols' addresses grow by ``bias``."""

    start: int
    end: int
    bias: int
    path: str


class Symbols:
    """The names of one process's variables; reads a file's symbols once for all processes."""

    def __init__(self, pid: int, tables: dict[str, tuple[Named, ...]]) -> None:
        self._pid = pid
        self._tables = tables
        self._loaded: list[_Loaded] | None = None

    def name(self, address: int) -> str | None:
        """``symbol+offset`` of the symbol that covers an address, None where none does."""
        if self._loaded is None:
            self._loaded = list(self._read_mappings())
        for part in self._loaded:
            if part.start <= address < part.end:
                return self._in_file(part, address - part.bias)
        return None

    def _in_file(self, part: _Loaded, address: int) -> str | None:
        table = self._tables.get(part.path)
        if table is None:
            table = self._tables[part.path] = tuple(read_symbols(part.path))
        index = bisect_right(table, address, key=lambda each: each.address) - 1
        if index < 0:
            return None
        found = table[index]
        offset = address - found.address
        if offset >= max(found.size, 1):
            return None
        return f"{found.name}+{offset}" if offset else found.name

    def _read_mappings(self) -> Iterable[_Loaded]:
        try:
            with open(
                f"/proc/{self._pid}/maps", encoding="utf-8", errors="surrogateescape"
            ) as file:
                mappings = list(parse_file_mappings(file.read()))
        except OSError:
            return
        # The zero-initialised variables of a file lie in the anonymous memory right behind it.
        last: FileMapping | None = None
        for mapping in mappings:
            if mapping.path.startswith("/"):
                last = mapping
                bias = load_bias(mapping)
            elif mapping.path or last is None or mapping.start != last.end:
                last = None
                continue
            else:
                last = mapping._replace(path=last.path)
            if bias is not None:
                yield _Loaded(mapping.start, mapping.end, bias, last.path)


def load_bias(mapping: FileMapping) -> int | None:
    """What a loaded file's addresses grow by, None for what is no ELF file."""
    try:
        from elftools.elf.elffile import ELFFile

        with open(mapping.path, "rb") as file:
            for segment in ELFFile(file).iter_segments("PT_LOAD"):
                start = segment["p_offset"] & ~0xFFF
                if start <= mapping.offset < segment["p_offset"] + max(segment["p_filesz"], 1):
                    address = segment["p_vaddr"] + (mapping.offset - segment["p_offset"])
                    return mapping.start - int(address)
    except Exception:
        # No pyelftools, no such file, or a damaged one: there are no names then.
        return None
    return None


def read_symbols(path: str) -> list[Named]:
    """The variables of an ELF file by address; none when it can't be read."""
    found: set[Named] = set()
    try:
        from elftools.elf.elffile import ELFFile

        with open(path, "rb") as file:
            elf = ELFFile(file)
            for section in (".symtab", ".dynsym"):
                table = elf.get_section_by_name(section)
                if table is None:
                    continue
                for symbol in table.iter_symbols():  # type: ignore[attr-defined]
                    if (
                        symbol["st_info"]["type"] == "STT_OBJECT"
                        and symbol["st_shndx"] != "SHN_UNDEF"
                    ):
                        found.add(Named(symbol["st_value"], symbol["st_size"], symbol.name))
    except Exception:
        return []
    return sorted(found)
