"""The time of ``--timeout``: whatever the work is, it ends with it, and says what was not done."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from time import monotonic
from typing import Any

import pytest

from opvasm.cli.emit import proof
from opvasm.cli.emit.proof import prove
from opvasm.cli.explore import output
from opvasm.cli.terminal.alarm import Alarm
from opvasm.explorer.answers import diagnose
from opvasm.explorer.answers.json_report import report_json
from opvasm.explorer.answers.library import explore_text
from opvasm.explorer.answers.verdict import Report, run_scenario
from opvasm.explorer.plan import validate
from opvasm.explorer.plan.plan import Plan, make_plan
from opvasm.explorer.plan.validate import check_scenarios
from opvasm.explorer.schedules.walks import Walks, walk
from opvasm.explorer.search.explore import explore
from opvasm.explorer.search.progress import check_progress
from opvasm.explorer.search.search import Found, Search
from opvasm.explorer.setting.options import (
    INTERRUPTED,
    NATIVE,
    NO_REDUCTIONS,
    PYTHON,
    Limits,
    OutOfTime,
    Reductions,
)
from opvasm.explorer_reports.comparison import compare
from opvasm.explorer_reports.comparison_text import comparison_text
from opvasm.program import Program
from opvasm.suite.scenarios import run_scenarios
from opvasm.text.scenario_tree import Scenario, Strategy

from ..cli.conftest import spawn
from .helpers import COUNTER, assembled, plans, report, sample

STRATEGIES = "strategy twice = rseq then opv after 2\nstrategy elide = rseq then lock after 2\n"
MANY = f"""{COUNTER}{STRATEGIES}scenario s {{
    cpus 1..2
    strategy any of twice, elide, opv
    thread a @0 {{ run bump(1) {{ again, aborted -> retry }} }}
    thread b @0 {{ run bump(1) {{ again, aborted -> retry }}; x = 1 }}
    thread c @0 {{ run bump(1) {{ again, aborted -> retry }}; y = 1 }}
    forall sum(counter) == 3
    progress finishes
}}
"""
CONFIGURATIONS = 2 * 3**3
NO_TIME = 1e-9  # seconds


def test_configurations_that_the_time_was_over_for_are_counted_and_open() -> None:
    """After the first, which finds no time either, none is begun; each of them leaves `expect` open."""
    found = report(assembled(MANY), "s", Limits(seconds=NO_TIME))
    assert len(found.runs) == 1
    assert len(found.not_begun) == CONFIGURATIONS - 1
    assert found.as_expected is None
    assert f"Not begun {CONFIGURATIONS - 1} configurations" in explore_text([found])
    document = json.loads(report_json((found.scenario.span.file,), [found], None, "0"))
    assert document["scenarios"][0]["not_begun"] == CONFIGURATIONS - 1


def test_what_failed_before_the_time_was_over_has_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    """`expect fails` is met by a configuration that fails, though others were not begun."""
    text = MANY.replace("== 3", "== 4").replace("    progress finishes\n", "    expect fails\n")
    over = iter([False])
    monkeypatch.setattr(Limits, "over", property(lambda self: next(over, True)))
    found = report(assembled(text), "s", Limits(seconds=60))
    assert len(found.runs) == 2
    assert found.not_begun
    assert found.as_expected is True


def test_a_file_that_can_not_be_read_in_time_says_so(tmp_path: Path) -> None:
    """Exit code 3, no report, and the words say that nothing was explored."""
    file = tmp_path / "a.opv"
    file.write_text(COUNTER + "scenario s { thread a @0 { run bump(1) } }\n", encoding="utf-8")
    done = spawn("explore", str(file), "--timeout", "0.000001")
    assert done.code == 3
    assert done.output == b""
    assert "was still being read and checked: nothing was explored" in done.errors
    assert "raise --timeout" in done.errors


def test_a_failure_without_time_for_its_schedule_is_a_failure(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The verdict stands, and the report says that the schedule is missing."""

    def late(*_: object) -> None:
        raise OutOfTime

    text = MANY.replace("== 3", "== 4")
    found = report(assembled(text), "s", Limits(seconds=60))
    monkeypatch.setattr(diagnose, "diagnose", late)
    done = diagnose.diagnosed(found, every=False)
    assert done.undiagnosed
    assert done.as_expected is False
    assert "Not shown the schedule of a failure could not be worked out in time" in explore_text(
        [found]
    )


