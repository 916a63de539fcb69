"""The proof that an emitted header carries: the file's scenarios that use its strategy, explored."""

from __future__ import annotations

from typing import NamedTuple

from ...assembler import Assembly
from ...codes import emit as codes
from ...errors import Diagnostic
from ...explorer.answers.verdict import Report, Run, run_scenario
from ...explorer.plan.validate import strategy_table
from ...text.scenario_tree import Scenario, Strategy


class Proof(NamedTuple):
    """What became of the scenarios: lines for the head, and what stands against the header.

    ``open`` says of which scenario a limit left something open, and which limit.
    """

    lines: tuple[str, ...]
    errors: tuple[Diagnostic, ...] = ()
    open: str | None = None


def uses(scenario: Scenario, strategy: Strategy) -> bool:
    """Whether any thread of a scenario runs its vectors by a strategy."""
    named = [thread.strategy for thread in scenario.threads]
    return strategy.name in named or (None in named and strategy.name in scenario.strategies)


def prove(assembly: Assembly, strategy: Strategy) -> Proof:
    """Explore each scenario that uses the strategy, as `opvasm explore` does.

    An interrupt ends it as KeyboardInterrupt: half a proof is none.
    """
    scenarios = [each for each in assembly.scenarios if uses(each, strategy)]
    if not scenarios:
        return Proof(("none: no scenario of the file uses this strategy",))
    strategies = strategy_table(assembly.strategies)
    lines: list[str] = []
    errors: list[Diagnostic] = []
    open_: str | None = None
    for scenario in scenarios:
        report = run_scenario(assembly.program, scenario, strategies)
        stopped = next((run.stopped for run in report.runs if run.stopped), None)
        if report.interrupted:
            raise KeyboardInterrupt
        alone = [run for run in report.runs if _alone(run, strategy)]
        lines += _lines(scenario, report, alone, strategy)
        if report.as_expected is None or any(run.stopped for run in alone):
            open_ = open_ or f"scenario {scenario.name} was stopped by {stopped}"
        errors += _errors(scenario, report, alone, strategy)
    return Proof(tuple(lines), tuple(errors), open_)


def _alone(run: Run, strategy: Strategy) -> bool:
    """Whether every thread of a configuration uses the strategy."""
    return all(each.name == strategy.name for each in run.configuration.strategies)


def _lines(scenario: Scenario, report: Report, alone: list[Run], strategy: Strategy) -> list[str]:
    """What the head says of a scenario, without anything that differs from run to run."""
    mine = [
        run
        for run in report.runs
        if any(each.name == strategy.name for each in run.configuration.strategies)
    ]
    states = sum(run.found.states for run in mine)
    title = f": {scenario.title}" if scenario.title else ""
    lines = [f"scenario {scenario.name}{title}"]
    verdicts: dict[str, list[str]] = {}
    for run in alone or mine:
        kernels = verdicts.setdefault(run.verdict, [])
        if run.configuration.profile.name not in kernels:
            kernels.append(run.configuration.profile.name)
    said = "; ".join(f"{verdict} on {', '.join(names)}" for verdict, names in verdicts.items())
    beside = "" if alone else " beside other strategies"
    kernels_and_states = f"  {said}{beside}; {len(mine)} configurations, {states:,} states"
    return [*lines, kernels_and_states]


def _errors(
    scenario: Scenario, report: Report, alone: list[Run], strategy: Strategy
) -> list[Diagnostic]:
    span, name = scenario.span, scenario.name
    shows = f"opvasm explore {span.file.name} {name} shows the schedule"
    found: list[Diagnostic] = []
    for outcome in report.outcomes:
        if outcome.met is False:
            message = f"scenario {name} does not come out as it expects: {outcome.reason}"
            found.append(Diagnostic("error", codes.UNPROVEN, message, span, help=shows))
    # A kernel may be excepted by the text; a strategy that fails on every kernel is not written.
    fails = [run for run in alone if "fails" in run.verdicts]
    if not found and fails and len(fails) == len(alone):
        message = f"scenario {name} fails with strategy {strategy.name}, on every kernel it names"
        found.append(Diagnostic("error", codes.UNPROVEN, message, span, help=shows))
    return found
