"""Limits and interrupts: no answer is never taken for a good one."""

from __future__ import annotations

import pytest

from opvasm.explorer.answers.text_report import run_lines
from opvasm.explorer.search.estimate import estimate
from opvasm.explorer.search.explore import explore
from opvasm.explorer.search.search import INTERRUPTED, Search
from opvasm.explorer.setting.options import Limits, Reductions

from .helpers import COUNTER, assembled, plans, report
from .test_reductions import family

BIG = COUNTER + """
strategy slow = rseq then lock after 3
scenario s {
    cpus 2
    strategy slow
    environment migrate <= 2, signal <= 2
    thread a @0 { loop 3 { run bump(1) { again, aborted -> retry } } }
    thread b @1 { loop 3 { run bump(1) { again, aborted -> retry } } }
    thread c @1 { loop 3 { run bump(1) { again, aborted -> retry } } }
    forall sum(counter) == 9
    expect holds
}
"""


def test_a_search_that_hits_its_limit_is_inconclusive_and_says_what_to_raise() -> None:
    found = report(assembled(BIG), "s", Limits(states=500))
    assert found.as_expected is None
    run = found.runs[0]
    assert run.verdict == "inconclusive"
    line = run_lines(found, run)[-1]
    assert "stopped by 500 states" in line
    assert "states a second" in line
    assert "raise --max-states" in line


def test_a_search_stops_at_its_time() -> None:
    found = report(assembled(BIG), "s", Limits(seconds=0.2))
    assert found.as_expected is None
    assert found.runs[0].stopped == "0.2 seconds"


@pytest.mark.usefixtures("python_engine")
def test_an_interrupt_keeps_what_was_found(monkeypatch: pytest.MonkeyPatch) -> None:
    original = Search._expand

    def expand(self: Search, number: int) -> None:
        if number == 300:
            raise KeyboardInterrupt
        original(self, number)

    monkeypatch.setattr(Search, "_expand", expand)
    found = report(assembled(BIG), "s")
    assert found.runs[0].stopped == INTERRUPTED
    assert found.runs[0].found.states >= 300
    assert found.as_expected is None


def test_a_failure_found_before_the_limit_counts() -> None:
    text = BIG.replace("forall sum(counter) == 9", "invariant counter@0 == 0")
    found = report(
        assembled(text.replace("expect holds", "expect fails")), "s", Limits(states=3000)
    )
    assert "fails" in found.runs[0].verdicts
    assert found.as_expected is True


def test_random_schedules_look_behind_the_limit() -> None:
    """A failure deep after the limit of states is found by walks, and counts."""
    text = BIG.replace("== 9", "== 8").replace("expect holds", "expect fails")
    found = report(assembled(text), "s", Limits(states=300))
    run = found.runs[0]
    assert run.stopped == "300 states"
    assert run.verdicts == ("fails",)
    assert found.as_expected is True


def test_a_bounded_search_says_so() -> None:
    text = COUNTER + "scenario s {\n    thread a @0 { run bump(1) }\n    forall counter == 1\n}"
    found = report(assembled(text), "s", Limits(preemptions=2))
    assert "bounded: at most 2 preemptions" in run_lines(found, found.runs[0])[-1]


def test_a_bound_leaves_schedules_out_and_never_invents_one() -> None:
    (plan,) = plans(assembled(family(3, 1, 1)), "push")
    sizes = [explore(plan, Reductions(), Limits(preemptions=k)) for k in (0, 1, 2)]
    everything = explore(plan)
    assert all(set(each.outcomes) <= set(everything.outcomes) for each in sizes)
    assert all(not each.failures for each in sizes)


def test_the_estimate_is_of_the_right_order() -> None:
    (plan,) = plans(assembled(family(3, 1, 2)), "push")
    found = explore(plan)
    guess = estimate(found.graph, seconds=600)
    assert guess is not None
    assert found.states / 10 < guess < found.states * 10
