"""Looks through the runs of a scenario: results that what they run does not have."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ..program.section import ABORTED, OK, Section, labels
from ..source import Span
from ..suggestion import did_you_mean
from ..text.scenario_tree import RESULTS, Arm, RunVector, Scenario
from .problems import Problems


def check_runs(scenario: Scenario, sections: Mapping[str, Section], problems: Problems) -> None:
    """Report arms for results that a run can't have, and values that it does not give."""
    for run in _runs(scenario):
        section = sections.get(run.vector)
        if section is None:
            _check(run, run.vector, (), RESULTS, "OPV500", problems)
            continue
        known = (OK, *labels(section), ABORTED)
        _check(run, section.name, section.results, known, "OPV044", problems)


def _check(
    run: RunVector,
    name: str,
    results: tuple[str, ...],
    known: tuple[str, ...],
    code: str,
    problems: Problems,
) -> None:
    for arm in run.arms:
        for result in arm.results:
            if result not in known:
                choice = f"result is {', '.join(known[:-1])} or {known[-1]}"
                help = did_you_mean(result, known) or choice
                problems.error(code, f"`{result}` is not a result", _name(arm, result), help=help)
    if len(run.results) not in (0, len(results)):
        gives = f"gives {', '.join(results)}" if results else "gives no values"
        problems.error("OPV044", f"{name} {gives}; {len(run.results)} are taken", run.span)


def _name(arm: Arm, result: str) -> Span:
    """Where an arm names a result."""
    at = arm.span.start + arm.span.text.index(result)
    return Span(arm.span.file, at, at + len(result))


def _runs(node: object) -> Iterator[RunVector]:
    """Every ``run`` in a part of a tree, whose nodes are tuples all."""
    waiting = [node]
    while waiting:
        here = waiting.pop()
        if isinstance(here, RunVector):
            yield here
        if isinstance(here, tuple) and not isinstance(here, Span):
            waiting += here[::-1]
