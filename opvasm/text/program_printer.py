"""A whole Program as ``.opv`` text: what it declares, then its vectors and sections."""

from __future__ import annotations

from collections.abc import Sequence

from ..abi.layout import number_range
from ..program import (
    Area,
    Array,
    Data,
    Pointer,
    Program,
    Scalar,
    Struct,
    Symbol,
    SymbolAddress,
    Type,
    Value,
)
from .names import number_text, symbol_address, type_text
from .printer import INDENT, vector_text

_Pieces = dict[int, Value]


def program_text(program: Program) -> str:
    """A text that assembles to the same program, when an assembler made the program.

    Comments, tests and names of constants' uses are not in a Program, so they are not in the text.
    """
    abi, data = program.abi, program.data
    parts = [f"abi {abi.revision.name} {abi.model.name}\n"]
    parts += ["".join(f"const {name} = {value}\n" for name, value in data.constants.items())]
    parts += [_struct(each) for each in data.structs.values()]
    parts += ["".join(_symbol(each, program) for each in data.symbols.values())]
    parts += [vector_text(each, abi, data) for each in program.vectors.values()]
    if program.sections:
        from .section_printer import section_text

        parts += [section_text(each, data, abi.model.word) for each in program.sections.values()]
    return "\n".join(part for part in parts if part)


def _struct(struct: Struct) -> str:
    members = "".join(f"{INDENT}{m.name}: {type_text(m.type)}\n" for m in struct.members)
    return f"struct {struct.name} {{\n{members}}}\n"


def _symbol(symbol: Symbol, program: Program) -> str:
    if symbol.area is Area.PAGE:
        count = symbol.size // program.abi.page_size
        counted = f"[{count}]" if count != 1 else ""
        return f"page {symbol.name}: {symbol.page_kind.value}{counted}\n"
    declared = symbol.type or Array(Scalar("u8", 1, False), symbol.size, symbol.size)
    head = f"{symbol.area.value} {symbol.name}: {type_text(declared)}"
    pieces = {offset: value for offset, _, value in symbol.initial}
    if not pieces:
        return f"{head}\n"
    return f"{head} = {_initial(declared, 0, pieces, program.data)}\n"


def _initial(declared: Type, at: int, pieces: _Pieces, data: Data) -> str:
    """The value of a place that begins ``at`` bytes into its variable."""
    match declared:
        case Scalar() | Pointer():
            value = pieces.get(at, 0)
            if isinstance(value, SymbolAddress):
                return symbol_address(value, data)
            assert isinstance(value, int)
            value %= 1 << (8 * declared.size)
            if value > number_range(declared.size, signed=True)[1] and _is_signed(declared):
                value -= 1 << (8 * declared.size)
            return number_text(value)
        case Array(element=element, count=count):
            used = [
                index
                for index in range(count)
                if _holds_any(at + index * element.size, element.size, pieces)
            ]
            last = used[-1] + 1 if used else 0
            texts = [
                _initial(element, at + index * element.size, pieces, data) for index in range(last)
            ]
            return _braces(texts)
        case Struct(members=members):
            return _braces(
                [
                    f".{m.name} = {_initial(m.type, at + m.offset, pieces, data)}"
                    for m in members
                    if _holds_any(at + m.offset, m.type.size, pieces)
                ]
            )


def _is_signed(declared: Scalar | Pointer) -> bool:
    return isinstance(declared, Scalar) and declared.signed


def _holds_any(at: int, size: int, pieces: _Pieces) -> bool:
    return any(at <= offset < at + size for offset in pieces)


def _braces(texts: Sequence[str]) -> str:
    return "{ " + ", ".join(texts) + " }" if texts else "{}"
