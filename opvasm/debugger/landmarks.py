"""The places in an entry where steps end, and what a test finds wrong there."""

from __future__ import annotations

from collections.abc import Sequence

from ..errors import Diagnostic
from ..interpreter.errno import result_name
from ..interpreter.events import Started
from ..scenario.events import (
    Asserted,
    CallEnds,
    MemorySet,
    SectionBegins,
    SectionEnds,
    SectionStepped,
)
from ..scenario.runner import WRONG_RESULT
from ..source import Place
from .movements import Broken, Movement

JUDGING = (Asserted, Broken, CallEnds, SectionEnds)


def at_boundary(movements: Sequence[Movement], index: int) -> bool:
    """Between two statements."""
    return index in (0, len(movements))


def at_op(movements: Sequence[Movement], index: int) -> bool:
    """Between two statements, or where an op or an instruction of a section begins."""
    if at_boundary(movements, index) or isinstance(movements[index], Started):
        return True
    return instruction_at(movements, index) is not None


def instruction_at(movements: Sequence[Movement], index: int) -> SectionStepped | None:
    """The instruction of a section that begins here; its stores come before it says what it was."""
    if not index or not isinstance(movements[index - 1], SectionBegins | SectionStepped):
        return None
    for movement in movements[index:]:
        match movement:
            case SectionStepped():
                return movement
            case MemorySet():
                pass
            case _:
                return None
    return None


def failure(movement: Movement) -> tuple[Diagnostic, ...]:
    """What a movement found wrong with the test."""
    match movement:
        case Asserted(finding=finding) if finding is not None:
            return (finding,)
        case Broken(findings=findings):
            return findings
        case CallEnds(statement=statement, result=result, expected=expected) if result != expected:
            place = None if statement is None else statement.result.span
            return (_wrong_result(result_name(result), result_name(expected), place),)
        case SectionEnds(statement=entered, label=label, expected=wanted) if label != wanted:
            written = None if entered is None else entered.result.span
            return (_wrong_result(label, wanted, written),)
        case _:
            return ()


def _wrong_result(result: str, expected: str, place: Place | None) -> Diagnostic:
    message = f"the call returned {result}, not {expected}"
    return Diagnostic("error", WRONG_RESULT, message, place)
