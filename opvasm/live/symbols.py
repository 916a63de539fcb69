"""Names for a program's addresses, from the symbol tables of the files that it maps."""

from __future__ import annotations

import os
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

from ..elf.file import PT_TLS, ElfFile, open_elf
from ..elf.problems import ElfError
from ..elf.symbols import (
    FUNCTION,
    INDIRECT_FUNCTION,
    OBJECT,
    THREAD_LOCAL,
    symbol_tables,
    symbols,
)
from .linux import FileMapping, parse_file_mappings


class Named(NamedTuple):
    """A symbol of a file: its address there, its size in bytes, its name."""

    address: int
    size: int
    name: str


class Table(NamedTuple):
    """The symbols of a file, each kind by address.

    ``segments`` are the parts that are loaded: offset and size in the file, address.
    ``thread_local`` are offsets in the block of ``thread_block`` bytes that ends, for the program
    itself, where its thread pointer points.
    """

    variables: tuple[Named, ...] = ()
    functions: tuple[Named, ...] = ()
    thread_local: tuple[Named, ...] = ()
    thread_block: int = 0
    segments: tuple[tuple[int, int, int], ...] = ()


class _Loaded(NamedTuple):
    """Part of a file in memory: the symbols' addresses grow by ``bias``."""

    start: int
    end: int
    bias: int
    path: str


class Symbols:
    """The names of one process's variables; reads a file's symbols once for all processes."""

    def __init__(self, pid: int, tables: dict[str, Table]) -> None:
        self._pid = pid
        self._tables = tables
        self._loaded: list[_Loaded] = []
        self._known: list[FileMapping] = []  # when they were last read
        self._program: str | None = None

    def name(self, address: int, thread_pointer: int = 0) -> str | None:
        """``symbol+offset`` of the symbol that covers an address, None where none does.

        With ``thread_pointer`` (fs_base) the thread's own variables have names, too.
        """
        part = self._part(address)
        if part is not None:
            return covering(self._table(part.path).variables, address - part.bias)
        if thread_pointer:
            table = self._table(self._executable())
            start = thread_pointer - table.thread_block
            if start <= address < thread_pointer:
                return covering(table.thread_local, address - start)
        return None

    def function(self, address: int) -> str | None:
        """``function+offset`` of the code at an address, None where it has no name."""
        part = self._part(address)
        if part is None:
            return None
        return covering(self._table(part.path).functions, address - part.bias)

    def variables(self, thread_pointer: int = 0) -> Iterator[Named]:
        """Every variable at its address in the process, those of the program itself first."""
        program = self._executable()
        biases = {each.path: each.bias for each in self._loaded}
        for path in sorted(biases, key=lambda path: (path != program, path)):
            for each in self._table(path).variables:
                yield each._replace(address=each.address + biases[path])
            if path == program and thread_pointer:
                table = self._table(path)
                start = thread_pointer - table.thread_block
                for each in table.thread_local:
                    yield each._replace(address=each.address + start)

    def refresh(self) -> bool:
        """Look again at what is mapped; whether that has changed."""
        try:
            with open(
                f"/proc/{self._pid}/maps", encoding="utf-8", errors="surrogateescape"
            ) as file:
                mappings = list(parse_file_mappings(file.read()))
        except OSError:
            return False  # it is gone: what was read before still holds
        if mappings == self._known:
            return False
        self._known = mappings
        self._loaded = list(self._parts(mappings))
        return True

    def _parts(self, mappings: Iterable[FileMapping]) -> Iterator[_Loaded]:
        """The parts of ELF files.

        The zero-initialised variables of a file lie in the anonymous memory right after it, which
        is called the heap where that follows without a gap.
        """
        last: FileMapping | None = None
        bias: int | None = None
        for mapping in mappings:
            if mapping.path.startswith("/"):
                last = mapping
                bias = load_bias(mapping, self._table(mapping.path).segments)
            elif mapping.path not in ("", "[heap]") or last is None or mapping.start != last.end:
                last = None
                continue
            else:
                last = mapping._replace(path=last.path)
            if bias is not None:
                yield _Loaded(mapping.start, mapping.end, bias, last.path)

    def _part(self, address: int) -> _Loaded | None:
        if not any(each.start <= address < each.end for each in self._known):
            self.refresh()
        return next((each for each in self._loaded if each.start <= address < each.end), None)

    def _table(self, path: str) -> Table:
        table = self._tables.get(path)
        if table is None:
            table = self._tables[path] = read_table(path)
        return table

    def _executable(self) -> str:
        if self._program is None:
            try:
                self._program = os.readlink(f"/proc/{self._pid}/exe")
            except OSError:
                self._program = ""
        return self._program


def covering(table: Sequence[Named], address: int) -> str | None:
    """``symbol+offset`` for an address of the file."""
    index = bisect_right(table, address, key=lambda each: each.address) - 1
    if index < 0:
        return None
    found = table[index]
    offset = address - found.address
    if offset >= max(found.size, 1):
        return None
    return f"{found.name}+{offset}" if offset else found.name


def load_bias(mapping: FileMapping, segments: Iterable[tuple[int, int, int]]) -> int | None:
    """What a loaded file's addresses grow by, None where none of its segments is mapped here."""
    for offset, size, address in segments:
        if offset & ~0xFFF <= mapping.offset < offset + max(size, 1):
            return mapping.start - (address + mapping.offset - offset)
    return None


def load_segments(file: ElfFile) -> tuple[tuple[int, int, int], ...]:
    """The parts of a file that are loaded: offset and size in the file, address."""
    return tuple((each.offset, each.file_size, each.address) for each in file.loaded)


_KINDS = {OBJECT: 0, FUNCTION: 1, INDIRECT_FUNCTION: 1, THREAD_LOCAL: 2}


@lru_cache(maxsize=256)
def read_table(path: str) -> Table:
    """The symbols of an ELF file; none when it can't be read."""
    found: tuple[set[Named], set[Named], set[Named]] = (set(), set(), set())
    block = 0
    try:
        with open_elf(path) as file:
            segments = load_segments(file)
            for segment in file.segments:
                if segment.kind == PT_TLS:
                    alignment = max(1, segment.alignment)
                    # The block ends at the thread pointer, and begins where its alignment asks.
                    skew = -segment.address % alignment
                    size = segment.memory_size - skew
                    block = -(-size // alignment) * alignment + skew
            for table in symbol_tables(file):
                for each in symbols(file, table, _KINDS):
                    if each.name:
                        found[_KINDS[each.kind]].add(Named(each.value, each.size, each.name))
    except (ElfError, OSError):
        return Table()
    variables, functions, thread_local = (tuple(sorted(names)) for names in found)
    return Table(variables, functions, thread_local, block, segments)
