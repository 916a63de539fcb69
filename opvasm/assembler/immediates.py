"""Counts, masks and numbers of bits: constants, or an argument plus a constant."""

from __future__ import annotations

from ..abi.layout import Field, FieldKind, number_range
from ..expression import Expression, Name, children
from ..program import ArgumentValue, Value
from ..text.tree import Literal, Operand, Text
from .places import Parameters, address_of
from .scope import Scope
from .types import number_text


def immediate_of(
    operand: Operand, field: Field, scope: Scope, parameters: Parameters
) -> Value | None:
    """The value of a field that holds a number; None, and a report, for what is none."""
    span = operand.span
    if operand.may_fault:
        scope.problems.error(
            "OPV015",
            f"`?` says that memory may fault; {field.name} is a number",
            span,
            help="leave the `?` away",
        )
        return None
    if isinstance(operand.value, Literal | Text):
        scope.problems.error(
            "OPV015",
            f"{field.name} is a number that stands in the op itself",
            span,
            help="write it without `=`",
        )
        return None
    if names_parameter(operand.value, parameters):
        address = address_of(operand.value, scope, parameters)
        if address is None or isinstance(address.value, ArgumentValue):
            return None if address is None else address.value
        scope.problems.error(
            "OPV015",
            f"`{span.text}` is the address of memory; {field.name} is a number",
            span,
            help="write a constant, or a parameter plus a constant",
        )
        return None
    number = scope.evaluate(operand.value, "a constant or a parameter", parameters)
    if number is None:
        return None
    low, high = number_range(field.size, field.kind is FieldKind.SIGNED)
    if field.name == "mask" and number_range(field.size, True)[0] <= number < 0:
        return number + (1 << 8 * field.size)  # ~7: two's complement is what is meant
    if low <= number <= high:
        return number
    scope.problems.error(
        "OPV019",
        f"{number_text(number)} does not fit into {field.name}",
        span,
        help=f"it holds {number_text(low)} to {number_text(high)}",
    )
    return None


def names_parameter(expression: Expression, parameters: Parameters) -> bool:
    """Whether a parameter stands somewhere in an expression."""
    if isinstance(expression, Name):
        return expression.name in parameters
    return any(names_parameter(each, parameters) for each in children(expression))
