"""What the writers of a vector's code share: where its operands lie, and what C hands to the assembler."""

from __future__ import annotations

from collections.abc import Mapping

from ..abi.ops import WORD_LENGTHS
from ..formats.c_words import identifier
from ..light_typing import NamedTuple
from ..program import (
    Area,
    ArgumentValue,
    Data,
    Instruction,
    Pointer,
    PoolAddress,
    SlotAddress,
    SymbolAddress,
    Value,
    Vector,
    section as ir,
)
from ..source import Span
from ..text.names import best_path
from ..text.printer import Speller
from ..verifier.rseq_rules import section_length
from .names import Naming, member_path
from .positions import Position


class Context(NamedTuple):
    """A vector on its way to C.

    ``here`` is the form that runs on whatever CPU the thread is on, and loads the CPU's number
    inside the section; ``subscribes`` says whether the slow flag is looked at first.  ``rare`` is the
    form of the rare path, which sees the flag of a lock holder alone: another bit of that word sends
    the fast path away where the fallback is forced.  ``positions`` are the parameters that are the
    number of an element of a percpu array; where there are none, each is the pointer that it is in the text.
    ``loading`` is the section that loads where it is not a vector that is written: ``vector`` has then
    no ops, and the parameters that the functions take.
    """

    vector: Vector
    data: Data
    naming: Naming
    speller: Speller
    here: bool = False
    subscribes: bool = False
    rare: bool = False
    positions: Mapping[str, Position] = {}
    loading: ir.Section | None = None

    @property
    def whole_area(self) -> bool:
        """Whether the form for this thread's CPU has the address of the CPU's data in one register."""
        return bool(self.positions) or self.loading is not None

    @property
    def section(self) -> tuple[Instruction, ...]:
        """The ops that are inside of the section."""
        return self.vector.instructions[: section_length(self.vector)]

    def comment(self, index: int) -> str:
        """``list.opv:17 op 0: cmpeq.ptr head, expect``: the source of an op, safe in a comment."""
        instruction = self.vector.instructions[index]
        text = str(self.speller.line(instruction)).replace("*/", "* /").replace("/*", "/ *")
        return f"{source_line(instruction)}op {index}: {text}"

    def is_last_store(self, index: int) -> bool:
        """Whether an op is the vector's last one that writes: the commit of a section."""
        return index == last_store(self.vector)

    def constant(self, value: PoolAddress, length: int) -> int | SymbolAddress | None:
        """The value of a word in the literal pool; None where it is not one known word."""
        for item in self.data.pool:
            start = value.offset - item.offset
            if start < 0 or start + length > item.size:
                continue
            match item.value:
                case bytes(raw):
                    return int.from_bytes(raw[start : start + length], "little")
                case int(number):
                    raw = (number % (1 << (8 * item.size))).to_bytes(item.size, "little")
                    return int.from_bytes(raw[start : start + length], "little")
                case SymbolAddress() as symbol if start == 0 and length == item.size:
                    return symbol
                case _:
                    return None
        return None

    def word(self, value: Value, length: int) -> int | SymbolAddress | SlotAddress | None:
        """What an operand is, if it is a word that needs no memory: a number, an address, an argument."""
        if length not in WORD_LENGTHS:
            return None
        match value:
            case PoolAddress():
                return self.constant(value, length)
            case SlotAddress(parameter=name, addend=0):
                parameter = self.vector.parameter(name)
                if parameter is not None and length <= parameter.type.size:
                    return value
                return None
            case _:
                return None

    # ---- C expressions ----

    def address(self, value: Value, length: int) -> str:
        """A C expression for an operand's address."""
        match value:
            case int():
                return f"((char *)(uintptr_t){value:#x}u)"
            case SymbolAddress():
                return self.symbol_address(value, length)
            case ArgumentValue(parameter=name, addend=addend):
                return self._pointed(name, addend, length)
            case SlotAddress(parameter=name, addend=addend):
                return f"((char *)&{identifier(name)}{_plus(addend)})"
            case PoolAddress(offset=offset):
                return f"((const char *){self.naming.prefix}_pool{_plus(offset)})"

    def symbol_address(self, value: SymbolAddress, length: int) -> str:
        """A C expression for the address of a variable; opv_percpu is the CPU's own area."""
        symbol = self.data.symbols[value.symbol]
        if symbol.area is Area.PERCPU:
            base = "opv_percpu" if value.cpu is None else f"opv_m->percpu[{value.cpu}]"
            arrow = "->" if value.cpu is None else "."
        else:
            base, arrow = "opv_m->shared", "->"
        path = member_path(symbol, value.addend, length)
        if path is not None:
            return f"&{base}{arrow}{path}"
        return f"((char *)&{base}{arrow}{identifier(symbol.name)}{_plus(value.addend)})"

    def _pointed(self, name: str, addend: int, length: int) -> str:
        parameter = self.vector.parameter(name)
        target = parameter.type.target if parameter and isinstance(parameter.type, Pointer) else ""
        struct = self.data.structs.get(target or "")
        path = best_path(struct, addend, length) if struct is not None else None
        if path and path.startswith("."):
            members = ".".join(identifier(each) for each in path[1:].split("."))
            return f"&{identifier(name)}->{members}"
        if not addend and parameter is not None and isinstance(parameter.type, Pointer):
            return identifier(name)
        return f"((char *)(uintptr_t){identifier(name)}{_plus(addend)})"

    def number(self, value: int | SymbolAddress | SlotAddress, length: int) -> str:
        """A C expression of type uint64_t for a word that needs no memory."""
        match value:
            case int():
                return f"UINT64_C({value:#x})" if value > 9 else f"UINT64_C({value})"
            case SymbolAddress():
                return f"(uint64_t)(uintptr_t){self.symbol_address(value, 0)}"
            case SlotAddress(parameter=name):
                return self.argument(name)

    def argument(self, name: str) -> str:
        """A parameter as a uint64_t."""
        parameter = self.vector.parameter(name)
        cast = "(uintptr_t)" if parameter and isinstance(parameter.type, Pointer) else ""
        return f"(uint64_t){cast}{identifier(name)}"

    def immediate(self, instruction: Instruction) -> str:
        """A C expression of type uint64_t for an op's count, mask or bits."""
        value = instruction.immediate
        match value:
            case ArgumentValue(parameter=name, addend=addend):
                text = self.argument(name)
                return f"({text} + UINT64_C({addend}))" if addend else text
            case int():
                return f"UINT64_C({value % (1 << 64):#x})"
            case _:
                raise ValueError("an op's number is a constant or an argument")


