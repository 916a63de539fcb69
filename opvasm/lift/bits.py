"""Counting and turning bits, of which the language has no operators: made of shifts, masks and products.

Each gives names to what it needs in between, so that no line of the text repeats another.
"""

from __future__ import annotations

from ..program import section as ir
from .code import Code
from .state import State
from .terms import add, binary, number


def _mask(term: ir.Term, pattern: int, bits: int) -> ir.Constant:
    """A pattern of so many bits, repeated over the term's width."""
    size = term.type.size
    return number(sum(pattern << at for at in range(0, 8 * size, bits)), size)


def ones(term: ir.Term, state: State, code: Code) -> ir.Term:
    """How many bits are set: in pairs, in fours, in bytes, and all bytes added up."""
    size = term.type.size
    term = state.named("bits", term, code)
    half = binary("&", binary(">>", term, number(1, 1)), _mask(term, 1, 2))
    pairs = state.named("pairs", binary("-", term, half), code)
    three = _mask(term, 3, 4)
    upper = binary("&", binary(">>", pairs, number(2, 1)), three)
    fours = state.named("fours", add(binary("&", pairs, three), upper), code)
    summed = add(fours, binary(">>", fours, number(4, 1)))
    each = binary("&", summed, _mask(term, 0xF, 8))
    if size == 1:
        return each
    total = binary("*", each, _mask(term, 1, 8))
    return state.named("count", binary(">>", total, number(8 * size - 8, 1)), code)


def trailing_zeros(term: ir.Term, state: State, code: Code) -> ir.Term:
    """How many bits are clear below the lowest that is set; all where none is."""
    term = state.named("bits", term, code)
    below = ir.Unary("~", term, term.type)
    return ones(binary("&", add(term, number(-1, term.type.size)), below), state, code)


def leading_zeros(term: ir.Term, state: State, code: Code) -> ir.Term:
    """How many bits are clear above the highest that is set; all where none is."""
    size = term.type.size
    shift = 1
    while shift < 8 * size:
        term = state.named("smeared", term, code)
        term = binary("|", term, binary(">>", term, number(shift, 1)))
        shift *= 2
    return ones(ir.Unary("~", term, term.type), state, code)


def reversed_bytes(term: ir.Term, unit: int, state: State, code: Code) -> ir.Term:
    """The bytes of each ``unit`` of so many bytes in the opposite order."""
    return _swapped(term, 8, 8 * unit, state, code)


def reversed_bits(term: ir.Term, state: State, code: Code) -> ir.Term:
    """All bits in the opposite order."""
    return _swapped(term, 1, 8 * term.type.size, state, code)


def _swapped(term: ir.Term, bits: int, end: int, state: State, code: Code) -> ir.Term:
    while bits < end:
        term = state.named("turned", term, code)
        mask = _mask(term, (1 << bits) - 1, 2 * bits)
        count = number(bits, 1)
        upper = binary("&", binary(">>", term, count), mask)
        term = binary("|", upper, binary("<<", binary("&", term, mask), count))
        bits *= 2
    return term


def rotated_right(term: ir.Term, by: int) -> ir.Term:
    """A term whose lowest ``by`` bits have become the highest."""
    width = 8 * term.type.size
    by %= width
    if not by:
        return term
    low = binary(">>", term, number(by, 1))
    return binary("|", low, binary("<<", term, number(width - by, 1)))
