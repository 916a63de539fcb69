"""Random schedules of one configuration, for what is too big to be searched.

Each walk is derived from a number, so that it can be taken again.  It goes at the finest grain
(schedule.fine_model), so that its decisions are those of a replay file.  A walk that finds nothing
says nothing: the verdict can be a failure or stay open, never ``holds``.

PCT (Burckhardt, Kothari, Musuvathi, Nagarakatte: "A randomized scheduler with probabilistic
guarantees of finding bugs", ASPLOS 2010): threads have random priorities, the highest that can
step does, and at d - 1 random steps the one that runs falls below all others.  A bug of depth d
among n threads and k steps is met by a walk with a probability of at least 1 / (n * k^(d-1)).
"""

from __future__ import annotations

from hashlib import sha256
from random import Random
from time import monotonic

from ...light_typing import NamedTuple
from ..model.judging import Trouble, ending, trouble_in
from ..model.model import Model
from ..plan.plan import Plan
from ..search.graph import take
from ..steps.state import STEP, Decision, State
from .schedule import fine_model, to_failures

# A walk longer than this is given up: its threads go round, or the scenario is very long.
LENGTH_MAX = 5000
# How often something disturbs the threads of a uniformly random walk where something can.
DISTURBED = 0.2
# Walks from which PCT learns how many steps a schedule has.
MEASURING = 3


class Walks(NamedTuple):
    """Which walks to take: how many, from which seed; ``depth`` of PCT, None: uniformly random."""

    number: int
    seed: int
    depth: int | None = None


class WalksTaken(NamedTuple):
    """What some walks came to.

    ``number`` were taken, of which ``cut`` were given up after LENGTH_MAX steps, in ``steps`` steps
    altogether.  The last one has failed where ``trouble`` is not None: ``decisions`` lead there.
    """

    number: int
    cut: int
    steps: int
    trouble: Trouble | None
    decisions: tuple[Decision, ...]


def walk(
    plan: Plan, walks: Walks, name: str, bound: int | None = None, until: float | None = None
) -> WalksTaken:
    """Take walks until one fails, or it is ``until`` (time.monotonic).

    ``name`` differs between configurations: with the seed and its number it determines a walk, and
    nothing else does.  ``bound`` is the most preemptions of a schedule.
    """
    model = fine_model(plan) if bound is None else Model(plan, False, bound)
    length = 0
    if walks.depth is not None:
        for number in range(-MEASURING, 0):
            taken = _Walk(plan, model, _random(walks.seed, name, number), None, 0).run(until)
            if taken is None:
                return WalksTaken(0, 0, 0, None, ())
            length = max(length, taken.steps)
    cut = steps = 0
    for number in range(walks.number):
        random = _random(walks.seed, name, number)
        taken = _Walk(plan, model, random, walks.depth, length).run(until)
        if taken is None:
            return WalksTaken(number, cut, steps, None, ())
        steps += taken.steps
        cut += taken.cut
        if taken.trouble is not None:
            return WalksTaken(number + 1, cut, steps, taken.trouble, taken.decisions)
    return WalksTaken(walks.number, cut, steps, None, ())


def _random(seed: int, name: str, number: int) -> Random:
    """The same on every machine, whichever walks were taken before."""
    return Random(sha256(f"{seed}\0{name}\0{number}".encode()).digest())


class _Walk:
    def __init__(
        self, plan: Plan, model: Model, random: Random, depth: int | None, length: int
    ) -> None:
        self.plan = plan
        self.model = model
        self.random = random
        self.depth = depth
        self.length = max(length, 1)
        if depth is not None:
            order = list(range(model.threads))
            random.shuffle(order)
            self.priorities = {thread: place for place, thread in enumerate(order)}
            # Which fall is the deepest does not depend on which comes first.
            self.falls = {step: -1 - i for i, step in enumerate(self._points(depth - 1))}
            self.lowest = -depth
            self.events = frozenset(self._points(depth))

    def _points(self, count: int) -> list[int]:
        """Some steps of the schedule, each by its number."""
        return [self.random.randrange(self.length) for _ in range(count)]

    def run(self, until: float | None) -> WalksTaken | None:
        """One schedule from the first state until it ends, fails, or is too long; None: out of time."""
        plan, model = self.plan, self.model
        state = model.initial()
        decisions: list[Decision] = []
        trouble = next(iter(trouble_in(plan, model, state)), None)
        without_choice: set[State] = set()
        while trouble is None and len(decisions) < LENGTH_MAX:
            if until is not None and monotonic() > until:
                return None
            ready = [t for t in range(model.threads) if model.enabled(state, t)]
            if not ready:
                ended = ending(plan, model, state)
                trouble = None if ended is None else ended.trouble
                break
            if len(ready) > 1 or any(model.disturbances(state)):
                without_choice.clear()
            elif state in without_choice:
                # Round and round, with no other way to go: so it would be to the end.
                return WalksTaken(1, 1, LENGTH_MAX, None, ())
            else:
                without_choice.add(state)
            decision = self._choose(state, ready, len(decisions))
            decisions.append(decision)
            state = take(model, state, decision)
            trouble = next(iter(trouble_in(plan, model, state)), None)
        cut = int(trouble is None and len(decisions) == LENGTH_MAX)
        found = (*decisions, *to_failures(model, state)) if trouble is not None else ()
        return WalksTaken(1, cut, len(decisions), trouble, found)

    def _choose(self, state: State, ready: list[int], step: int) -> Decision:
        random = self.random
        if self.depth is None:
            if random.random() < DISTURBED and (events := list(self.model.disturbances(state))):
                return random.choice(events)
            return Decision(STEP, random.choice(ready))
        if step in self.events and (events := list(self.model.disturbances(state))):
            return random.choice(events)
        first = max(ready, key=self._priority)
        # A thread that spins would keep the others from ever doing what it waits for, so that in a
        # schedule longer than usual everyone has a turn.
        late = step >= self.length and step % self.length == 0
        if late:
            self.lowest -= 1
        if late or step in self.falls:
            self.priorities[first] = self.lowest if late else self.falls[step]
            first = max(ready, key=self._priority)
        return Decision(STEP, first)

    def _priority(self, thread: int) -> int:
        return self.priorities[thread]
