"""Limits and interrupts: no answer is never taken for a good one."""

from __future__ import annotations

from bisect import bisect_left

import pytest

from opvasm.explorer.answers.text_report import run_lines
from opvasm.explorer.native.built import Refused, engine_type
from opvasm.explorer.search import search
from opvasm.explorer.search.estimate import MOST_AHEAD, Extrapolation, estimate
from opvasm.explorer.search.explore import explore
from opvasm.explorer.search.search import Search
from opvasm.explorer.setting.options import INTERRUPTED, NO_REDUCTIONS, Limits, Reductions

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
    found = report(assembled(BIG), "s", Limits(states=500, goes_on=False))
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


@pytest.mark.parametrize("engine", ["native", "python"])
def test_random_schedules_end_where_they_meet_nothing_new(
    engine: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is small is not walked again and again until the second is over."""
    if engine == "python":
        request.getfixturevalue("python_engine")
    looks = 0

    def stopped_clock() -> float:
        nonlocal looks
        looks += 1
        assert looks < 500_000, "the walks go on for as long as the clock lets them"
        return 0.0

    monkeypatch.setattr(search, "monotonic", stopped_clock)
    text = COUNTER + "scenario s {\n    thread a x2 @0 { run bump(1) }\n    forall counter == 2\n}"
    run = report(assembled(text), "s", Limits(states=2)).runs[0]
    assert run.stopped == "2 states"
    assert run.verdict == "inconclusive"


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


@pytest.mark.parametrize(
    ("row", "reductions"),
    [
        *(((3, 1, 2), Reductions()), ((4, 1, 2), Reductions()), ((3, 1, 3), Reductions())),
        *(((5, 2, 2), Reductions()), ((4, 2, 2), Reductions()), ((2, 1, 2), NO_REDUCTIONS)),
        *(((2, 2, 2), NO_REDUCTIONS), ((3, 1, 1), NO_REDUCTIONS)),
    ],
)
def test_once_half_is_looked_at_the_size_is_known_to_a_factor_of_three(
    row: tuple[int, int, int], reductions: Reductions
) -> None:
    """From the middle of a search on, and asked at uneven moments, the extrapolation is within 3."""
    (plan,) = plans(assembled(family(*row)), "push")
    found = explore(plan, reductions)
    total, size = found.states, Extrapolation()
    assert found.stopped is None
    first_seen = [0] * total  # when it was: the state whose successors were being looked at
    for number in range(1, total):
        came = found.graph.came_from[number]
        assert came is not None
        first_seen[number] = came[0]
    for expanded in range(1, total, 1 + total // 97):
        seen = bisect_left(first_seen, expanded)
        guess = size.states(seen, expanded)
        if expanded >= total / 2:
            assert total / 3 <= guess <= total * 3


def test_a_search_that_starts_over_is_extrapolated_anew() -> None:
    """What was known before the start counts no more."""
    size = Extrapolation()
    size.states(1000, 900)
    assert size.states(10, 5) == 10 + 5 * MOST_AHEAD


def test_a_search_that_takes_too_much_memory_ends_and_says_so() -> None:
    """--max-memory ends a search by the C engine as inconclusive, and names the way out."""
    try:
        engine_type()
    except Refused as reason:
        pytest.skip(str(reason))
    found = report(assembled(BIG), "s", Limits(memory=4 << 20, goes_on=False))
    (run,) = found.runs
    assert run.stopped == "4 MiB of memory"
    assert run.verdict == "inconclusive"
    assert "raise --max-memory" in run_lines(found, run)[-1]
