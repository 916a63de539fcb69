"""Errors planted in the model's rules, one at a time: each must be caught by a sample or a claim here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from opvasm.errors import Crash
from opvasm.explorer import code as code_module
from opvasm.explorer import lower_run, plan, progress, verdict
from opvasm.explorer.code import CPU, GUARD, Guard, Kind
from opvasm.explorer.lower_op import OpLowering
from opvasm.explorer.model import Model
from opvasm.explorer.options import Limits, Reductions
from opvasm.explorer.profiles import PROFILES
from opvasm.explorer.search import Search
from opvasm.explorer.sharing import Sharing
from opvasm.explorer.site import Site
from opvasm.explorer.stepper import Stepper
from opvasm.explorer.symmetry import Symmetry
from opvasm.explorer.work import Work
from opvasm.interpreter.semantics import SEMANTICS

from .helpers import COUNTER, found, report, sample

Plant = Callable[[pytest.MonkeyPatch], None]
LIMITS = Limits(states=20_000)


def _profile(name: str, **changes: Any) -> Plant:
    def plant(patch: pytest.MonkeyPatch) -> None:
        patch.setitem(PROFILES, name, PROFILES[name]._replace(**changes))

    return plant


def _no_abort(word: str) -> Plant:
    """A section is not restarted for one cause."""

    def plant(patch: pytest.MonkeyPatch) -> None:
        original = Stepper._abort

        def abort(self: Stepper, thread: int, local: list[int], cause: str) -> None:
            if word not in cause:
                original(self, thread, local, cause)

        patch.setattr(Stepper, "_abort", abort)

    return plant


def _fence_forgotten(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Stepper, "_fence", lambda *_: None)


def _no_waiting(kind: Kind) -> Plant:
    """Nodes of a kind never wait."""

    def plant(patch: pytest.MonkeyPatch) -> None:
        original = Model.enabled

        def enabled(self: Model, state: Any, thread: int) -> bool:
            return self.node(state, thread).kind is kind or original(self, state, thread)

        patch.setattr(Model, "enabled", enabled)

    return plant


def _empty_vector_stays(patch: pytest.MonkeyPatch) -> None:
    """An empty vector runs where its caller is, at once."""
    _no_waiting(Kind.FENCE_VECTOR)(patch)
    execute = Stepper._execute

    def staying(self: Stepper, node: Any, *rest: Any) -> bool:
        cpu = self.work.local[CPU]
        result = execute(self, node, *rest)
        if node.kind is Kind.FENCE_VECTOR:
            self.work.local[CPU] = cpu
        return result

    patch.setattr(Stepper, "_execute", staying)


def _preemption_stays_on(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Stepper, "_cpu_is_free", lambda *_: True, raising=False)
    patch.setattr(Model, "_cpu_is_free", lambda *_: True, raising=False)


def _atomic_for_everyone(patch: pytest.MonkeyPatch) -> None:
    def attempt(
        self: Stepper, node: Any, thread: int, fusion: Any, shared: bool, system: Any
    ) -> Any:
        if node.scope is not Guard.VECTOR:
            return None
        self._execute(node, thread, [], system)
        return shared

    patch.setattr(Stepper, "_try", attempt)


def _sharing_never_noticed(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Sharing, "note", lambda *_: False)
    patch.setattr(Sharing, "_force", lambda *_: None)


def _look_nowhere(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(OpLowering, "_look_at_flag", lambda *_: None)


def _flag_never_set(patch: pytest.MonkeyPatch) -> None:
    original = Work.set_byte

    def set_byte(self: Work, index: int, value: int) -> None:
        is_flag = (index - self.image.lock_start) % 2 == 1
        original(self, index, 0 if is_flag else value)

    patch.setattr(Work, "set_byte", set_byte)


def _lazy_is_eager(patch: pytest.MonkeyPatch) -> None:
    original = lower_run.RunLowering.__init__

    def init(self: Any, site: Site, strategy: Any, *rest: Any) -> None:
        eager = strategy.subscription == "lazy"
        original(self, site, strategy._replace(subscription="eager") if eager else strategy, *rest)

    patch.setattr(lower_run.RunLowering, "__init__", init)


def _no_rename(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Symmetry, "_renamed", lambda self, memory, order: memory)


def _unequal_alike(patch: pytest.MonkeyPatch) -> None:
    """Symmetry between threads that differ."""

    def groups(self: Any) -> tuple[tuple[int, ...], ...]:
        return (tuple(range(len(self.threads))),)

    patch.setattr(plan._Planner, "_groups", groups)


def _no_proviso(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Search, "_leads_on", lambda *_: True)


def _always_apart(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Search, "_apart", lambda *_: True)


def _dead_at_aborts(patch: pytest.MonkeyPatch) -> None:
    """Liveness that does not follow abort edges."""
    original = code_module._dead

    def dead(nodes: Any, count: int, observed: Any) -> Any:
        targets = [node.abort for node in nodes]
        for node in nodes:
            node.abort = None
        result = original(nodes, count, observed)
        for node, target in zip(nodes, targets, strict=True):
            node.abort = target
        return result

    patch.setattr(code_module, "_dead", dead)


def _checkpoint_restarts(patch: pytest.MonkeyPatch) -> None:
    original = Model._strike

    def strike(self: Model, decision: Any, local: list[int], system: Any) -> str:
        if decision.kind == "checkpoint":
            self._abort(decision.thread, local, "a signal")
            return ""
        return original(self, decision, local, system)

    patch.setattr(Model, "_strike", strike)


def _no_mutex(patch: pytest.MonkeyPatch) -> None:
    """Vectors for an offline CPU do not exclude each other."""
    original = Model.enabled

    def enabled(self: Model, state: Any, thread: int) -> bool:
        others = tuple(
            (*local[:GUARD], 0, *local[GUARD + 1 :]) if local[GUARD] == Guard.OFFLINE else local
            for local in state.threads
        )
        return original(self, state._replace(threads=others), thread)

    patch.setattr(Model, "enabled", enabled)


def _offline_runs_there(patch: pytest.MonkeyPatch) -> None:
    """A thread of a CPU that goes offline stays and goes on."""
    patch.setattr(
        Model, "_hotplug", lambda self, threads, system, cpu: self._spend(system, "hotplug")
    )


def _no_bounce(patch: pytest.MonkeyPatch) -> None:
    original = Model.disturbances

    def disturbances(self: Model, state: Any) -> Any:
        return (each for each in original(self, state) if each.kind != "bounce")

    patch.setattr(Model, "disturbances", disturbances)


def _pins_check_nothing(patch: pytest.MonkeyPatch) -> None:
    original = Site._bind

    def bind(self: Site, cpu: int, values: tuple[int, ...]) -> Any:
        return original(self, cpu, values)._replace(refused=None)

    patch.setattr(Site, "_bind", bind)


def _rollback(patch: pytest.MonkeyPatch) -> None:
    """A compare that fails takes back what was stored before it in the same step."""
    original = SEMANTICS.copy()
    compare = next(op for op in original if op.mnemonic == "cmpeq")

    def undoing(memory: Any, *rest: int) -> bool:
        stops = original[compare](memory, *rest)
        if stops and isinstance(memory, Work):
            for start, data in reversed(memory.undo):
                memory.memory[start : start + len(data)] = data
        return stops

    patch.setitem(SEMANTICS, compare, undoing)


def _unfair(patch: pytest.MonkeyPatch) -> None:
    """Any cycle counts, though a thread that could leave it is never run."""

    def starves(self: Any, thread: int, members: list[int], edges: Any) -> bool:
        return not self.model.done(self.graph.states[members[0]], thread)

    patch.setattr(progress._Analysis, "_starves", starves)


def _aborts_for_ever(patch: pytest.MonkeyPatch) -> None:
    """Preemptions without end."""
    original = Search._arrive

    def arrive(self: Search, number: int, decision: Any, state: Any, done: bool, _: bool) -> int:
        return original(self, number, decision, state, done, False)

    patch.setattr(Search, "_arrive", arrive)


def _waiting_is_fine(patch: pytest.MonkeyPatch) -> None:
    """A state in which threads wait for ever is an end like any other."""
    patch.setitem(verdict._KINDS, "deadlock", "blocks")


def _stale_ids(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Stepper, "_rewrite_ids", lambda *_, **__: None)


def _moves_nobody(patch: pytest.MonkeyPatch) -> None:
    """cpu_opv and empty vectors preempt nobody on the CPU they go to."""
    original = Stepper._preempt_others

    def preempt(self: Stepper, threads: Any, thread: int, cpu: int) -> None:
        if self.node_kind not in (Kind.ENTER, Kind.FENCE_VECTOR):  # type: ignore[attr-defined]
            original(self, threads, thread, cpu)

    execute = Stepper._execute

    def remembering(self: Any, node: Any, *rest: Any) -> bool:
        self.node_kind = node.kind
        return execute(self, node, *rest)

    patch.setattr(Stepper, "node_kind", None, raising=False)
    patch.setattr(Stepper, "_preempt_others", preempt)
    patch.setattr(Stepper, "_execute", remembering)


CAUGHT_BY_SAMPLES: dict[str, tuple[Plant, str, str]] = {
    "legacy kernels do not abort on preemption": (
        _profile("legacy", preemption_aborts=False),
        "counter",
        "preempted",
    ),
    "6.19 on arm64 aborts like the others": (
        _profile("v6_19_arm64", preemption_aborts=True),
        "counter",
        "preempted",
    ),
    "no abort on migration": (_no_abort("migrated"), "counter", "moved"),
    "no abort on a signal": (_no_abort("signal"), "registration", "claimed_at_once"),
    "no abort on a single-step trap": (_no_abort("trap"), "stepping", "alone"),
    "no abort by a fence": (_no_abort("a fence"), "membarrier", "fenced"),
    "fence forgotten": (_fence_forgotten, "locks", "with_fence"),
    "an empty vector does not wait": (_empty_vector_stays, "membarrier", "vector_fenced"),
    "a lock does not exclude": (_no_waiting(Kind.LOCK), "locks", "elided"),
    "a vector is atomic for everyone": (_atomic_for_everyone, "ring", "head_first"),
    "sharing between CPUs is not noticed": (_sharing_never_noticed, "ring", "head_first"),
    "a section never looks at the flag": (_look_nowhere, "locks", "with_fence"),
    "a holder never sets the flag": (_flag_never_set, "locks", "with_fence"),
    "lazy subscription is eager": (_lazy_is_eager, "locks", "with_fence"),
    "symmetry without renaming pointers": (_no_rename, "list", "own_nodes"),
    "symmetry of unequal threads": (_unequal_alike, "list", "naive"),
    "a checkpoint restarts the section": (_checkpoint_restarts, "checkpoint", "restored_inside"),
    "no mutex for offline CPUs": (_no_mutex, "offline", "both_push"),
    "EAGAIN never happens": (_no_bounce, "again", "taken_for_an_error"),
    "a failed compare rolls back": (_rollback, "cmpxchg", "own_memory"),
    "cycles need not be fair": (_unfair, "stepping", "others"),
    "preemptions without end": (_aborts_for_ever, "stepping", "finitely_many"),
    "a deadlock is no deadlock": (_waiting_is_fine, "locks", "handler"),
    "ids are never rewritten": (_stale_ids, "tcmalloc", "cached_in_the_ids"),
    "6.19 rewrites ids at every switch": (
        _profile("v6_19_x86", ids_at_every_switch=True),
        "tcmalloc",
        "cached_in_the_ids",
    ),
    "7.1 lets threads write their ids": (
        _profile("v2", id_store_kills=False, ids_at_every_switch=True),
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
    _preemption_stays_on(monkeypatch)
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


@pytest.mark.parametrize("plant", [_always_apart, _moves_nobody])
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
    _dead_at_aborts(monkeypatch)
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
    _pins_check_nothing(monkeypatch)
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
    _offline_runs_there(monkeypatch)
    assert set(found(text).outcomes) != {("0",), ("1",)}


def test_a_bound_that_is_not_kept_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    limits = Limits(preemptions=0)
    assert report(sample("list"), "naive", limits).runs[0].verdict == "holds"
    monkeypatch.setattr(Stepper, "_preempts", lambda *_: 0)
    assert report(sample("list"), "naive", limits).runs[0].verdict == "fails"


def test_at_least_twenty_errors_are_planted() -> None:
    assert len(CAUGHT_BY_SAMPLES) >= 20
