"""What ``opvasm explore`` writes: its report in each format, the replay file, what coverage lacks."""

from __future__ import annotations

from ...light_typing import TYPE_CHECKING
from ..terminal.exits import UsageError
from ..terminal.outputs import picture_width, replace_file, write_text
from .arguments import Options

if TYPE_CHECKING:
    from ...assembler import Assembly
    from ...explorer.answers.coverage import Line
    from ...explorer.answers.diagnosis import Diagnosis
    from ...explorer.answers.verdict import Report
    from ..terminal.terminal import Terminal

# Formats in which every failing configuration has its schedule, and not only the first.
_ALL_SCHEDULES = ("json", "html", "junit", "github")


def write_reports(
    options: Options,
    assembly: Assembly,
    reports: list[Report],
    required: tuple[str, ...],
    with_coverage: bool,
    terminal: Terminal,
) -> bool:
    """The report on standard output, the replay file; True when required coverage is missing."""
    from ...explorer.answers.coverage import coverage
    from ...explorer.answers.diagnose import diagnosed

    if options.coverage and options.format not in ("human", "json"):
        raise UsageError(f"--coverage can't be written as {options.format}", "human or json")
    lines = coverage(run for report in reports for run in report.runs) if with_coverage else None
    every = options.format in _ALL_SCHEDULES
    reports = [diagnosed(report, every) for report in reports]
    write_text(_text(options, assembly, reports, lines, terminal), options.output)
    if options.save is not None:
        found = (run.diagnosis for report in reports for run in report.runs)
        _save(options.save, assembly, next(filter(None, found), None), terminal)
    lacking = False
    for line in lines or ():
        missing = line.missing(required)
        if missing:
            lacking = True
            terminal.remark(
                f"{line.vector}[{line.op}] as {line.method} was never: {', '.join(missing)}"
            )
    return lacking


def _save(path: str, assembly: Assembly, first: Diagnosis | None, terminal: Terminal) -> None:
    from ... import __version__

    if first is None:
        terminal.remark(f"nothing failed, so {path} is not written")
        return
    from ...explorer.schedules.replay_file import replay_json

    saved = replay_json(first.replay, assembly.sources, first.verdict, first.label, __version__)
    replace_file(path, saved.encode())


def _text(
    options: Options,
    assembly: Assembly,
    reports: list[Report],
    lines: tuple[Line, ...] | None,
    terminal: Terminal,
) -> str:
    match options.format:
        case "json":
            from ... import __version__
            from ...explorer.answers.json_report import report_json

            return report_json(assembly.sources, reports, lines, __version__)
        case "html":
            from ...explorer_reports.html_report import html_report

            return html_report(assembly.sources, reports)
        case "dot" | "svg":
            return _graphs(options.format, reports)
        case "junit":
            return _junit(assembly, reports)
        case "github":
            from ...explorer.answers.findings import findings
            from ...report.github_report import render_all

            return render_all([each for report in reports for each in findings(report)])
        case _:
            from ...explorer.answers.library import reports_text

            return reports_text(reports, lines, terminal.out, picture_width(options.output))


def _graphs(format: str, reports: list[Report]) -> str:
    from ...explorer_reports.graph_dot import dot
    from ...explorer_reports.graph_svg import svg
    from ...explorer_reports.state_graph import state_graph

    graphs = [
        state_graph(
            run,
            f"{report.scenario.name}  {run.configuration.describe(report.scenario)}",
            report.limits,
        )
        for report in reports
        for run in report.runs
    ]
    return dot(graphs) if format == "dot" else svg(graphs)


def _junit(assembly: Assembly, reports: list[Report]) -> str:
    from ...explorer.answers.findings import findings
    from ...suite.junit import junit
    from ...suite.outcome import SCENARIOS, Outcome

    file = assembly.sources[0].name
    outcomes = []
    for report in reports:
        found = findings(report)
        outcomes.append(
            Outcome(
                kind=SCENARIOS,
                file=file,
                name=report.scenario.name,
                revision=assembly.program.abi.revision.name,
                category=file,
                problem="; ".join(each.message for each in found) or None,
                findings=found,
                seconds=sum(run.seconds for run in report.runs),
            )
        )
    return junit(outcomes)
