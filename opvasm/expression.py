"""Expressions: constants, initial values, operands, tests, debugger conditions, scenarios.

Every node is frozen and knows its span.  Nothing here says what a name stands for; the assembler
resolves operands, opvasm.scenario evaluates against a machine, and ``constant`` below computes
what needs no machine at all.  A node's children always end inside the nesting limit of
opvasm.text, so a recursive walk is safe.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from .light_typing import Record
from .source import Span


class Number(Record):
    """``10``, ``0x1f``, ``0b101``, ``0o17``, ``1_000`` or ``'c'``."""

    value: int
    span: Span


class Name(Record):
    """A name: a variable, a parameter, a constant, an errno; the reader's scope decides."""

    name: str
    span: Span


class Member(Record):
    """``base.name``: a field of a struct.

    On a ``Load``, which has no type of its own, the name is a type: ``[&buffer + 8].u32``.
    """

    base: Expression
    name: str
    span: Span


class Arrow(Record):
    """``base->name``: a field of the struct that a ``ptr<struct>`` points to."""

    base: Expression
    name: str
    span: Span


class Index(Record):
    """``base[position]``: an element of an array, counted from 0."""

    base: Expression
    position: Expression
    span: Span


class AtCpu(Record):
    """``base@cpu``: the instance of a percpu variable (or of a part of it) of one CPU."""

    base: Expression
    cpu: Expression
    span: Span


class AddressOf(Record):
    """``&place``: the address of a variable or of a part of it, as a value."""

    place: Expression
    span: Span


class Load(Record):
    """``[address]`` or ``@number``: the memory at an address; it has no type of its own."""

    address: Expression
    span: Span


class Unary(Record):
    """``-x``, ``~x``, ``!x`` or ``+x``; ``operator`` is its spelling."""

    operator: str
    operand: Expression
    span: Span


class Binary(Record):
    """``left operator right``; ``operator`` is one of PRECEDENCE."""

    operator: str
    left: Expression
    right: Expression
    span: Span


class Call(Record):
    """``function(argument, …)``, such as ``sum(counter)`` in a scenario."""

    function: str
    arguments: tuple[Expression, ...]
    span: Span


class SizeOf(Record):
    """``sizeof(T)``: bytes of a type or of a variable's type."""

    type: TypeName
    span: Span


class OffsetOf(Record):
    """``offsetof(T, field)``: bytes from the start of a struct to a field (a path of names)."""

    type: TypeName
    path: tuple[str, ...]
    span: Span


Expression = (
    Number
    | Name
    | Member
    | Arrow
    | Index
    | AtCpu
    | AddressOf
    | Load
    | Unary
    | Binary
    | Call
    | SizeOf
    | OffsetOf
)


class TypeName(Record):
    """A type as it is written: a name, what a ``ptr<…>`` points to, and counts of an array.

    ``u64[2][3]`` has the counts (2, 3): two elements of three.
    """

    name: str
    target: TypeName | None
    counts: tuple[Expression, ...]
    span: Span


# How tightly binary operators bind.  Unlike in C, comparisons bind less tightly than all of
# arithmetic, so that ``flags & 1 == 0`` asks what it seems to ask.
PRECEDENCE: dict[str, int] = {
    "||": 1,
    "&&": 2,
    **dict.fromkeys(("==", "!=", "<", "<=", ">", ">="), 3),
    "|": 4,
    "^": 5,
    "&": 6,
    "<<": 7,
    ">>": 7,
    "+": 8,
    "-": 8,
    "*": 9,
    "/": 9,
    "%": 9,
}
COMPARISONS = frozenset(("==", "!=", "<", "<=", ">", ">="))


class Unevaluable(Exception):
    """An expression has no value; ``reason`` says why in a clause, ``span`` says where."""

    def __init__(self, reason: str, span: Span) -> None:
        super().__init__(reason)
        self.reason = reason
        self.span = span


def children(expression: Expression) -> Iterator[Expression]:
    """The direct parts of an expression, in the order of the text."""
    match expression:
        case Number() | Name() | SizeOf() | OffsetOf():
            return
        case Member(base=base) | Arrow(base=base):
            yield base
        case Index(base=base, position=position):
            yield from (base, position)
        case AtCpu(base=base, cpu=cpu):
            yield from (base, cpu)
        case AddressOf(place=place):
            yield place
        case Load(address=address):
            yield address
        case Unary(operand=operand):
            yield operand
        case Binary(left=left, right=right):
            yield from (left, right)
        case Call(arguments=arguments):
            yield from arguments


