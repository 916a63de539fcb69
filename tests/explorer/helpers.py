"""Texts to plans, reports and searches in one call."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from opvasm.assembler import Assembly, assemble
from opvasm.explorer.answers.verdict import Report, run_scenario
from opvasm.explorer.plan.plan import Plan, make_plan
from opvasm.explorer.plan.validate import strategy_table
from opvasm.explorer.search.explore import explore
from opvasm.explorer.search.search import Found
from opvasm.explorer.setting.configuration import configurations
from opvasm.explorer.setting.options import Limits, Reductions
from opvasm.source import SourceFile

ROOT = Path(__file__).parents[2]
RACES = ROOT / "samples" / "races"
COUNTER = "percpu counter: u64\nvector bump(n: i64) { add.u64 counter, n }\n"


@cache
def assembled(text: str, name: str = "text.opv") -> Assembly:
    """A text, assembled once."""
    return assemble(SourceFile(name, text))


@cache
def sample(name: str) -> Assembly:
    """A file of samples/races."""
    path = RACES / f"{name}.opv"
    return assemble(SourceFile(path.name, path.read_text(encoding="utf-8")))


def report(
    assembly: Assembly,
    name: str,
    limits: Limits | None = None,
    reductions: Reductions | None = None,
) -> Report:
    """A scenario, explored."""
    scenario = next(each for each in assembly.scenarios if each.name == name)
    strategies = strategy_table(assembly.strategies)
    return run_scenario(assembly.program, scenario, strategies, limits, reductions)


def plans(assembly: Assembly, name: str) -> list[Plan]:
    """The plans of a scenario's configurations."""
    scenario = next(each for each in assembly.scenarios if each.name == name)
    strategies = strategy_table(assembly.strategies)
    return [
        make_plan(assembly.program, scenario, each) for each in configurations(scenario, strategies)
    ]


def found(text: str, name: str = "s", reductions: Reductions | None = None) -> Found:
    """The search of a scenario's only configuration."""
    (plan,) = plans(assembled(text), name)
    return explore(plan, reductions)


def outcomes(text: str, name: str = "s", reductions: Reductions | None = None) -> set[str]:
    """The final states of a scenario, as text."""
    return {" ".join(each) for each in found(text, name, reductions).outcomes}
