"""How addresses are written as names: variables with their fields, parameters, constants."""

from __future__ import annotations

from collections.abc import Iterator

from ..abi.revisions import Abi
from ..light_typing import NamedTuple
from ..program import (
    ArgumentValue,
    Array,
    Data,
    Pointer,
    PoolAddress,
    Scalar,
    SlotAddress,
    Struct,
    SymbolAddress,
    Type,
    Value,
    Vector,
)


def type_text(declared: Type) -> str:
    """A type as it is declared: ``u64``, ``ptr<node>``, ``node[8]``."""
    match declared:
        case Scalar(name=name) | Struct(name=name):
            return name
        case Pointer(target=target):
            return "ptr" if target is None else f"ptr<{target}>"
        case Array():
            counts = ""
            while isinstance(declared, Array):
                counts += f"[{declared.count}]"
                declared = declared.element
            return type_text(declared) + counts


def paths(declared: Type, offset: int) -> Iterator[tuple[str, Type]]:
    """Every way to name the byte at ``offset`` of a type exactly, outermost first, with types.

    Of ``struct ring { head: u64, slot: u64[4] }`` byte 8 is ``.slot`` and ``.slot[0]``.
    """
    if offset == 0:
        yield "", declared
    match declared:
        case Array(element=element, count=count):
            index, rest = divmod(offset, element.size) if element.size else (0, 0)
            if 0 <= index < count:
                for path, inner in paths(element, rest):
                    yield f"[{index}]{path}", inner
        case Struct(members=members):
            for member in members:
                if member.offset <= offset < member.offset + member.type.size:
                    for path, inner in paths(member.type, offset - member.offset):
                        yield f".{member.name}{path}", inner
        case Scalar() | Pointer():
            return


def best_place(declared: Type, offset: int, size: int) -> tuple[str, Type] | None:
    """The path that names ``size`` bytes at ``offset`` best, and its type; None for no field.

    That is one of exactly this size (the innermost), else the smallest that holds as many, else the
    outermost.  A size of 0 asks for the outermost, as for the address of a variable.
    """
    found = list(paths(declared, offset))
    if not found:
        return None
    large_enough = [each for each in found if each[1].size >= size > 0]
    return large_enough[-1] if large_enough else found[0]


def best_path(declared: Type, offset: int, size: int) -> str | None:
    """The path of ``best_place``."""
    found = best_place(declared, offset, size)
    return None if found is None else found[0]


def place_type(value: Value, size: int, data: Data | None, vector: Vector | None) -> Type | None:
    """The type of the place that an operand of ``size`` bytes is written as; None for no type."""
    match value:
        case SymbolAddress(symbol=name, addend=addend):
            symbol = data.symbols.get(name) if data is not None else None
            if symbol is None or symbol.type is None:
                return None
            found = best_place(symbol.type, addend, size)
            return None if found is None else found[1]
        case ArgumentValue(addend=addend):
            target = _target(value, data, vector)
            found = None if target is None else best_place(target, addend, size)
            return found[1] if found is not None and found[0] else None
        case SlotAddress(parameter=name, addend=0):
            parameter = vector.parameter(name) if vector is not None else None
            return None if parameter is None else parameter.type
        case _:
            return None


class Inside(NamedTuple):
    """A byte of a variable: its name, its type where one is known, the offset, the CPU (``@1``).

    Whatever writes a place or an address by name takes the text from here, and the language reads
    it back as the same.
    """

    name: str
    type: Type | None
    offset: int
    on: str = ""

    def place(self, size: int) -> str:
        """Its ``size`` bytes: ``nodes[2].next``, ``head@1``; ``[&nodes + 4]`` where nothing begins."""
        path = None if self.type is None else best_path(self.type, self.offset, size)
        if path is None and self.offset:
            return f"[{self.address()}]"
        return f"{self.name}{path or ''}{self.on}"

    def address(self) -> str:
        """Its address: ``&nodes[2]``, ``&head@1``; ``&nodes + 4`` where nothing begins.

        That names what a pointer with this value points to: the outermost thing that begins there
        and is not an array, but for arrays of bytes, which are buffers.
        """
        begins = () if self.type is None else paths(self.type, self.offset)
        path = next((path for path, type in begins if not _has_elements(type)), None)
        after = _offset(self.offset) if path is None else ""
        return f"&{self.name}{path or ''}{self.on}{after}"


