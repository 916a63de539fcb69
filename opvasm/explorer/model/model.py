"""The model: threads on CPUs, sections that restart, vectors that nobody of their CPU interrupts.

Semantics: model.md section 2.  A State is frozen; ``step`` and ``disturb`` make the next one.
A state does not record which thread runs on a CPU (unless something needs it), because that has one
effect on the other threads there: their sections restart.
"""

from __future__ import annotations

from collections.abc import Iterator

from ...kernels.disturbances import BUDGETS
from ..plan.plan import Plan
from ..steps.state import Decision, Fusion, Micro, State, System, Taken
from ..steps.step import CPU, LAST_QUIET, NOWHERE, POINT, RETURN, Kind, Step
from .common import Common
from .environment import Environment
from .kernel import Kernel
from .quiet import Quiet
from .readiness import Readiness
from .stepper import Stepper


class Model:
    """All behaviours of one configuration: its first state, who can step, what can disturb.

    ``zero_dead``: registers that nobody will read again are 0.  ``bound`` is the most preemptions of
    a schedule; None: any number.
    """

    def __init__(self, plan: Plan, zero_dead: bool = True, bound: int | None = None) -> None:
        self.common = Common(plan, zero_dead, bound)
        self.quiet = Quiet(self.common)
        self.readiness = Readiness(self.common)
        self.kernel = Kernel(self.common, self.quiet, self.readiness)
        self.stepper = Stepper(self.common, self.quiet, self.kernel)
        self.environment = Environment(self.common, self.quiet, self.kernel, self.readiness)
        self.plan = plan
        self.codes = plan.codes
        self.threads = self.common.threads
        self.cpus = self.common.cpus
        self.tracks_running = self.common.tracks_running
        self.work = self.common.work
        self.zero_dead = zero_dead
        self.bound = bound
        self._unbounded: Model | None = None

    def unbounded(self) -> Model:
        """The same model without a bound, to ask what the bound has forbidden."""
        if self._unbounded is None:
            self._unbounded = Model(self.plan, self.zero_dead, None)
        self._unbounded.fusion = self.fusion
        return self._unbounded

    @property
    def fusion(self) -> Fusion | None:
        """What may join a step; None: nothing, so that each step of the code is one."""
        return self.common.fusion

    @fusion.setter
    def fusion(self, fusion: Fusion | None) -> None:
        self.common.fusion = fusion

    @property
    def stays(self) -> tuple[bool, ...]:
        """Of each thread, whether its CPU does not change between two of its steps."""
        return self.common.stays

    @property
    def log(self) -> list[Micro] | None:
        """Where each step is taken down; None: nowhere."""
        return self.common.log

    @log.setter
    def log(self, log: list[Micro] | None) -> None:
        self.common.log = log

    # ---- states ---------------------------------------------------------------------------------

    def initial(self) -> State:
        """The state in which nothing has run yet."""
        limits = self.plan.limits
        system = System(
            left=tuple(limits[each] for each in BUDGETS),
            online=(1 << self.cpus) - 1,
            running=(NOWHERE,) * self.cpus if self.tracks_running else (),
            preemptions=0,
        )
        threads = []
        work = self.work
        work.memory = bytearray(self.plan.memory)
        for index, code in enumerate(self.codes):
            local = [code.entry, self.plan.homes[index], 0, NOWHERE]
            local += [0] * (code.size - len(local))
            self.quiet.settle(index, local)
            threads.append(self.quiet.frozen(index, local))
        return State(bytes(self.plan.memory), tuple(threads), system)

    def next_step(self, state: State, thread: int) -> Step:
        """The step that a thread takes next: where it stands."""
        return self.codes[thread].steps[state.threads[thread][POINT]]

    def done(self, state: State, thread: int) -> bool:
        """Whether a thread has ended."""
        return self.next_step(state, thread).kind is Kind.END

    def failures(self, state: State) -> list[tuple[int, str]]:
        """The threads that have failed, and how; nothing runs after that.

        One whose work in registers ends in a failure has failed already, be that work steps of its
        own or not.
        """
        found = []
        for thread, local in enumerate(state.threads):
            step = self.quiet.failing(thread, local)
            if step is not None:
                found.append((thread, step.text))
        return found

    def has_failed(self, state: State) -> bool:
        """Whether some thread has failed."""
        for thread, local in enumerate(state.threads):
            kind = self.codes[thread].steps[local[POINT]].kind
            if kind is Kind.FAIL:
                return True
            if kind <= LAST_QUIET and self.quiet.failing(thread, local) is not None:
                return True
        return False

    def rests(self, state: State) -> bool:
        """Whether no thread has registers to work out before its next step.

        Only such states are shown to invariants, so that it does not matter whether registers are
        worked out in steps of their own.  A thread that goes round without any access rests where
        it comes by again.
        """
        for thread, local in enumerate(state.threads):
            step = self.codes[thread].steps[local[POINT]]
            if step.kind <= LAST_QUIET and not (step.head and self.quiet.goes_round(thread, local)):
                return False
        return True

    def quiescent(self, state: State) -> bool:
        """Whether no thread is inside a ``run``, be it below a signal handler."""
        for thread, local in enumerate(state.threads):
            steps = self.codes[thread].steps
            if not steps[local[POINT]].counted:
                return False
            if local[RETURN] != NOWHERE and not steps[local[RETURN]].counted:
                return False
        return True

    # ---- what can happen, and what it does -------------------------------------------------------

    def able(self, state: State, thread: int) -> bool:
        """Whether a thread waits for nothing but that vectors end, which they do.

        Fairness asks this, so that it does not matter whether a vector is one step or many.
        """
        return self.readiness.able(state, thread)

    def step(self, state: State, thread: int) -> Taken:
        """The next step of a thread, which must be enabled."""
        return self.stepper.step(state, thread)

    def settles(self, state: State, thread: int, fusion: Fusion | None) -> bool:
        """Whether a search that fuses so has run the next step of a thread along with another."""
        return self.quiet.settles(state, thread, fusion)

    def disturbances(self, state: State) -> Iterator[Decision]:
        """Everything the environment can do now, within its limits."""
        return self.environment.disturbances(state)

    def disturb(self, state: State, decision: Decision) -> State:
        """The state after something of ``disturbances``."""
        return self.environment.disturb(state, decision)

    def enabled(self, state: State, thread: int) -> bool:
        """Whether a thread can take a step now, within the bound on preemptions."""
        return self.readiness.ready(state, thread) and (
            self.bound is None or self._within_bound(state, thread)
        )

    def _within_bound(self, state: State, thread: int) -> bool:
        assert self.bound is not None
        local = state.threads[thread]
        step = self.codes[thread].steps[local[POINT]]
        if step.kind <= LAST_QUIET:
            return True
        if step.kind is Kind.ENTER or step.kind is Kind.FENCE_VECTOR:
            # It may take two CPUs from others: its own to make the call, and the one it moves to.
            log, self.log = self.log, None
            after = self.step(state, thread).state.system.preemptions
            self.log = log
            return after <= self.bound
        return (
            state.system.preemptions + self.kernel.preempts(state, thread, local[CPU]) <= self.bound
        )
