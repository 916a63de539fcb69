"""How large a search will be, before it is done: from two samples, or from how it has gone so far."""

from __future__ import annotations

from time import monotonic

from ...light_typing import TYPE_CHECKING
from ..model.model import Model
from ..steps.state import State
from .graph import Graph

if TYPE_CHECKING:
    from random import Random

WALKS, LENGTH = 30, 300
# States that one which waits can stand for at most, beside itself.
MOST_AHEAD = 4
# Accesses after which it is given up: a step of a long vector has many; and seconds, since one may
# work in registers for as long as it likes.
MOST_ACCESSES, MOST_SECONDS = 100_000, 0.5


def estimate(graph: Graph, seed: int = 1, seconds: float = MOST_SECONDS) -> int | None:
    """About how many states there are at least (None: no telling).

    Random schedules are drawn twice; of N states, samples of a and b distinct ones share about
    a * b / N.  States that few schedules meet are missed, so the truth is more rather than less.
    Where steps take so long that it would keep somebody waiting, longer than ``seconds``, there is no
    telling either.
    """
    from random import Random  # an import that takes as long as ten of our files

    random, until = Random(seed), monotonic() + seconds
    first, second = _sample(graph, random, until), _sample(graph, random, until)
    if first is None or second is None:
        return None
    shared = len(first & second)
    return len(first) * len(second) // shared if shared else None


def _sample(graph: Graph, random: Random, until: float) -> set[State] | None:
    model: Model = graph.model
    seen: set[State] = set()
    accesses = 0
    for _ in range(WALKS):
        state = model.initial()
        for _ in range(LENGTH):
            if accesses > MOST_ACCESSES or monotonic() > until:
                return None
            seen.add(graph.representative(state)[0])
            ready = [t for t in range(model.threads) if model.enabled(state, t)]
            events = list(model.disturbances(state))
            if model.has_failed(state) or not (ready or events):
                break
            chosen = random.randrange(len(ready) + len(events))
            if chosen < len(ready):
                taken = model.step(state, ready[chosen])
                accesses += len(taken.reads) + len(taken.writes)
                state = taken.state
            else:
                state = model.disturb(state, events[chosen - len(ready)])
    return seen


class Extrapolation:
    """How many states there will be, from how a breadth-first search has gone so far.

    A state that waits leads to r new ones, each of those again, so that it stands for r + r² + …: r is
    what the second half of the states looked at so far has led to, and MOST_AHEAD the most that is
    believed.  Whatever r is, once half of all N states have been looked at the answer is within a factor
    of 3: at least N / 2 have been seen, at most N, and at most N / 2 of them wait.
    """

    def __init__(self) -> None:
        self.seen: list[tuple[int, int]] = [(0, 1)]  # (looked at, seen) at earlier moments

    def states(self, seen: int, expanded: int) -> int:
        """About how many there are, when ``seen`` are known and ``expanded`` of them were looked at."""
        if expanded < self.seen[-1][0]:
            self.seen = [(0, 1)]  # it has started over
        self.seen.append((expanded, seen))
        while len(self.seen) > 2 and self.seen[1][0] <= expanded // 2:
            del self.seen[0]
        before, seen_before = self.seen[0]
        rate = (seen - seen_before) / (expanded - before) if expanded > before else 1.0
        ahead = rate / (1 - rate) if rate < MOST_AHEAD / (MOST_AHEAD + 1) else MOST_AHEAD
        return seen + round((seen - expanded) * ahead)
