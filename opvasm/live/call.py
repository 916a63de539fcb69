"""One answered call, as everything that reports about calls gets it."""

from __future__ import annotations

from typing import NamedTuple

from ..interpreter.events import (
    ArgumentRefused,
    CpuRefused,
    Moved,
    Pinned,
    PinRefused,
    Queried,
    RunsOffline,
)
from .plan import Plan
from .stub import NativeOps


class Arguments(NamedTuple):
    """The four arguments, the last three as signed 32-bit numbers."""

    vector: int
    cpuopcnt: int
    cpu: int
    flags: int


class Interruption(NamedTuple):
    """The thread was switched out while its ops ran, this often: to wait, or for another thread."""

    voluntary: int
    involuntary: int


class Call(NamedTuple):
    """A call and its answer.

    ``data`` holds the bytes of the vector, None where they were not or could not be read.
    ``ended`` is the outcome that answered before any op ran; ``fault_op`` the op that met memory
    that was not there when it ran.  ``current`` is the caller's CPU, asked for when calls are
    recorded.  ``native`` and ``record`` are what ran and what it met.
    ``microseconds`` pass from the stop of the caller to the answer.  ``thread_pointer`` is where the
    caller's own variables end.
    """

    pid: int
    tid: int
    arguments: Arguments
    result: int
    microseconds: float
    data: bytes | None = None
    plan: Plan | None = None
    ended: Queried | ArgumentRefused | CpuRefused | PinRefused | None = None
    current: int | None = None
    outcomes: tuple[Pinned | PinRefused, ...] = ()
    placed: Moved | RunsOffline | CpuRefused | None = None
    native: NativeOps | None = None
    record: bytes | None = None
    fault_op: int | None = None
    interruption: Interruption | None = None
    thread_pointer: int = 0