def test_each_scenario_has_a_time_of_its_own_for_its_schedule(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One whose schedule takes for ever leaves the next one its own."""
    if not hasattr(signal, "setitimer"):
        pytest.skip("no alarms here")
    text = (
        MANY.replace("== 3", "== 4").replace("1..2", "1").replace("any of twice, elide, opv", "opv")
    )
    limits = Limits(seconds=1, until=monotonic() - 10)
    found = report(assembled(text), "s")._replace(limits=limits)
    first = iter([True])

    def slow(*_: object, **more: object) -> None:
        if next(first, False):
            while True:
                pass

    monkeypatch.setattr(diagnose, "diagnose", slow)
    monkeypatch.setattr("opvasm.explorer.setting.options.AFTER_SECONDS", 0.5)
    done = output.all_diagnosed([found, found], every=False)
    assert [each.undiagnosed for each in done] == [True, False]


def test_progress_is_not_looked_for_when_the_time_is_over() -> None:
    """The search for cycles looks at the clock too."""
    (plan,) = plans(assembled(MANY.replace("any of twice, elide, opv", "opv")), "s")[:1]
    with pytest.raises(OutOfTime):
        check_progress(plan, Limits(seconds=60, until=monotonic() - 60))


def test_a_comparison_shares_its_time() -> None:
    """Cells that the time did not suffice for are inconclusive, and say why."""
    assembly = assembled(MANY)
    strategies = {each.name: each for each in assembly.strategies}
    table = compare(assembly.program, assembly.scenarios[0], strategies, Limits(seconds=NO_TIME))
    assert table.cells
    text = comparison_text([table])
    assert "not begun" in text
    assert "stopped by 1e-09 seconds" in text
    assert {(each.verdict, each.stopped) for each in table.cells} == {
        ("inconclusive", "1e-09 seconds")
    }


def test_each_strategy_of_each_thread_is_checked_and_not_each_combination(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Three threads with three strategies on two numbers of CPUs: 14 plans of 54, none left out."""
    made: list[object] = []
    monkeypatch.setattr(validate, "make_plan", lambda program, scenario, which: made.append(which))
    assembly = assembled(MANY)
    check_scenarios(assembly.program, assembly.scenarios, assembly.strategies)
    pairs = {
        (which.cpus, thread, strategy.name)  # type: ignore[attr-defined]
        for which in made
        for thread, strategy in enumerate(which.strategies)  # type: ignore[attr-defined]
    }
    assert len(pairs) == 2 * 3 * 3
    assert len(made) == 2 * (3 + 2 + 2)


def test_the_python_engine_ends_with_its_memory() -> None:
    """--max-memory ends a search by the Python engine as well: states of 1 MiB each, 8 MiB of room."""
    text = "shared big: u64[131072]\nshared f: u64\n" + (
        "scenario s { thread a @0 { loop { x = load f; store f, x + 1 } } }"
    )
    limits = Limits(memory=8 << 20, goes_on=False, engine=PYTHON)
    (run,) = report(assembled(text), "s", limits).runs
    assert run.stopped == "8 MiB of memory"
    assert 4 <= run.found.states <= 24


def test_an_alarm_ends_work_that_looks_at_no_clock() -> None:
    """It raises OutOfTime inside, and leaves nothing set."""
    if not hasattr(signal, "setitimer"):
        pytest.skip("no alarms here")
    before = signal.getsignal(signal.SIGALRM)

    def works() -> None:
        while True:
            pass

    with pytest.raises(OutOfTime), Alarm(monotonic()):
        works()
    assert signal.getsignal(signal.SIGALRM) == before
    assert signal.getitimer(signal.ITIMER_REAL)[0] == 0
    with Alarm(None):
        pass


@pytest.mark.usefixtures("python_engine")
def test_an_interrupt_ends_all_configurations(monkeypatch: pytest.MonkeyPatch) -> None:
    """The one at hand is kept as far as it came, and no other one is begun."""

    def interrupted(self: Search, number: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Search, "_expand", interrupted)
    done = report(assembled(MANY), "s")
    assert [run.stopped for run in done.runs] == [INTERRUPTED]
    assert len(done.not_begun) == CONFIGURATIONS - 1
    assert f"Not begun {CONFIGURATIONS - 1} configurations" in explore_text([done])


def test_an_interrupt_between_two_searches_keeps_what_was_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """While a plan is made: of an exploration, which ends with what it has, and of a comparison."""
    assembly = assembled(MANY)
    (scenario,) = assembly.scenarios
    strategies = {each.name: each for each in assembly.strategies}
    planned = iter([True])

    def interrupted(*given: Any, **more: Any) -> Plan:
        if next(planned, False):
            return make_plan(*given, **more)
        raise KeyboardInterrupt

    monkeypatch.setattr("opvasm.explorer.plan.plan.make_plan", interrupted)
    monkeypatch.setattr("opvasm.explorer_reports.comparison.make_plan", interrupted)
    done = report(assembly, "s")
    assert [run.verdict for run in done.runs] == ["holds"]
    assert done.interrupted
    assert len(done.not_begun) == CONFIGURATIONS - 1
    assert not compare(assembly.program, scenario, strategies, Limits()).complete


@pytest.mark.usefixtures("python_engine")
def test_what_an_interrupt_leaves_out_is_not_met(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the run at hand is excepted, and the one that would fail was not begun, it is open."""
    text = MANY.replace("== 3", "== 4").replace(
        "    progress finishes\n", "    expect holds unless strategy twice\n"
    )
    first, take = iter([True]), Search._expand

    def interrupted(self: Search, number: int) -> None:
        if next(first, False):
            raise KeyboardInterrupt
        take(self, number)

    monkeypatch.setattr(Search, "_expand", interrupted)
    assert report(assembled(text), "s").as_expected is None


@pytest.mark.parametrize("engine", [NATIVE, PYTHON])
@pytest.mark.parametrize(
    ("raised", "stopped"), [(OutOfTime, "600 seconds"), (KeyboardInterrupt, INTERRUPTED)]
)
def test_a_limit_of_time_is_told_from_an_interrupt_by_what_was_raised(
    engine: str, raised: type[KeyboardInterrupt], stopped: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the clock says; and a search that keeps nothing raises it again."""

    def tell(*_: object) -> None:
        raise raised

    if engine == NATIVE:
        pytest.importorskip("opvasm.explorer.native._engine")
        monkeypatch.setattr("opvasm.explorer.search.native_search.REPORT_SECONDS", 0.0)
    else:
        monkeypatch.setattr("opvasm.explorer.search.search.PROGRESS_EVERY", 1)
    # So many states that no engine is through with them before its first report.
    more = "".join(f"    thread {name} @0 {{ run bump(1) }}\n" for name in "defgh")
    text = MANY.replace("any of twice, elide, opv", "twice").replace("1..2", "2")
    text = text.replace("    forall", f"{more}    forall")
    limits = Limits(seconds=600, engine=engine)
    (plan,) = plans(assembled(text), "s")
    found = explore(plan, NO_REDUCTIONS, limits, report=tell, keeps=True)
    assert found.stopped == stopped
    with pytest.raises(raised):
        explore(plan, NO_REDUCTIONS, limits, report=tell)


def test_preemptions_are_counted_to_the_end_or_not_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """A search with a bound that was broken off does not say that so many are not enough."""
    done = report(sample("checkpoint"), "restored_inside")
    (run,) = [each for each in done.runs if each.found.failures]
    whole = diagnose.diagnose(run, done.limits)
    assert whole is not None
    assert whole.preemptions == 1

    def broken_off(plan: Plan, reductions: Reductions | None, limits: Limits, **more: Any) -> Found:
        found = explore(plan, reductions, limits, **more)
        return found._replace(stopped=INTERRUPTED) if limits.preemptions == 1 else found

    monkeypatch.setattr("opvasm.explorer.answers.diagnose.explore", broken_off)
    found = diagnose.diagnose(run, done.limits)
    assert found is not None
    assert found.preemptions is None


@pytest.mark.usefixtures("python_engine")
def test_an_interrupt_ends_a_test_run_and_a_proof(monkeypatch: pytest.MonkeyPatch) -> None:
    """What an exploration has kept of itself is not taken for an answer, or the next one begun."""

    def interrupted(self: Search, number: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Search, "_expand", interrupted)
    assembly = assembled(MANY)
    with pytest.raises(KeyboardInterrupt):
        list(run_scenarios(assembly, "text.opv", lambda name: True))
    with pytest.raises(KeyboardInterrupt):
        prove(assembly, assembly.strategies[0])


def test_a_proof_that_a_limit_ended_says_which(monkeypatch: pytest.MonkeyPatch) -> None:
    """`emit` names the scenario that was not explored to its end, and what stopped it."""

    def few(program: Program, scenario: Scenario, strategies: dict[str, Strategy]) -> Report:
        limits = Limits(states=2, goes_on=False)
        return run_scenario(program, scenario, strategies, limits)

    monkeypatch.setattr(proof, "run_scenario", few)
    assembly = assembled(MANY)
    made = prove(assembly, assembly.strategies[0])
    assert made.open == "scenario s was stopped by 2 states"


def test_random_schedules_end_with_their_time() -> None:
    """None is counted that was not taken to its end."""
    (plan,) = plans(
        assembled(MANY.replace("1..2", "1").replace("any of twice, elide, opv", "opv")), "s"
    )
    assert walk(plan, Walks(100, 1), "s", until=monotonic() - 1).number == 0
    assert walk(plan, Walks(3, 1), "s", until=monotonic() + 600).number == 3
