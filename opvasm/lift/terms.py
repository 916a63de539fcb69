"""Making terms: the same as the intermediate form's own, with what is plain already done.

Registers hold u64 terms; parts of them are conversions.  What is made here means the same for every
value of its parts as the instruction that it was made for.
"""

from __future__ import annotations

from ..program import section as ir

U8, U16, U32, U64, U128 = ir.U8, ir.U16, ir.U32, ir.U64, ir.U128
UNSIGNED = {1: U8, 2: U16, 4: U32, 8: U64, 16: U128}
SIGNED = {1: ir.I8, 2: ir.I16, 4: ir.I32, 8: ir.I64}
_OPPOSITE = {"==": "!=", "!=": "==", "<": ">=", ">=": "<", ">": "<=", "<=": ">"}


def number(value: int, size: int = 8) -> ir.Constant:
    """A number of ``size`` bytes without a sign."""
    return ir.Constant(value & (1 << 8 * size) - 1, UNSIGNED[size])


def known(term: ir.Term) -> int | None:
    """The number that a term is, None for one that is not known."""
    return term.value if isinstance(term, ir.Constant) else None


def binary(operator: str, left: ir.Term, right: ir.Term) -> ir.Term:
    """``left operator right`` of the left side's width; both sides must have it, but for shifts."""
    size = left.type.size
    a, b = known(left), known(right)
    if a is not None and b is not None:
        value = ir.apply(operator, a, b, left.type)
        if operator in ir.COMPARES:
            return number(value, 1)
        return ir.Constant(value, left.type)
    if operator in ir.COMPARES:
        left, right = _narrow(left, right)
        nothing = operator in ("==", "!=") and known(right) == 0
        if nothing and isinstance(left, ir.Binary) and left.operator in ("-", "^"):
            left, right = _narrow(left.left, left.right)  # nothing is left of equal values
        return ir.Binary(operator, left, right, U8)
    full = (1 << 8 * size) - 1
    match operator, a, b:
        case "+" | "-" | "|" | "^" | "<<" | ">>", _, 0:
            return left
        case "+" | "|" | "^", 0, _:
            return right
        case "&", _, _ if b == full:
            return left
        case "&", _, 0:
            return number(0, size)
        case "*", _, 1:
            return left
        case ("+", int(), _) | ("&", int(), _) | ("*", int(), _):
            return binary(operator, right, left)
        case "-", _, int():
            return binary("+", left, number(-(b or 0), size))
        case _:
            pass
    if operator in ("-", "^") and left == right:
        return number(0, size)
    if operator in ("&", "|") and left == right:
        return left
    if operator in ("+", "&") and b is not None and isinstance(left, ir.Binary):
        inner = known(left.right)
        if left.operator == operator and inner is not None:
            joined = ir.apply(operator, inner, b, left.type)
            return binary(operator, left.left, ir.Constant(joined, left.type))
    return ir.Binary(operator, left, right, left.type)


def _narrow(left: ir.Term, right: ir.Term) -> tuple[ir.Term, ir.Term]:
    """Both sides of a compare without the zeros that they were filled up with."""
    if not isinstance(left, ir.Convert) or ir.is_signed(left.type):
        return left, right
    inner = left.operand
    if ir.is_signed(inner.type) or inner.type.size >= left.type.size:
        return left, right
    if isinstance(right, ir.Convert) and right.operand.type == inner.type:
        return inner, right.operand
    value = known(right)
    if value is not None and 0 <= value < 1 << 8 * inner.type.size:
        return inner, ir.Constant(value, inner.type)
    return left, right


def add(left: ir.Term, right: ir.Term | int) -> ir.Term:
    """A sum; a plain number takes the other side's width.  Constants stand last."""
    if isinstance(right, int):
        right = number(right, left.type.size)
    if isinstance(left, ir.Binary) and left.operator == "+" and known(right) is None:
        inner = known(left.right)
        if inner is not None:
            return binary("+", binary("+", left.left, right), left.right)
    return binary("+", left, right)


