"""Errors to plant in the model's rules: each takes one rule away."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from opvasm.explorer.lowering import lower_run
from opvasm.explorer.lowering.lower_op import OpLowering
from opvasm.explorer.lowering.site import Site
from opvasm.explorer.model import judging
from opvasm.explorer.model.model import Model
from opvasm.explorer.model.stepper import Stepper
from opvasm.explorer.plan import plan
from opvasm.explorer.plan.symmetry import Symmetry
from opvasm.explorer.search import progress
from opvasm.explorer.search.search import Search
from opvasm.explorer.search.sharing import Sharing
from opvasm.explorer.setting.options import Limits
from opvasm.explorer.steps import code as code_module
from opvasm.explorer.steps.code import CPU, GUARD, Guard, Kind
from opvasm.explorer.steps.work import Work
from opvasm.interpreter.semantics import SEMANTICS
from opvasm.kernels.profiles import PROFILES

Plant = Callable[[pytest.MonkeyPatch], None]
LIMITS = Limits(states=20_000)


def profile(name: str, **changes: Any) -> Plant:
    def plant(patch: pytest.MonkeyPatch) -> None:
        patch.setitem(PROFILES, name, PROFILES[name]._replace(**changes))

    return plant


def no_abort(word: str) -> Plant:
    """A section is not restarted for one cause."""

    def plant(patch: pytest.MonkeyPatch) -> None:
        original = Stepper._abort

        def abort(self: Stepper, thread: int, local: list[int], cause: str) -> None:
            if word not in cause:
                original(self, thread, local, cause)

        patch.setattr(Stepper, "_abort", abort)

    return plant


def fence_forgotten(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Stepper, "_fence", lambda *_: None)


def no_waiting(kind: Kind) -> Plant:
    """Nodes of a kind never wait."""

    def plant(patch: pytest.MonkeyPatch) -> None:
        original = Model.enabled

        def enabled(self: Model, state: Any, thread: int) -> bool:
            return self.node(state, thread).kind is kind or original(self, state, thread)

        patch.setattr(Model, "enabled", enabled)

    return plant


def empty_vector_stays(patch: pytest.MonkeyPatch) -> None:
    """An empty vector runs where its caller is, at once."""
    no_waiting(Kind.FENCE_VECTOR)(patch)
    execute = Stepper._execute

    def staying(self: Stepper, node: Any, *rest: Any) -> bool:
        cpu = self.work.local[CPU]
        result = execute(self, node, *rest)
        if node.kind is Kind.FENCE_VECTOR:
            self.work.local[CPU] = cpu
        return result

    patch.setattr(Stepper, "_execute", staying)


def preemption_stays_on(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Stepper, "_cpu_is_free", lambda *_: True, raising=False)
    patch.setattr(Model, "_cpu_is_free", lambda *_: True, raising=False)


def atomic_for_everyone(patch: pytest.MonkeyPatch) -> None:
    def attempt(
        self: Stepper, node: Any, thread: int, fusion: Any, shared: bool, system: Any
    ) -> Any:
        if node.scope is not Guard.VECTOR:
            return None
        self._execute(node, thread, [], system)
        return shared

    patch.setattr(Stepper, "_try", attempt)


def sharing_never_noticed(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Sharing, "note", lambda *_: False)
    patch.setattr(Sharing, "_force", lambda *_: None)


def look_nowhere(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(OpLowering, "_look_at_flag", lambda *_: None)


def flag_never_set(patch: pytest.MonkeyPatch) -> None:
    original = Work.set_byte

    def set_byte(self: Work, index: int, value: int) -> None:
        is_flag = (index - self.image.lock_start) % 2 == 1
        original(self, index, 0 if is_flag else value)

    patch.setattr(Work, "set_byte", set_byte)


def lazy_is_eager(patch: pytest.MonkeyPatch) -> None:
    original = lower_run.RunLowering.__init__

    def init(self: Any, site: Site, strategy: Any, *rest: Any) -> None:
        eager = strategy.subscription == "lazy"
        original(self, site, strategy._replace(subscription="eager") if eager else strategy, *rest)

    patch.setattr(lower_run.RunLowering, "__init__", init)


def no_rename(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Symmetry, "_renamed", lambda self, memory, order: memory)


def unequal_alike(patch: pytest.MonkeyPatch) -> None:
    """Symmetry between threads that differ."""

    def groups(self: Any) -> tuple[tuple[int, ...], ...]:
        return (tuple(range(len(self.threads))),)

    patch.setattr(plan._Planner, "_groups", groups)


def no_proviso(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Search, "_leads_on", lambda *_: True)


def always_apart(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Search, "_apart", lambda *_: True)


def dead_at_aborts(patch: pytest.MonkeyPatch) -> None:
    """Liveness that does not follow abort edges."""
    original = code_module._live

    def live(nodes: Any, observed: int) -> Any:
        targets = [node.abort for node in nodes]
        for node in nodes:
            node.abort = None
        result = original(nodes, observed)
        for node, target in zip(nodes, targets, strict=True):
            node.abort = target
        return result

    patch.setattr(code_module, "_live", live)


def checkpoint_restarts(patch: pytest.MonkeyPatch) -> None:
    original = Model._strike

    def strike(self: Model, decision: Any, local: list[int], system: Any) -> str:
        if decision.kind == "checkpoint":
            self._abort(decision.thread, local, "a signal")
            return ""
        return original(self, decision, local, system)

    patch.setattr(Model, "_strike", strike)


def no_mutex(patch: pytest.MonkeyPatch) -> None:
    """Vectors for an offline CPU do not exclude each other."""
    original = Model.enabled

    def enabled(self: Model, state: Any, thread: int) -> bool:
        others = tuple(
            (*local[:GUARD], 0, *local[GUARD + 1 :]) if local[GUARD] == Guard.OFFLINE else local
            for local in state.threads
        )
        return original(self, state._replace(threads=others), thread)

    patch.setattr(Model, "enabled", enabled)


def offline_runs_there(patch: pytest.MonkeyPatch) -> None:
    """A thread of a CPU that goes offline stays and goes on."""
    patch.setattr(
        Model, "_hotplug", lambda self, threads, system, cpu: self._spend(system, "hotplug")
    )


def no_bounce(patch: pytest.MonkeyPatch) -> None:
    original = Model.disturbances

    def disturbances(self: Model, state: Any) -> Any:
        return (each for each in original(self, state) if each.kind != "bounce")

    patch.setattr(Model, "disturbances", disturbances)


def pins_check_nothing(patch: pytest.MonkeyPatch) -> None:
    original = Site._bind

    def bind(self: Site, cpu: int, values: tuple[int, ...]) -> Any:
        return original(self, cpu, values)._replace(refused=None)

    patch.setattr(Site, "_bind", bind)


def rollback(patch: pytest.MonkeyPatch) -> None:
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


def unfair(patch: pytest.MonkeyPatch) -> None:
    """Any cycle counts, though a thread that could leave it is never run."""
    patch.setattr(progress._Analysis, "_is_fair", lambda *_: True)


def aborts_for_ever(patch: pytest.MonkeyPatch) -> None:
    """Preemptions without end."""
    original = Search._arrive

    def arrive(self: Search, number: int, decision: Any, state: Any, done: bool, _: bool) -> int:
        return original(self, number, decision, state, done, False)

    patch.setattr(Search, "_arrive", arrive)


def waiting_is_fine(patch: pytest.MonkeyPatch) -> None:
    """A state in which threads wait for ever is an end like any other."""
    patch.setitem(judging.VERDICT_OF, "deadlock", "blocks")


def stale_ids(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Stepper, "_look_at_ids", lambda *_, **__: None)


def moves_nobody(patch: pytest.MonkeyPatch) -> None:
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