class Operands:
    """What C hands to an asm statement: name, constraint and expression of each input, once each."""

    def __init__(self) -> None:
        self.inputs: dict[str, tuple[str, str]] = {}

    def add(self, name: str, constraint: str, expression: str) -> str:
        """The name of an input; one that is also needed in a register is always in one."""
        known = self.inputs.get(name)
        if known is None or constraint == "r":
            self.inputs[name] = (constraint, expression)
        return name

    def pointer(self, context: Context, value: Value, length: int) -> str:
        """An address that C works out: of an absolute place, a slot, a part of the literal pool."""
        expression = context.address(value, length)
        for name, (_, known) in self.inputs.items():
            if known == expression:
                return self.add(name, "r", expression)
        return self.add(f"opv_at{len(self.inputs)}", "r", expression)


def _plus(addend: int) -> str:
    return "" if addend == 0 else f" {'+' if addend > 0 else '-'} {abs(addend)}"


def last_store(vector: Vector) -> int | None:
    """The index of the last op that writes."""
    return max(
        (
            index
            for index, instruction in enumerate(vector.instructions)
            if any(operand.access.writes for operand, _, _ in instruction.operands())
        ),
        default=None,
    )


def source_line(instruction: Instruction) -> str:
    """``list.opv:17 ``, or nothing where an op has no place in a text."""
    place = instruction.place
    return f"{place.file.name}:{place.line} " if isinstance(place, Span) else ""
