"""The samples of races: each as it expects to be, each failure with a schedule that replays."""

from __future__ import annotations

import json

import pytest

from opvasm.explorer.answers.diagnose import diagnose
from opvasm.explorer.plan.validate import check_scenarios, strategy_table
from opvasm.explorer.schedules.replay_file import read_replay, replay, replay_json
from opvasm.explorer.schedules.schedule import ScheduleError
from opvasm.explorer.setting.options import Limits
from opvasm.source import SourceFile

from .helpers import RACES, report, sample

SCENARIOS = [
    (path.stem, scenario.name)
    for path in sorted(RACES.glob("*.opv"))
    for scenario in sample(path.stem).scenarios
]


@pytest.mark.parametrize(("file", "name"), SCENARIOS)
def test_a_sample_is_as_it_expects_and_its_failures_replay(file: str, name: str) -> None:
    assembly = sample(file)
    found = report(assembly, name)
    assert [each.reason for each in found.outcomes if not each.met] == []
    strategies = strategy_table(assembly.strategies)
    failing = next((run for run in found.runs if run.verdicts), None)
    if failing is None:
        return
    diagnosis = diagnose(failing, Limits())
    assert diagnosis is not None
    text = replay_json(
        diagnosis.replay, assembly.sources, diagnosis.verdict, diagnosis.label, "test"
    )
    read = read_replay(text, "replay.json")
    again = replay(assembly.program, assembly.sources, assembly.scenarios, strategies, read)
    assert [each.state for each in again.moments] == [
        each.state for each in diagnosis.replay.moments
    ]
    _is_wrong_at_the_end(again, diagnosis.verdict)
    changed = (SourceFile(f"{file}.opv", assembly.sources[0].text + "\n// edited"),)
    with pytest.raises(ScheduleError, match="has changed since this schedule was made"):
        replay(assembly.program, changed, assembly.scenarios, strategies, read)


def _is_wrong_at_the_end(again, verdict: str) -> None:  # type: ignore[no-untyped-def]
    """The last state of a replayed failure is one that fails."""
    state, model, judge = again.state(again.failing), again.model, again.plan.judge
    match verdict:
        case "fails":
            broken = judge.broken((*judge.final, *judge.always, *judge.quiescent), state)
            assert broken is not None or model.has_failed(state)
        case "deadlock" | "blocks":
            waiting = [t for t in range(model.threads) if not model.done(state, t)]
            assert any(not model.enabled(state, t) for t in waiting)
        case _:
            assert again.cycle is not None
            assert again.state(again.cycle - 1) == state


@pytest.mark.parametrize("file", sorted({file for file, _ in SCENARIOS}))
def test_a_sample_has_no_finding(file: str) -> None:
    assembly = sample(file)
    findings = check_scenarios(assembly.program, assembly.scenarios, assembly.strategies)
    assert [str(each) for each in findings if each.level == "error"] == []


@pytest.mark.parametrize("file", sorted({file for file, _ in SCENARIOS}))
def test_a_sample_begins_with_a_comment_that_says_where_it_is_from(file: str) -> None:
    assert sample(file).sources[0].text.startswith("// ")


@pytest.mark.parametrize(
    ("file", "scenario", "largest"),
    [("counter", "four", 300), ("counter", "two_and_two", 150)],
)
def test_the_reductions_keep_the_fallback_family_small(
    file: str, scenario: str, largest: int
) -> None:
    """4 threads with two attempts each on one CPU; 2 + 2 on two (issue: at most 300 and 150)."""
    assert report(sample(file), scenario).runs[0].found.states <= largest


@pytest.mark.parametrize(
    ("file", "scenario", "preemptions"),
    [("list", "naive", 1), ("counter", "preempted", 1), ("tcmalloc", "cached_in_the_ids", 1)],
)
def test_a_failure_is_shown_with_the_fewest_preemptions(
    file: str, scenario: str, preemptions: int
) -> None:
    found = report(sample(file), scenario)
    failing = next(run for run in found.runs if run.verdicts)
    diagnosis = diagnose(failing, Limits())
    assert diagnosis is not None
    assert diagnosis.preemptions == preemptions


def test_replay_files_are_small_enough_to_mail() -> None:
    found = report(sample("list"), "naive")
    diagnosis = diagnose(found.runs[0], Limits())
    assert diagnosis is not None
    text = replay_json(
        diagnosis.replay, sample("list").sources, diagnosis.verdict, diagnosis.label, "test"
    )
    assert len(text) < 4096
    assert json.loads(text)["format"] == "opvasm-replay/1"