def _has_elements(type: Type) -> bool:
    """Whether a pointer to the start of a type points to its first element."""
    return isinstance(type, Array) and type.element.size > 1


def _inside(value: SymbolAddress, data: Data | None) -> Inside:
    symbol = data.symbols.get(value.symbol) if data is not None else None
    on = "" if value.cpu is None else f"@{value.cpu}"
    return Inside(value.symbol, None if symbol is None else symbol.type, value.addend, on)


def symbol_operand(value: SymbolAddress, size: int, data: Data | None) -> str:
    """A variable, of a named CPU or of the vector's own, down to the field that begins there."""
    return _inside(value, data).place(size)


def symbol_address(value: SymbolAddress, data: Data | None) -> str:
    """The address of a variable, or of a part of it."""
    return _inside(value, data).address()


def argument_operand(
    value: ArgumentValue, size: int, data: Data | None, vector: Vector | None
) -> str:
    """The memory that a parameter points to: ``node->next`` where its type says so."""
    target = _target(value, data, vector)
    path = best_path(target, value.addend, size) if target is not None else None
    if path:
        return f"{value.parameter}->{path.removeprefix('.')}"
    return f"[{value.parameter}{_offset(value.addend)}]"


def _target(value: ArgumentValue, data: Data | None, vector: Vector | None) -> Struct | None:
    """The struct that a parameter points to."""
    parameter = vector.parameter(value.parameter) if vector is not None else None
    if parameter is None or data is None or not isinstance(parameter.type, Pointer):
        return None
    return data.structs.get(parameter.type.target or "")


def slot_operand(value: SlotAddress) -> str:
    """An argument's own bytes."""
    if value.addend == 0:
        return value.parameter
    return f"[&{value.parameter}{_offset(value.addend)}]"


def literal_text(
    value: PoolAddress, size: int, data: Data | None, abi: Abi, other: Type | None = None
) -> str:
    """A constant of the literal pool; ``other`` is the type of the op's other operand."""
    items = data.pool if data is not None else ()
    for item in items:
        if item.offset == value.offset:
            if isinstance(item.value, SymbolAddress):
                return symbol_address(item.value, data)
            constant = item.value
            if isinstance(constant, int):
                constant %= 1 << (8 * item.size)
                constant = constant.to_bytes(item.size, abi.model.byteorder)
            if isinstance(constant, bytes):
                return f"={_bytes_text(constant, abi, other)}"
    return f"pool+{value.offset}"


def _bytes_text(constant: bytes, abi: Abi, other: Type | None) -> str:
    """Bytes as a number, a list of numbers or a text, whichever the assembler reads back."""
    order = abi.model.byteorder
    if len(constant) in (1, 2, 4, 8):
        signed = isinstance(other, Scalar) and other.signed
        return number_text(int.from_bytes(constant, order, signed=signed))
    if isinstance(other, Array) and other.size == len(constant):
        element = other.element
        if isinstance(element, Scalar | Pointer) and element.size > 1:
            signed = isinstance(element, Scalar) and element.signed
            numbers = [
                number_text(int.from_bytes(constant[at : at + element.size], order, signed=signed))
                for at in range(0, len(constant), element.size)
            ]
            return "{" + ", ".join(numbers) + "}"
    return '"' + "".join(map(_character, constant)) + '"'


def _character(byte: int) -> str:
    if byte in b'"\\':
        return "\\" + chr(byte)
    return chr(byte) if 0x20 <= byte < 0x7F else f"\\x{byte:02x}"


def number_text(value: int) -> str:
    """A number as a person would write it: small ones in decimal."""
    return str(value) if abs(value) < 1024 else f"{value:#x}"


def _offset(addend: int) -> str:
    return "" if addend == 0 else f" {'+' if addend > 0 else '-'} {abs(addend)}"
