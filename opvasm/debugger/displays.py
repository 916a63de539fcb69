"""Values of expressions as `print` shows them, and those that every stop shows."""

from __future__ import annotations

from typing import NamedTuple

from ..expression import Unevaluable
from ..machine import Fault
from ..program import Type
from ..scenario.evaluate import Value, evaluate, locate
from .examine import Format, parse_format, typed_text
from .locations import parsed
from .session import Session
from .wording import names_of


class Display(NamedTuple):
    """An expression that every stop prints; ``form`` is its format, ``/x``."""

    number: int
    form: str
    text: str


class _Valued(NamedTuple):
    value: Value
    type: Type | None


def _valued(text: str, session: Session) -> _Valued:
    expression = parsed(text)
    scope = session.scope()
    value = evaluate(expression, scope)
    try:
        return _Valued(value, locate(expression, scope).type)
    except Unevaluable:
        return _Valued(value, None)


def value_text(text: str, session: Session, base: str = "") -> str:
    """An expression's value as ``print`` shows it.  Raises ParseError and Unevaluable."""
    valued = _valued(text, session)
    names = names_of(session)
    return typed_text(valued.value, valued.type, base, session, names)


def display_line(session: Session, display: Display) -> str:
    """One display with its value, or with why it has none."""
    form = parse_format(display.form) if display.form else Format()
    try:
        shown = value_text(display.text, session, form.base)
    except (Unevaluable, Fault) as problem:
        shown = f"<{problem}>"
    return f"{display.number}: {display.form}{' ' if display.form else ''}{display.text} = {shown}"
