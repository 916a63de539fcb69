"""What all parts of the model share: the plan, steps ready to run, and the step that is under way."""

from __future__ import annotations

from ...kernels.disturbances import Way
from ..plan.plan import Plan
from ..steps.code import Code
from ..steps.execute import runs_of
from ..steps.state import Abort, Fusion, Micro, State, online_set
from ..steps.step import Kind
from ..steps.work import Work


class Common:
    """One configuration, and the work on one of its states.

    ``fusion`` None: every step of the code is one of the search too.  ``bound`` is the most
    preemptions (None: any number); ``zero_dead`` whether registers that nobody will read are 0.
    ``stays[t]``: thread t's CPU does not change between two of its steps.
    ``log`` takes down each step where somebody wants to know.  ``aborts`` and ``disturbed`` are of
    the step under way: sections that restart in it, and whether one is another thread's.
    """

    def __init__(self, plan: Plan, zero_dead: bool, bound: int | None) -> None:
        self.plan = plan
        self.codes = plan.codes
        self.image = plan.image
        self.profile = plan.configuration.profile
        self.threads = len(plan.codes)
        self.cpus = plan.configuration.cpus
        self.runs = [runs_of(code, plan.image) for code in plan.codes]
        self.zero_dead = zero_dead
        self.bound = bound
        self.tracks_running = plan.tracks_running or bound is not None
        self.stays = who_stays(plan)
        self.work = Work(plan.image, plan.chunk)
        self.fusion: Fusion | None = None
        self.log: list[Micro] | None = None
        self.aborts: list[Abort] = []
        self.disturbed = False

    def begin(self, state: State, thread: int) -> Work:
        """A state being changed by a thread."""
        work = self.work
        work.memory = bytearray(state.memory)
        work.local = list(state.threads[thread])
        work.reads.clear()
        work.writes.clear()
        work.undo.clear()
        work.online = online_set(state.system.online)
        work.allowed = self.plan.allowed[thread]
        return work


def who_stays(plan: Plan) -> tuple[bool, ...]:
    """Of each thread, whether its CPU is what it was after its last step, whatever others do."""
    limits = plan.limits
    moves = any(limit and each.row.way.moves for each, limit in limits.items())
    signals = any(limit and each.row.way is Way.SIGNALS for each, limit in limits.items())
    return tuple(not moves and not (signals and _handler_moves(code)) for code in plan.codes)


def _handler_moves(code: Code) -> bool:
    """Whether a signal can take a thread to another CPU: its handler runs vectors there."""
    return any(e.handler and e.kind in (Kind.ENTER, Kind.FENCE_VECTOR) for e in code.steps)
