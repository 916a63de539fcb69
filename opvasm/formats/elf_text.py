"""The arrays of an ELF file as ``.opv`` text: what they point at is declared above them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from ..program import Area, Array, Data, Instruction, Scalar, Symbol, SymbolAddress, Type, Value
from ..source import SourceFile
from ..text.formatter import formatted
from ..text.grammar import load_tables
from ..text.lalr import reserved_words
from ..text.names import type_text
from ..text.printer import vector_text
from ..verifier.kernel_rules import violations
from .elf import ElfVector

_WORDS = {1: "u8", 2: "u16", 4: "u32", 8: "u64"}


def elf_text(found: Iterable[ElfVector]) -> str:
    """Text that assembles to the same ops, with a shared variable for every name they refer to.

    A variable has its size in the file, or the bytes that the ops reach where those are more; its name
    is the symbol's, with ``_`` for what the language does not write in names.  The layout is that of
    ``opvasm fmt``.
    """
    vectors = list(found)
    names = _Written()
    data = Data(_symbols(vectors, names), {}, {}, ())
    abi = vectors[0].abi
    parts = [f"abi {abi.revision.name} {abi.model.name}\n\n"]
    parts += [
        f"shared {each.name}: {type_text(each.type)}\n"
        for each in data.symbols.values()
        if each.type is not None
    ]
    vector_names = _Written()
    for index, each in enumerate(vectors):
        instructions = tuple(_renamed(one, names) for one in each.vector.instructions)
        refused = next(violations(instructions, abi), None) is not None
        vector = each.vector._replace(
            name=vector_names.of((each.vector.name, index)),
            instructions=instructions,
            verified=not refused,
        )
        parts.append("\n" + vector_text(vector, abi, data))
    return formatted(SourceFile("disassembly", "".join(parts)))


class _Written:
    """Names as the language writes them, no two the same."""

    def __init__(self) -> None:
        tables = load_tables()
        kept = reserved_words(tables)
        self._reserved = {text for text, number in tables.keywords.items() if number in kept}
        self._given: dict[tuple[str, int], str] = {}

    def of(self, wanted: tuple[str, int]) -> str:
        """The name for a symbol's, the same each time; the number tells apart what C calls the same."""
        given = self._given.get(wanted)
        if given is None:
            stem = re.sub(r"[^A-Za-z0-9_]", "_", wanted[0])
            if not stem or stem[0].isdigit() or stem in self._reserved:
                stem = f"_{stem}"
            given, number = stem, 2
            while given in self._given.values():
                given, number = f"{stem}_{number}", number + 1
            self._given[wanted] = given
        return given


def _symbols(vectors: Iterable[ElfVector], names: _Written) -> Mapping[str, Symbol]:
    """The variables, each as large as the file says and the ops need."""
    reached: dict[str, int] = {}
    lengths: dict[str, set[int]] = {}
    for each in vectors:
        for instruction in each.vector.instructions:
            for value in _values(instruction):
                if isinstance(value, SymbolAddress):
                    end = max(value.addend + instruction.length, 1, each.sizes.get(value.symbol, 0))
                    reached[value.symbol] = max(reached.get(value.symbol, 0), end)
                    lengths.setdefault(value.symbol, set()).add(instruction.length)
    found: dict[str, Symbol] = {}
    offset = 0
    for symbol, size in reached.items():
        declared = _type(size, lengths[symbol])
        name = names.of((symbol, 0))
        offset = -(-offset // 8) * 8
        found[name] = Symbol(name, Area.SHARED, offset, declared.size, declared)
        offset += declared.size
    return found


def _type(size: int, lengths: set[int]) -> Type:
    """One number where the size is a number's, else an array of what the ops use."""
    if size in _WORDS:
        return Scalar(_WORDS[size], size, False)
    element = next(iter(lengths)) if len(lengths) == 1 else 1
    if element not in _WORDS or size % element:
        element = 1
    return Array(Scalar(_WORDS[element], element, False), size // element, size)


def _values(instruction: Instruction) -> list[Value]:
    immediate = [] if instruction.immediate is None else [instruction.immediate]
    return [*instruction.addresses, *immediate]


def _renamed(instruction: Instruction, names: _Written) -> Instruction:
    def value_of(value: Value) -> Value:
        if isinstance(value, SymbolAddress):
            return value._replace(symbol=names.of((value.symbol, 0)))
        return value

    immediate = instruction.immediate
    return instruction._replace(
        addresses=tuple(value_of(each) for each in instruction.addresses),
        immediate=None if immediate is None else value_of(immediate),
    )
