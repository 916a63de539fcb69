"""Memory operands: places, addresses as values, and literals."""

from __future__ import annotations

from typing import NamedTuple

from ..abi.layout import number_range
from ..expression import AddressOf, Binary, Expression, Load, Name, Number, Unary
from ..program import Array, Pointer, Scalar, Struct, Type, Value
from ..source import Span
from ..text.tree import Braces, Literal, Operand, Text
from .data import initial_pieces, symbol_value
from .places import Parameters, address_of, place_of
from .pool import Pool
from .scope import LITERAL_MAX, SCALARS, Scope, number_text


class Resolved(NamedTuple):
    """An operand: its address, or the literal that is placed when the op's length is known.

    ``type`` is what lies there, ``size`` the bytes of a literal that has no type.
    """

    span: Span
    value: Value | None
    type: Type | None
    literal: Literal | None = None
    size: int | None = None


def operand_of(operand: Operand, scope: Scope, parameters: Parameters) -> Resolved | None:
    """A memory operand; None, and a report, for what is none."""
    value, span = operand.value, operand.span
    match value:
        case Literal(value=initial):
            size = None
            if isinstance(initial, Text):
                size = len(initial.value)
            elif isinstance(initial, Braces):
                size = len(initial.items)
            return Resolved(span, None, None, value, size)
        case Text():
            scope.problems.error(
                *("OPV015", "a text is no place in memory", span),
                help=f"write `={span.text}` for a constant in the literal pool",
            )
            return None
        case AddressOf() | Unary() | Binary() | Number():
            return _address_value(value, span, scope, parameters)
        case _:
            place = place_of(value, scope, parameters)
            if place is None:
                return None
            if isinstance(place.value, int) and not _is_address(place.value, span, scope):
                return None
            return Resolved(span, place.value, place.type)


def _is_address(value: int, span: Span, scope: Scope) -> bool:
    if 0 <= value < scope.abi.model.addresses:
        return True
    scope.problems.error("OPV019", f"{number_text(value)} is no address", span)
    return False


def _address_value(
    value: Expression, span: Span, scope: Scope, parameters: Parameters
) -> Resolved | None:
    """``&x``: the address as a value, which lies in the literal pool."""
    if not _has_address_of(value):
        scope.problems.error(
            *("OPV015", f"`{span.text}` is a value, where memory must stand", span),
            help=_value_help(value, span, parameters),
        )
        return None
    address = address_of(value, scope, parameters)
    if address is None:
        return None
    constant = symbol_value(address, scope, span)
    if constant is None:
        return None
    return Resolved(span, constant, Pointer(None, scope.abi.model.word), Literal(value, span))


def _has_address_of(value: Expression) -> bool:
    match value:
        case AddressOf():
            return True
        case Binary(left=left, right=right):
            return _has_address_of(left) or _has_address_of(right)
        case Unary(operand=operand):
            return _has_address_of(operand)
        case _:
            return False


def _value_help(value: Expression, span: Span, parameters: Parameters) -> str:
    if isinstance(value, Binary) and any(
        isinstance(each, Name) and each.name in parameters for each in (value.left, value.right)
    ):
        return f"write `[{span.text}]` for the memory at that address"
    return f"write `={span.text}` for a constant in the literal pool, `[{span.text}]` for memory"


def literal_value(
    resolved: Resolved, length: int, other: Type | None, scope: Scope, pool: Pool
) -> Value | None:
    """The place of a literal in the pool, as the op's length and the other operand's type say."""
    literal, span = resolved.literal, resolved.span
    assert literal is not None
    if resolved.value is not None:  # an address
        if length != scope.abi.model.word:
            return None  # _agrees has complained
        if isinstance(resolved.value, int):
            return pool.place(
                length, resolved.value.to_bytes(length, scope.abi.model.byteorder)
            )
        return pool.place(length, resolved.value)  # type: ignore[arg-type]
    if length > LITERAL_MAX:
        scope.problems.error(
            "OPV033", f"a literal of {number_text(length)} bytes is too large", span
        )
        return None
    match literal.value:
        case Text() | Braces() as initial:
            return _long_literal(initial, length, other, span, scope, pool)
        case value:
            return _number(value, length, other, span, scope, pool)


def _number(
    value: Expression, length: int, other: Type | None, span: Span, scope: Scope, pool: Pool
) -> Value | None:
    if _has_address_of(value):
        scope.problems.error(
            *("OPV015", f"`{span.text}`: an address is a value already", span),
            help="leave the `=` away",
        )
        return None
    number = scope.evaluate(value)
    if number is None:
        return None
    if isinstance(other, Scalar | Pointer):
        if not scope.fits(number, other, span):
            return None
    else:
        low, high = number_range(length, True)[0] if length else 0, (1 << 8 * length) - 1
        if not low <= number <= high:
            scope.problems.error(
                *("OPV019", f"{number_text(number)} does not fit into {length} bytes", span),
                help=f"they hold {number_text(low)} to {number_text(high)}",
            )
            return None
    order = scope.abi.model.byteorder
    return pool.place(length, (number % (1 << 8 * length)).to_bytes(length, order))


def _long_literal(
    initial: Text | Braces, length: int, other: Type | None, span: Span, scope: Scope, pool: Pool
) -> Value | None:
    """A text or parts in braces; bytes, unless the other operand says what they are."""
    type = other if isinstance(other, Array | Struct) and isinstance(initial, Braces) else None
    size = type.size if type is not None else length
    if size > length:
        scope.problems.error(
            "OPV021", f"the literal has {size} bytes, the op {length}", span
        )
        return None
    written = len(initial.value) if isinstance(initial, Text) else len(initial.items)
    if type is None and written > length:
        scope.problems.error(
            "OPV021", f"the literal has {written} bytes, the op {length}", span
        )
        return None
    if length == 0:
        return pool.place(0, b"")
    pieces = initial_pieces(initial, type or Array(SCALARS["u8"], length, length), scope)
    image = bytearray(length)
    for offset, width, value in pieces:
        if not isinstance(value, int):
            scope.problems.error(
                *("OPV022", "an address can't stand among the parts of a literal", span),
                help="give a shared variable that value and name the variable",
            )
            return None
        image[offset : offset + width] = (value % (1 << 8 * width)).to_bytes(
            width, scope.abi.model.byteorder
        )
    return pool.place(length, bytes(image))