def convert(term: ir.Term, type: ir.RegisterType) -> ir.Term:
    """A term in another width or sign."""
    if term.type == type:
        return term
    value = known(term)
    if value is not None:
        return ir.Constant(ir.fitted(value, type), type)
    if isinstance(term, ir.Convert):
        inner = term.operand
        before, between, after = inner.type.size, term.type.size, type.size
        if after <= min(before, between):
            return convert(inner, type)  # the low part is the same
        if before < between and (after <= between or not ir.is_signed(inner.type)):
            return convert(inner, type)  # both fill up as the sign of the inner one says
    if isinstance(term, ir.Binary) and term.operator == "<<" and not ir.is_signed(type):
        count = known(term.right)
        if count is not None and 8 * type.size <= count < 8 * term.type.size:
            return number(0, type.size)
    if (
        isinstance(term, ir.Binary)
        and term.operator in ("+", "-", "&", "|", "^")
        and type.size < term.type.size
        and not ir.is_signed(type)
    ):
        # What is cut off does not matter to the low part.
        left, right = convert(term.left, type), convert(term.right, type)
        if not (isinstance(left, ir.Convert) and isinstance(right, ir.Convert)):
            return _downwards(term.operator, left, right)
    if isinstance(term, ir.Binary) and term.operator == "&" and type.size < term.type.size:
        mask = known(term.right)
        full = (1 << 8 * type.size) - 1
        if mask is not None and mask & full == full:
            return convert(term.left, type)
    return ir.Convert(term, type)


def _downwards(operator: str, left: ir.Term, right: ir.Term) -> ir.Term:
    """A narrow sum, written as a difference where its number is a small negative one."""
    value = known(right)
    size = left.type.size
    if operator == "+" and value is not None and value >> 8 * size - 1:
        return ir.Binary("-", left, number(-value, size), left.type)
    return add(left, right) if operator == "+" else binary(operator, left, right)


def part(term: ir.Term, size: int) -> ir.Term:
    """The low ``size`` bytes of a term, without a sign."""
    return convert(term, UNSIGNED[size])


def wide(term: ir.Term) -> ir.Term:
    """A term of a smaller width in a whole register, the rest zero."""
    return convert(convert(term, UNSIGNED[term.type.size]), U64)


def sign_extended(term: ir.Term, size: int) -> ir.Term:
    """A term in ``size`` bytes with its sign kept, as a number without one."""
    return convert(convert(convert(term, SIGNED[term.type.size]), SIGNED[size]), UNSIGNED[size])


def signed(term: ir.Term) -> ir.Term:
    """A term that compares as a signed number."""
    return convert(term, SIGNED[term.type.size])


def opposite(condition: ir.Term) -> ir.Term:
    """A condition's negation."""
    value = known(condition)
    if value is not None:
        return number(int(not value), 1)
    if isinstance(condition, ir.Binary) and condition.operator in _OPPOSITE:
        return condition._replace(operator=_OPPOSITE[condition.operator])
    if isinstance(condition, ir.Unary) and condition.operator == "!":
        return condition.operand
    return ir.Unary("!", condition, U8)


def either(left: ir.Term, right: ir.Term) -> ir.Term:
    """Whether one of two conditions holds."""
    return ir.Binary("||", left, right, U8)


def both(left: ir.Term, right: ir.Term) -> ir.Term:
    """Whether two conditions hold."""
    return ir.Binary("&&", left, right, U8)


def choose(condition: ir.Term, then: ir.Term, otherwise: ir.Term) -> ir.Term:
    """``then`` where a condition holds, else ``otherwise``."""
    value = known(condition)
    if value is not None:
        return then if value else otherwise
    return then if then == otherwise else ir.Choose(condition, then, otherwise, then.type)


def bit(term: ir.Term, at: ir.Term) -> ir.Term:
    """Bit ``at`` of a term, as a condition."""
    where = known(at)
    if where is not None:
        mask = 1 << where % (8 * term.type.size)
        if mask == 1 << 8 * term.type.size - 1:
            return ir.Binary("<", signed(term), ir.Constant(0, SIGNED[term.type.size]), U8)
        masked = binary("&", term, number(mask, term.type.size))
    else:
        masked = binary("&", binary(">>", term, at), number(1, term.type.size))
    return binary("!=", masked, number(0, term.type.size))
