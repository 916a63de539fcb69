"""Terms: how a step computes the numbers it works with, and a condition what it asks.

A term is a tree of frozen values without names: registers, memory and CPUs are numbers.  Numbers
are whole numbers of any size unless a Width says otherwise.  A term that has no value (a division
by zero, a shift by a negative count, memory where nothing lies) ends the thread that asks for it.
"""

from __future__ import annotations

from collections.abc import Iterator

from ...light_typing import NamedTuple, Record


class Width(NamedTuple):
    """Numbers of ``size`` bytes, with or without a sign."""

    size: int
    signed: bool

    def fitted(self, value: int) -> int:
        """A number modulo the width, in its range."""
        bits = 8 * self.size
        value &= (1 << bits) - 1
        return value - (1 << bits) if self.signed and value >> (bits - 1) else value


class Number(Record):
    """Always the same number."""

    value: int


class Register(Record):
    """What a register of the thread that steps holds; ``number`` is its place in a local state."""

    number: int


class CurrentCpu(Record):
    """The number of the CPU that the thread is on."""


class WrittenId(Record):
    """Four bytes of the state from index ``at``: an id that the kernel writes.

    Read for a check that is a part of another step, so that nobody calls it an access.
    """

    at: int


class Memory(Record):
    """The number of a width at an address: an access of the thread."""

    address: Term
    width: Width


class Unary(Record):
    """``-x``, ``~x``, ``!x`` (0 or 1)."""

    operator: str
    operand: Term
    width: Width | None = None


class Binary(Record):
    """``left operator right``, then fitted to a width (None: of any size).

    ``/`` rounds towards zero and ``%`` has the sign of the left side; compares give 0 or 1, and so do
    ``&&`` and ``||``, whose right side is only looked at where it matters.
    """

    operator: str
    left: Term
    right: Term
    width: Width | None = None


class Fitted(Record):
    """A number modulo a width, in its range."""

    operand: Term
    width: Width


class Choose(Record):
    """``then`` where the condition is not 0, else ``otherwise``; the other one is not looked at."""

    condition: Term
    then: Term
    otherwise: Term


# ---- in conditions only ------------------------------------------------------------------------------


class RegisterOf(Record):
    """What a register of some thread holds."""

    thread: int
    number: int


class Ended(Record):
    """1 where a thread stands at ``point``, the step that is its end, else 0."""

    thread: int
    point: int


class Sum(Record):
    """The sum of many terms."""

    parts: tuple[Term, ...]


class Elements(Record):
    """The sum of ``count`` numbers that lie one after the other, the first one at ``address``."""

    address: Term
    width: Width
    count: int


class Nodes(Record):
    """The addresses of a list's nodes: ``head`` is where the first one's address lies.

    ``link`` is where in a node the next one's lies, in bytes from its start, and ``word`` the size
    of a pointer.  A list that comes back to a node ends with that node listed again, one that leads
    where nothing lies ends with that address; ``limit`` nodes are listed at most.
    """

    head: Term
    link: int
    word: int
    limit: int


class Length(Record):
    """How many nodes a list has."""

    nodes: Nodes


Term = (
    Number
    | Register
    | CurrentCpu
    | WrittenId
    | Memory
    | Unary
    | Binary
    | Fitted
    | Choose
    | RegisterOf
    | Ended
    | Sum
    | Elements
    | Length
)


def parts(term: Term) -> tuple[Term, ...]:
    """The direct parts of a term."""
    match term:
        case Number() | Register() | CurrentCpu() | WrittenId() | RegisterOf() | Ended():
            return ()
        case Memory(address=inner) | Elements(address=inner) | Length(nodes=Nodes(head=inner)):
            return (inner,)
        case Unary(operand=operand) | Fitted(operand=operand):
            return (operand,)
        case Binary(left=left, right=right):
            return left, right
        case Choose(condition=condition, then=then, otherwise=otherwise):
            return condition, then, otherwise
        case Sum(parts=found):
            return found


def every_term(*terms: Term) -> Iterator[Term]:
    """Terms and all their parts."""
    waiting = list(terms[::-1])
    while waiting:
        term = waiting.pop()
        yield term
        waiting += parts(term)[::-1]


def registers_in(*terms: Term) -> frozenset[int]:
    """The registers of the stepping thread that terms read."""
    return frozenset(each.number for each in every_term(*terms) if isinstance(each, Register))


def uses_cpu(*terms: Term) -> bool:
    """Whether terms depend on the CPU that the thread is on."""
    return any(isinstance(each, CurrentCpu | WrittenId) for each in every_term(*terms))


def reads_memory(*terms: Term) -> bool:
    """Whether terms access memory."""
    return any(isinstance(each, Memory | Elements) for each in every_term(*terms))


# ---- making terms ------------------------------------------------------------------------------------


def fitted(term: Term, width: Width) -> Term:
    """A term in a width; one that is in it anyway is left as it is."""
    match term:
        case Number(value=value):
            return Number(width.fitted(value))
        case Memory(width=known) | Unary(width=known) | Binary(width=known) | Fitted(width=known):
            return term if known == width else Fitted(term, width)
        case _:
            return Fitted(term, width)


def plus(left: Term, right: Term) -> Term:
    """The sum of two terms; of two plain numbers a number."""
    match left, right:
        case Number(value=first), Number(value=second):
            return Number(first + second)
        case _, Number(value=0):
            return left
        case Number(value=0), _:
            return right
        case _:
            return Binary("+", left, right)


def times(factor: int, term: Term) -> Term:
    """A term so many times; of a plain number a number."""
    match term:
        case Number(value=value):
            return Number(factor * value)
        case _:
            return term if factor == 1 else Binary("*", Number(factor), term)
