"""Why a run stopped, as values."""

from __future__ import annotations

from typing import NamedTuple

from ..errors import Diagnostic
from ..light_enum import Enum
from .movements import Movement
from .points import Point


class Reason(Enum):
    """What ended a run or a step."""

    LOADED = "nothing has run yet"
    STEP = "the step is done"
    POINT = "a breakpoint or watchpoint"
    FAILED = "an expectation of the test failed"
    START = "the start was reached"
    END = "the end was reached"
    INTERRUPTED = "it was interrupted"
    GOTO = "it was asked for"


class Stop(NamedTuple):
    """Where a run ended and why.

    ``position`` counts the movements done since the start.  ``points`` are those that stopped it,
    ``movement`` is what set off a watchpoint (already done when running forwards, undone when
    running backwards), ``findings`` are a failed expectation or a condition that has no value.
    """

    reason: Reason
    position: int
    forward: bool = True
    points: tuple[Point, ...] = ()
    movement: Movement | None = None
    findings: tuple[Diagnostic, ...] = ()
