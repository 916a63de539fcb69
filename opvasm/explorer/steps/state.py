"""The values of the model: states, decisions, and what is said of a step."""

from __future__ import annotations

from functools import cache

from ...light_typing import NamedTuple
from .code import Node
from .work import Range

Local = tuple[int, ...]
UNLIMITED = -1


class System(NamedTuple):
    """What is neither memory nor a thread's: budgets left, CPUs online (a mask), who runs where.

    ``running`` is empty unless somebody must know it (a bound on preemptions, ids that are
    rewritten at switches, sections that survive them); NOWHERE is a task of another process.
    """

    migrate: int
    signal: int
    hotplug: int
    preempt: int
    checkpoint: int
    unprotected: int
    stepped: int
    online: int
    running: tuple[int, ...]
    preemptions: int


class State(NamedTuple):
    """Memory, the threads' local states, the rest."""

    memory: bytes
    threads: tuple[Local, ...]
    system: System


class Decision(NamedTuple):
    """What happens next: ``step`` of a thread, or something that disturbs one.

    ``argument`` is the CPU of a ``migrate`` or ``hotplug`` (thread is then NOWHERE for hotplug).
    """

    kind: str
    thread: int
    argument: int = 0


class Micro(NamedTuple):
    """One node's execution, for whoever shows a schedule.

    ``stores`` are (start, old bytes, new bytes); ``loads`` ranges; ``aborts`` (thread, cause).
    """

    thread: int
    cpu: int
    node: Node | None
    text: str
    guard: int
    loads: tuple[Range, ...]
    stores: tuple[tuple[int, bytes, bytes], ...]
    aborts: tuple[tuple[int, str], ...]


class Fusion(NamedTuple):
    """Which nodes may follow the first one within a step.

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


def abort_kind(cause: str) -> str:
    """``aborted by preemption`` and the like, of a cause in words."""
    kind = next(kind for word, kind in _ABORTS if word in cause)
    return f"aborted by {kind}"


_ABORTS = (
    ("preempted", "preemption"),
    ("migrated", "migration"),
    ("signal", "signal"),
    ("fence", "fence"),
    ("trap", "step"),
)


@cache
def online_set(mask: int) -> frozenset[int]:
    """The CPUs of a mask."""
    return frozenset(cpu for cpu in range(mask.bit_length()) if mask >> cpu & 1)


SHARED_BYTE = b"\3"
