"""A sweep as outcomes of tests, one for each scenario: for JUnit XML."""

from __future__ import annotations

from collections.abc import Iterator

from ..explorer.answers.text_report import expectation_text
from ..suite.outcome import SCENARIOS, Outcome
from .merge import Merged, Report


def sweep_outcomes(report: Report) -> Iterator[Outcome]:
    """Passed: as the file expects, or nothing in the way of it; no times are told."""
    for merged in report.scenarios:
        name = merged.block.text.name
        yield Outcome(
            kind=SCENARIOS,
            file=name,
            name=merged.block.scenario.name,
            revision=merged.block.revision,
            category=name,
            problem=_problem(merged),
        )


def _problem(merged: Merged) -> str | None:
    problems = [
        f"expected {expectation_text(each.expectation)}: {each.reason}"
        for each in merged.judgement.outcomes
        if not each.met
    ]
    return "; ".join(problems) or None
