"""Names for the addresses in an ELF file: the object around each, by a name that no other has."""

from __future__ import annotations

from ..elf.file import SHF_ALLOC, ElfFile
from ..elf.relocations import Target
from ..elf.symbols import (
    FUNCTION,
    INDIRECT_FUNCTION,
    NOTYPE,
    OBJECT,
    SECTION,
    Names,
    Symbol,
    symbol_tables,
    symbols,
)
from ..program import SymbolAddress

_KINDS = (OBJECT, FUNCTION, INDIRECT_FUNCTION, NOTYPE)


class ElfNames:
    """Names addresses of one file.

    Two places that C calls the same (static variables of two files, or of two functions) get a number
    after their name.  ``sizes`` are the bytes of the objects that were named so far.
    """

    def __init__(self, file: ElfFile) -> None:
        self.sizes: dict[str, int] = {}
        self._file = file
        self._given: dict[tuple[str, int | None], str] = {}
        self._taken: set[str] = set()
        self._names: Names | None = None

    def of(self, reached: Target) -> SymbolAddress:
        """What a relocated word points at."""
        symbol = reached.symbol
        if reached.address is None:
            name = "unknown" if symbol is None or not symbol.name else symbol.name
            return SymbolAddress(self._unique(name, None), _signed(reached.addend, self._file))
        if symbol is not None and symbol.kind != SECTION and symbol.name:
            name = self._unique(symbol.name, symbol.address)
            self._sized(name, symbol)
            return SymbolAddress(name, _signed(reached.addend, self._file))
        return self.at(reached.address) or SymbolAddress(self._unique("image", 0), reached.address)

    def at(self, address: int) -> SymbolAddress | None:
        """An address of the file; None where nothing of the file is loaded there."""
        if self._names is None:
            self._names = Names(self._objects())
        symbol = self._names.covering(address)
        if symbol is not None:
            name = self._unique(symbol.name, symbol.address)
            self._sized(name, symbol)
            return SymbolAddress(name, address - symbol.address)
        for each in self._file.sections:
            if each.flags & SHF_ALLOC and each.address <= address < each.address + each.size:
                name = self._unique(each.name, each.address)
                return SymbolAddress(name, address - each.address)
        if self._file.segment_at(address) is not None:
            return SymbolAddress(self._unique("image", 0), address)
        return None

    def address(self, named: SymbolAddress) -> int | None:
        """The address in the file of what was named; None where another file defines it."""
        for (_, address), given in self._given.items():
            if given == named.symbol:
                return None if address is None else address + named.addend
        return None

    def _objects(self) -> list[Symbol]:
        """What has a size or a type; of several at one address, the first."""
        found: dict[tuple[int, int], Symbol] = {}
        for table in symbol_tables(self._file):
            for each in symbols(self._file, table, _KINDS):
                if each.name and (each.size or each.kind == OBJECT):
                    found.setdefault((each.address, each.size), each)
        return list(found.values())

    def _sized(self, name: str, symbol: Symbol) -> None:
        if symbol.size and symbol.kind == OBJECT:
            self.sizes[name] = symbol.size

    def _unique(self, name: str, address: int | None) -> str:
        given = self._given.get((name, address))
        if given is None:
            given, number = name, 2
            while given in self._taken:
                given, number = f"{name}_{number}", number + 1
            self._taken.add(given)
            self._given[name, address] = given
        return given


def _signed(value: int, file: ElfFile) -> int:
    """An addend of the machine's word as a signed number."""
    half = 1 << (8 * file.word_bytes - 1)
    return (value + half) % (2 * half) - half
