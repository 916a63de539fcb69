"""Why a configuration does not hold, as a value."""

from __future__ import annotations

from ...light_typing import NamedTuple
from ..schedules.explain import Conflict, Saved
from ..schedules.schedule import Replay


class Diagnosis(NamedTuple):
    """Why a configuration does not hold.

    ``preemptions`` is the fewest that the failure needs (None: not looked for, or more than the
    search for it goes through).  ``saved_after`` is the index of the moment after which another
    decision would have led to a good end.
    """

    verdict: str
    label: str
    replay: Replay
    conflict: Conflict | None
    saved: Saved | None
    saved_after: int | None
    preemptions: int | None
