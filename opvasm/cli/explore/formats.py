"""The formats of ``opvasm explore -f``: one row each."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ...light_typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from ...assembler import Assembly
    from ...explorer.answers.coverage import Line
    from ...explorer.answers.verdict import Report
    from ...explorer_reports.state_graph import StateGraph
    from ...report.style import Style


class Answer(NamedTuple):
    """What there is to write: a report for each scenario, and the lines of coverage if they were
    asked for.  ``style`` is how standard output takes colours, ``width`` the columns of a picture.
    """

    assembly: Assembly
    reports: Sequence[Report]
    coverage: tuple[Line, ...] | None
    style: Style
    width: int


class Format(NamedTuple):
    """One format.

    ``every_schedule`` says whether every failing configuration has its schedule in it, and not only
    the first; ``coverage`` whether coverage can be written in it.
    """

    write: Callable[[Answer], str]
    every_schedule: bool
    coverage: bool


def _human(answer: Answer) -> str:
    from ...explorer.answers.library import reports_text

    return reports_text(answer.reports, answer.coverage, answer.style, answer.width)


def _json(answer: Answer) -> str:
    from ... import __version__
    from ...explorer.answers.json_report import report_json

    return report_json(answer.assembly.sources, answer.reports, answer.coverage, __version__)


def _html(answer: Answer) -> str:
    from ...explorer_reports.html_report import html_report

    return html_report(answer.assembly.sources, answer.reports)


def _dot(answer: Answer) -> str:
    from ...explorer_reports.graph_dot import dot

    return dot(_graphs(answer))


def _svg(answer: Answer) -> str:
    from ...explorer_reports.graph_svg import svg

    return svg(_graphs(answer))


def _graphs(answer: Answer) -> list[StateGraph]:
    from ...explorer.answers.text_report import not_begun_text
    from ...explorer_reports.state_graph import empty_graph, state_graph

    graphs = []
    for report in answer.reports:
        name = report.scenario.name
        for run in report.runs:
            title = f"{name}  {run.configuration.describe(report.scenario)}"
            graphs.append(state_graph(run, title, report.limits))
        if report.not_begun:
            graphs.append(empty_graph(name, f"not begun: {not_begun_text(report)}"))
    return graphs


def _junit(answer: Answer) -> str:
    from ...explorer.answers.findings import findings
    from ...suite.junit import junit
    from ...suite.outcome import SCENARIOS, Outcome

    file = answer.assembly.sources[0].name
    outcomes = []
    for report in answer.reports:
        found = findings(report)
        outcomes.append(
            Outcome(
                kind=SCENARIOS,
                file=file,
                name=report.scenario.name,
                revision=answer.assembly.program.abi.revision.name,
                category=file,
                problem="; ".join(each.message for each in found) or None,
                findings=found,
                seconds=sum(run.seconds for run in report.runs),
            )
        )
    return junit(outcomes)


def _github(answer: Answer) -> str:
    from ...explorer.answers.findings import findings
    from ...report.github_report import render_all

    return render_all([each for report in answer.reports for each in findings(report)])


FORMATS = {
    "human": Format(_human, every_schedule=False, coverage=True),
    "json": Format(_json, every_schedule=True, coverage=True),
    "html": Format(_html, every_schedule=True, coverage=False),
    "dot": Format(_dot, every_schedule=False, coverage=False),
    "svg": Format(_svg, every_schedule=False, coverage=False),
    "junit": Format(_junit, every_schedule=True, coverage=False),
    "github": Format(_github, every_schedule=True, coverage=False),
}
"""What ``-f`` takes."""
