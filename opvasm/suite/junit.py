"""Outcomes as JUnit XML, which continuous integration servers read."""

from __future__ import annotations

from collections.abc import Sequence
from xml.sax.saxutils import escape, quoteattr

from ..report.human import render_all
from .outcome import Outcome


def junit(outcomes: Sequence[Outcome]) -> str:
    """One test suite for each file and kind, one test case for each outcome."""
    groups: dict[tuple[str, str], list[Outcome]] = {}
    for each in outcomes:
        groups.setdefault((each.file, each.kind), []).append(each)
    suites = "".join(_suite(file, kind, group) for (file, kind), group in groups.items())
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<testsuites name="opvasm" tests="{len(outcomes)}" failures="{_failures(outcomes)}" '
        f'time="{_seconds(outcomes)}">\n{suites}</testsuites>\n'
    )


def _suite(file: str, kind: str, outcomes: Sequence[Outcome]) -> str:
    cases = "".join(_case(each) for each in outcomes)
    return (
        f'  <testsuite name={_attribute(f"{file}: {kind}")} tests="{len(outcomes)}" '
        f'failures="{_failures(outcomes)}" time="{_seconds(outcomes)}">\n{cases}  </testsuite>\n'
    )


def _case(outcome: Outcome) -> str:
    head = (
        f"    <testcase classname={_attribute(f'{outcome.file}.{outcome.revision}')} "
        f'name={_attribute(outcome.name)} time="{outcome.seconds:.6f}"'
    )
    if outcome.problem is None:
        return f"{head}/>\n"
    body = escape(_clean(render_all(outcome.findings) or outcome.problem))
    return (
        f"{head}>\n      <failure message={_attribute(outcome.problem)}>{body}</failure>\n"
        "    </testcase>\n"
    )


def _failures(outcomes: Sequence[Outcome]) -> int:
    return sum(not each.passed for each in outcomes)


def _seconds(outcomes: Sequence[Outcome]) -> str:
    return f"{sum(each.seconds for each in outcomes):.6f}"


def _attribute(text: str) -> str:
    return quoteattr(_clean(text))


def _clean(text: str) -> str:
    """The text without the characters that XML can't hold at all."""
    return "".join(
        (
            each
            if each in "\t\n\r"
            or " " <= each <= "\ud7ff"
            or "\ue000" <= each <= "\ufffd"
            or each > "\uffff"
            else "\ufffd"
        )
        for each in text
    )
