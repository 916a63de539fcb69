"""Work in registers: what belongs to the step before it, and where a thread is after it."""

from __future__ import annotations

from ..steps.evaluate import TROUBLE
from ..steps.state import Fusion, Local, State
from ..steps.step import LAST_QUIET, NOWHERE, POINT, RETURN, Kind, Step
from .common import Common

# Steps that join one of the search, at most.
FUSE_LIMIT = 1000


class Quiet:
    """Runs the steps that touch registers only."""

    def __init__(self, common: Common) -> None:
        self.common = common
        self.codes = common.codes

    def joins(self, step: Step, thread: int, local: list[int], fusion: Fusion) -> bool:
        """Whether a step that works in registers is a part of the step before it."""
        if step.kind is Kind.CURRENT and not fusion.stays[thread]:
            return False
        return not step.head or not self.goes_round(thread, local)

    def settles(self, state: State, thread: int, fusion: Fusion | None) -> bool:
        """Whether a search that fuses so has run the next step of a thread along with another."""
        local = list(state.threads[thread])
        step = self.codes[thread].steps[local[POINT]]
        if fusion is None or step.kind > LAST_QUIET:
            return False
        return self.joins(step, thread, local, fusion)

    def settle(self, thread: int, local: list[int]) -> None:
        """Run the steps of a thread that touch registers only, where the search leaves them out."""
        fusion = self.common.fusion
        if fusion is None:
            return
        steps = self.codes[thread].steps
        for _ in range(FUSE_LIMIT):
            step = steps[local[POINT]]
            if step.kind > LAST_QUIET or not self.joins(step, thread, local, fusion):
                break
            self.work_out(step, thread, local)

    def work_out(self, step: Step, thread: int, local: list[int]) -> None:
        """Run a step that works in registers only, of whichever thread."""
        if step.kind is Kind.HANDLER_RETURN:
            local[POINT], local[RETURN] = local[RETURN], NOWHERE
            return
        work = self.common.work
        mine, work.local = work.local, local
        try:
            local[POINT] = self.common.runs[thread][local[POINT]](work)
        except TROUBLE:
            local[POINT] = self.codes[thread].crash
        work.local = mine

    def ahead(
        self, thread: int, local: Local | list[int], certain: bool = False
    ) -> tuple[list[int], bool]:
        """Where a thread stands after its work in registers, or once it comes to a place again.

        The second part says whether that place is the one where it stands now.  ``certain``: only
        the work that comes before it reads a CPU which may change by itself.
        """
        steps = self.codes[thread].steps
        moved = list(local)
        start = moved[POINT]
        seen: set[int] = set()  # where it may go round for ever
        for _ in range(FUSE_LIMIT):
            step = steps[moved[POINT]]
            if step.kind > LAST_QUIET or moved[POINT] in seen:
                break
            if certain and step.kind is Kind.CURRENT and not self.common.stays[thread]:
                break
            if step.head:
                seen.add(moved[POINT])
            self.work_out(step, thread, moved)
        return moved, moved[POINT] == start and start in seen

    def step_ahead(self, thread: int, local: Local | list[int], certain: bool = False) -> Step:
        """The step that a thread comes to after its work in registers; ``certain`` as in ``ahead``."""
        steps = self.codes[thread].steps
        step = steps[local[POINT]]
        if step.kind > LAST_QUIET:
            return step
        moved, _ = self.ahead(thread, local, certain)
        return steps[moved[POINT]]

    def failing(self, thread: int, local: Local | list[int]) -> Step | None:
        """The failure that a thread's work in registers ends in, or that it stands at; else None.

        Work that reads a CPU which may change by itself is not done before it is.
        """
        step = self.step_ahead(thread, local, certain=True)
        return step if step.kind is Kind.FAIL else None

    def goes_round(self, thread: int, local: Local | list[int]) -> bool:
        """Whether a thread comes back to where it stands before it does anything but compute.

        Then this is a place to stop at: else nobody would ever look at what the others do.
        """
        return self.ahead(thread, local)[1]

    def frozen(self, thread: int, local: list[int]) -> Local:
        if self.common.zero_dead:
            for register in self.codes[thread].dead(local[POINT]):
                local[register] = 0
        return tuple(local)
