"""How large a search will be, before it is done: two samples of states and what they share."""

from __future__ import annotations

from random import Random

from ..model.model import Model
from ..steps.state import State
from .graph import Graph

WALKS, LENGTH = 30, 300


def estimate(graph: Graph, seed: int = 1) -> int | None:
    """About how many states there are at least (None: no telling).

    Random schedules are drawn twice; of N states, samples of a and b distinct ones share about
    a * b / N.  States that few schedules meet are missed, so the truth is more rather than less.
    """
    random = Random(seed)
    first, second = _sample(graph, random), _sample(graph, random)
    shared = len(first & second)
    return len(first) * len(second) // shared if shared else None


def _sample(graph: Graph, random: Random) -> set[State]:
    model: Model = graph.model
    seen: set[State] = set()
    for _ in range(WALKS):
        state = model.initial()
        for _ in range(LENGTH):
            seen.add(graph.representative(state)[0])
            ready = [t for t in range(model.threads) if model.enabled(state, t)]
            events = list(model.disturbances(state))
            if model.failure(state) is not None or not (ready or events):
                break
            chosen = random.randrange(len(ready) + len(events))
            if chosen < len(ready):
                state = model.step(state, ready[chosen]).state
            else:
                state = model.disturb(state, events[chosen - len(ready)])
    return seen
