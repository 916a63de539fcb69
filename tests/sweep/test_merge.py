"""Results at their places: judged, folded, and the same whatever order they came in."""

from __future__ import annotations

import json
import xml.etree.ElementTree as xml
from collections.abc import Sequence
from random import Random

import jsonschema
import pytest

from opvasm.explorer.schedules.walks import Walks
from opvasm.kernels.profiles import PROFILES
from opvasm.suite.junit import junit
from opvasm.sweep.findings import sweep_outcomes
from opvasm.sweep.json_report import report_json
from opvasm.sweep.merge import Report, merge
from opvasm.sweep.plan import Axes
from opvasm.sweep.run import Results, run_sweep
from opvasm.sweep.runners import InProcess
from opvasm.sweep.tasks import Done, Task
from opvasm.sweep.text_report import report_text
from opvasm.sweep.unit import Settings, result_of, result_record

from .helpers import COUNTER, ROOT, SETTINGS, explored, planned

# Preemption aborts no section there: two increments on one CPU can both be of the same value.
UNPROTECTED = {"v6_19_arm64", "v7_0_arm64_size32", "v7_0_arm64_size33"}

SCHEMA = json.loads((ROOT / "opvasm/sweep/schemas/opvasm-sweep-1.json").read_text())


class Shuffled:
    """Does tasks in an order of its own."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)

    def run(self, tasks: Sequence[Task], done: Done) -> None:
        order = list(range(len(tasks)))
        self.random.shuffle(order)
        for index in order:
            done(index, tasks[index].call(*tasks[index].arguments))

    def close(self) -> None:
        pass


@pytest.fixture(scope="module")
def report() -> Report:
    return explored(planned())


def verdicts(report: Report, scenario: str, strategy: str, cpus: int = 1) -> dict[str, str]:
    """The verdict under each kernel."""
    return {
        each.cell.configuration.profile.name: each.result.verdict
        for merged in report.scenarios
        if merged.block.scenario.name == scenario
        for each in merged.cells
        if each.result is not None
        and each.cell.label == strategy
        and each.cell.configuration.cpus == cpus
    }


def test_the_verdicts_are_those_that_are_known(report: Report) -> None:
    """model.md section 1, point 8, section 2.3 and rule R4."""
    found = verdicts(report, "two_sections", "rseq")
    assert {name for name, verdict in found.items() if verdict == "fails"} == UNPROTECTED
    # Without rseq a section that is tried again and again never ends.
    assert {name for name, verdict in found.items() if verdict == "endless"} == {"no_rseq"}
    assert set(found.values()) == {"holds", "fails", "endless"}
    assert set(verdicts(report, "plain_race", "lock", 2).values()) == {"fails"}
    assert set(verdicts(report, "two_adds", "rseq").values()) == {"refused"}
    assert set(verdicts(report, "two_adds", "opv").values()) == {"holds"}


def test_the_order_in_which_units_are_done_does_not_matter(report: Report) -> None:
    sweep = planned()
    for seed in range(3):
        again = merge(sweep, run_sweep(sweep, Shuffled(seed)))
        assert report_json(again) == report_json(report)
        assert report_text(again) == report_text(report)


def test_several_units_at_once_are_the_same_units(report: Report) -> None:
    sweep = planned()
    again = merge(sweep, run_sweep(sweep, InProcess(), together=5))
    assert report_json(again) == report_json(report)


def test_equal_kernels_are_folded(report: Report) -> None:
    rows = list(report.scenarios[0].rows())
    kernels = [[each.cell.configuration.profile.name for each in row] for row in rows[:2]]
    assert kernels[0] == [each for each in PROFILES if each not in (*UNPROTECTED, "no_rseq")]
    assert set(kernels[1]) == UNPROTECTED
    assert " fails [1] " in report_text(report)
    assert " all " in report_text(report)


def test_a_failure_has_its_fewest_preemptions(report: Report) -> None:
    """The lost increment needs one preemption (model.md section 3.5)."""
    failing = [e for e in report.scenarios[0].examples if e.result.verdict == "fails"]
    (example,) = (e for e in failing if e.cell.label == "rseq")
    assert example.result.preemptions == 1


def test_the_document_keeps_to_its_schema(report: Report) -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    document = json.loads(report_json(report))
    jsonschema.validate(document, SCHEMA)
    assert document["complete"] is True
    for scenario in document["files"][0]["scenarios"]:
        numbers = {cell["counterexample"] for cell in scenario["cells"]} - {None}
        assert numbers == set(scenario["counterexamples"])


def test_nothing_in_it_is_a_time(report: Report) -> None:
    assert "seconds" not in report_json(report)


def test_a_sweep_that_was_interrupted_says_so() -> None:
    sweep = planned()
    whole = run_sweep(sweep, InProcess())
    part = Results({i: each for i, each in whole.of.items() if i % 3}, True)
    report = merge(sweep, part)
    document = json.loads(report_json(report))
    jsonschema.validate(document, SCHEMA)
    assert document["complete"] is False
    text = report_text(report)
    assert "not explored" in text
    assert "interrupted: the rest was not explored" in text
    assert "not judged, the sweep was interrupted" in text
    assert not report.unexpected()


def test_expectations_are_judged_by_what_the_file_asks_for(report: Report) -> None:
    assert [each.judgement.as_expected for each in report.scenarios] == [True, True, True]
    wrong = explored(planned(COUNTER.replace("expect fails", "expect holds")))
    assert [each.block.scenario.name for each in wrong.unexpected()] == ["plain_race"]
    assert "Expect holds: NOT MET" in report_text(wrong)
    assert "not as expected: counter.opv: plain_race" in report_text(wrong)


def test_a_sweep_that_leaves_something_out_does_not_judge_it() -> None:
    report = explored(planned(axes=Axes(kernels=("legacy",))))
    judged = {each.block.scenario.name: each.judgement for each in report.scenarios}
    assert judged["two_sections"].as_expected is None
    assert judged["two_sections"].why_not is not None
    assert judged["plain_race"].as_expected is True
    assert not report.unexpected()
    assert not report.open()


def test_a_failure_that_needs_more_preemptions_than_allowed_is_not_refuted() -> None:
    """With none at all the sections hold everywhere: the exception is open, not out of date."""
    bounded = explored(planned(axes=Axes(bounds=(0,))))
    judgement = bounded.scenarios[0].judgement
    assert judgement.as_expected is None
    assert "the bound of 0 preemptions" in judgement.outcomes[0].reason
    assert bounded.scenarios[0] in bounded.open()
    both = explored(planned(axes=Axes(bounds=(0, 1))))
    assert both.scenarios[0].judgement.as_expected is True
    jsonschema.validate(json.loads(report_json(both)), SCHEMA)


def test_junit_has_a_case_for_each_scenario() -> None:
    wrong = explored(planned(COUNTER.replace("expect fails", "expect holds")))
    text = junit(list(sweep_outcomes(wrong)))
    root = xml.fromstring(text)
    assert (root.attrib["tests"], root.attrib["failures"]) == ("3", "1")
    assert junit(list(sweep_outcomes(wrong))) == text


@pytest.mark.parametrize("search", [True, False])
def test_a_result_survives_being_written_down(search: bool) -> None:
    settings = Settings(3, None, Walks(5, 5, 2), search) if not search else SETTINGS
    sweep = planned(settings=settings)
    for result in run_sweep(sweep, InProcess()).of.values():
        record = json.loads(json.dumps(result_record(result)))
        assert result_of(record) == result._replace(seconds=record["seconds"])
