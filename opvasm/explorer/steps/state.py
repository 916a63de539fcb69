"""The values of the model: states, decisions, and what is said of a step."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from ...kernels.disturbances import SLOT, Cause, Disturbance
from ...light_enum import StrEnum
from ...light_typing import NamedTuple
from .step import NOWHERE, Step
from .work import Range

Local = tuple[int, ...]
UNLIMITED = -1


class System(NamedTuple):
    """What is neither memory nor a thread's: budgets left, CPUs online (a mask), who runs where.

    ``left`` has what is left of each of disturbances.BUDGETS, in their order (UNLIMITED: for ever).
    ``running`` is empty unless somebody must know it (a bound on preemptions, ids that are
    rewritten at switches, sections that survive them); NOWHERE is a task of another process.
    """

    left: tuple[int, ...]
    online: int
    running: tuple[int, ...]
    preemptions: int

    def allows(self, disturbance: Disturbance) -> bool:
        """Whether the budget of a disturbance is not used up."""
        return self.left[SLOT[disturbance]] != 0

    def spent(self, disturbance: Disturbance) -> System:
        """The same with one less of a disturbance's budget."""
        slot = SLOT[disturbance]
        if self.left[slot] == UNLIMITED:
            return self
        left = (*self.left[:slot], self.left[slot] - 1, *self.left[slot + 1 :])
        return self._replace(left=left)


class State(NamedTuple):
    """Memory, the threads' local states, the rest."""

    memory: bytes
    threads: tuple[Local, ...]
    system: System


class Going(StrEnum):
    """A thread goes on: the decision that disturbs nobody."""

    STEP = "step"


STEP = Going.STEP


class Decision(NamedTuple):
    """What happens next: a step of a thread, or something that disturbs one.

    ``argument`` is the CPU of a migration, a bounce or a hotplug (thread is NOWHERE for hotplug).
    """

    kind: Disturbance | Going
    thread: int
    argument: int = 0


class Abort(NamedTuple):
    """A section restarts: whose, and why.

    ``by`` is the thread that preempted it, ``before`` and ``cpu`` are the CPUs of a migration.
    """

    thread: int
    cause: Cause
    by: int = NOWHERE
    before: int = NOWHERE
    cpu: int = NOWHERE

    def text(self, names: Sequence[str]) -> str:
        """Why, in words; ``names`` are the threads'."""
        who = names[self.by] if self.by != NOWHERE else ""
        return self.cause.text.format(who=who, before=self.before, cpu=self.cpu)


class Micro(NamedTuple):
    """One step's execution, for those who show a schedule.

    ``stores`` are (start, old bytes, new bytes); ``loads`` ranges.
    """

    thread: int
    cpu: int
    step: Step | None
    text: str
    guard: int
    loads: tuple[Range, ...]
    stores: tuple[tuple[int, bytes, bytes], ...]
    aborts: tuple[Abort, ...]


class Fusion(NamedTuple):
    """Which steps of the code may follow the first one within a step of the search.

    ``classes`` gives each byte of the state its sharing (sharing.py).  ``private`` says whether
    accesses to a thread's own bytes may be left out of sight, ``sections`` whether loads of a
    section may be, ``vectors`` whether ops may be.  ``stays[t]``: thread t's CPU does not change
    between two of its steps.
    """

    classes: bytes
    private: bool
    sections: bool
    vectors: bool
    stays: tuple[bool, ...]


class Taken(NamedTuple):
    """A step that was taken: the state after it and what it touched.

    ``committed``: a run succeeded; ``disturbed``: the section of another thread was aborted.
    """

    state: State
    reads: tuple[Range, ...]
    writes: tuple[Range, ...]
    committed: bool
    disturbed: bool


@cache
def online_set(mask: int) -> frozenset[int]:
    """The CPUs of a mask."""
    return frozenset(cpu for cpu in range(mask.bit_length()) if mask >> cpu & 1)


# How shared a byte is (sharing.py), as a byte of Fusion.classes.
ONE_CPU_BYTE, SHARED_BYTE = b"\2", b"\3"
