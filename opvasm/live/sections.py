"""The restartable sections of a process, at the addresses that they have there."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from functools import lru_cache
from typing import NamedTuple

from ..elf.descriptors import DESCRIPTOR_BYTES, Descriptor, find_descriptors
from ..elf.file import ElfFile, open_elf
from ..elf.problems import ElfError
from ..elf.signatures import find_by_signature, signature_stands
from ..elf.symbols import (
    FUNCTION,
    INDIRECT_FUNCTION,
    OBJECT,
    Symbol,
    names_covering,
    symbol_tables,
    symbols,
)
from .linux import parse_file_mappings
from .symbols import load_bias, load_segments

_AT_ENTRY = 9
DESCRIPTOR = struct.Struct("<IIQQQ")
_FUNCTIONS = (FUNCTION, INDIRECT_FUNCTION)
# Above this size a file is searched by the signature in its code only where it names no section: it
# takes seconds.
_SEARCHED_BYTES = 32 << 20


class Section(NamedTuple):
    """A restartable section: its first instruction, the one after its commit, its abort handler.

    ``file`` and ``descriptor`` (its address there) tell it from others in whatever process;
    ``place`` says where its code stands, for people.  ``at`` is the descriptor in this process.
    """

    start: int
    end: int
    abort: int
    file: str
    descriptor: int
    place: str
    at: int

    @property
    def key(self) -> tuple[str, int]:
        """The same section in another process."""
        return self.file, self.descriptor


class _File(NamedTuple):
    """The sections of a file, those of its segments that are loaded, and what was asked for."""

    sections: tuple[tuple[Descriptor, str], ...]
    segments: tuple[tuple[int, int, int], ...]
    known: frozenset[str]


class Wanted:
    """Which sections are meant: all, or those of some words.

    A word is a descriptor's symbol, a function, a place in one (``push+12``), or the address of a
    descriptor or of a section's first instruction in its file, as the reports give it.  ``missing`` are
    the words that no file has had so far.
    """

    def __init__(self, words: Sequence[str]) -> None:
        self.words = tuple(words)
        self.missing = set(words)

    def of_process(self, pid: int) -> tuple[Section, ...]:
        """The sections of all files that a process has mapped; raises OSError when it is gone."""
        with open(f"/proc/{pid}/maps", encoding="utf-8", errors="surrogateescape") as file:
            mappings = list(parse_file_mappings(file.read()))
        found: dict[tuple[str, int], Section] = {}
        seen: set[str] = set()
        with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
            for mapping in mappings:
                path = mapping.path
                if not path.startswith("/") or path in seen:
                    continue
                held = _read(path, self.words)
                bias = load_bias(mapping, held.segments)
                if bias is None:
                    continue
                seen.add(path)
                self.missing -= held.known
                for each, place in held.sections:
                    start, length, abort = each.start + bias, each.length, each.abort + bias
                    if each.unresolved:
                        # Another file defines it: the loader has written it down by now.
                        with suppress(OSError, struct.error):
                            memory.seek(each.address + bias)
                            start, length, abort = DESCRIPTOR.unpack(memory.read(32))[2:]
                    at = each.address + bias
                    end = start + length
                    section = Section(start, end, abort, path, each.address, place, at)
                    found.setdefault((path, start), section)
        return tuple(found.values())


@lru_cache(maxsize=256)
def _read(path: str, words: tuple[str, ...]) -> _File:
    """The sections of a file that are meant, and the words that it knows."""
    try:
        with open_elf(path) as file:
            segments = load_segments(file)
            with suppress(ElfError):
                held = {each.start: each for each in _descriptors(file, words)}
                places = _places(file, held.values())
                if not words:
                    found = tuple((each, places[each.address]) for each in held.values())
                    return _File(found, segments, frozenset())
                named = _named(file, words)
                chosen = tuple(
                    (each, places[each.address])
                    for each in held.values()
                    if _words_of(each, places[each.address], named) & set(words)
                )
                known = {each.name for each in named}
                for each, place in chosen:
                    known |= _words_of(each, place, ()) & set(words)
                return _File(chosen, segments, frozenset(known))
            return _File((), segments, frozenset())
    except (ElfError, OSError):
        return _File((), (), frozenset())


def _descriptors(file: ElfFile, words: tuple[str, ...]) -> Iterator[Descriptor]:
    """All of a file, those that sections are named for first; the padding between them is none."""
    found = [each for each in find_descriptors(file).descriptors if each.length or each.unresolved]
    yield from found
    small = file.source.size <= _SEARCHED_BYTES
    if (small or not found) and signature_stands(file):
        starts = {each.start for each in found}
        yield from (
            each for each in find_by_signature(file).descriptors if each.start not in starts
        )
    known = {each.address for each in found}
    for table in symbol_tables(file) if words else ():
        for each in symbols(file, table, (OBJECT,)):
            if each.name in words and each.address not in known:
                yield from _at(file, each)


def _at(file: ElfFile, symbol: Symbol) -> Iterator[Descriptor]:
    """The descriptors of a variable that was named: one, or an array of them."""
    from ..elf.descriptors import read_descriptor
    from ..elf.relocations import words_in

    size = max(symbol.size, DESCRIPTOR_BYTES)
    words = words_in(file, [(symbol.address, size)])
    for address in range(symbol.address, symbol.address + size - 31, DESCRIPTOR_BYTES):
        each = read_descriptor(file, address, words, "named", "")
        if (each.start and each.length) or each.unresolved:
            yield each


def _places(file: ElfFile, found: Iterable[Descriptor]) -> dict[int, str]:
    """Where the code of each section stands, by the descriptor's address."""
    held = list(found)
    names = names_covering(file, [each.start for each in held], _FUNCTIONS)
    places = {}
    for each in held:
        symbol = names.covering(each.start)
        offset = 0 if symbol is None else each.start - symbol.address
        name = f"{each.start:#x}" if symbol is None else symbol.name
        places[each.address] = f"{name}+{offset}" if offset else name
    return places


def _named(file: ElfFile, words: tuple[str, ...]) -> tuple[Symbol, ...]:
    """The functions and variables that are named by a word."""
    return tuple(
        each
        for table in symbol_tables(file)
        for each in symbols(file, table, (OBJECT, *_FUNCTIONS))
        if each.name in words
    )


def _words_of(each: Descriptor, place: str, named: Sequence[Symbol]) -> set[str]:
    """Everything that a section may be called."""
    words = {place}
    for number in (each.address, each.start):
        words |= {f"{number:#x}", f"{number:x}", str(number)}
    for symbol in named:
        size = max(symbol.size, DESCRIPTOR_BYTES if symbol.kind == OBJECT else 1)
        inside = each.address if symbol.kind == OBJECT else each.start
        if symbol.address <= inside < symbol.address + size:
            words.add(symbol.name)
    return words


def entry_of(pid: int) -> int | None:
    """The address at which a program begins, as the kernel told it; None where it did not."""
    with open(f"/proc/{pid}/auxv", "rb") as file:
        data = file.read()
    for kind, value in struct.iter_unpack("<QQ", data[: len(data) // 16 * 16]):
        if kind == _AT_ENTRY:
            return int(value)
    return None
