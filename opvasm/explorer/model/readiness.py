"""Who can step: locks that are free, CPUs that nobody keeps."""

from __future__ import annotations

from ..steps.state import Local, State
from ..steps.step import (
    CPU,
    GUARD,
    LAST_QUIET,
    POINT,
    Enter,
    FenceVector,
    Guard,
    Kind,
    Lock,
    Wait,
)
from .common import Common

_MOVING = (Enter, FenceVector)


class Readiness:
    """Asks a state, and changes nothing."""

    def __init__(self, common: Common) -> None:
        self.codes = common.codes
        self.image = common.image
        self.cpus = common.cpus

    def able(self, state: State, thread: int) -> bool:
        """Whether a thread waits for nothing but that vectors end, which they do.

        Fairness asks this, so that it does not matter whether a vector is one step or many.
        """
        local = state.threads[thread]
        step = self.codes[thread].steps[local[POINT]]
        if step.kind <= Kind.ENTER:
            return True
        match step.action:
            case Lock(cpu=cpu):
                return state.memory[self.image.lock_word(local[cpu])] == 0
            case Wait(cpu=cpu):
                return state.memory[self.image.slow_flag(local[cpu])] == 0
            case _:
                return step.kind < Kind.END

    def ready(self, state: State, thread: int) -> bool:
        threads = state.threads
        local = threads[thread]
        step = self.codes[thread].steps[local[POINT]]
        if step.kind <= LAST_QUIET:
            return True
        if step.kind > Kind.ENTER and not self.able(state, thread):
            return False
        if not self.cpu_is_free(threads, thread, local[CPU]):
            return False
        action = step.action
        if isinstance(action, _MOVING):
            target = local[action.cpu]
            if 0 <= target < self.cpus and not state.system.online >> target & 1:
                if any(
                    each[GUARD] == Guard.OFFLINE for i, each in enumerate(threads) if i != thread
                ):
                    return False
            elif not self.cpu_is_free(threads, thread, target):
                return False
        return True

    def cpu_is_free(self, threads: tuple[Local, ...], thread: int, cpu: int) -> bool:
        """Whether no other thread keeps a CPU with preemption off."""
        for index, other in enumerate(threads):
            if other[GUARD] == Guard.VECTOR and other[CPU] == cpu and index != thread:
                return False
        return True
