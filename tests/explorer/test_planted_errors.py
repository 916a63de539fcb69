"""Errors planted in the model, one at a time: each must be caught by a sample or a claim here."""

from __future__ import annotations

import pytest

from opvasm.errors import Crash
from opvasm.explorer.model.kernel import Kernel
from opvasm.explorer.search.search import Search
from opvasm.explorer.setting.options import Limits, Reductions
from opvasm.explorer.steps.step import Kind
from opvasm.kernels.disturbances import Cause
from opvasm.kernels.profiles import REWRITTEN

from .helpers import COUNTER, found, report, sample
from .plants import (
    LIMITS,
    Plant,
    aborts_for_ever,
    always_apart,
    atomic_for_everyone,
    checkpoint_restarts,
    dead_at_aborts,
    empty_vector_stays,
    fence_forgotten,
    flag_never_set,
    lazy_is_eager,
    look_nowhere,
    moves_nobody,
    no_abort,
    no_bounce,
    no_mutex,
    no_rename,
    no_waiting,
    offline_runs_there,
    pins_check_nothing,
    preemption_stays_on,
    profile,
    rollback,
    sharing_never_noticed,
    stale_ids,
    unequal_alike,
    unfair,
    waiting_is_fine,
)

# The errors are planted in the Python engine.
pytestmark = pytest.mark.usefixtures("python_engine")


CAUGHT_BY_SAMPLES: dict[str, tuple[Plant, str, str]] = {
    "legacy kernels do not abort on preemption": (
        profile("legacy", preemption_aborts=False),
        "counter",
        "preempted",
    ),
    "6.19 on arm64 aborts like the others": (
        profile("v6_19_arm64", preemption_aborts=True),
        "counter",
        "preempted",
    ),
    "no abort on migration": (no_abort(Cause.MIGRATION), "counter", "moved"),
    "no abort on a signal": (no_abort(Cause.SIGNAL), "registration", "claimed_at_once"),
    "no abort on a single-step trap": (no_abort(Cause.TRAP), "stepping", "alone"),
    "no abort by a fence": (no_abort(Cause.FENCE), "membarrier", "fenced"),
    "fence forgotten": (fence_forgotten, "locks", "with_fence"),
    "an empty vector does not wait": (empty_vector_stays, "membarrier", "vector_fenced"),
    "a lock does not exclude": (no_waiting(Kind.LOCK), "locks", "elided"),
    "a vector is atomic for everyone": (atomic_for_everyone, "ring", "head_first"),
    "sharing between CPUs is not noticed": (sharing_never_noticed, "ring", "head_first"),
    "a section never looks at the flag": (look_nowhere, "locks", "with_fence"),
    "a holder never sets the flag": (flag_never_set, "locks", "with_fence"),
    "lazy subscription is eager": (lazy_is_eager, "locks", "with_fence"),
    "symmetry without renaming pointers": (no_rename, "list", "own_nodes"),
    "symmetry of unequal threads": (unequal_alike, "list", "naive"),
    "a checkpoint restarts the section": (checkpoint_restarts, "checkpoint", "restored_inside"),
    "no mutex for offline CPUs": (no_mutex, "offline", "both_push"),
    "EAGAIN never happens": (no_bounce, "again", "taken_for_an_error"),
    "a failed compare rolls back": (rollback, "cmpxchg", "own_memory"),
    "cycles need not be fair": (unfair, "stepping", "others"),
    "preemptions without end": (aborts_for_ever, "stepping", "finitely_many"),
    "a deadlock is not a deadlock": (waiting_is_fine, "locks", "handler"),
    "ids are never rewritten": (stale_ids, "tcmalloc", "cached_in_the_ids"),
    "6.19 rewrites ids at every switch": (
        profile("v6_19_x86", id_at_preemption=REWRITTEN),
        "tcmalloc",
        "cached_in_the_ids",
    ),
    "7.1 lets threads write their ids": (
        profile("v7_x86_size33", id_at_migration=REWRITTEN, id_at_preemption=REWRITTEN),
        "tcmalloc",
        "cached_in_the_ids",
    ),
}


