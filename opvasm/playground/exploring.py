"""Scenarios explored and compared: the parts of the explorer's page, as a page puts them in itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ..explorer.answers.diagnose import diagnosed
from ..explorer.answers.library import explore as explore_scenarios
from ..explorer.answers.verdict import Report
from ..explorer.plan.plan import ScenarioError
from ..explorer.plan.validate import check_scenarios, strategy_table
from ..explorer.search.search import Progress
from ..explorer.setting.configuration import Configuration
from ..explorer.setting.options import Limits
from ..explorer_reports.comparison import compare as compare_scenario
from ..explorer_reports.comparison_html import add_tables
from ..explorer_reports.html_report import add_reports
from ..explorer_reports.page import Page
from ..light_typing import Any
from .texts import Text, assembled

Tell = Callable[[str], None]
KEPT = 8
# Answers by their questions, the one that was asked for last at the end.
_explored: dict[tuple[Text, str | None, int], dict[str, Any]] = {}


def explore(text: Text, scenario: str | None, limit: int, tell: Tell) -> dict[str, Any]:
    """Every interleaving of one scenario, or of all.

    ``limit`` is the number of states after which a search ends; ``tell`` hears how far one is.
    ``html``, ``shows`` and ``sources`` are what show.js needs; ``scenarios`` have the verdicts.
    An answer is kept for a while: who asks the same again need not wait.  Mistakes in scenarios that
    are not asked for keep none from being explored.

    Raises ScenarioError, and KeyError for a scenario that is not there.
    """
    key = (text, scenario, limit)
    known = _explored.pop(key, None)
    if known is None:
        known = _explore(text, scenario, limit, tell)
    _explored[key] = known
    if len(_explored) > KEPT:
        del _explored[next(iter(_explored))]
    return known


def _explore(text: Text, scenario: str | None, limit: int, tell: Tell) -> dict[str, Any]:
    assembly = assembled(text)
    if scenario is not None:
        asked = tuple(each for each in assembly.scenarios if each.name == scenario)
        assembly = assembly._replace(scenarios=asked)

    def progress(configuration: Configuration, at: Progress) -> None:
        size = "" if at.estimate is None else f" of at least about {at.estimate:,}"
        tell(f"{at.states:,} states{size}, {at.waiting:,} waiting")

    names = () if scenario is None else (scenario,)
    found = explore_scenarios(assembly, *names, limits=Limits(states=limit), report=progress)
    reports = tuple(diagnosed(each, True) for each in found)
    page = Page(text.name, assembly.sources)
    add_reports(page, reports)
    return {
        "html": "\n".join(page.parts),
        "scenarios": [_summary(each) for each in reports],
        **page.data(),
    }


def _summary(report: Report) -> dict[str, Any]:
    return {
        "name": report.scenario.name,
        "as_expected": report.as_expected,
        "runs": list(_runs(report)),
    }


def _runs(report: Report) -> Iterator[dict[str, Any]]:
    for run in report.runs:
        yield {
            "configuration": run.configuration.describe(report.scenario),
            "verdict": run.verdict,
            "states": run.found.states,
            "stopped": run.stopped,
            "label": None if run.diagnosis is None else run.diagnosis.label,
        }


def compare(text: Text, scenario: str | None, limit: int, tell: Tell) -> dict[str, Any]:
    """The table of every strategy, kernel and environment, of one scenario or of all.

    As ``explore``.
    """
    assembly = assembled(text)
    wrong = check_scenarios(assembly.program, assembly.scenarios, assembly.strategies)
    if any(each.level == "error" for each in wrong):
        raise ScenarioError(wrong)
    known = {each.name: each for each in assembly.scenarios}
    strategies = strategy_table(assembly.strategies)
    limits = Limits(states=limit)
    tables = [
        compare_scenario(assembly.program, known[name], strategies, limits, tell)
        for name in ([scenario] if scenario is not None else known)
    ]
    page = Page(text.name, assembly.sources)
    add_tables(page, tables)
    return {"html": "\n".join(page.parts), **page.data()}
