"""Values of a program as C expressions, computed in C as binding computes them.

C adds in the type of what is added: an ``int32_t`` parameter plus 3 overflows, a ``uint32_t`` less
1 wraps at 32 bits, and ``-0xb2d05e00`` is positive.  So every sum is one of 64 bits, or of the width
of an address.
"""

from __future__ import annotations

from ..abi.layout import Field, FieldKind
from ..light_typing import NamedTuple
from ..program import (
    Area,
    ArgumentValue,
    Data,
    Parameter,
    Pointer,
    PoolAddress,
    SlotAddress,
    Symbol,
    SymbolAddress,
    Value,
    Vector,
)
from ..text.names import best_path
from .c_names import area_tag
from .c_words import Spelling, identifier

_INT64_MIN = -(1 << 63)


class Expressions(NamedTuple):
    """Writes values down for a function with the parameters ``memory``, ``cpu`` and ``arguments``."""

    data: Data
    spelling: Spelling
    vector: Vector | None = None

    def field(self, field: Field, value: Value, length: int) -> str:
        """The value of an op's field; ``length`` is the op's, in bytes.

        It has the field's type, so that an initialiser of C++ takes it too.
        """
        if isinstance(value, int):
            return number(value)
        if field.kind is FieldKind.POINTER:
            return self.address(value, length)
        if isinstance(value, ArgumentValue):
            argument = f"arguments->{identifier(value.parameter)}"
            more = _addend(value.addend, "")
            return f"({_c_type(field)})" + (f"((uint64_t){argument}{more})" if more else argument)
        return f"({_c_type(field)})({self.address(value, 0)})"

    def address(self, value: Value, size: int) -> str:
        """An expression of type uintptr_t; ``size`` chooses between a struct and its first member."""
        match value:
            case int():
                return f"(uintptr_t){number(value)}"
            case SymbolAddress(symbol=name, addend=more, cpu=cpu):
                symbol = self.data.symbols[name]
                if symbol.area is Area.PERCPU:
                    base = f"opv_percpu_area(memory, {'cpu' if cpu is None else cpu})"
                else:
                    base = f"(uintptr_t)memory->{symbol.area.value}"
                return f"{base} + {self._inside_area(symbol, more, size)}"
            case ArgumentValue(parameter=name, addend=more):
                base = f"(uintptr_t)arguments->{identifier(name)}"
                return base + self._inside_target(self._parameter(name), more, size)
            case SlotAddress(parameter=name, addend=more):
                tag = f"struct opv_{'' if self.vector is None else self.vector.name}_arguments"
                place = f"offsetof({tag}, {identifier(name)})"
                return f"(uintptr_t)arguments + {place}{_offset(more)}"
            case PoolAddress(offset=offset):
                return f"(uintptr_t)memory->pool + {offset}"

    def _parameter(self, name: str) -> Parameter | None:
        return None if self.vector is None else self.vector.parameter(name)

    def _inside_target(self, parameter: Parameter | None, more: int, size: int) -> str:
        """What is added to a pointer: the offset of a member by its name, where one is there."""
        target = (
            parameter.type.target if parameter and isinstance(parameter.type, Pointer) else None
        )
        struct = self.data.structs.get(target or "")
        path = best_path(struct, more, size) if struct is not None else None
        if struct is None or not path:
            return _offset(more)
        tag = self.spelling.tag(struct.name)
        return f" + offsetof(struct {tag}, {self._path(path).removeprefix('.')})"

    def _inside_area(self, symbol: Symbol, more: int, size: int) -> str:
        """Bytes from the start of an area: by the member's name where one begins there."""
        tag, name = area_tag(symbol.area), identifier(symbol.name)
        path = best_path(symbol.type, more, size) if symbol.type is not None else None
        if path is None or symbol.area is Area.PAGE:
            return f"offsetof(struct {tag}, {name}){_offset(more)}"
        return f"offsetof(struct {tag}, {name}{self._path(path)})"

    def _path(self, path: str) -> str:
        """A path of the language with C's names for its members."""
        first, *parts = path.split(".")
        return ".".join([first, *map(self._path_member, parts)])

    def _path_member(self, part: str) -> str:
        name, bracket, index = part.partition("[")
        return f"{self.spelling.member(name)}{bracket}{index}"


def number(value: int) -> str:
    """A number that C reads as the same number, whatever its size."""
    if value == _INT64_MIN:
        return "INT64_MIN"
    if abs(value) < 1024:
        return str(value)
    return f"{value:#x}" if value > 0 else f"-INT64_C({-value:#x})"


def _offset(value: int) -> str:
    """What is added to an address, in its width."""
    return _addend(value, "(uintptr_t)")


def _addend(value: int, cast: str) -> str:
    """What is added, with its sign; nothing for 0.  64 bits of it are enough for every field."""
    size = abs(value) % (1 << 64)
    if size == 0:
        return ""
    text = str(size) if size < 1 << 31 else f"{cast}UINT64_C({size})"
    return f" {'+' if value > 0 else '-'} {text}"


def _c_type(field: Field) -> str:
    return f"{'' if field.kind is FieldKind.SIGNED else 'u'}int{8 * field.size}_t"
