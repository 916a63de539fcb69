"""The explorer as a library: a file's scenarios explored, and what was found as text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ...assembler import Assembly
from ...report.style import PLAIN, Style
from ..plan.plan import Plans, ScenarioError
from ..plan.validate import check_scenarios, strategy_table
from ..setting.options import Limits, Reductions
from .coverage import Line, coverage_lines
from .diagnose import diagnosed
from .text_report import answer_lines, diagnosis_lines, outcome_line, run_lines, unfinished_lines
from .verdict import Report, Reporter, not_begun, run_scenario


def explore(
    assembly: Assembly,
    *names: str,
    limits: Limits | None = None,
    reductions: Reductions | None = None,
    report: Reporter | None = None,
) -> tuple[Report, ...]:
    """Go through every interleaving of the scenarios of these names; without any, of the file's.

    A Report has the scenario's configurations as ``runs``, each with a ``verdict`` (``holds``,
    ``fails``, ``deadlock`` …), and ``as_expected``.  ``limits`` end a search early (states, seconds,
    preemptions); ``report(configuration, progress)`` is called while it runs.  KeyboardInterrupt ends
    the scenario at hand: what it has found is in its Report, and those after it are ``interrupted``, too.

    Raises ScenarioError with everything that is wrong with the file's scenarios, and KeyError for a
    name that none of them has.
    """
    plans = Plans()
    found = check_scenarios(assembly.program, assembly.scenarios, assembly.strategies, plans)
    if any(each.level == "error" for each in found):
        raise ScenarioError(found)
    known = {each.name: each for each in assembly.scenarios}
    strategies = strategy_table(assembly.strategies)
    reports: list[Report] = []
    for scenario in [known[name] for name in names or known]:
        if reports and reports[-1].interrupted:
            reports.append(not_begun(scenario, strategies, limits))
            continue
        done = run_scenario(
            assembly.program, scenario, strategies, limits, reductions, report, plans
        )
        reports.append(done)
    return tuple(reports)


def explore_text(reports: Sequence[Report], style: Style = PLAIN) -> str:
    """What ``opvasm explore`` prints of reports: of each scenario the first schedule that fails."""
    return reports_text([diagnosed(each, False) for each in reports], None, style)


def reports_text(
    reports: Iterable[Report],
    lines: Iterable[Line] | None,
    style: Style = PLAIN,
    width: int | None = None,
) -> str:
    """Reports for people.  ``lines`` are the coverage; pictures are ``width`` characters wide."""
    blocks = []
    for report in reports:
        for run in report.runs:
            block = run_lines(report, run, style) + answer_lines(run)
            if run.diagnosis is not None:
                block += diagnosis_lines(run.found.plan, run.diagnosis, style, width)
            blocks.append("\n".join(block))
        if unfinished := unfinished_lines(report, style):
            blocks.append("\n".join(unfinished))
        blocks.append("\n".join(outcome_line(each, style) for each in report.outcomes))
    text = "\n\n".join(blocks) + "\n"
    return text if lines is None else text + "Coverage\n" + "\n".join(coverage_lines(lines)) + "\n"
