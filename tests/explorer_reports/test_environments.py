"""What disturbs a scenario in a comparison: its own environment and the usual ones that fit it."""

from __future__ import annotations

from opvasm.explorer.plan.validate import strategy_table
from opvasm.explorer.setting.options import Limits
from opvasm.explorer_reports.comparison import compare
from opvasm.explorer_reports.environments import environments, put_in
from opvasm.text.scenario_tree import Scenario
from tests.explorer.helpers import COUNTER, assembled


def scenario(body: str) -> Scenario:
    return assembled(f"{COUNTER}scenario s {{\n{body}\n}}\n").scenarios[0]


ONE = "thread a @0 { run bump(1) }"
TWO = f"{ONE}\nthread b @0 {{ run bump(1) }}"


def names(body: str) -> list[str]:
    return [each.name for each in environments(scenario(body))]


def test_one_thread_on_one_cpu_is_left_alone_preempted_or_stepped() -> None:
    """Nobody else is there who could go on while it stands, and there is no other CPU."""
    assert names(ONE) == ["quiet", "preempt", "stepped"]


def test_each_part_of_a_scenario_adds_what_can_happen_to_it() -> None:
    """A second thread, a second CPU, a handler; the scenario's own words come first."""
    assert names(TWO) == ["quiet", "preempt", "stepped", "stalled"]
    assert names(f"cpus 2\n{ONE}") == ["quiet", "preempt", "stepped", "migrate"]
    handled = f"{ONE}\non signal a {{ run bump(1) }}"
    assert names(handled) == ["quiet", "preempt", "stepped", "signal"]
    assert names(f"environment preempt, signal <= 1\n{handled}")[0] == "written"


def test_in_an_environment_each_thread_is_asked_to_get_done() -> None:
    """But not one that is stalled for ever, and nothing where the scenario claims progress."""
    found = {each.name: each for each in environments(scenario(TWO))}
    stalled = put_in(scenario(TWO), found["stalled"])
    assert [(each.thread, each.level) for each in stalled.progress] == [("b", "finishes")]
    stepped = put_in(scenario(TWO), found["stepped"])
    assert [(each.thread, each.level) for each in stepped.progress] == [(None, "finishes")]
    assert [each.kind for each in stepped.environment] == ["stepped"]
    claimed = scenario(f"{TWO}\nprogress a lock_free")
    kept = put_in(claimed, found["stalled"])
    assert [(each.thread, each.level) for each in kept.progress] == [("a", "lock_free")]


def test_threads_with_strategies_of_their_own_make_one_row_an_environment() -> None:
    """There is nothing to exchange: the table has each environment once."""
    text = (
        f"{COUNTER}strategy fast = opv\nscenario s {{\n"
        "thread a @0 strategy fast { run bump(1) }\nforall counter == 1\n}\n"
    )
    assembly = assembled(text)
    table = compare(
        assembly.program, assembly.scenarios[0], strategy_table(assembly.strategies), Limits(), None
    )
    assert {cell.strategy for cell in table.cells} == {next(iter(table.cells)).strategy}
    kernels = {cell.kernel for cell in table.cells}
    assert len(table.cells) == len(kernels) * len(table.environments)
    assert {cell.verdict for cell in table.cells} <= {"holds", "livelock"}
    assert table.complete