@pytest.mark.parametrize("name", CAUGHT_BY_SAMPLES)
def test_an_error_in_the_model_makes_a_sample_unexpected(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant, file, scenario = CAUGHT_BY_SAMPLES[name]
    assert report(sample(file), scenario, LIMITS).as_expected is True
    plant(monkeypatch)
    try:
        assert report(sample(file), scenario, LIMITS).as_expected is not True
    except (Crash, AssertionError, IndexError, KeyError) as error:
        if isinstance(error, AssertionError) and "as_expected" in str(error):
            raise


def test_without_its_proviso_a_busy_cpu_hides_another(monkeypatch: pytest.MonkeyPatch) -> None:
    """CPU 0 spins for ever on its own memory; what CPU 1 does must still be seen."""
    text = COUNTER + """
scenario s {
    cpus 2
    thread a @0 { loop { x = load counter; store counter, 1 - x } }
    thread b @1 { run bump(1); fail }
}
"""
    assert found(text).failures
    monkeypatch.setattr(Search, "_leads_on", lambda *_: True)
    assert not found(text).failures


def test_a_vector_that_leaves_preemption_on_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Seen where a vector is not one step anyway."""
    apart = Reductions(collapse=False)
    sample_ = sample("ring")
    assert report(sample_, "head_first_on_one_cpu", LIMITS, apart).as_expected is True
    preemption_stays_on(monkeypatch)
    assert report(sample_, "head_first_on_one_cpu", LIMITS, apart).as_expected is False


VISITOR = COUNTER + """
scenario s {
    cpus 2
    thread a @0 strategy rseq { run bump(1) { ok { x = 1 }; aborted { x = 2 } } }
    thread b @1 strategy opv { run bump(1) on 0 }
    forall counter@0 == 2 || a.x == 2
    observe a.x
}
"""


@pytest.mark.parametrize("plant", [always_apart, moves_nobody])
def test_a_vector_from_another_cpu_aborts_a_section(
    plant: Plant, monkeypatch: pytest.MonkeyPatch
) -> None:
    def seen() -> tuple[bool, set[tuple[str, ...]]]:
        result = found(VISITOR)
        return bool(result.failures), set(result.outcomes)

    assert seen() == (False, {("1",), ("2",)})
    plant(monkeypatch)
    assert seen() != (False, {("1",), ("2",)})


def test_what_only_an_abort_needs_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    text = COUNTER + """
scenario s {
    environment preempt <= 1
    thread a @0 strategy rseq {
        x = load counter
        run bump(1) { ok { y = 1 }; aborted { y = x + 5 } }
    }
    thread b @0 strategy opv { run bump(1) }
    observe a.y
}
"""
    wanted = {("1",), ("5",), ("6",)}
    assert set(found(text).outcomes) == wanted
    dead_at_aborts(monkeypatch)
    assert set(found(text).outcomes) != wanted


def test_a_pin_that_checks_nothing_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """From 2017-11 on a vector whose operand is not there changes nothing."""
    text = """
percpu first: u64
page gone: unmapped
vector both(n: u64) {
    memcpy.u64 first, n
    memcpy.u64 gone, n
}
scenario s {
    thread a @0 { run both(1) { fault { f = 1 } } }
    forall first == 0 && a.f == 1
}
"""
    assert not found(text).failures
    pins_check_nothing(monkeypatch)
    assert found(assembled_again(text)).failures


def assembled_again(text: str) -> str:
    """The same scenario as another text, so that nothing of it is remembered."""
    return text + "\n"


def test_a_cpu_that_goes_offline_takes_its_threads_along(monkeypatch: pytest.MonkeyPatch) -> None:
    text = COUNTER + """
scenario s {
    cpus 2
    environment hotplug <= 1
    thread a @1 {
        c = current
        run bump(1) on c
        d = current
    }
    observe a.d
}
"""
    assert set(found(text).outcomes) == {("0",), ("1",)}
    offline_runs_there(monkeypatch)
    assert set(found(text).outcomes) != {("0",), ("1",)}


def test_a_bound_that_is_not_kept_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    limits = Limits(preemptions=0)
    assert report(sample("list"), "naive", limits).runs[0].verdict == "holds"
    monkeypatch.setattr(Kernel, "preempts", lambda *_: 0)
    assert report(sample("list"), "naive", limits).runs[0].verdict == "fails"


def test_at_least_twenty_errors_are_planted() -> None:
    assert len(CAUGHT_BY_SAMPLES) >= 20
