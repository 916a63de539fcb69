"""The places in an entry where steps end, and what a test finds wrong there."""

from __future__ import annotations

from collections.abc import Sequence

from ..errors import Diagnostic
from ..interpreter.errno import result_name
from ..interpreter.events import Started
from ..scenario.events import Asserted, CallEnds
from ..scenario.runner import WRONG_RESULT
from ..source import Place
from .movements import Broken, Movement

JUDGING = (Asserted, Broken, CallEnds)


def at_boundary(movements: Sequence[Movement], index: int) -> bool:
    """Between two statements."""
    return index in (0, len(movements))


def at_op(movements: Sequence[Movement], index: int) -> bool:
    """Between two statements, or where an op begins."""
    return at_boundary(movements, index) or isinstance(movements[index], Started)


def failure(movement: Movement) -> tuple[Diagnostic, ...]:
    """What a movement found wrong with the test."""
    match movement:
        case Asserted(finding=finding) if finding is not None:
            return (finding,)
        case Broken(findings=findings):
            return findings
        case CallEnds(statement=statement, result=result, expected=expected) if result != expected:
            place = None if statement is None else statement.result.span
            return (_wrong_result(result, expected, place),)
        case _:
            return ()


def _wrong_result(result: int, expected: int, place: Place | None) -> Diagnostic:
    message = f"the call returned {result_name(result)}, not {result_name(expected)}"
    return Diagnostic("error", WRONG_RESULT, message, place)
