"""Search a configuration, by the engine that is asked for, or by the fastest that can."""

from __future__ import annotations

from collections.abc import Callable

from ..native.built import Refused
from ..plan.plan import Plan
from ..setting.options import NATIVE, PYTHON, Limits, Reductions
from .search import Found, Progress, Search


def explore(
    plan: Plan,
    reductions: Reductions | None = None,
    limits: Limits | None = None,
    keep_edges: bool = False,
    report: Callable[[Progress], None] | None = None,
    keeps: bool = False,
) -> Found:
    """Search a configuration for everything its scenario asks of every schedule.

    What the C engine can't do the Python engine does: Found.engine says which one it was, and
    ``refused`` why it was not the other, where that one or several cores were asked for.

    KeyboardInterrupt, and OutOfTime, end the search and are raised again.  With ``keeps`` what was
    found until then is returned, and Found.stopped says so: that is for the search whose answer
    somebody waits for, and not for one that only a schedule or a picture needs.
    """
    from .native_search import NativeSearch

    reductions, limits = reductions or Reductions(), limits or Limits()
    refused: str | None = None
    if limits.engine != PYTHON:
        try:
            return NativeSearch(plan, reductions, limits, keep_edges, report, keeps).run()
        except Refused as reason:
            refused = str(reason)
    found = Search(plan, reductions, limits, keep_edges, report, keeps).run()
    asked = limits.engine == NATIVE or limits.jobs > 1
    return found._replace(refused=refused) if asked else found
