"""Condition flags as terms, made by the instruction that set them and read by one that asks."""

from __future__ import annotations

from ..light_typing import NamedTuple
from ..program import section as ir
from .terms import SIGNED, binary, both, choose, either, known, number, opposite, signed


class Flags(NamedTuple):
    """What is known of the flags; None is not known.

    ``compared`` are the two sides of a compare, from which every condition follows.  Carry is that of
    x86: a borrow of a subtraction; aarch64's is its opposite, which its conditions heed.
    """

    zero: ir.Term | None = None
    sign: ir.Term | None = None
    carry: ir.Term | None = None
    overflow: ir.Term | None = None
    compared: tuple[ir.Term, ir.Term] | None = None

    def condition(self, name: str) -> ir.Term | None:
        """A condition by its name in x86 assembly (``e``, ``b``, ``le`` …); None: not known."""
        if name in _NEGATED:
            positive = self.condition(_NEGATED[name])
            return None if positive is None else opposite(positive)
        if self.compared is not None and name in _COMPARES:
            operator, with_sign = _COMPARES[name]
            left, right = self.compared
            if with_sign:
                left, right = signed(left), signed(right)
            return binary(operator, left, right)
        match name:
            case "e":
                return self.zero
            case "s":
                return self.sign
            case "b":
                return self.carry
            case "o" if self.compared is not None:
                return _differ(self.sign, self.condition("l"))
            case "o":
                return self.overflow
            case "be":
                return _either(self.carry, self.zero)
            case "l":
                return _differ(self.sign, self.overflow)
            case "le":
                return _either(self.zero, _differ(self.sign, self.overflow))
            case _:
                return None


_COMPARES = {
    "e": ("==", False), "b": ("<", False), "be": ("<=", False), "l": ("<", True), "le": ("<=", True),
}  # fmt: skip
_NEGATED = {
    "ne": "e", "ns": "s", "ae": "b", "no": "o", "a": "be", "ge": "l", "g": "le",
}  # fmt: skip
NOTHING = Flags()


def _either(left: ir.Term | None, right: ir.Term | None) -> ir.Term | None:
    if left is None or right is None:
        return None
    value = known(left)
    if value is not None:
        return left if value else right
    return either(left, right)


def _differ(left: ir.Term | None, right: ir.Term | None) -> ir.Term | None:
    if left is None or right is None:
        return None
    return left if right == _NEVER else binary("!=", left, right)


_NEVER = number(0, 1)


def of_result(result: ir.Term) -> Flags:
    """The flags after an operation of bits: no carry, no overflow."""
    return arithmetic(result)._replace(carry=_NEVER, overflow=_NEVER)


def arithmetic(result: ir.Term, carry: ir.Term | None = None) -> Flags:
    """The flags after arithmetic whose overflow is not followed."""
    size = result.type.size
    return Flags(
        binary("==", result, number(0, size)),
        binary("<", signed(result), ir.Constant(0, SIGNED[size])),
        carry,
    )


def of_sum(
    first: ir.Term, second: ir.Term, result: ir.Term, before: ir.Term | None = None
) -> Flags:
    """The flags after an addition; ``before`` is the carry that was added as well."""
    carry = binary("<", result, first)
    if before is not None:
        carry = either(carry, both(before, binary("==", result, first)))
    return arithmetic(result, carry)._replace(overflow=_overflows(first, second, result))


def of_difference(first: ir.Term, second: ir.Term, result: ir.Term, before: ir.Term) -> Flags:
    """The flags after a subtraction of a borrow as well."""
    carry = either(binary("<", first, second), both(before, binary("==", first, second)))
    inverted = ir.Unary("~", second, second.type)
    return arithmetic(result, carry)._replace(overflow=_overflows(first, inverted, result))


def _overflows(first: ir.Term, second: ir.Term, result: ir.Term) -> ir.Term:
    """Whether both sides of a sum have another sign than it."""
    sides = binary("&", binary("^", first, result), binary("^", second, result))
    return binary("<", signed(sides), ir.Constant(0, SIGNED[result.type.size]))


def chosen(condition: ir.Term, then: Flags, otherwise: Flags) -> Flags:
    """One of two kinds of flags, by a condition."""

    def one(name: str) -> ir.Term | None:
        first, second = then.condition(name), otherwise.condition(name)
        if first is None or second is None:
            return None
        return choose(condition, first, second)

    return Flags(one("e"), one("s"), one("b"), one("o"))


def of_number(zero: int, sign: int, carry: int, overflow: int) -> Flags:
    """Flags that are known."""
    return Flags(number(zero, 1), number(sign, 1), number(carry, 1), number(overflow, 1))


def of_compare(left: ir.Term, right: ir.Term) -> Flags:
    """The flags after a subtraction or compare."""
    difference = binary("-", left, right)
    sign = arithmetic(difference).sign
    return Flags(binary("==", left, right), sign, binary("<", left, right), None, (left, right))
