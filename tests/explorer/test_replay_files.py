"""A replay file that does not fit its program any more is refused with what does not fit."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest

from opvasm.explorer.answers.diagnose import diagnose
from opvasm.explorer.plan.validate import strategy_table
from opvasm.explorer.schedules.replay_file import read_replay, replay, replay_json
from opvasm.explorer.schedules.schedule import ScheduleError
from opvasm.explorer.setting.options import Limits

from .helpers import report, sample

Document = dict[str, Any]


@cache
def saved() -> str:
    """The failure of the naive list: ABA."""
    assembly = sample("list")
    failing = next(run for run in report(assembly, "naive").runs if run.verdicts)
    diagnosis = diagnose(failing, Limits())
    assert diagnosis is not None
    return replay_json(diagnosis.replay, assembly.sources, "fails", diagnosis.label, "0")


def follow(change: Callable[[Document], object]) -> int:
    """The number of steps of the changed file's schedule."""
    document = json.loads(saved())
    change(document)
    assembly = sample("list")
    found = read_replay(json.dumps(document), "saved.json")
    strategies = strategy_table(assembly.strategies)
    made = replay(assembly.program, assembly.sources, assembly.scenarios, strategies, found)
    return len(made.moments)


def test_an_unchanged_file_is_followed_to_its_end() -> None:
    """As many steps as it has decisions."""
    choices = json.loads(saved())["choices"]
    steps = sum(number if kind == "step" else 1 for kind, _, number in choices)
    assert follow(lambda document: None) == steps


@pytest.mark.parametrize(
    ("text", "reason"),
    [("percpu n: u64\n", "it is a text, and not JSON"), ("\n", "it is empty"), ("{ n", "line 1")],
)
def test_what_is_no_json_is_told_what_makes_replay_files(text: str, reason: str) -> None:
    """A text of the language in place of a replay file, as --schedule is often given."""
    with pytest.raises(ScheduleError) as raised:
        read_replay(text, "st.opv")
    (finding,) = raised.value.diagnostics
    assert finding.code == "OPV542"
    assert reason in finding.message
    assert "Expecting value" not in finding.message
    assert "opvasm explore FILE --save OUT" in str(finding.help)


@pytest.mark.parametrize(
    ("change", "code", "reason"),
    [
        (lambda d: d["source"].update(sha256="0" * 64), "OPV540", "has changed since"),
        (lambda d: d["source"].update(scenario="gone"), "OPV541", "there is no scenario gone"),
        (lambda d: d["model"].update(kernel="linux"), "OPV541", "there is no linux"),
        (lambda d: d["choices"].insert(0, ["step", "t9", 1]), "OPV541", "there is no thread t9"),
        (lambda d: d["checkpoints"].update({"1": "0"}), "OPV541", "the state after decision 1"),
        (
            lambda d: d["choices"].insert(0, ["signal", "t0", 0]),
            "OPV541",
            "decision 1: signal of t0 is not possible",
        ),
        (lambda d: d.update(format="opvasm-replay/9"), "OPV542", "'opvasm-replay/9'"),
        (lambda d: d["choices"].append(["step", "t0", 10**9]), "OPV542", "steps of a thread"),
        (lambda d: d["choices"].append(["step", "t0", -1]), "OPV542", "from 1 to"),
        (lambda d: d["model"].update(cpus=-1), "OPV542", "cpus: -1 is not a number from 1 to 64"),
        (lambda d: d["model"].update(cpus=1.5), "OPV542", "cpus: 1.5"),
        (lambda d: d.pop("model"), "OPV542", "the field 'model' is missing"),
        (lambda d: d["choices"].append(7), "OPV542", "is not a replay file that can be read"),
    ],
)
def test_a_file_that_does_not_fit_is_refused_with_the_reason(
    change: Callable[[Document], object], code: str, reason: str
) -> None:
    """The source has changed, a name is gone, a decision or state is another one, no such file."""
    with pytest.raises(ScheduleError) as raised:
        follow(change)
    (finding,) = raised.value.diagnostics
    assert finding.code == code
    assert reason in f"{finding.message} {finding.notes} {finding.help}"
