"""Literals: ``=5``, ``="text"``, ``={1, 2}`` and addresses as values, in the literal pool."""

from __future__ import annotations

from ..abi.layout import number_range
from ..expression import Expression
from ..places import SCALARS
from ..program import Array, Pointer, Scalar, Struct, SymbolAddress, Type, Value
from ..source import Span
from ..text.tree import Braces, Text
from .data import has_address, initial_pieces
from .operands import ResolvedOperand
from .places import Parameters
from .pool import Pool
from .scope import Scope
from .types import LITERAL_MAX, number_text


def literal_value(
    resolved: ResolvedOperand,
    length: int,
    other: Type | None,
    *,
    scope: Scope,
    pool: Pool,
    parameters: Parameters,
) -> Value | None:
    """The place of a literal in the pool, as the op's length and the other operand's type say.

    A number takes the length of the op and must be one of the other operand's type.  A text is
    filled up with zeros.  Braces hold what the other operand's type holds, else bytes.
    """
    literal, span, order = resolved.literal, resolved.span, scope.abi.model.byteorder
    assert literal is not None
    if isinstance(resolved.value, SymbolAddress):
        return pool.place(length, resolved.value)
    if isinstance(resolved.value, int):
        return pool.place(length, resolved.value.to_bytes(length, order))
    if length > LITERAL_MAX:
        scope.problems.error(
            "OPV033", f"a literal of {number_text(length)} bytes is too large", span
        )
        return None
    if isinstance(literal.value, Text | Braces):
        image = _image(literal.value, length, other, span, scope)
        return None if image is None else pool.place(length, image)
    number = _number(literal.value, length, other, span, scope, parameters)
    if number is None:
        return None
    return pool.place(length, (number % (1 << 8 * length)).to_bytes(length, order))


def _number(
    value: Expression,
    length: int,
    other: Type | None,
    span: Span,
    scope: Scope,
    parameters: Parameters,
) -> int | None:
    if has_address(value):
        scope.problems.error(
            "OPV015",
            f"`{span.text}`: an address is a value already",
            span,
            help="leave the `=` away",
        )
        return None
    number = scope.evaluate(value, "a constant", parameters)
    if number is None:
        return None
    if isinstance(other, Scalar | Pointer):
        return number if scope.fits(number, other, span) else None
    low = number_range(length, True)[0] if length else 0
    high = number_range(length, False)[1]
    if low <= number <= high:
        return number
    scope.problems.error(
        "OPV019",
        f"{number_text(number)} does not fit into {length} bytes",
        span,
        help=f"they hold {number_text(low)} to {number_text(high)}",
    )
    return None


def _image(
    initial: Text | Braces, length: int, other: Type | None, span: Span, scope: Scope
) -> bytes | None:
    """The bytes of a text or of parts in braces."""
    type: Type | None = None
    if isinstance(other, Array | Struct) and isinstance(initial, Braces):
        type = other
    if isinstance(type, Array) and type.size > length and length % type.element.size == 0:
        type = Array(type.element, length // type.element.size, length)  # the first elements
    written = len(initial.value) if isinstance(initial, Text) else len(initial.items)
    size = written if type is None else type.size
    if size > length:
        scope.problems.error(
            "OPV021", f"the literal has {number_text(size)} bytes, the op {length}", span
        )
        return None
    image = bytearray(length)
    pieces = initial_pieces(initial, type or Array(SCALARS["u8"], length, length), scope)
    for offset, width, value in pieces:
        if not isinstance(value, int):
            scope.problems.error(
                "OPV022",
                "an address can't stand among the parts of a literal",
                span,
                help="give a shared variable that value and name the variable",
            )
            return None
        image[offset : offset + width] = (value % (1 << 8 * width)).to_bytes(
            width, scope.abi.model.byteorder
        )
    return bytes(image)
