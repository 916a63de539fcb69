"""How addresses are written as names: variables with their fields, parameters, constants."""

from __future__ import annotations

from collections.abc import Iterator

from ..abi.revisions import Abi
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


def paths(declared: Type, offset: int) -> Iterator[tuple[str, int]]:
    """Every way to name the byte at ``offset`` of a type exactly, outermost first, with sizes.

    Of ``struct ring { head: u64, slot: u64[4] }`` byte 8 is ``.slot`` (32 bytes) and ``.slot[0]``.
    """
    if offset == 0:
        yield "", declared.size
    match declared:
        case Array(element=element, count=count):
            index, rest = divmod(offset, element.size) if element.size else (0, 0)
            if 0 <= index < count:
                for path, size in paths(element, rest):
                    yield f"[{index}]{path}", size
        case Struct(members=members):
            for member in members:
                if member.offset <= offset < member.offset + member.type.size:
                    for path, size in paths(member.type, offset - member.offset):
                        yield f".{member.name}{path}", size
        case Scalar() | Pointer():
            return


def best_path(declared: Type, offset: int, size: int) -> str | None:
    """The path that names ``size`` bytes at ``offset`` best; None where no field begins there.

    That is one of exactly this size (the innermost), else the smallest that holds as many, else the
    outermost.  A size of 0 asks for the outermost, as for the address of a variable.
    """
    found = list(paths(declared, offset))
    if not found:
        return None
    large_enough = [each for each in found if each[1] >= size > 0]
    return large_enough[-1][0] if large_enough else found[0][0]


def symbol_operand(value: SymbolAddress, size: int, data: Data | None) -> str:
    """A variable, of a named CPU or of the vector's own, down to the field that begins there."""
    on = "" if value.cpu is None else f"@{value.cpu}"
    symbol = data.symbols.get(value.symbol) if data is not None else None
    declared = symbol.type if symbol is not None else None
    path = best_path(declared, value.addend, size) if declared is not None else None
    if path is None:
        if value.addend == 0:
            return f"{value.symbol}{on}"
        return f"[&{value.symbol}{on}{_offset(value.addend)}]"
    return f"{value.symbol}{path}{on}"


def argument_operand(
    value: ArgumentValue, size: int, data: Data | None, vector: Vector | None
) -> str:
    """The memory that a parameter points to: ``node->next`` where its type says so."""
    parameter = vector.parameter(value.parameter) if vector is not None else None
    if parameter is not None and isinstance(parameter.type, Pointer) and data is not None:
        struct = data.structs.get(parameter.type.target or "")
        path = best_path(struct, value.addend, size) if struct is not None else None
        if path:
            return f"{value.parameter}->{path.removeprefix('.')}"
    return f"[{value.parameter}{_offset(value.addend)}]"


def slot_operand(value: SlotAddress) -> str:
    """An argument's own bytes."""
    if value.addend == 0:
        return value.parameter
    return f"[&{value.parameter}{_offset(value.addend)}]"


def literal_text(value: PoolAddress, size: int, data: Data | None, abi: Abi) -> str:
    """A constant of the literal pool."""
    items = data.pool if data is not None else ()
    for item in items:
        if item.offset == value.offset:
            constant = item.value
            if isinstance(constant, SymbolAddress):
                return f"&{symbol_operand(constant, 0, data)}"
            if isinstance(constant, bytes):
                if len(constant) in (1, 2, 4, 8):
                    number = int.from_bytes(constant, abi.model.byteorder)
                    return f"={number}" if number < 1024 else f"={number:#x}"
                return "={" + ", ".join(str(byte) for byte in constant) + "}"
            if isinstance(constant, int):
                return f"={constant}"
    return f"pool+{value.offset}"


def _offset(addend: int) -> str:
    return "" if addend == 0 else f" {'+' if addend > 0 else '-'} {abs(addend)}"
