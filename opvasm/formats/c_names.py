"""The structs, variables and arguments of a program as C declares them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ..abi.layout import DataModel
from ..abi.revisions import Abi
from ..program import Area, Array, Data, Pointer, Scalar, Struct, Symbol, Type
from ..text.names import type_text
from .c_words import Spelling, identifier


def declaration(declared: Type, name: str, model: DataModel, spelling: Spelling) -> str:
    """A member of that type, called ``name`` in C, laid out as opvasm lays it out: naturally aligned.

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
            align = "OPV_ALIGNED(8) " if size > model.word else ""
        case Pointer():
            base = "uintptr_t"
        case Struct(name=tag):
            base = f"struct {spelling.tag(tag)}"
    remark = f" /* {type_text(element)} */" if isinstance(element, Pointer) else ""
    return f"{align}{base} {name}{counts};{remark}"


def struct_lines(data: Data, abi: Abi, spelling: Spelling) -> list[str]:
    """The declared structs, each after those it is made of, with their sizes checked.

    Structs that a header has declared are checked member by member, and not declared again.
    """
    lines: list[str] = []
    for struct in inside_out(data.structs.values()):
        tag = spelling.tag(struct.name)
        if spelling.as_declared:
            lines += _struct_checks(struct)
        else:
            lines.append(f"struct {tag} {{")
            lines += [
                f"    {declaration(each.type, spelling.member(each.name), abi.model, spelling)}"
                for each in struct.members
            ]
            lines.append("};")
        lines += [check(f"sizeof(struct {tag}) == {struct.size}"), ""]
    return lines


def _struct_checks(struct: Struct) -> Iterator[str]:
    for each in struct.members:
        yield check(f"offsetof(struct {struct.name}, {each.name}) == {each.offset}")
        yield check(f"sizeof(((struct {struct.name} *)0)->{each.name}) == {each.type.size}")


def area_lines(data: Data, area: Area, abi: Abi, spelling: Spelling) -> list[str]:
    """A struct with the variables of an area at their offsets, which the compiler checks."""
    symbols = sorted((s for s in data.symbols.values() if s.area is area), key=lambda s: s.offset)
    if not symbols:
        return []
    tag = area_tag(area)
    lines = [f"struct {tag} {{"]
    lines += [f"    {_member(symbol, abi, spelling)}" for symbol in symbols]
    lines.append("};")
    for symbol in symbols:
        member = f"offsetof(struct {tag}, {identifier(symbol.name)})"
        lines.append(check(f"{member} == {symbol.offset}"))
    return [*lines, ""]


def area_tag(area: Area) -> str:
    """The tag of the struct that holds an area's variables."""
    return f"opv_{area.value}"


def check(condition: str, message: str = "laid out as opvasm does") -> str:
    """A line that the compiler refuses, with the message, unless the condition holds."""
    return f'OPV_CHECK({condition}, "{message}");'


def _member(symbol: Symbol, abi: Abi, spelling: Spelling) -> str:
    name = identifier(symbol.name)
    if symbol.type is None or symbol.area is Area.PAGE:
        return f"char {name}[{symbol.size}]; /* {symbol.page_kind.value} */"
    return declaration(symbol.type, name, abi.model, spelling)


def inside_out(structs: Iterable[Struct]) -> Iterable[Struct]:
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
