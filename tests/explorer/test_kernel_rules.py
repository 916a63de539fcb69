"""Which kernels share a search: those that a scenario can't tell apart, and no others."""

from __future__ import annotations

import pytest

from opvasm.explorer.native import encode
from opvasm.explorer.native.built import Refused
from opvasm.explorer.plan.validate import strategy_table
from opvasm.explorer.search.explore import explore
from opvasm.explorer.setting.configuration import configurations, kernel_abilities
from opvasm.explorer.setting.options import Limits
from opvasm.explorer_exports import litmus, promela
from opvasm.explorer_exports.refusal import ExportError
from opvasm.kernels.disturbances import ROWS, Disturbance
from opvasm.kernels.profiles import (
    LABELS,
    LEGACY,
    PROFILES,
    RULES,
    V7_1_ARM64_SIZE33,
    Profile,
    Told,
    profile_named,
    profiles_named,
)

from ..explorer_exports.helpers import only, refusal
from .helpers import COUNTER, assembled, report
from .native.needed import needs_engine

SIGNALLED = COUNTER + """
shared seen: u64
scenario s {
    cpus 1
    kernel legacy
    strategy rseq
    environment signal <= 1
    thread a @0 { run bump(1) { aborted -> retry } }
    on signal a { x = load counter; store counter, x + 1; store seen, 1 }
    forall sum(counter) == 1 + seen
}
"""
PLAIN = COUNTER + """
scenario s {
    cpus 1
    kernel legacy
    strategy rseq
    thread a @0 { run bump(1) { aborted -> retry } }
    thread b @0 { run bump(1) { aborted -> retry } }
    forall counter@0 == 2
}
"""
PLAIN_ALONE = PLAIN.replace("strategy rseq", "strategy opv")
QUIET = SIGNALLED.replace("    environment signal <= 1\n", "").replace("on signal a", "thread b @0")


def key(text: str, profile: Profile) -> object:
    """What the scenario of a text can tell of a kernel."""
    assembly = assembled(text)
    (scenario,) = assembly.scenarios
    (one,) = configurations(scenario, strategy_table(assembly.strategies))
    return kernel_abilities(scenario, one._replace(profile=profile))


def test_every_rule_of_a_kernel_has_its_row() -> None:
    """A rule that nobody has said what tells it makes this fail, and kernels differ by it meanwhile."""
    assert sorted([*LABELS, *RULES]) == sorted(Profile._fields)


def test_a_rule_without_a_row_makes_kernels_differ(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two kernels that differ only in what nothing is known of are not taken for one."""
    other = LEGACY._replace(outside="ignored")
    assert key(PLAIN_ALONE, LEGACY) == key(PLAIN_ALONE, other)
    monkeypatch.delitem(RULES, "outside")
    assert key(PLAIN_ALONE, LEGACY) != key(PLAIN_ALONE, other)


def test_a_kernel_that_differs_in_signals_is_another_one_where_a_signal_comes() -> None:
    """... and the same one where none comes, and no debugger steps."""
    other = LEGACY._replace(name="no_signal", signal_aborts=False)
    assert key(SIGNALLED, LEGACY) != key(SIGNALLED, other)
    stepped = QUIET.replace("    strategy rseq", "    environment stepped\n    strategy rseq")
    assert key(stepped, LEGACY) != key(stepped, other)
    assert key(QUIET, LEGACY) == key(QUIET, other)


def test_a_rule_of_a_disturbance_counts_where_that_disturbance_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A second rule that disturbances tell is told by its own, and not by a signal."""
    row = Disturbance.CHECKPOINT.row._replace(aborts="outside")
    monkeypatch.setitem(ROWS, Disturbance.CHECKPOINT, row)
    monkeypatch.setitem(RULES, "outside", RULES["outside"]._replace(told=Told.MET))
    other = LEGACY._replace(outside="ignored")
    assert key(SIGNALLED, LEGACY) == key(SIGNALLED, other)
    saved = SIGNALLED.replace("signal <= 1", "checkpoint <= 1")
    assert key(saved, LEGACY) != key(saved, other)


def test_a_signal_that_aborts_nothing_loses_an_update(monkeypatch: pytest.MonkeyPatch) -> None:
    """The handler counts in the middle of the section, which goes on with the old number."""
    assert report(assembled(SIGNALLED), "s").runs[0].verdict == "holds"
    monkeypatch.setitem(PROFILES, "legacy", LEGACY._replace(signal_aborts=False))
    assert report(assembled(SIGNALLED), "s").runs[0].verdict == "fails"


@pytest.mark.parametrize("field", ["migration_aborts", "membarrier_aborts", "preemption_aborts"])
def test_a_kernel_that_differs_in_another_rule_of_sections_is_another_one(field: str) -> None:
    """Any scenario with a section may tell it."""
    other = Profile(**(LEGACY._asdict() | {field: False}))
    assert key(QUIET, LEGACY) != key(QUIET, other)


def test_an_older_name_means_the_new_ones() -> None:
    """v2 was one profile; on the two architectures it is two."""
    assert profile_named("v2").name == "v7_x86_size33"
    assert [each.name for each in profiles_named("v2")] == [
        "v7_x86_size33",
        V7_1_ARM64_SIZE33.name,
    ]


def test_the_promela_export_refuses_a_rule_that_it_does_not_know(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A model that leaves a rule out would say something else than the explorer."""
    monkeypatch.setattr(promela, "KNOWN_RULES", promela.KNOWN_RULES - {"signal_aborts"})
    assert "signal_aborts" in refusal(SIGNALLED)


def test_the_litmus_export_refuses_a_rule_that_it_does_not_know(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A scenario that it takes today is refused, and the rule is named."""
    plan = only(PLAIN)
    litmus.litmus(plan)
    monkeypatch.setattr(litmus, "KNOWN_RULES", litmus.KNOWN_RULES - {"membarrier_aborts"})
    with pytest.raises(ExportError, match=r"kernel legacy \(membarrier_aborts\) can't be exported"):
        litmus.litmus(plan)


def test_the_c_engine_leaves_a_rule_that_it_does_not_know_to_the_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Two engines must not say two things of a kernel: the reason names the rule."""
    encode.encode(only(PLAIN))
    monkeypatch.setattr(encode, "KNOWN_RULES", encode.KNOWN_RULES - {"membarrier_aborts"})
    with pytest.raises(Refused, match="rules of kernel legacy: membarrier_aborts"):
        encode.encode(only(PLAIN))


@needs_engine
def test_a_report_names_the_rule_that_the_c_engine_does_not_know(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Who asks for the C engine reads why it was the other."""
    monkeypatch.setattr(encode, "KNOWN_RULES", encode.KNOWN_RULES - {"membarrier_aborts"})
    found = explore(only(PLAIN), limits=Limits(engine="native"))
    assert found.engine == "python"
    assert "membarrier_aborts" in str(found.refused)


def test_the_c_engine_leaves_a_rule_for_ids_without_a_number_to_the_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A new word for what becomes of a written id is no internal error either."""
    monkeypatch.setitem(PROFILES, "legacy", LEGACY._replace(id_at_sleep="zeroed"))
    with pytest.raises(Refused, match="an id that is zeroed"):
        encode.encode(only(PLAIN))
