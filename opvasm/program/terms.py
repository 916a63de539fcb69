"""Terms: what the registers of a section hold, and what arithmetic of fixed width makes of it.

A term is a pure value; it never reads memory.  opvasm.program.section has these names too.
"""

from __future__ import annotations

from ..light_typing import Protocol, Record
from .vector import Pointer, Scalar

U8, U16, U32, U64, U128 = (Scalar(f"u{8 * size}", size, False) for size in (1, 2, 4, 8, 16))
I8, I16, I32, I64 = (Scalar(f"i{8 * size}", size, True) for size in (1, 2, 4, 8))
# The types of locals by their names; u128 is for copies of two registers.
REGISTER_TYPES: dict[str, Scalar] = {
    each.name: each for each in (U8, U16, U32, U64, I8, I16, I32, I64, U128)
}

# What a section may read of its thread's area (struct rseq), with the offset there in bytes.
AREA_FIELDS: dict[str, int] = {"cpu_id_start": 0, "cpu_id": 4, "node_id": 20, "mm_cid": 24}
AREA_TYPE = U32
# The least that a thread registers of its area (the kernel's ORIG_RSEQ_SIZE), padding included.
AREA_BYTES = 32
# Those that say on which CPU, or in whose place, a thread runs.
CPU_FIELDS = ("cpu_id_start", "cpu_id", "mm_cid")

COMPARES = ("==", "!=", "<", "<=", ">", ">=")
SHIFTS = ("<<", ">>")
LOGIC = ("&&", "||")
# What one instruction can do to a word in memory.
CHANGES = ("+", "-", "&", "|", "^", "<<", ">>")

RegisterType = Scalar | Pointer


class Constant(Record):
    """A number of a type; ``value`` lies in the type's range."""

    value: int
    type: RegisterType


class Local(Record):
    """What a local of the section holds."""

    name: str
    type: RegisterType


class Argument(Record):
    """The value of a parameter."""

    name: str
    type: RegisterType


class Id(Record):
    """A field of the thread's area, one of AREA_FIELDS, read by the instruction it stands in."""

    name: str
    type: RegisterType = AREA_TYPE


class Address(Record):
    """The address of a variable plus ``addend`` bytes.

    Of a percpu variable ``cpu`` gives the number of the CPU; None is the CPU on which the section
    began.
    """

    symbol: str
    addend: int
    cpu: Term | None
    type: Pointer


class Unary(Record):
    """``-x`` and ``~x``, of the operand's width; ``!x``, which is 0 or 1 in a u8."""

    operator: str
    operand: Term
    type: RegisterType


class Binary(Record):
    """``left operator right``.

    Both sides have one width, but for shifts, whose count may have any and is taken modulo the
    width of the left side, as x86 and aarch64 do.  ``+ - * <<`` wrap.  The left side's sign decides
    whether ``< <= > >=`` compare signed numbers and ``>>`` keeps the sign.  Compares and ``&& ||``
    give 0 or 1 in a u8.
    """

    operator: str
    left: Term
    right: Term
    type: RegisterType


class Convert(Record):
    """A value in another width or sign: a signed operand keeps its sign, others fill with zeros."""

    operand: Term
    type: RegisterType


class Choose(Record):
    """``then`` where the condition is not 0, else ``otherwise``: a conditional move."""

    condition: Term
    then: Term
    otherwise: Term
    type: RegisterType


Term = Constant | Local | Argument | Id | Address | Unary | Binary | Convert | Choose


def parts(term: Term) -> tuple[Term, ...]:
    """The direct parts of a term."""
    match term:
        case Constant() | Local() | Argument() | Id():
            return ()
        case Address(cpu=cpu):
            return () if cpu is None else (cpu,)
        case Unary(operand=operand) | Convert(operand=operand):
            return (operand,)
        case Binary(left=left, right=right):
            return left, right
        case Choose(condition=condition, then=then, otherwise=otherwise):
            return condition, then, otherwise


def bare(term: Term) -> Term:
    """A term without conversions around it."""
    while isinstance(term, Convert):
        term = term.operand
    return term


_LEAVES = (Constant, Local, Argument, Id)


