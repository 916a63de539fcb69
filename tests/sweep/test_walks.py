"""Random schedules: found again from their seed, and never taken for an answer."""

from __future__ import annotations

import json

import pytest

from opvasm.explorer.model.model import Model
from opvasm.explorer.plan.plan import Plan, make_plan
from opvasm.explorer.plan.validate import strategy_table
from opvasm.explorer.schedules.replay_file import read_replay, replay
from opvasm.explorer.schedules.schedule import follow
from opvasm.explorer.schedules.walks import LENGTH_MAX, Walks, walk
from opvasm.explorer.search.graph import take
from opvasm.explorer.setting.configuration import configurations
from opvasm.explorer.steps.state import Decision, State
from opvasm.sweep.json_report import report_json
from opvasm.sweep.plan import Axes
from opvasm.sweep.unit import Settings
from opvasm.sweep.work import assembled_text

from .helpers import COUNTER, SETTINGS, explored, planned, text_of

# A bug that takes an order of three: b between a's two stores, and c after both.
ORDER = """\
shared x: u64
shared y: u64
scenario order {
    cpus 1
    strategy opv
    thread a @0 { store x, 1; store x, 2 }
    thread b @0 { r = load x; if r == 1 { store y, 1 } }
    thread c @0 { s = load y; if s == 1 { fail } }
    expect fails
}
"""
ROUND = """\
shared x: u64
scenario round {
    cpus 1
    strategy opv
    thread a @0 { loop { r = load x; if r == 1 { break } } }
    expect holds
}
"""


def plan_of(source: str, number: int = 0) -> Plan:
    """The plan of the first scenario's configuration of that number."""
    assembly = assembled_text(text_of(source))
    scenario = assembly.scenarios[0]
    chosen = configurations(scenario, strategy_table(assembly.strategies))[number]
    return make_plan(assembly.program, scenario, chosen)


@pytest.mark.parametrize("depth", [None, 1, 2, 3, 5])
def test_a_planted_race_is_found_and_can_be_followed(depth: int | None) -> None:
    """PCT of depth 1 changes no priority, so no thread is ever preempted, and it finds nothing."""
    plan = plan_of(ORDER)
    taken = walk(plan, Walks(500, 7, depth), "order")
    if depth == 1:
        assert taken.trouble is None
        assert taken.number == 500
        return
    assert taken.trouble is not None
    assert taken.trouble.kind == "fail"
    followed = follow(plan, list(taken.decisions))
    assert followed.model.has_failed(followed.state(len(taken.decisions) - 1))


@pytest.mark.parametrize("depth", [None, 3])
def test_a_walk_depends_on_seed_name_and_number_only(depth: int | None) -> None:
    plan = plan_of(ORDER)
    first = walk(plan, Walks(500, 7, depth), "order")
    assert walk(plan, Walks(10_000, 7, depth), "order") == first
    others = {walk(plan, Walks(500, seed, depth), "order").decisions for seed in range(8, 16)}
    others.add(walk(plan, Walks(500, 7, depth), "another").decisions)
    assert len(others) > 1


def test_a_walk_keeps_to_the_bound_on_preemptions() -> None:
    """The bug takes one: b in the middle of a."""
    plan = plan_of(ORDER)
    assert walk(plan, Walks(500, 7), "order", bound=0).trouble is None
    assert walk(plan, Walks(500, 7), "order", bound=1).trouble is not None


def test_a_walk_that_goes_round_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """It counts as one of the full length, which a walk without a choice does not have to go."""
    steps: list[Decision] = []

    def counted(model: Model, state: State, decision: Decision) -> State:
        steps.append(decision)
        return take(model, state, decision)

    monkeypatch.setattr("opvasm.explorer.schedules.walks.take", counted)
    taken = walk(plan_of(ROUND), Walks(2, 1), "round")
    assert len(steps) < 50
    assert (taken.cut, taken.steps, taken.trouble) == (2, 2 * LENGTH_MAX, None)


def test_invariants_and_the_environment_are_walked_too() -> None:
    """registration.opv of the samples: a signal between check and claim (model.md section 5)."""
    from .helpers import ROOT

    plan = plan_of((ROOT / "samples/races/registration.opv").read_text())
    for depth in (None, 2):
        taken = walk(plan, Walks(500, 3, depth), "registration")
        assert taken.trouble is not None
        assert any(decision.kind == "signal" for decision in taken.decisions)


def test_walks_alone_never_say_that_something_holds() -> None:
    settings = Settings(1_000_000, None, Walks(60, 3), search=False)
    axes = Axes(kernels=("legacy", "v6_19_arm64"), strategies=("rseq", "opv"))
    report = explored(planned(axes=axes, settings=settings))
    verdicts = set(report.counts())
    assert verdicts == {"fails", "inconclusive", "refused"}
    found = [e.result for m in report.scenarios for e in m.cells if e.result is not None]
    assert all(each.states is None for each in found)
    assert report.open()
    for result in found:
        if result.walked is not None and result.verdict == "inconclusive":
            assert result.walked.number == 60
            assert result.stopped == "60 random schedules"
        elif result.walked is not None:
            assert result.walked.failing == result.walked.number - 1


def test_what_a_walk_has_found_is_a_replay_file_that_can_be_followed() -> None:
    settings = Settings(1_000_000, None, Walks(200, 3, 3), search=False)
    report = explored(planned(axes=Axes(kernels=("v6_19_arm64",)), settings=settings))
    assembly = assembled_text(text_of(COUNTER))
    count = 0
    for merged in report.scenarios:
        for example in merged.examples:
            saved = read_replay(json.dumps(example.result.replay), "saved")
            followed = replay(
                *(assembly.program, assembly.sources, assembly.scenarios),
                *(strategy_table(assembly.strategies), saved),
            )
            assert followed.moments
            count += 1
    assert count >= 3


def test_walks_follow_a_search_that_hit_its_limit() -> None:
    """Three states are not enough for the race; a walk from the recorded seed meets it."""
    report = explored(planned(settings=SETTINGS._replace(states=3, walks=Walks(100, 9))))
    result = next(
        found.result
        for merged in report.scenarios
        if merged.block.scenario.name == "plain_race"
        for found in merged.cells
        if found.result is not None
    )
    assert result.verdict == "fails"
    assert result.stopped == "3 states"
    assert result.walked is not None
    assert result.walked.seed == 9
    assert result.states is not None


def test_equal_seeds_have_equal_reports() -> None:
    def written(seed: int) -> str:
        settings = Settings(1_000_000, None, Walks(40, seed, 2), search=False)
        return report_json(explored(planned(axes=Axes(kernels=("legacy",)), settings=settings)))

    reports = [written(seed) for seed in (4, 4, 5)]
    assert reports[0] == reports[1]
    schedules = [
        [each["counterexamples"] for each in json.loads(report)["files"][0]["scenarios"]]
        for report in reports[1:]
    ]
    assert schedules[0] != schedules[1]
