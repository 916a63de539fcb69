"""Explorer and judge agree on a fixed slice, and the slice notices each planted error."""

from __future__ import annotations

from functools import cache

import pytest

from opvasm.assembler import Assembly
from opvasm.explorer.plan.validate import strategy_table
from opvasm.explorer.setting.configuration import Configuration, configurations
from opvasm.text.scenario_tree import Scenario

from .campaign import tried
from .compare import MODES, Answer, Disagreement, agree, compared, explored, judged, read
from .judge import Judge
from .plants import PLANTS
from .slice import SCENARIOS, text

# The first numbers of the campaign of seed 1, without what is too large for a quick test.
GENERATED = range(0, 60, 3)


@pytest.mark.parametrize("name", SCENARIOS)
def test_both_say_the_same(name: str) -> None:
    """With all reductions, with each alone off, and with none, the explorer says what the judge says."""
    for each in compared(text(name), most=5000):
        assert not isinstance(each, Disagreement), each.text()


@pytest.mark.parametrize("number", GENERATED)
def test_both_say_the_same_of_a_generated_scenario(number: int) -> None:
    """The same for generated ones, with all reductions and with none."""
    found = tried(1, number, ("all", "none")).disagreement
    assert found is None, found.text()


@cache
def known(name: str) -> tuple[Assembly, Scenario, Configuration, Judge, Answer]:
    """A scenario of the slice, read once, and what the judge says of it."""
    assembly = read(text(name))
    (scenario,) = assembly.scenarios
    (configuration,) = configurations(scenario, strategy_table(assembly.strategies))
    pairs = zip(scenario.threads, configuration.strategies, strict=True)
    strategies = {thread.name: strategy for thread, strategy in pairs}
    judge = Judge(assembly, scenario, configuration.cpus, configuration.profile.name, strategies)
    return assembly, scenario, configuration, judge, judged(judge, judge.judge(5000))


@pytest.mark.usefixtures("python_engine")
@pytest.mark.parametrize("name", PLANTS)
def test_a_planted_error_is_noticed(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A wrong version of a reduction gives another answer than the judge somewhere in the slice."""
    PLANTS[name].put(monkeypatch)
    for each in SCENARIOS:
        assembly, scenario, configuration, judge, ours = known(each)
        theirs = explored(assembly, scenario, configuration, judge, "all")
        if isinstance(theirs, str) or not agree(ours, theirs):
            return
    pytest.fail("no scenario of the slice notices it")


def test_each_reduction_has_planted_errors() -> None:
    """At least three for each reduction that can be switched off, and for progress."""
    kinds = [each.split(":")[0] for each in PLANTS]
    switched = {mode.removeprefix("without ") for mode in MODES if mode.startswith("without ")}
    assert all(kinds.count(each) >= 3 for each in (*switched, "progress"))
