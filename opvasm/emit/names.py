"""Names, types and addresses in the form in which the emitted C writes them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ..formats.c_names import inside_out
from ..formats.c_words import identifier
from ..light_typing import NamedTuple
from ..program import Area, Array, Data, Pointer, Scalar, Struct, Symbol, Type
from ..text.names import best_path, type_text

# The smallest distance of two CPUs' data, in bytes: a pair of cache lines, which are fetched together.
SMALLEST_STRIDE = 128
# The size of struct opv_control in runtime.h, and where its flag and lock lie in it, in bytes.
CONTROL_BYTES, SLOW_OFFSET = 64, 0


class Naming(NamedTuple):
    """How the names of a header are made.

    ``prefix`` begins every name.  ``types`` names a C type of the user's for a declared struct,
    ``node`` -> ``struct my_node``; it must be laid out alike, which the header checks.
    """

    prefix: str
    types: Mapping[str, str]

    def struct(self, name: str) -> str:
        """The C type of a declared struct."""
        return self.types.get(name) or f"struct {self.prefix}_{name}"

    def type(self, declared: Type) -> str:
        """The C type of a number, pointer or struct.  An array is its element's."""
        match declared:
            case Scalar(size=size, signed=signed):
                return f"{'' if signed else 'u'}int{8 * size}_t"
            case Pointer(target=target):
                return "void *" if target is None else self._pointer(target)
            case Array(element=element):
                return self.type(element)
            case Struct(name=name):
                return self.struct(name)

    def _pointer(self, target: str) -> str:
        if target == "ptr":
            return "void **"
        if target.startswith("ptr<") and target.endswith(">"):
            return f"{self._pointer(target[4:-1])}*"
        if target in _SCALARS:
            return f"{_SCALARS[target]} *"
        return f"{self.struct(target)} *"

    def declare(self, declared: Type, name: str) -> str:
        """A variable or member of a type."""
        counts = ""
        while isinstance(declared, Array):
            counts += f"[{declared.count}]"
            declared = declared.element
        written = self.type(declared)
        blank = "" if written.endswith("*") else " "
        return f"{written}{blank}{identifier(name)}{counts}"


_SCALARS = {
    **{f"u{8 * size}": f"uint{8 * size}_t" for size in (1, 2, 4, 8)},
    **{f"i{8 * size}": f"int{8 * size}_t" for size in (1, 2, 4, 8)},
}


def control_offset(data: Data) -> int:
    """Where struct opv_control begins in a CPU's area, in bytes."""
    return -(-data.area_size(Area.PERCPU) // 8) * 8


def stride(data: Data) -> int:
    """The distance of two CPUs' areas in bytes: a power of two, so that an index is a shift."""
    needed = control_offset(data) + CONTROL_BYTES
    return max(SMALLEST_STRIDE, 1 << (needed - 1).bit_length())


def struct_lines(data: Data, naming: Naming) -> list[str]:
    """The declared structs, each after those it is made of; of the user's own only the checks."""
    lines: list[str] = []
    declared = [member.type for struct in data.structs.values() for member in struct.members]
    declared += [symbol.type for symbol in data.symbols.values() if symbol.type is not None]
    if any(_points(each) for each in declared):
        lines += [
            'OPV_ASSERT(sizeof(void *) == 8, "the data has pointers: for 64-bit machines");',
            "",
        ]
    for struct in inside_out(data.structs.values()):
        name = naming.struct(struct.name)
        if struct.name not in naming.types:
            lines.append(f"{name} {{")
            lines += [f"    {naming.declare(m.type, m.name)};" for m in struct.members]
            lines.append("};")
        lines.append(f'OPV_ASSERT(sizeof({name}) == {struct.size}, "{struct.name} as declared");')
        for member in struct.members:
            place = f"offsetof({name}, {identifier(member.name)})"
            lines.append(f'OPV_ASSERT({place} == {member.offset}, "{struct.name} as declared");')
        lines.append("")
    return lines


def _points(declared: Type) -> bool:
    """Whether a type is a pointer, or an array of them.  Members are asked for one by one."""
    while isinstance(declared, Array):
        declared = declared.element
    return isinstance(declared, Pointer)


def area_lines(data: Data, naming: Naming) -> list[str]:
    """The structs of the percpu and the shared data, with their offsets checked."""
    lines = ["/* The data of one CPU. */", f"struct {naming.prefix}_percpu {{"]
    symbols = _of(data, Area.PERCPU)
    lines += [f"    {_declared(symbol, naming)};" for symbol in symbols]
    lines.append("    struct opv_control opv __attribute__((aligned(8)));")
    padding = stride(data) - control_offset(data) - CONTROL_BYTES
    if padding:
        lines.append(f"    unsigned char opv_padding[{padding}];")
    lines.append(f"}} __attribute__((aligned({SMALLEST_STRIDE})));")
    tag = f"struct {naming.prefix}_percpu"
    lines.append(f'OPV_ASSERT(sizeof({tag}) == {stride(data)}, "the distance of two CPUs");')
    lines.append(f'OPV_ASSERT(offsetof({tag}, opv) == {control_offset(data)}, "the flag");')
    lines += _offsets(tag, symbols)
    lines.append("")
    symbols = _of(data, Area.SHARED)
    if symbols:
        tag = f"struct {naming.prefix}_shared"
        lines += ["/* What all CPUs share. */", f"{tag} {{"]
        lines += [f"    {_declared(symbol, naming)};" for symbol in symbols]
        lines += ["};", *_offsets(tag, symbols), ""]
    return lines


def shared_symbols(data: Data) -> tuple[Symbol, ...]:
    """The variables that all CPUs share, in the order of their offsets."""
    return _of(data, Area.SHARED)


def _of(data: Data, area: Area) -> tuple[Symbol, ...]:
    found = (symbol for symbol in data.symbols.values() if symbol.area is area)
    return tuple(sorted(found, key=lambda symbol: symbol.offset))


def _declared(symbol: Symbol, naming: Naming) -> str:
    if symbol.type is None:
        return f"unsigned char {identifier(symbol.name)}[{symbol.size}]"
    return naming.declare(symbol.type, symbol.name)


def _offsets(tag: str, symbols: Iterable[Symbol]) -> list[str]:
    return [
        f"OPV_ASSERT(offsetof({tag}, {identifier(each.name)}) == {each.offset}, "
        f'"{each.name} as opvasm lays it out");'
        for each in symbols
    ]


def member_path(symbol: Symbol, addend: int, size: int) -> str | None:
    """``head`` or ``log.slot[1]``: the member of an area that begins at an offset, if one does."""
    if symbol.type is None:
        return None
    path = best_path(symbol.type, addend, size)
    if path is None:
        return None
    parts = path.split(".")
    rest = "".join(f".{identifier(part)}" if index else part for index, part in enumerate(parts))
    return identifier(symbol.name) + rest


def parameter_text(declared: Type, name: str) -> str:
    """A parameter as the text has it, for a comment."""
    return f"{name}: {type_text(declared)}"