def height(expression: Expression) -> int:
    """The number of levels of an expression; a number or name has one."""
    level, levels = [expression], 0
    while level:
        levels += 1
        level = [child for each in level for child in children(each)]
    return levels


# The largest shift, and what numbers stay below: far more than any field holds, small enough that
# nothing grows without end.
SHIFT_MAX = 1024
NUMBER_MAX = 1 << 2048
NUMBER_TOO_LARGE = "a number of more than 2048 bits is of no use"


def apply_unary(operator: str, value: int) -> int:
    """The value of ``operator value`` over whole numbers of any size; ``!`` gives 0 or 1."""
    match operator:
        case "-":
            return -value
        case "~":
            return ~value
        case "!":
            return int(not value)
        case _:
            return value


def apply_binary(operator: str, left: int, right: int) -> int:
    """The value of ``left operator right`` over whole numbers of any size.

    Division rounds towards zero and ``%`` takes the sign of the left side, as in C; comparisons,
    ``&&`` and ``||`` give 0 or 1.  Raises ValueError with the reason where there is no value.
    """
    return _BINARY[operator](left, right)


def _divide(left: int, right: int) -> int:
    if right == 0:
        raise ValueError("division by zero")
    quotient = abs(left) // abs(right)
    return quotient if (left < 0) == (right < 0) else -quotient


def _remainder(left: int, right: int) -> int:
    return left - right * _divide(left, right)


def _shift_left(left: int, right: int) -> int:
    if not 0 <= right <= SHIFT_MAX:
        raise ValueError(f"a shift by {right} is outside 0..{SHIFT_MAX}")
    return bounded(left << right)


def _shift_right(left: int, right: int) -> int:
    if not 0 <= right <= SHIFT_MAX:
        raise ValueError(f"a shift by {right} is outside 0..{SHIFT_MAX}")
    return left >> right


def bounded(number: int) -> int:
    """A number as it is.  Raises ValueError where it has more than 2048 bits."""
    if not -NUMBER_MAX < number < NUMBER_MAX:
        raise ValueError(NUMBER_TOO_LARGE)
    return number


_BINARY: dict[str, Callable[[int, int], int]] = {
    "||": lambda left, right: int(bool(left or right)),
    "&&": lambda left, right: int(bool(left and right)),
    "==": lambda left, right: int(left == right),
    "!=": lambda left, right: int(left != right),
    "<": lambda left, right: int(left < right),
    "<=": lambda left, right: int(left <= right),
    ">": lambda left, right: int(left > right),
    ">=": lambda left, right: int(left >= right),
    "|": lambda left, right: left | right,
    "^": lambda left, right: left ^ right,
    "&": lambda left, right: left & right,
    "<<": _shift_left,
    ">>": _shift_right,
    "+": lambda left, right: bounded(left + right),
    "-": lambda left, right: bounded(left - right),
    "*": lambda left, right: bounded(left * right),
    "/": _divide,
    "%": _remainder,
}


def constant(expression: Expression, leaf: Callable[[Name | SizeOf | OffsetOf], int | None]) -> int:
    """The value of an expression that needs no memory.

    ``leaf`` gives the value of a name, a ``sizeof`` or an ``offsetof``, None where it is not a
    constant.  ``&&`` and ``||`` look at their right side only if they must.  Raises Unevaluable.
    """
    match expression:
        case Number(value=value):
            return value
        case Name() | SizeOf() | OffsetOf():
            known = leaf(expression)
            if known is None:
                raise Unevaluable(f"`{expression.span.text}` is not a constant", expression.span)
            return known
        case Unary(operator=operator, operand=operand):
            return apply_unary(operator, constant(operand, leaf))
        case Binary(operator=operator, left=left, right=right, span=span):
            first = constant(left, leaf)
            if operator == "&&" and not first:
                return 0
            if operator == "||" and first:
                return 1
            try:
                return apply_binary(operator, first, constant(right, leaf))
            except ValueError as error:
                raise Unevaluable(str(error), span) from None
        case _:
            raise Unevaluable(f"`{expression.span.text}` is not a constant", expression.span)
