"""The states a search has seen and how it came to each."""

from __future__ import annotations

from ...light_typing import NamedTuple
from ..model.model import Model
from ..plan.symmetry import Order, Symmetry
from ..steps.state import STEP, Decision, State


class Edge(NamedTuple):
    """A transition.  ``finite``: one that can't go on happening for ever (an abort)."""

    source: int
    target: int
    decision: Decision
    committed: bool
    finite: bool


class Graph:
    """The states seen, how each was first reached, and (where asked for) all transitions."""

    def __init__(self, model: Model, symmetry: Symmetry | None) -> None:
        self.model = model
        self.symmetry = symmetry
        self.numbers: dict[State, int] = {}
        self.states: list[State] = []
        self.came_from: list[tuple[int, Decision] | None] = []
        self.edges: list[Edge] = []

    def representative(self, state: State) -> tuple[State, Order | None]:
        """The state that stands for one."""
        return (state, None) if self.symmetry is None else self.symmetry.canonical(state)

    def path(self, number: int) -> list[Decision]:
        """The decisions from the start to a state, of the scenario's own threads."""
        return self.real(self.raw_path(number))

    def raw_path(self, number: int) -> list[Decision]:
        """The decisions from the start to a state, with threads as they are numbered there."""
        decisions = []
        entry = self.came_from[number]
        while entry is not None:
            number, decision = entry
            decisions.append(decision)
            entry = self.came_from[number]
        decisions.reverse()
        return decisions

    def real(self, decisions: list[Decision]) -> list[Decision]:
        """Decisions over representatives as decisions over the scenario's own threads."""
        if self.symmetry is None:
            return decisions
        state, order = self.symmetry.canonical(self.model.initial())
        who = list(order)
        found = []
        for decision in decisions:
            thread = who[decision.thread] if decision.thread >= 0 else decision.thread
            found.append(decision._replace(thread=thread))
            state, order = self.symmetry.canonical(take(self.model, state, decision))
            who = [who[each] for each in order]
        return found


def take(model: Model, state: State, decision: Decision) -> State:
    """The state after a decision."""
    if decision.kind == STEP:
        return model.step(state, decision.thread).state
    return model.disturb(state, decision)
