"""Graphs of states that are too big to read: folded by place, then cut to a neighbourhood."""

from __future__ import annotations

import re
from functools import cache

import pytest

from opvasm.explorer.setting.options import Limits
from opvasm.explorer_reports.state_graph import READABLE, StateGraph, state_graph
from tests.explorer.helpers import assembled, report


@cache
def graph(condition: str, rounds: int = 2, states: int = 1_000_000) -> StateGraph:
    """Three threads that each add a number of their own to a, in loads and stores."""
    threads = "".join(
        f" thread {name} @0 {{ "
        + "; ".join(f"x{i} = load a; store a, x{i} + {number}" for i in range(rounds))
        + " }\n"
        for number, name in enumerate("pqr", 1)
    )
    text = f"shared a: u64\nscenario s {{\n{threads} {condition}\n}}\n"
    (run,) = report(assembled(text), "s").runs
    return state_graph(run, "title", Limits(states=states))


@pytest.mark.parametrize(
    ("condition", "near"), [("forall a == 12", True), ("forall a >= 0", False)]
)
def test_a_graph_too_big_even_folded_is_cut_to_what_matters(condition: str, near: bool) -> None:
    """Four ops a thread are five places: 5 * 5 * 5 nodes when folded, of which READABLE stay."""
    made = graph(condition)
    assert made.note is not None
    assert "are one node (125 nodes)" in made.note
    whose = "counterexample" if near else "start"
    assert made.note.endswith(f"only the {READABLE} nearest to the {whose} are drawn")
    assert len(made.nodes) == READABLE
    assert len({node.text for node in made.nodes}) == READABLE
    for arrow in made.arrows:
        assert 0 <= arrow.source < READABLE
        assert 0 <= arrow.target < READABLE
    bold = {arrow.source: arrow.target for arrow in made.arrows if arrow.bold}
    (here,) = (index for index, node in enumerate(made.nodes) if "start" in node.marks)
    steps = 0
    while here in bold:
        here, steps = bold[here], steps + 1
    # The whole way is kept: all twelve ops, to the one state that is wrong.
    assert steps == (12 if near else 0)
    assert ("bad" in made.nodes[here].marks) is near


def test_a_small_graph_is_drawn_as_it_is() -> None:
    """Two ops a thread: every state by itself, and nothing to say about it."""
    made = graph("forall a == 6", rounds=1)
    assert made.note is None
    assert all(node.states == 1 for node in made.nodes)
    ends = [node for node in made.nodes if node.text.count("ended") == 3]
    # Lost updates: each of the three may be lost, or two of them, so a is 1 to 6.
    assert len(ends) == 6
    assert sum("bad" in node.marks for node in ends) >= 1
    assert all(node.marks & {"bad", "end"} for node in ends)


def test_a_graph_of_a_part_says_so_beside_its_folding() -> None:
    """A limit of states, and then the folding: one note does not hide the other."""
    made = graph("forall a >= 0", states=400)
    assert made.note is not None
    first, *rest = made.note.split("; ")
    said = re.fullmatch(r"only the first (\d+) states: stopped by 400 states", first)
    assert said is not None
    # None of random schedules, which come to other ones each time.
    assert 400 <= int(said[1]) < 420
    assert "are too many to read" in rest[0]
