"""A thread of the program, and what it is in the middle of."""

from __future__ import annotations

import struct
from typing import NamedTuple

from ..interpreter.events import Moved, PinRefused, RunsOffline
from . import linux
from .call import Arguments
from .linux import R10, RDX, RegisterValues
from .plan import Checked, Plan
from .space import Space

IGNORED = 1  # SIG_IGN as a handler
VECTOR_FAULT = -1  # in place of an op: the vector itself
# The registers of the arguments: r10, rdx and rsi as signed 32-bit numbers, rdi after them.
_ARGUMENTS = struct.Struct(f"<{8 * R10}xi{8 * (RDX - R10) - 4}xi4xi4xQ")


class Process:
    """What the threads of a process share beside memory: SIGILL's handler as the program set it.

    ``sigill_action`` is its struct sigaction, None where it was never set.
    """

    __slots__ = ("pid", "sigill_action")

    def __init__(self, pid: int, sigill_action: bytes | None = None) -> None:
        self.pid = pid
        self.sigill_action = sigill_action


class Pending(NamedTuple):
    """A call that waits for its answer: the caller stands still with these registers."""

    task: Task
    registers: RegisterValues
    arguments: Arguments
    started: float


class Running(NamedTuple):
    """A call whose ops the thread is running, with what the call was."""

    pending: Pending
    data: bytes
    plan: Plan
    checked: Checked
    placed: Moved | RunsOffline
    signal_mask: int
    current: int | None

    @property
    def cpu(self) -> int:
        """The CPU that the ops run on."""
        placed = self.placed
        return placed.target if isinstance(placed, Moved) else placed.current


class Task:
    """A thread: its process, its memory, its slot, and the call that it is in the middle of.

    ``last_data`` is the last vector it called with; ``postponed`` are signals that wait until a call
    is over; ``reports`` says that it will stop once more after the ops; ``fault`` is what ended the call that runs: an operand refused while touching, or the
    op that faulted (VECTOR_FAULT: the vector itself).
    """

    __slots__ = (
        *("fault", "last_data", "postponed", "process", "reports", "running", "slot", "space"),
        *("tid", "vfork_wait"),
    )

    def __init__(self, tid: int, process: Process, space: Space) -> None:
        self.tid = tid
        self.process = process
        self.space = space
        self.slot = 0
        self.running: Running | None = None
        self.reports = False
        self.vfork_wait = False
        self.last_data = b""
        self.postponed: list[int] = []
        self.fault: PinRefused | int | None = None
        space.users += 1


def pending_call(task: Task, registers: RegisterValues, started: float) -> Pending:
    """The call that a stopped thread makes."""
    own = linux.copy_registers(registers)
    own[linux.ORIG_RAX] = linux.NO_SYSTEM_CALL
    flags, cpu, cpuopcnt, vector = _ARGUMENTS.unpack_from(own)
    return Pending(task, own, Arguments(vector, cpuopcnt, cpu, flags), started)
