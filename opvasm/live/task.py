"""The threads that the supervisor knows."""

from __future__ import annotations

import ctypes
from typing import NamedTuple

from ..interpreter.events import Moved, PinRefused, RunsOffline
from .call import Arguments
from .linux import Registers
from .plan import Checked, Plan
from .space import Space


class Process:
    """What the threads of a process share beside memory: SIGILL's handler as the program set it.

    ``sigill_action`` is its struct sigaction, None where it was never set.
    """

    __slots__ = ("foreign", "pid", "sigill_action")

    def __init__(self, pid: int, sigill_action: bytes | None = None) -> None:
        self.pid = pid
        self.sigill_action = sigill_action
        self.foreign = False


class Running(NamedTuple):
    """A call whose ops the thread is running, with what the call was."""

    arguments: Arguments
    registers: ctypes.Array[ctypes.c_ulonglong]
    data: bytes
    plan: Plan
    checked: Checked
    placed: Moved | RunsOffline
    signal_mask: int
    started: float
    current: int | None


class Task:
    """A thread: its process, its memory, its slot, and the call that it is in the middle of."""

    __slots__ = (
        "fault",
        "last_data",
        "postponed",
        "process",
        "running",
        "slot",
        "space",
        "tid",
        "vfork_wait",
    )

    def __init__(self, tid: int, process: Process, space: Space) -> None:
        self.tid = tid
        self.process = process
        self.space = space
        self.slot = 0
        self.running: Running | None = None
        self.vfork_wait = False
        self.last_data = b""
        self.postponed: list[int] = []  # signals that wait until a call is over
        # What ended the call that runs: an operand refused while touching, or the op that faulted
        # (-1: the vector itself).
        self.fault: PinRefused | int | None = None
        space.users += 1


def new_registers() -> ctypes.Array[ctypes.c_ulonglong]:
    """Room for a thread's registers."""
    return Registers()
