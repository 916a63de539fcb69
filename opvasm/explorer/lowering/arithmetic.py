"""The arithmetic of threads and conditions, and what ends it."""

from __future__ import annotations

from ...expression import apply_binary
from ...machine.memory import Fault


class NoValue(Exception):
    """Arithmetic that has no value, such as a division by zero: a signal ends a thread there."""


# What ends a thread where it stands, and leaves a condition without an answer.
TROUBLE = (Fault, NoValue)


def compute(operator: str, left: int, right: int) -> int:
    """``left operator right`` as C has it.  Raises NoValue."""
    try:
        return apply_binary(operator, left, right)
    except ValueError as error:
        raise NoValue(str(error)) from None
