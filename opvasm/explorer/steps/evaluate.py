"""Terms made ready: each becomes a function of a state, once, before anything runs."""

from __future__ import annotations

import sys
from array import array
from collections.abc import Callable, Sequence

from ...abi.layout import ByteOrder
from ...expression import NUMBER_MAX, NUMBER_TOO_LARGE, apply_binary, apply_unary
from ...light_typing import Protocol
from ...machine.memory import Fault
from .ids import ID_SIZE
from .step import CPU, POINT
from .terms import (
    Binary,
    Choose,
    CurrentCpu,
    Elements,
    Ended,
    Fitted,
    Length,
    Memory,
    Nodes,
    Number,
    Register,
    RegisterOf,
    Sum,
    Term,
    Unary,
    Width,
    WrittenId,
)


class NoValue(Exception):
    """Arithmetic that has no value, such as a division by zero: a signal ends a thread there."""


# What ends a thread where it stands, and leaves a condition without an answer.
TROUBLE = (Fault, NoValue)


class Context(Protocol):
    """What a term looks at."""

    @property
    def local(self) -> list[int]:
        """The local state of the thread that steps."""

    @property
    def memory(self) -> bytes | bytearray:
        """The bytes of the state."""

    @property
    def byteorder(self) -> ByteOrder:
        """The order of bytes in numbers."""

    @property
    def threads(self) -> Sequence[Sequence[int]]:
        """The local states of all threads, where a condition is asked."""

    def load_number(self, address: int, size: int) -> int:
        """The unsigned number at an address.  Raises Fault."""


Getter = Callable[[Context], int]


def getter(term: Term) -> Getter:
    """The function that computes a term.  It raises Fault and NoValue."""
    match term:
        case Number(value=value):
            return lambda c: value
        case Register(number=number):
            return lambda c: c.local[number]
        case CurrentCpu():
            return lambda c: c.local[CPU]
        case WrittenId(at=at):
            end = at + ID_SIZE
            return lambda c: int.from_bytes(c.memory[at:end], c.byteorder)
        case Memory(address=address, width=width):
            return _load(getter(address), width)
        case Unary(operator=operator, operand=operand, width=width):
            inner = getter(operand)
            if width is None:
                return lambda c: apply_unary(operator, inner(c))
            fit = width.fitted
            return lambda c: fit(apply_unary(operator, inner(c)))
        case Binary():
            return _binary(term)
        case Fitted(operand=operand, width=width):
            return _fitted(getter(operand), width)
        case Choose(condition=condition, then=then, otherwise=otherwise):
            asked, yes, no = getter(condition), getter(then), getter(otherwise)
            return lambda c: yes(c) if asked(c) else no(c)
        case RegisterOf(thread=thread, number=number):
            return lambda c: c.threads[thread][number]
        case Ended(thread=thread, point=point):
            return lambda c: int(c.threads[thread][POINT] == point)
        case Sum(parts=parts):
            getters = [getter(each) for each in parts]
            return lambda c: sum([get(c) for get in getters])
        case Elements(address=address, width=width, count=count):
            return _elements(getter(address), width, count)
        case Length(nodes=nodes):
            follow = follower(nodes)
            return lambda c: len(follow(c))


def follower(nodes: Nodes) -> Callable[[Context], tuple[int, ...]]:
    """The function that lists the addresses of a list's nodes."""
    head, link, word, limit = getter(nodes.head), nodes.link, nodes.word, nodes.limit

    def follow(c: Context) -> tuple[int, ...]:
        found: list[int] = []
        try:
            node = c.load_number(head(c), word)
            while node and len(found) < limit:
                repeated = node in found
                found.append(node)
                if repeated:
                    break
                node = c.load_number(node + link, word)
        except Fault:
            pass  # the address that is not a node stays in the list
        return tuple(found)

    return follow


def known(term: Term) -> int | None:
    """The value of a term that depends on no state; None where it does, or where it has none."""
    try:
        return getter(term)(_NOTHING)
    except (AttributeError, NoValue):
        return None


class _Nothing:
    """A state in which nothing can be looked up."""

    local: list[int]
    memory: bytes
    byteorder: ByteOrder
    threads: Sequence[Sequence[int]]

    def load_number(self, address: int, size: int) -> int:
        raise AttributeError


_NOTHING = _Nothing()


def _load(address: Getter, width: Width) -> Getter:
    size = width.size
    if not width.signed:
        return lambda c: c.load_number(address(c), size)
    half = 1 << (8 * size - 1)

    def signed(c: Context) -> int:
        number = c.load_number(address(c), size)
        return number - 2 * half if number >= half else number

    return signed


def _elements(address: Getter, width: Width, count: int) -> Getter:
    """One look at all of them: a scenario may have very many."""
    size = width.size

    def total(c: Context) -> int:
        start = address(c)
        try:
            data = c.load_number(start, size * count).to_bytes(size * count, c.byteorder)
        except Fault:  # they may lie in several parts of memory
            return sum(width.fitted(c.load_number(start + n * size, size)) for n in range(count))
        numbers = array(_CODES[size, width.signed])
        numbers.frombytes(data)
        if c.byteorder != sys.byteorder:
            numbers.byteswap()
        return sum(numbers)

    return total


# array's letters for numbers of so many bytes, with a sign or without.
_CODES = {(array(each).itemsize, each.islower()): each for each in "bBhHiIqQ"}


def _fitted(inner: Getter, width: Width) -> Getter:
    if width.signed:
        fit = width.fitted
        return lambda c: fit(inner(c))
    mask = (1 << 8 * width.size) - 1
    return lambda c: inner(c) & mask


def _binary(term: Binary) -> Getter:
    left, right, operator = getter(term.left), getter(term.right), term.operator
    get: Getter
    match operator:
        case "+":
            get = lambda c: _bounded(left(c) + right(c))  # noqa: E731
        case "-":
            get = lambda c: _bounded(left(c) - right(c))  # noqa: E731
        case "==":
            get = lambda c: int(left(c) == right(c))  # noqa: E731
        case "!=":
            get = lambda c: int(left(c) != right(c))  # noqa: E731
        case "<":
            get = lambda c: int(left(c) < right(c))  # noqa: E731
        case "&&":
            get = lambda c: int(bool(left(c) and right(c)))  # noqa: E731
        case "||":
            get = lambda c: int(bool(left(c) or right(c)))  # noqa: E731
        case _:
            get = lambda c: _compute(operator, left(c), right(c))  # noqa: E731
    return get if term.width is None else _fitted(get, term.width)


def _bounded(number: int) -> int:
    """A number as it is.  Raises NoValue where it is too large."""
    if -NUMBER_MAX < number < NUMBER_MAX:
        return number
    raise NoValue(NUMBER_TOO_LARGE)


def _compute(operator: str, left: int, right: int) -> int:
    """``left operator right`` as C has it.  Raises NoValue."""
    try:
        return apply_binary(operator, left, right)
    except ValueError as error:
        raise NoValue(str(error)) from None
