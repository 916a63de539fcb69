"""Errors to plant in the model's rules: each takes one rule away."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from opvasm.explorer.lowering import lower_run
from opvasm.explorer.lowering.writer import Writer
from opvasm.explorer.model import judging
from opvasm.explorer.model.environment import Environment
from opvasm.explorer.model.kernel import Kernel
from opvasm.explorer.model.model import Model
from opvasm.explorer.model.readiness import Readiness
from opvasm.explorer.model.stepper import Stepper
from opvasm.explorer.plan import plan
from opvasm.explorer.plan.symmetry import Symmetry
from opvasm.explorer.search import progress
from opvasm.explorer.search.search import Search
from opvasm.explorer.search.sharing import Sharing
from opvasm.explorer.setting.options import Limits
from opvasm.explorer.steps import code as code_module
from opvasm.explorer.steps.site import Site
from opvasm.explorer.steps.state import Abort
from opvasm.explorer.steps.step import CPU, GUARD, NOWHERE, Guard, Kind
from opvasm.explorer.steps.work import Work
from opvasm.interpreter.semantics import SEMANTICS
from opvasm.kernels.disturbances import Cause, Disturbance
from opvasm.kernels.profiles import PROFILES

Plant = Callable[[pytest.MonkeyPatch], None]
LIMITS = Limits(states=20_000)


def profile(name: str, **changes: Any) -> Plant:
    def plant(patch: pytest.MonkeyPatch) -> None:
        patch.setitem(PROFILES, name, PROFILES[name]._replace(**changes))

    return plant


def no_abort(cause: Cause) -> Plant:
    """A section is not restarted for one cause."""

    def plant(patch: pytest.MonkeyPatch) -> None:
        original = Kernel.abort

        def abort(self: Kernel, local: list[int], abort: Abort) -> None:
            if abort.cause is not cause:
                original(self, local, abort)

        patch.setattr(Kernel, "abort", abort)

    return plant


def fence_forgotten(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Kernel, "fence", lambda *_: None)


def no_waiting(kind: Kind) -> Plant:
    """Steps of a kind never wait."""

    def plant(patch: pytest.MonkeyPatch) -> None:
        original = Model.enabled

        def enabled(self: Model, state: Any, thread: int) -> bool:
            return self.next_step(state, thread).kind is kind or original(self, state, thread)

        patch.setattr(Model, "enabled", enabled)

    return plant


def empty_vector_stays(patch: pytest.MonkeyPatch) -> None:
    """An empty vector runs where its caller is, at once."""
    no_waiting(Kind.FENCE_VECTOR)(patch)
    execute = Stepper._execute

    def staying(self: Stepper, step: Any, *rest: Any) -> bool:
        cpu = self.work.local[CPU]
        result = execute(self, step, *rest)
        if step.kind is Kind.FENCE_VECTOR:
            self.work.local[CPU] = cpu
        return result

    patch.setattr(Stepper, "_execute", staying)


def preemption_stays_on(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Readiness, "cpu_is_free", lambda *_: True)


def atomic_for_everyone(patch: pytest.MonkeyPatch) -> None:
    def attempt(
        self: Stepper, step: Any, thread: int, fusion: Any, shared: bool, system: Any
    ) -> Any:
        if step.guard is not Guard.VECTOR:
            return None
        self._execute(step, thread, [], system)
        return shared

    patch.setattr(Stepper, "_try", attempt)


def sharing_never_noticed(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Sharing, "note", lambda *_: False)
    patch.setattr(Sharing, "_force", lambda *_: None)


def look_nowhere(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Writer, "test_flag", lambda *_: None)


def flag_never_set(patch: pytest.MonkeyPatch) -> None:
    original = Work.store_number

    def store_number(self: Work, address: int, size: int, value: int) -> None:
        place = address - self.image.lock_base
        is_flag = place % 2 == 1 and 0 <= place < 2 * self.image.cpus
        original(self, address, size, 0 if is_flag else value)

    patch.setattr(Work, "store_number", store_number)


def lazy_is_eager(patch: pytest.MonkeyPatch) -> None:
    original = lower_run.RunLowering.__init__

    def init(self: Any, writer: Any, body: Any, strategy: Any, cpus: int) -> None:
        if strategy.subscription == "lazy":
            strategy = strategy._replace(subscription="eager")
        original(self, writer, body, strategy, cpus)

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

    def live(steps: Any, observed: int) -> Any:
        return original(tuple(step._replace(abort=NOWHERE) for step in steps), observed)

    patch.setattr(code_module, "_live", live)


def checkpoint_restarts(patch: pytest.MonkeyPatch) -> None:
    original = Environment._strike

    def strike(self: Environment, decision: Any, local: list[int]) -> None:
        if decision.kind is Disturbance.CHECKPOINT:
            self.kernel.abort(local, Abort(decision.thread, Cause.SIGNAL))
        else:
            original(self, decision, local)

    patch.setattr(Environment, "_strike", strike)


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
        Environment,
        "_switch",
        lambda self, threads, system, decision: system.spent(decision.kind),
    )


def no_bounce(patch: pytest.MonkeyPatch) -> None:
    original = Model.disturbances

    def disturbances(self: Model, state: Any) -> Any:
        return (each for each in original(self, state) if each.kind is not Disturbance.BOUNCE)

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
    patch.setattr(Kernel, "look_at_ids", lambda *_, **__: None)


def moves_nobody(patch: pytest.MonkeyPatch) -> None:
    """cpu_opv and empty vectors preempt nobody on the CPU they go to."""
    original = Kernel.preempt_others

    def preempt(self: Any, threads: Any, thread: int, cpu: int) -> None:
        if self.step_kind not in (Kind.ENTER, Kind.FENCE_VECTOR):
            original(self, threads, thread, cpu)

    execute = Stepper._execute

    def remembering(self: Any, step: Any, *rest: Any) -> bool:
        self.kernel.step_kind = step.kind
        return execute(self, step, *rest)

    patch.setattr(Kernel, "step_kind", None, raising=False)
    patch.setattr(Kernel, "preempt_others", preempt)
    patch.setattr(Stepper, "_execute", remembering)
