"""Why a schedule fails: the accesses in conflict, and the decision that would have saved it."""

from __future__ import annotations

from collections import deque

from ...light_typing import NamedTuple
from ..search.graph import Edge
from ..search.search import Found
from ..steps.state import Decision
from ..steps.work import Range
from .schedule import Replay


class Access(NamedTuple):
    """A touch of memory in a schedule: which moment, which thread, which bytes."""

    moment: int
    thread: int
    range: Range
    writes: bool


class Conflict(NamedTuple):
    """Accesses of two threads to the same bytes, in the order in which they came.

    ``story`` is a sentence in which ``{0}`` … are steps of the diagram.
    """

    accesses: tuple[Access, ...]
    kind: str


class Saved(NamedTuple):
    """The nearest passing schedule: after ``step`` decisions, ``instead`` and not ``taken``."""

    step: int
    taken: Decision
    instead: Decision


def accesses(replay: Replay) -> list[Access]:
    """Every access of a schedule, in order."""
    found = []
    for index, moment in enumerate(replay.moments):
        micro = moment.micro
        found += [Access(index, micro.thread, each, False) for each in micro.loads]
        found += [
            Access(index, micro.thread, (start, start + len(new)), True)
            for start, _, new in micro.stores
        ]
    return found


def conflict(replay: Replay) -> Conflict | None:
    """The conflict that the failure most likely comes from."""
    touched = accesses(replay)
    return _lost(touched) or _stale(touched) or _half_seen(touched) or _last(touched)


def _meet(one: Access, other: Access) -> bool:
    return one.range[0] < other.range[1] and other.range[0] < one.range[1]


def _lost(touched: list[Access]) -> Conflict | None:
    """Read by one, written by another, then written by the first: it worked on an old value."""
    for k in range(len(touched) - 1, -1, -1):
        last = touched[k]
        if not last.writes:
            continue
        for j in range(k - 1, -1, -1):
            between = touched[j]
            if not _meet(between, last):
                continue
            if between.thread == last.thread:
                break
            if not between.writes:
                continue
            for i in range(j - 1, -1, -1):
                first = touched[i]
                if first.thread == last.thread and _meet(first, between):
                    if first.writes:
                        break
                    return Conflict((first, between, last), "lost")
            break
    return None


def _stale(touched: list[Access]) -> Conflict | None:
    """Read by one, written by another, and not read again before the first made use of it."""
    for k in range(len(touched) - 1, -1, -1):
        used = touched[k]
        if not used.writes:
            continue
        fresh: list[Access] = []
        for i in range(k - 1, -1, -1):
            read = touched[i]
            if read.thread != used.thread or read.writes:
                continue
            if any(_meet(read, each) for each in fresh):
                continue
            fresh.append(read)
            for j in range(i + 1, k):
                written = touched[j]
                if written.writes and written.thread != read.thread and _meet(written, read):
                    return Conflict((read, written, used), "stale")
        return None
    return None


def _half_seen(touched: list[Access]) -> Conflict | None:
    """One store of a thread was seen, a later one of it not yet."""
    for d in range(len(touched) - 1, -1, -1):
        late = touched[d]
        if not late.writes:
            continue
        for c in range(d - 1, -1, -1):
            early = touched[c]
            if early.writes or early.thread == late.thread or not _meet(early, late):
                continue
            for b in range(c - 1, -1, -1):
                seen = touched[b]
                if seen.writes or seen.thread != early.thread:
                    continue
                for a in range(b - 1, -1, -1):
                    stored = touched[a]
                    if _meet(stored, seen) and stored.writes:
                        if stored.thread == late.thread:
                            return Conflict((stored, seen, early, late), "half seen")
                        break
    return None


def _last(touched: list[Access]) -> Conflict | None:
    """The last two accesses in conflict."""
    for j in range(len(touched) - 1, -1, -1):
        for i in range(j - 1, -1, -1):
            one, other = touched[i], touched[j]
            if one.thread != other.thread and _meet(one, other) and one.writes | other.writes:
                return Conflict((one, other), "conflict")
    return None


def saving_decision(found: Found, path: list[Decision]) -> Saved | None:
    """The last decision on a failing path that could have been another, with a good end.

    ``found`` must have kept its edges; ``path`` has threads as the search numbers them.  None, too,
    where the path is not one of this graph's: another search may have taken longer steps.
    """
    graph = found.graph
    good = _reach_good(found)
    out: dict[int, list[Edge]] = {}
    for edge in graph.edges:
        out.setdefault(edge.source, []).append(edge)
    way = [0]
    for decision in path:
        target = next((e.target for e in out.get(way[-1], ()) if e.decision == decision), None)
        if target is None:
            return None
        way.append(target)
    for step in range(len(path) - 1, -1, -1):
        for edge in out.get(way[step], []):
            if edge.target in good and edge.target != way[step + 1]:
                real = graph.real([*path[:step], edge.decision])
                taken = graph.real(path[: step + 1])[-1]
                return Saved(step, taken, real[-1])
    return None


def _reach_good(found: Found) -> set[int]:
    """The states from which an end without a failure can be reached."""
    graph = found.graph
    bad = {failure.state for failure in found.failures}
    into: dict[int, list[int]] = {}
    leaves = set(range(len(graph.states)))
    for edge in graph.edges:
        into.setdefault(edge.target, []).append(edge.source)
        leaves.discard(edge.source)
    waiting = deque(leaf for leaf in leaves if leaf not in bad)
    good = set(waiting)
    while waiting:
        for source in into.get(waiting.popleft(), []):
            if source not in good and source not in bad:
                good.add(source)
                waiting.append(source)
    return good
