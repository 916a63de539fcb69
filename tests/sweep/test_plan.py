"""What is combined with what, and who stands for whom."""

from __future__ import annotations

import pickle

import pytest

from opvasm import _version
from opvasm.explorer.answers.verdict import run_configuration
from opvasm.explorer.schedules.walks import Walks
from opvasm.explorer.setting.options import Limits
from opvasm.kernels.profiles import PROFILES
from opvasm.sweep import plan
from opvasm.sweep.plan import Axes, Sweep, plan_sweep
from opvasm.sweep.unit import Settings, Text
from opvasm.sweep.work import assembled_text

from .helpers import COUNTER, ROOT, SETTINGS, explored, plan_of, planned, text_of


def names(sweep: Sweep, scenario: str) -> list[tuple[str, str, int, int | None]]:
    """Strategy, kernel, CPUs and bound of each cell of a scenario."""
    return [
        (
            cell.label,
            cell.configuration.profile.name,
            cell.configuration.cpus,
            cell.bound,
        )
        for block in sweep.blocks
        if block.scenario.name == scenario
        for cell in block.cells
    ]


def test_every_strategy_meets_every_kernel_and_number_of_cpus() -> None:
    found = names(planned(), "plain_race")
    assert found == [
        (strategy, kernel, cpus, None)
        for strategy in ("opv", "rseq", "lock")
        for cpus in (1, 2)
        for kernel in PROFILES
    ]


def test_axes_narrow_and_widen() -> None:
    axes = Axes(("rseq",), ("legacy", "no_rseq"), (1, 3), (0, 2))
    found = names(planned(axes=axes), "two_sections")
    assert found == [
        ("rseq", kernel, cpus, bound)
        for cpus in (1, 3)
        for bound in (0, 2)
        for kernel in ("legacy", "no_rseq")
    ]


def test_what_a_file_asks_for_is_marked() -> None:
    sweep = planned()
    own = {
        (cell.label, cell.configuration.profile.name) for cell in sweep.blocks[0].cells if cell.own
    }
    assert own == {("rseq", "legacy"), ("rseq", "v6_19_arm64")}


def test_combinations_that_a_file_asks_for_are_all_there() -> None:
    """Also those in which threads differ, and two strategies that differ in their names only."""
    source = """percpu counter: u64
vector bump(n: i64) { add.u64 counter, n }
strategy one = rseq then opv after 2
strategy same = rseq then opv after 2
scenario mixed {
    cpus 1
    strategy any of one, same, opv
    thread a @0 { run bump(1) }
    thread b @0 { run bump(1) }
    forall counter == 2
}
"""
    labels = list(dict.fromkeys(label for label, *_ in names(planned(source), "mixed")))
    assert labels == ["one", "a=one b=same", "a=one b=opv", "same", "a=same b=opv", "opv", "rseq",
                      "lock"]  # fmt: skip


def test_threads_that_name_their_strategy_keep_it() -> None:
    source = COUNTER.replace("thread a @0 { run bump", "thread a @0 strategy opv { run bump")
    source = source.replace("thread b @0 { run bump", "thread b @0 strategy lock { run bump")
    assert {label for label, *_ in names(planned(source), "two_sections")} == {"as written"}


def test_a_kernel_that_stands_for_others_comes_to_what_they_come_to() -> None:
    """Every cell of three samples explored by itself has the verdict and states that it is given."""
    paths = [ROOT / f"samples/races/{name}.opv" for name in ("again", "membarrier", "checkpoint")]
    texts = [text_of(path.read_text(), path.name) for path in paths]
    sweep = plan_of(texts)
    report = explored(sweep)
    shared = 0
    for merged in report.scenarios:
        assembly = assembled_text(merged.block.text)
        for found in merged.cells:
            if found.same_as is None or found.result is None or found.result.rule is not None:
                continue
            shared += 1
            configuration = found.cell.configuration
            run = run_configuration(
                assembly.program, merged.block.scenario, configuration, Limits()
            )
            assert (run.verdict, run.found.states) == (found.result.verdict, found.result.states)
    assert shared > 50


def test_a_unit_is_small_and_can_be_pickled() -> None:
    sweep = planned()
    unit = pickle.loads(pickle.dumps(sweep.units[0]))
    assert unit == sweep.units[0]
    assert len(pickle.dumps(sweep.units[0])) < 500
    assert len({unit.key for unit in sweep.units}) == len(sweep.units)


@pytest.mark.parametrize(
    "other",
    [
        planned(COUNTER + "\n"),
        planned(axes=Axes(bounds=(2,))),
        planned(axes=Axes(cpus=(1,))),
        planned(settings=SETTINGS._replace(states=10)),
        planned(settings=SETTINGS._replace(walks=Walks(100, 2))),
        planned(settings=Settings(1_000_000, None, Walks(100, 1), search=False)),
        plan_of([Text((("counter.opv", COUNTER),), model="64be")]),
        plan_of([text_of(COUNTER, "other.opv")]),
    ],
)
def test_whatever_results_depend_on_is_part_of_the_identity(other: Sweep) -> None:
    assert planned().identity() == planned().identity()
    assert other.identity() != planned().identity()


def test_results_of_another_version_are_others(monkeypatch: pytest.MonkeyPatch) -> None:
    before = planned().identity()
    monkeypatch.setattr(plan, "__version__", _version.__version__ + "x")
    assert planned().identity() != before


def test_a_file_without_the_strategy_that_is_asked_for_is_left_out() -> None:
    text = text_of(COUNTER)
    sweep = plan_sweep([(text, assembled_text(text))], Axes(strategies=("elide",)), SETTINGS)
    assert sweep.blocks == ()
    assert sweep.units == ()
