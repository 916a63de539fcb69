"""What the writers of a section that loads share: how it is left, its commit, its variables."""

from __future__ import annotations

from ..formats.c_words import identifier
from ..program import Parameter, Pointer, SymbolAddress, Vector, section as ir
from ..program.flat import FlatInstruction, Leave, Simple, assigned
from ..source import Span
from ..text.names import type_text
from ..text.section_printer import instruction_text
from .context import Context
from .homes import NoCode


def commit_index(code: tuple[FlatInstruction, ...]) -> int | None:
    """The index of the commit; None for a section that only looks."""
    found = [i for i, each in enumerate(code) if ir.is_commit(each.step)]  # type: ignore[arg-type]
    if len(found) > 1:
        raise NoCode(f"it has {len(found)} commits, and in C one instruction ends it")
    return found[0] if found else None


# Where a section puts its results, each in a word of 8 bytes.
OUT = "opv_out"


def results_at(code: tuple[FlatInstruction, ...], section: ir.Section) -> dict[str, list[str]]:
    """For each label, ``ok`` too, the results that are set on every way there."""
    known = assigned(code)
    return {
        each.step.label: [name for name in section.results if name in known[index]]
        for index, each in enumerate(code)
        if isinstance(each.step, Leave)
    }


def exit_name(label: str) -> str:
    """The name of the C label by which a section is left."""
    return f"opv_exit_{identifier(label)}"


def answers(section: ir.Section) -> dict[str, int]:
    """What the function answers for each label: 1 for the first one of the text, and so on."""
    return {label: number for number, label in enumerate(ir.labels(section), 1)}


def constant_name(prefix: str, section: ir.Section, label: str) -> str:
    """What C calls that answer, ``LIST_POP_EMPTY``."""
    return f"{prefix}_{section.name}_{label}".upper()


def as_functions(section: ir.Section) -> Vector:
    """What the functions of a section take: its parameters, and for each result where it goes to."""
    types = ir.local_types(section)
    results = tuple(
        Parameter(name, Pointer(type_text(types[name]), 8), 0, None) for name in section.results
    )
    return Vector(section.name, section.parameters + results, (), section.verified, section.place)


def handed_over(context: Context, name: str, value: str) -> str:
    """A C statement that gives a result to the caller, from a value of 64 bits."""
    type = context.naming.type(ir.local_types(_loading(context))[name])
    cast = f"({type})(uintptr_t)" if type.endswith("*") else f"({type})"
    cast = "" if type == "uint64_t" else cast
    return f"*{identifier(name)} = {cast}{value};"


def _loading(context: Context) -> ir.Section:
    assert context.loading is not None
    return context.loading


def symbol_address(term: ir.Address) -> SymbolAddress:
    """The variable; of the CPU that the operation is for, or of one by its number."""
    match term.cpu:
        case None | ir.Id(name="cpu_id" | "cpu_id_start"):
            return SymbolAddress(term.symbol, term.addend)
        case ir.Constant(value=value):
            return SymbolAddress(term.symbol, term.addend, value)
        case _:
            raise NoCode(f"the CPU of {term.symbol} is a value, which C would not check")


def no_code(step: Simple) -> NoCode:
    """Why an instruction has none."""
    if isinstance(step, ir.SystemCall):
        return NoCode("a system call has no place in a section")
    return NoCode(f"`{instruction_text(step)}` has no code")


def step_comment(step: Simple) -> str:
    """``list.opv:17: node = load head``: the source of an instruction, safe in a comment."""
    place = step.place
    where = f"{place.file.name}:{place.line}: " if isinstance(place, Span) else ""
    return where + instruction_text(step).replace("*/", "* /").replace("/*", "/ *")


def split(address: ir.Term) -> tuple[ir.Term | None, int]:
    """What an address is counted from (None: a number alone), and how many bytes from there it is."""
    match address:
        case ir.Constant(value=value):
            return None, value
        case ir.Binary(operator="+" | "-" as sign, left=left, right=ir.Constant(value=value)):
            distance = ir.fitted(value if sign == "+" else -value, ir.I64)
            if left.type.size == 8 and abs(distance) < 1 << 24:
                base, offset = split(left)
                return (base, offset + distance) if base is not None else (address, 0)
            return address, 0
        case _:
            return address, 0


def scaled(term: ir.Term) -> tuple[ir.Term, int]:
    """An index and the number of bytes that it counts in, where a processor multiplies by that."""
    match term:
        case ir.Binary(operator="*", left=left, right=ir.Constant(value=1 | 2 | 4 | 8 as scale)):
            return left, scale
        case ir.Binary(operator="<<", left=left, right=ir.Constant(value=1 | 2 | 3 as bits)):
            return left, 1 << bits
        case _:
            return term, 1
