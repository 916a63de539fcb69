"""Expressions as herd7's C reader takes them.

Its grammar (lib/CParser.mly of herdtools7) has +, -, *, /, &, |, ^ and comparisons, and no &&, ||, !,
%, shifts, unary minus or ~: each is said by the others.  A comparison is 1 or 0 there as in C.
"""

from __future__ import annotations

from ..source import Span
from .promela_numbers import Numbers, Term


class HerdNumbers(Numbers):
    """Numbers of a scenario, spelled for herd7."""

    def unary_text(self, operator: str, inner: str) -> str:
        """A unary operator applied to an expression."""
        return unary_text(operator, inner)

    def binary_text(self, operator: str, left: Term, right: Term, span: Span) -> str:
        """A binary operator between two expressions; what can't be said is refused."""
        text = binary_text(operator, left.text, right.text, right.constant)
        if text is None:
            self.refusals.refuse(f"`{operator}`", "its C has no shifts", span)
        return text or "0"


def unary_text(operator: str, inner: str) -> str:
    """A unary operator applied to an expression."""
    match operator:
        case "!":
            return f"({inner} == 0)"
        case "-":
            return f"(0 - {inner})"
        case "~":
            return f"((0 - {inner}) - 1)"
        case _:
            raise ValueError(f"no unary {operator}")


def binary_text(operator: str, left: str, right: str, constant: int | None) -> str | None:
    """A binary operator between two expressions; ``constant`` is the right one's value if known.

    None for a shift to the right, whose rounding of negative numbers no other operator has.
    """
    match operator:
        case "&&":
            return f"(({left} != 0) & ({right} != 0))"
        case "||":
            return f"(({left} != 0) | ({right} != 0))"
        case "%":
            return f"({left} - (({left} / {right}) * {right}))"
        case "<<":
            return f"({left} * {1 << (constant or 0)})"
        case ">>":
            return None
        case _:
            return f"({left} {operator} {right})"
