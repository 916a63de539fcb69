"""Memory operands: places, addresses as values, and literals."""

from __future__ import annotations

from ..expression import AddressOf, Binary, Expression, Name, Number, Unary, children
from ..light_typing import NamedTuple
from ..program import Pointer, Type, Value
from ..source import Span
from ..text.tree import Braces, Literal, Operand, Text
from .data import has_address, symbol_value
from .places import Parameters, address_of, place_of
from .scope import Scope
from .types import number_text


class ResolvedOperand(NamedTuple):
    """An operand: its address, or the literal that is placed when the op's length is known.

    ``type`` is what lies there, ``size`` the bytes of a literal that has no type.
    """

    span: Span
    value: Value | None
    type: Type | None
    literal: Literal | None = None
    size: int | None = None


def operand_of(operand: Operand, scope: Scope, parameters: Parameters) -> ResolvedOperand | None:
    """A memory operand; None, and a report, for what is none."""
    value, span = operand.value, operand.span
    match value:
        case Literal(value=initial):
            size = None
            if isinstance(initial, Text):
                size = len(initial.value)
            elif isinstance(initial, Braces):
                size = len(initial.items)
            return ResolvedOperand(span, None, None, value, size)
        case Text():
            scope.problems.error(
                "OPV015",
                "a text is not a place in memory",
                span,
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
            return ResolvedOperand(span, place.value, place.type)


def _is_address(value: int, span: Span, scope: Scope) -> bool:
    if 0 <= value < scope.abi.model.addresses:
        return True
    scope.problems.error("OPV019", f"{number_text(value)} is not an address", span)
    return False


def _address_value(
    value: Expression, span: Span, scope: Scope, parameters: Parameters
) -> ResolvedOperand | None:
    """``&x``: the address as a value, which lies in the literal pool."""
    if not has_address(value):
        scope.problems.error(
            "OPV015",
            f"`{span.text}` is a value, where memory must stand",
            span,
            help=_value_help(value, span, parameters),
        )
        return None
    address = address_of(value, scope, parameters)
    if address is None:
        return None
    constant = symbol_value(address, scope, span)
    if constant is None:
        return None
    return ResolvedOperand(
        span, constant, Pointer(None, scope.abi.model.word), Literal(value, span)
    )


def _value_help(value: Expression, span: Span, parameters: Parameters) -> str:
    if isinstance(value, Unary) and _names_parameter(value, parameters):
        return f"an op computes nothing; hand in the value: `run VECTOR({span.text})`"
    if isinstance(value, Binary) and value.operator in "+-" and _names_parameter(value, parameters):
        return f"write `[{span.text}]` for the memory at that address"
    if isinstance(value, Binary) and _names_parameter(value, parameters):
        return f"an op computes nothing; hand in the value: `run VECTOR({span.text})`"
    return f"write `={span.text}` for a constant in the literal pool, `[{span.text}]` for memory"


def _names_parameter(value: Expression, parameters: Parameters) -> bool:
    """Whether a parameter stands in an expression, whose value is known only at the call."""
    return (isinstance(value, Name) and value.name in parameters) or any(
        _names_parameter(each, parameters) for each in children(value)
    )
