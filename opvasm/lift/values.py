"""What registers hold along a straight piece of code, as far as equal expressions go.

A value is a base and a number added to it.  Bases are tuples that stand for what is not known: what a
register held at first, what was read from an address, what an instruction made.  Two values are
equal when they are made the same way; nothing is said of those that are not.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from ..light_typing import NamedTuple
from .code import Code, Flow, Memory

Base = tuple[Any, ...]
_CALLED_X86 = ("rax", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11")
_UNDERSTOOD = frozenset(
    ["mov", "movabs", "movz", "movk", "ldr", "ldur", "lea", "adrp", "adr", "mrs", "add", "sub"]
)
# The registers that a function leaves to its caller as they were.
_KEPT_BY_CALLS = frozenset(
    ["rbx", "rsp", "rbp", "r12", "r13", "r14", "r15", "sp", *(f"x{at}" for at in range(19, 30))]
)


class Value(NamedTuple):
    """``base`` + ``offset`` bytes; an empty base is a plain number."""

    base: Base
    offset: int

    def plus(self, number: int) -> Value:
        """The value with a number added."""
        return Value(self.base, self.offset + number)


def distances(value: Value, start: Value) -> Iterator[int]:
    """How far a value is from ``start`` but for an index that is not known, one for each reading.

    None where ``start`` is no part of it: a plain number is a part of nothing.
    """
    whole = start.base
    if not whole:
        return
    if value.base[: len(whole)] == whole and value.base[len(whole) :][:1] == ("index",):
        yield value.offset - start.offset
    if value.base[:1] == ("sum",) and whole in value.base[1:]:
        yield value.offset - start.offset
    match value.base[-3:]:
        case ("index", 1, Value(base, offset)) if base == whole:
            yield value.offset + offset - start.offset
        case _:
            pass


class Values:
    """Follows registers through code; forgets what it does not understand."""

    def __init__(self) -> None:
        self._registers: dict[str, Value] = {"xzr": Value((), 0)}
        self._taint: dict[str, frozenset[Value]] = {}

    def copy(self) -> Values:
        """The same values, followed from here on their own way."""
        other = Values()
        other._registers = dict(self._registers)
        other._taint = dict(self._taint)
        return other

    def forget(self, names: Iterable[str], address: int) -> None:
        """Hold nothing for known of these registers, which a loop at ``address`` changes."""
        for name in names:
            self._registers[name] = Value(("loop", address, name), 0)

    def register(self, name: str) -> Value:
        """What a whole register holds."""
        found = self._registers.get(name)
        if found is None:
            found = self._registers[name] = Value(("first", name), 0)
        return found

    def address(self, memory: Memory) -> Value:
        """The address of a memory operand."""
        base: Base = (memory.segment,) if memory.segment else ()
        offset = memory.displacement
        if memory.base:
            value = self.register(memory.base)
            base += value.base
            offset += value.offset
        if memory.indexed:
            value = self.register(memory.indexed)
            if value.base == ():
                offset += memory.scale * value.offset
            else:
                base += ("index", memory.scale, value)
        return Value(base, offset)

    def comes_from(self, register: str) -> frozenset[Value]:
        """The addresses from which what a register holds was computed."""
        return self._taint.get(register, frozenset())

    def step(self, code: Code, reads: tuple[str, ...]) -> None:
        """Go past an instruction that reads these registers."""
        read = [self.address(each) for each in code.loads]
        taint = frozenset(read).union(*(self.comes_from(each) for each in reads))
        known = self._known(code, read)
        for name in code.writes:
            self._taint[name] = taint
            self._registers[name] = Value(("made", code.address, name), 0)
        if known is not None:
            self._registers[known[0]] = known[1]
        if code.flow is Flow.CALL:
            self._called(code.address)

    def _called(self, address: int) -> None:
        """After a call only what functions keep is known, and where the thread's own memory is."""
        names = {*self._registers, *(f"x{at}" for at in range(19)), "x30", *_CALLED_X86}
        for name in names - _KEPT_BY_CALLS:
            self._registers[name] = Value(("made", address, name), 0)

    def _known(self, code: Code, read: list[Value]) -> tuple[str, Value] | None:
        """The register that an instruction sets to what can be said, and what that is."""
        if len(code.writes) != 1 or code.mnemonic not in _UNDERSTOOD:
            return None
        parts = [each.strip() for each in code.text.partition(" ")[2].split(",", 1)]
        if len(parts) < 2:
            return None
        (name,) = code.writes
        rest = parts[1]
        if parts[0] != name:
            # A part of a register; the upper half is cleared where the lower one is set.
            whole = _number(rest) if code.mnemonic == "mov" else None
            halves = (f"e{name[1:]}", f"{name}d", f"w{name[1:]}")
            if whole is None or parts[0] not in halves:
                return None
            return name, Value((), whole & 0xFFFF_FFFF)
        match code.mnemonic:
            case "mov" | "movabs" if code.loads and code.loads[0].size == 8:
                return name, Value(("read", read[0]), 0)
            case "ldr" | "ldur" if code.loads and code.loads[0].size == 8:
                return name, Value(("read", read[0]), 0)
            case "mov" | "movabs" if _number(rest) is not None:
                return name, Value((), _number(rest) or 0)
            case "movz" | "movk" if (moved := _shifted(rest)) is not None:
                value, shift = moved
                if code.mnemonic == "movz":
                    return name, Value((), value << shift)
                before = self.register(name)
                if before.base != ():
                    return None
                return name, Value((), before.offset & ~(0xFFFF << shift) | value << shift)
            case "mov" if rest.isalnum():
                return name, self.register(rest)
            case "lea":
                return name, self._effective(code)
            case "adrp" | "adr" if _number(rest) is not None:
                return name, Value((), _number(rest) or 0)
            case "mrs":
                return name, Value(("system", rest), 0)
            case "add" | "sub":
                terms = [each.strip() for each in rest.split(",")]
                number = _number(terms[-1])
                shift = 0
                if len(terms) == 3 and terms[2].startswith("lsl #"):
                    shift, number = _number(terms[2][4:].strip()) or 0, _number(terms[1])
                if number is None and len(terms) < 3 and code.mnemonic == "add":
                    first = terms[0] if len(terms) == 2 else name
                    if not all(each.isalnum() for each in terms):
                        return None  # what memory holds
                    return self._sum(name, self.register(first), self.register(terms[-1]))
                if number is None:
                    return None
                source = terms[0] if len(terms) > 1 else name
                sign = 1 if code.mnemonic == "add" else -1
                return name, self.register(source).plus(sign * (number << shift))
            case _:
                return None

    def _sum(self, name: str, left: Value, right: Value) -> tuple[str, Value]:
        """What a register holds that is a sum, the same in either order."""
        if left.base == ():
            left, right = right, left
        if right.base == ():
            return name, left.plus(right.offset)
        bases = sorted((left.base, right.base), key=repr)
        return name, Value(("sum", *bases), left.offset + right.offset)

    def _effective(self, code: Code) -> Value:
        operand = code.instruction.operands[1].mem
        named = code.instruction.reg_name
        base = named(operand.base) if operand.base else ""
        displacement = operand.disp
        if base in ("rip", "eip"):
            return Value((), displacement + code.end)
        index = named(operand.index) if operand.index else ""
        return self.address(Memory("", base, index, operand.scale, displacement, 8))


def without_addresses(values: Iterable[Value]) -> tuple[object, ...]:
    """Values of which equal ones mean the same in code that stands elsewhere.

    An instruction that made one is named by the order in which such are met, not by its address.
    """
    met: dict[int, int] = {}

    def one(part: object) -> object:
        match part:
            case ("made" | "loop" as how, int(address), name):
                return how, met.setdefault(address, len(met)), name
            case tuple():
                return tuple(map(one, part))
            case _:
                return part

    return tuple(map(one, values))


def _shifted(text: str) -> tuple[int, int] | None:
    """The number of a ``movz`` or ``movk``, and by how many bits it is shifted."""
    first, _, shift = text.partition(", lsl ")
    value, count = _number(first), _number(shift or "0")
    return None if value is None or count is None else (value, count)


def _number(text: str) -> int | None:
    text = text.removeprefix("#")
    try:
        return int(text, 0)
    except ValueError:
        return None
