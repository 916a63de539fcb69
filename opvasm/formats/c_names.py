"""Names and types of a program as C writes them."""

from __future__ import annotations

from collections.abc import Iterable

from ..abi.layout import DataModel
from ..abi.revisions import Abi
from ..program import Area, Array, Data, Pointer, Scalar, Struct, Symbol, Type
from ..text.names import type_text

# Words that can't name a member: C's own (C23 too), and macros that compilers define by default.
_WORDS = """
    alignas alignof auto bool break case char const constexpr continue default do double else
    enum extern false float for goto if inline int long nullptr register restrict return short
    signed sizeof static static_assert struct switch thread_local true typedef typeof typeof_unqual
    union unsigned void volatile while asm linux unix i386 errno NULL offsetof
"""
_RESERVED = frozenset(_WORDS.split())
_STRUCTS_OF_OURS = frozenset({"cpu_op", "opv_percpu", "opv_shared", "opv_page", "opv_memory"})


def identifier(name: str) -> str:
    """The name itself, or with an underscore behind it where C has taken it."""
    return f"{name}_" if name.rstrip("_") in _RESERVED else name


def struct_tag(name: str) -> str:
    """The tag of a declared struct."""
    return f"{name}_" if name.rstrip("_") in _STRUCTS_OF_OURS else name


def declaration(declared: Type, name: str, model: DataModel) -> str:
    """A member of that type, laid out as opvasm lays it out: naturally aligned.

    A 32-bit x86 compiler would align a 64-bit number to four bytes, so there it is told not to.
    """
    counts = ""
    element = declared
    while isinstance(element, Array):
        counts += f"[{element.count}]"
        element = element.element
    align = ""
    match element:
        case Scalar(size=size, signed=signed):
            base = f"{'' if signed else 'u'}int{8 * size}_t"
            align = "_Alignas(8) " if size > model.word else ""
        case Pointer():
            base = "uintptr_t"
        case Struct(name=tag):
            base = f"struct {struct_tag(tag)}"
    remark = f" /* {type_text(element)} */" if isinstance(element, Pointer) else ""
    return f"{align}{base} {identifier(name)}{counts};{remark}"


def struct_lines(data: Data, abi: Abi) -> list[str]:
    """The declared structs, each behind those it is made of, with their sizes checked."""
    lines: list[str] = []
    for struct in _inside_out(data.structs.values()):
        tag = struct_tag(struct.name)
        lines.append(f"struct {tag} {{")
        lines += [f"    {declaration(m.type, m.name, abi.model)}" for m in struct.members]
        lines += ["};", _assert(f"sizeof(struct {tag}) == {struct.size}"), ""]
    return lines


def area_lines(data: Data, area: Area, abi: Abi) -> list[str]:
    """A struct with the variables of an area at their offsets, which the compiler checks."""
    symbols = sorted((s for s in data.symbols.values() if s.area is area), key=lambda s: s.offset)
    if not symbols:
        return []
    tag = area_tag(area)
    lines = [f"struct {tag} {{"]
    lines += [f"    {_member(symbol, abi)}" for symbol in symbols]
    lines.append("};")
    for symbol in symbols:
        member = f"offsetof(struct {tag}, {identifier(symbol.name)})"
        lines.append(_assert(f"{member} == {symbol.offset}"))
    return [*lines, ""]


def area_tag(area: Area) -> str:
    """The tag of the struct that holds an area's variables."""
    return f"opv_{area.value}"


def _member(symbol: Symbol, abi: Abi) -> str:
    if symbol.type is None or symbol.area is Area.PAGE:
        return f"char {identifier(symbol.name)}[{symbol.size}]; /* {symbol.page_kind.value} */"
    return declaration(symbol.type, symbol.name, abi.model)


def _inside_out(structs: Iterable[Struct]) -> Iterable[Struct]:
    """The structs in an order in which C can read them."""
    done: dict[str, Struct] = {}

    def visit(declared: Type) -> None:
        match declared:
            case Array(element=element):
                visit(element)
            case Struct(name=name) if name not in done:
                for member in declared.members:
                    visit(member.type)
                done[name] = declared
            case _:
                return

    for struct in structs:
        visit(struct)
    return done.values()


def _assert(condition: str) -> str:
    return f'_Static_assert({condition}, "laid out as opvasm does");'
