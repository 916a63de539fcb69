"""Values that are typed for a vector's parameters, before anything runs."""

from __future__ import annotations

from ..expression import Unevaluable
from ..program import Layout, Program
from ..text.parser import parse_expression
from .evaluate import Scope, number


def argument_value(name: str, text: str, program: Program, layout: Layout, cpu: int) -> int:
    """A number, a constant, or an address such as ``&nodes[0]``, as CPU ``cpu`` sees it.

    Raises ParseError where the text is not an expression, and Unevaluable where it has no value yet:
    memory holds nothing before the program runs.
    """
    expression = parse_expression(text, f"--arg {name}")

    def nothing(address: int, length: int) -> bytes:
        reason = f"it reads memory, at {address:#x}, which holds nothing before the program runs"
        raise Unevaluable(reason, expression.span)

    return number(expression, Scope(program, layout, cpu, cpu + 1, nothing))
