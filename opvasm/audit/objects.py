"""What lifted sections read and write, as structs: one for each base register, one for each global.

Fields are the places at fixed offsets, by offset and width; what overlaps a field, or has an index,
keeps its address.  A global is the data symbol of the file around an address; addresses without a
symbol that lie near each other are one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from ..elf.file import EXECUTABLE, PF_W, ElfFile
from ..elf.object_code import outside
from ..elf.problems import ElfError
from ..elf.symbols import OBJECT, names_covering
from ..lift.lift import Lifted
from ..lift.state import AREA
from ..light_typing import NamedTuple
from ..program import Area, Array, Data, Member, Pointer, Scalar, Struct, Symbol, section as ir
from .naming import Naming, inner_names

_GLOBAL_BYTES = 256  # of a variable whose size no symbol says
_NEAR, _FIELDS_END = 64, 1 << 16
_LOWEST = 0x1000  # a number below is an offset
Place = Callable[[ir.Term], ir.Term]


class Global(NamedTuple):
    """A variable of the file: its name in the text, its first address, its fields."""

    name: str
    address: int
    size: int
    type: Struct

    def declaration(self) -> str:
        """Its struct and the variable."""
        return f"{struct_text(self.type)}\nshared {self.name}: {self.type.name}\n"


class Globals:
    """The globals of the lifted sections of one file.

    ``fixed``: the file is loaded at its own addresses.  In a file that can lie anywhere a number that is
    added to a register is an offset, whatever stands at that number in the file; but for a register
    that is multiplied, which is an index and needs an address beside it.  ``offsets`` are numbers
    that are no addresses, though one of the globals lies there.
    """

    def __init__(
        self, found: Iterable[Global], fixed: bool = False, offsets: Iterable[int] = ()
    ) -> None:
        self.found = tuple(sorted(found, key=lambda each: each.address))
        self.fixed = fixed
        self.offsets = frozenset(offsets)

    def at(self, address: int) -> Global | None:
        """The one in which an address lies."""
        for each in self.found if address not in self.offsets else ():
            if each.address <= address < each.address + each.size:
                return each
        return None

    def data(self, *structs: Struct) -> Data:
        """What their names stand for, and some structs beside."""
        known = {each.type.name: each.type for each in self.found}
        known |= {each.name: each for each in structs}
        symbols = {
            each.name: Symbol(each.name, Area.SHARED, 0, each.type.size, each.type)
            for each in self.found
        }
        return Data(symbols, known, {}, ())

    def named(self, lifted: Lifted) -> Lifted:
        """The same section with the names of globals in its addresses."""
        if not self.found:
            return lifted

        def place(term: ir.Term) -> ir.Term:
            match term:
                case ir.Constant(value=value):
                    known = self.at(value)
                    if known is not None:
                        pointer = Pointer(None, 8)
                        return ir.Address(known.name, value - known.address, None, pointer)
                    return term
                case ir.Binary(operator="+", left=left, right=ir.Constant(value=value)) if (
                    _is_index(left, self.fixed) and self.at(value) is not None
                ):
                    # The language has an index after what it is added to.
                    return ir.Binary("+", place(term.right), left, Pointer(None, 8))
                case ir.Binary(operator="+", left=left, right=right):
                    first, second = place(left), right
                    if isinstance(first.type, Pointer):
                        return ir.Binary("+", first, second, Pointer(None, 8))
                    return term
                case _:
                    return term

        return lifted._replace(section=with_places(lifted.section, place))


def globals_of(file: ElfFile, sections: Sequence[ir.Section], naming: Naming) -> Globals:
    """The globals that sections use by fixed addresses, in object files those of the layout.

    ``naming`` has given the sections their names.
    """
    fixed = file.header.kind == EXECUTABLE or file.relocatable
    used: dict[int, set[int]] = {}
    written: set[int] = set()
    for section in sections:
        for address, size, writes in accesses(section):
            number = _number(address, fixed)
            if number is None:
                continue
            if file.segment_at(number) is not None or outside(file, number) is not None:
                used.setdefault(number, set()).add(size)
                if writes:
                    written.add(number)
    if not used:
        return Globals(())
    try:
        symbols = names_covering(file, used, (OBJECT,))
    except ElfError:
        return Globals(())
    offsets = {
        number
        for number in used
        if not _is_data(file, number, number in written, symbols.covering(number) is not None)
    }
    groups: dict[tuple[str, int], list[int]] = {}
    last: tuple[str, int] | None = None
    for number in sorted(used.keys() - offsets):
        symbol = symbols.covering(number)
        other = outside(file, number)
        if symbol is not None and symbol.size:
            key = (symbol.name, symbol.address)
        elif other is not None:
            key = (other[0], min(other[1], number))
        elif file.relocatable:
            key = (file.place(number), number)
        elif last is not None and not last[0] and number - groups[last][-1] < _NEAR:
            key = last
        else:
            key = ("", number)
        groups.setdefault(key, []).append(number)
        last = key
    naming.keep(name for section in sections for name in inner_names(section))
    found = []
    for (wish, first), numbers in groups.items():
        name = naming.variable(wish, first)
        fields = [(number - first, size) for number in numbers for size in used[number]]
        known = symbols.covering(first)
        size = max(end for end in (offset + width for offset, width in fields))
        size = max(size, known.size if known is not None and wish else _GLOBAL_BYTES)
        found.append(Global(name, first, size, struct_of(f"{name}_type", fields, size)))
    return Globals(found, fixed, offsets)


def _number(address: ir.Term, fixed: bool) -> int | None:
    """The fixed part of an address that has no base: a number, or one with an index."""
    match address:
        case ir.Constant(value=value):
            return value if value >= _LOWEST else None
        case ir.Binary(operator="+", left=left, right=ir.Constant(value=value)) if value >= _LOWEST:
            return value if _is_index(left, fixed) else None
        case ir.Binary(operator="+", left=ir.Constant(value=value), right=right):
            return value if value >= _LOWEST and _is_index(right, True) else None
        case _:
            return None


def _is_index(term: ir.Term, fixed: bool) -> bool:
    """Whether a number beside a term must be an address (``fixed``: can be one)."""
    match term:
        case ir.Constant() | ir.Address():
            return False
        case ir.Convert(operand=operand):
            return _is_index(operand, fixed)
        case ir.Binary(operator="*" | "<<"):
            return True
        case _:
            return fixed


def _is_data(file: ElfFile, address: int, written: bool, has_symbol: bool) -> bool:
    """Whether a number is the address of a variable, and no offset that code or a header stands at.

    What is written must be writable, and so must what no symbol says to be data.
    """
    segment = file.segment_at(address)
    if segment is None:
        return outside(file, address) is not None
    return bool(segment.flags & PF_W) or (has_symbol and not written)


# ---- base registers -------------------------------------------------------------------------------


def typed(lifted: Lifted, globals: Globals) -> tuple[ir.Section, tuple[Struct, ...]]:
    """The section with pointers to structs as its bases, and these structs.

    A base of which nothing at a fixed offset is read or written stays a number.
    """
    section = lifted.section
    roles = lifted.roles
    fields: dict[str, list[tuple[int, int]]] = {}
    for address, size, _ in accesses(section):
        base, offset = _split(address)
        if not isinstance(base, ir.Argument) or base.name == AREA:
            continue
        if roles.get(base.name) == "base" and 0 <= offset <= _FIELDS_END and size <= 8:
            fields.setdefault(base.name, []).append((offset, size))
    structs = {
        name: struct_of(f"{section.name}_{name}_type", places, 0) for name, places in fields.items()
    }
    structs = {name: each for name, each in structs.items() if each.members}
    if not structs:
        return section, ()
    types = {name: Pointer(each.name, 8) for name, each in structs.items()}

    def number(term: ir.Term) -> ir.Term:
        if isinstance(term, ir.Argument) and term.name in types:
            return ir.Convert(term._replace(type=types[term.name]), ir.U64)
        return term

    def pointer(term: ir.Term) -> ir.Term:
        match term:
            case ir.Convert(operand=ir.Argument(name=name) as argument) if name in types:
                return argument
            case ir.Binary(operator="+" | "-" as operator, left=left, right=right):
                first = pointer(left)
                if isinstance(first.type, Pointer):
                    return ir.Binary(operator, first, right, Pointer(None, 8))
                return term
            case _:
                return term

    body = ir.replace_terms(section.body, number)
    parameters = tuple(
        each._replace(type=types.get(each.name, each.type)) for each in section.parameters
    )
    changed = with_places(section._replace(parameters=parameters, body=body), pointer)
    return changed, tuple(structs.values())


def _split(address: ir.Term) -> tuple[ir.Term, int]:
    match address:
        case ir.Binary(operator="+", left=left, right=ir.Constant(value=value)):
            return left, value
        case _:
            return address, 0


# ---- both -------------------------------------------------------------------------------------------


def accesses(section: ir.Section) -> Iterator[tuple[ir.Term, int, bool]]:
    """The addresses that a section reads and writes, with the bytes there, and whether it writes."""
    for step in ir.walk(section.body):
        match step:
            case ir.Load(address=address, type=type):
                yield address, type.size, False
            case (
                ir.Store(address=address, type=type)
                | ir.Change(address=address, type=type)
                | ir.CompareExchange(address=address, type=type)
                | ir.AtomicChange(address=address, type=type)
            ):
                yield address, type.size, True
            case _:
                pass


def with_places(section: ir.Section, change: Place) -> ir.Section:
    """The same section with its addresses replaced."""

    def one(step: ir.Step) -> ir.Step:
        match step:
            case ir.Load() | ir.Store() | ir.Change() | ir.CompareExchange() | ir.AtomicChange():
                return step._replace(address=change(step.address))
            case ir.Copy(target=target, source=source):
                return step._replace(target=change(target), source=change(source))
            case _:
                return step

    return section._replace(body=ir.with_steps(section.body, one))


def struct_of(
    name: str, places: Iterable[tuple[int, int]], size: int, known: Struct | None = None
) -> Struct:
    """A struct of the places that do not overlap, the widest of those that do: (offset, bytes).

    The fields of ``known`` are kept, whatever overlaps them.
    """
    chosen: list[tuple[int, int]] = [
        (each.offset, each.type.size)
        for each in (known.members if known is not None else ())
        if isinstance(each.type, Scalar)
    ]
    for offset, width in sorted(set(places), key=lambda each: (-each[1], each[0])):
        free = all(offset + width <= at or at + wide <= offset for at, wide in chosen)
        if free and width in (1, 2, 4, 8) and offset % width == 0:
            chosen.append((offset, width))
    members, at = [], 0
    for offset, width in sorted(chosen):
        if offset > at:
            members.append(_gap(at, offset - at))
        members.append(Member(f"at_{offset:x}", _unsigned(width), offset))
        at = offset + width
    if size > at:
        members.append(_gap(at, size - at))
    return Struct(name, tuple(members), max(size, at), 8)


def _unsigned(size: int) -> Scalar:
    return ir.REGISTER_TYPES[f"u{8 * size}"]


def _gap(at: int, size: int) -> Member:
    return Member(f"gap_{at:x}", Array(ir.U8, size, size), at)


def struct_text(struct: Struct) -> str:
    """A struct's declaration on one line."""
    from ..text.names import type_text

    fields = ", ".join(f"{each.name}: {type_text(each.type)}" for each in struct.members)
    return f"struct {struct.name} {{ {fields} }}"


def structs_text(structs: Sequence[Struct]) -> str:
    """Their declarations, each on a line."""
    return "".join(f"{struct_text(each)}\n" for each in structs)