def every_term(term: Term) -> list[Term]:
    """A term and all its parts, each before its own parts, from left to right."""
    found: list[Term] = []
    waiting: list[Term] = [term]
    while waiting:
        each = waiting.pop()
        found.append(each)
        if isinstance(each, Binary):
            waiting += (each.right, each.left)
        elif not isinstance(each, _LEAVES):
            waiting += reversed(parts(each))
    return found


# ---- arithmetic ---------------------------------------------------------------------------------------


def is_signed(type: RegisterType) -> bool:
    """Whether numbers of a type have a sign."""
    return isinstance(type, Scalar) and type.signed


def binary_type(operator: str, left: RegisterType, right: RegisterType, word: int) -> RegisterType:
    """The type of ``left operator right``; ``word`` is the size of a pointer in bytes.

    A pointer plus or minus a number is a plain pointer; of other arithmetic on pointers a number.
    """
    if operator in COMPARES or operator in LOGIC:
        return U8
    pointers = isinstance(left, Pointer), isinstance(right, Pointer)
    if operator in SHIFTS:
        return REGISTER_TYPES[f"u{8 * left.size}"] if pointers[0] else left
    if not any(pointers):
        return left
    if operator in ("+", "-") and not all(pointers):
        return Pointer(None, word)
    return REGISTER_TYPES[f"u{8 * word}"]


def fitted(value: int, type: RegisterType) -> int:
    """A number modulo the width of a type, in the type's range."""
    width = 8 * type.size
    value &= (1 << width) - 1
    return value - (1 << width) if is_signed(type) and value >> (width - 1) else value


def apply(operator: str, left: int, right: int, type: RegisterType) -> int:
    """``left operator right`` for a left side of a type; the result is in range of its own type."""
    match operator:
        case "+":
            return fitted(left + right, type)
        case "-":
            return fitted(left - right, type)
        case "*":
            return fitted(left * right, type)
        case "&":
            return fitted(left & right, type)
        case "|":
            return fitted(left | right, type)
        case "^":
            return fitted(left ^ right, type)
        case "<<":
            return fitted(left << (right % (8 * type.size)), type)
        case ">>":
            return fitted(left >> (right % (8 * type.size)), type)
        case "==":
            return int(fitted(left, type) == fitted(right, type))
        case "!=":
            return int(fitted(left, type) != fitted(right, type))
        case "<":
            return int(left < fitted(right, type))
        case "<=":
            return int(left <= fitted(right, type))
        case ">":
            return int(left > fitted(right, type))
        case ">=":
            return int(left >= fitted(right, type))
        case "&&":
            return int(bool(left) and bool(right))
        case "||":
            return int(bool(left) or bool(right))
        case _:
            raise ValueError(f"`{operator}` is not an operator of sections")


class Registers(Protocol):
    """What terms read when they are computed."""

    def local(self, name: str) -> int:
        """What a local holds."""

    def argument(self, name: str) -> int:
        """The value of a parameter."""

    def area(self, name: str) -> int:
        """A field of the thread's area, now."""

    def address(self, symbol: str, cpu: int | None) -> int:
        """The address of a variable; None is the CPU on which the section began."""


def evaluate(term: Term, registers: Registers) -> int:
    """The value of a term, in the range of its type."""
    match term:
        case Constant(value=value):
            return value
        case Local(name=name, type=type):
            return fitted(registers.local(name), type)
        case Argument(name=name, type=type):
            return fitted(registers.argument(name), type)
        case Id(name=name, type=type):
            return fitted(registers.area(name), type)
        case Address(symbol=symbol, addend=addend, cpu=cpu, type=type):
            number = None if cpu is None else evaluate(cpu, registers)
            return fitted(registers.address(symbol, number) + addend, type)
        case Unary(operator=operator, operand=operand, type=type):
            value = evaluate(operand, registers)
            match operator:
                case "-":
                    return fitted(-value, type)
                case "~":
                    return fitted(~value, type)
                case "!":
                    return int(not value)
                case _:
                    raise ValueError(f"`{operator}` is not an operator of sections")
        case Binary(operator=operator, left=left, right=right, type=type):
            first, second = evaluate(left, registers), evaluate(right, registers)
            return fitted(apply(operator, first, second, left.type), type)
        case Convert(operand=operand, type=type):
            return fitted(evaluate(operand, registers), type)
        case Choose(condition=condition, then=then, otherwise=otherwise, type=type):
            chosen = then if evaluate(condition, registers) else otherwise
            return fitted(evaluate(chosen, registers), type)
