"""Scenarios that are not as they expect to be, as findings with a place."""

from __future__ import annotations

from ...errors import Diagnostic, Note
from ...source import Span
from .text_report import expectation_text, why_text
from .verdict import Outcome, Report

NOT_AS_EXPECTED, OPEN = "OPV550", "OPV551"


def findings(report: Report) -> tuple[Diagnostic, ...]:
    """An error for each expectation that was not met, a warning for each that a limit left open.

    Diagnoses of its runs become notes.
    """
    return tuple(_finding(report, outcome) for outcome in report.outcomes if not outcome.met)


def _finding(report: Report, outcome: Outcome) -> Diagnostic:
    scenario = report.scenario
    expectation = outcome.expectation
    place = scenario.span if expectation is None else expectation.span
    if expectation is None:  # the line with the scenario's name says enough
        end = place.text.find("\n")
        place = Span(place.file, place.start, place.start + end) if end > 0 else place
    wanted = expectation_text(expectation)
    what = f"scenario {scenario.name} is expected: {wanted}; found: {outcome.reason}"
    if outcome.met is None:
        help = "give it more with --max-states or --timeout, or bound it with --preemptions"
        stopped = [run for run in report.runs if run.stopped is not None]
        if report.interrupted:
            help = "an interrupt ended it: run it again to see the rest"
        growth = next((run.found.growth for run in stopped if run.found.growth), None)
        if growth is not None:
            help = growth
        elif report.limits.preemptions is not None and all(
            r.found.stopped is None for r in stopped
        ):
            help = "raise --preemptions, or leave it out"
        return Diagnostic("warning", OPEN, what, place, help=help)
    notes = []
    for run in report.runs:
        diagnosis = run.diagnosis
        if diagnosis is not None:
            why = why_text(diagnosis.replay.plan, diagnosis)
            text = f"{run.configuration.describe(scenario)}: {diagnosis.label}"
            notes.append(Note(f"{text}; {why}" if why else text))
    return Diagnostic("error", NOT_AS_EXPECTED, what, place, tuple(notes))
