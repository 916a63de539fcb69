"""The exploration of a file as one page: outcomes, schedules to step through, graphs of states."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from ..explorer.answers.diagnosis import Diagnosis
from ..explorer.answers.text_report import answer_lines, expectation_text, unfinished_lines
from ..explorer.answers.verdict import Report, Run
from ..explorer.schedules.schedule import Replay, fine_decisions, follow
from ..source import SourceFile
from .graph_svg import svg
from .page import Page, diagnosis_html, verdict_class, word
from .state_graph import state_graph

OUTCOMES_SHOWN = 60


def html_report(sources: tuple[SourceFile, ...], reports: Sequence[Report]) -> str:
    """The whole page, with the schedules of runs that have a diagnosis."""
    page = Page(f"{sources[0].name}: every interleaving", sources)
    add_reports(page, reports)
    return page.text()


def add_reports(page: Page, reports: Sequence[Report]) -> None:
    """Add the reports to a page; the first schedule that fails is open."""
    opened = False
    for report in reports:
        page.add(_head(report))
        for run in report.runs:
            found = run.diagnosis
            first = not opened and found is not None
            opened |= first
            page.add(_run(page, report, run, found, first))


def _head(report: Report) -> str:
    scenario = report.scenario
    title = f" – {escape(scenario.title)}" if scenario.title else ""
    lines = [f"<h2>{escape(scenario.name)}{title}</h2>"]
    words = {True: ("good", "as expected"), False: ("bad", "NOT MET"), None: ("open", "open")}
    for outcome in report.outcomes:
        name, text = words[outcome.met]
        lines.append(
            f"<p>expect {escape(expectation_text(outcome.expectation))}: "
            f'<span class="word {name}">{text}</span> ({escape(outcome.reason)})</p>'
        )
    lines += [f'<p class="open">{escape(each)}</p>' for each in unfinished_lines(report)]
    return "\n".join(lines)


def _run(page: Page, report: Report, run: Run, found: Diagnosis | None, opened: bool) -> str:
    configuration = run.configuration.describe(report.scenario)
    verdict = " and ".join(run.verdicts) or run.verdict
    number = len(page.parts)
    states = f"{run.found.states:,} state{'' if run.found.states == 1 else 's'}"
    parts = [
        f'<details class="run" id="r{number}"{" open" if opened else ""}>'
        f'<summary><span class="word {verdict_class(run.verdict)}">{escape(verdict)}</span> '
        f'<span class="mono">{escape(configuration)}</span> <span class="soft">{states}</span>'
        "</summary><div>"
    ]
    if run.stopped is not None:
        parts.append(f'<p class="open">Stopped by {escape(run.stopped)}.</p>')
    parts += [f"<p>{escape(line)}</p>" for line in answer_lines(run)]
    if found is not None:
        parts += [diagnosis_html(found), page.show(found.replay, found.conflict)]
    elif (witness := _witness(run)) is not None:
        parts.append('<p class="soft">One of the schedules, to step through:</p>')
        parts.append(page.show(witness))
    parts.append(_outcomes(run))
    graph = state_graph(run, f"{report.scenario.name}  {configuration}", report.limits)
    parts.append(
        f"<details{' open' if opened else ''}><summary>Graph of states"
        + (" (bold: the counterexample)" if found is not None else "")
        + f'</summary><div class="scroll" tabindex="0">{svg([graph])}</div></details>'
    )
    parts.append("</div></details>")
    return "\n".join(parts)


def _witness(run: Run) -> Replay | None:
    """A schedule that ends well: the longest of the shortest ways to an end."""
    graph, model = run.found.graph, run.found.graph.model
    for number in range(len(graph.states) - 1, -1, -1):
        state = graph.states[number]
        if all(model.done(state, thread) for thread in range(model.threads)):
            return follow(run.found.plan, fine_decisions(graph, graph.path(number)))
    return None


def _outcomes(run: Run) -> str:
    found = run.found
    if not found.outcomes:
        return '<p class="soft">No schedule comes to an end.</p>'
    names = [column.text for column in found.plan.judge.columns]
    most = max(found.outcomes.values())
    heads = "".join(f"<th>{escape(name)}</th>" for name in names)
    rows = []
    for outcome, count in sorted(found.outcomes.items())[:OUTCOMES_SHOWN]:
        bad = outcome in found.bad_outcomes
        cells = "".join(f"<td>{escape(value)}</td>" for value in outcome)
        rows.append(
            f'<tr class="{"isbad" if bad else "isgood"}">{cells}'
            f'<td>{word("fails") if bad else word("holds")}</td><td>{count:,}</td>'
            f'<td class="bar"><span class="bar" style="width: {100 * count / most:.1f}%"></span></td></tr>'
        )
    more = len(found.outcomes) - OUTCOMES_SHOWN
    rest = f'<p class="soft">and {more:,} more</p>' if more > 0 else ""
    return (
        "<h3>Outcomes, and how many final states have each</h3>"
        f'<div class="scroll"><table class="outcomes mono"><tr>{heads}<th></th><th>states</th><th></th>'
        f"</tr>{''.join(rows)}</table></div>{rest}"
    )
