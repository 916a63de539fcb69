"""System calls that a stopped thread makes for us: memory for its slot, a handler put back."""

from __future__ import annotations

import os
import signal
import struct

from . import linux, stub
from .linux import EFLAGS, ORIG_RAX, R8, R9, R10, RAX, RDI, RDX, RIP, RSI, RegisterValues
from .space import CHUNK_SIZE
from .task import IGNORED, Task

_SYSCALL_INSTRUCTION = b"\x0f\x05"
_ALL_SIGNALS = (1 << 64) - 1
_TRAP_FLAG = 0x100
_SIGILL_BIT = 1 << signal.SIGILL - 1
_FILLED_MASK = sum(
    1 << each - 1 for each in (signal.SIGSEGV, signal.SIGBUS, signal.SIGFPE, signal.SIGTRAP)
)
# mmap(NULL, size, read | write | execute, private | anonymous | no reserve, -1, 0)
_MMAP_ARGUMENTS = (0, CHUNK_SIZE, 7, 0x4022, _ALL_SIGNALS, 0)


class EndedMeanwhile(ProcessLookupError):
    """The thread ended while it was waited for; ``status`` says how."""

    def __init__(self, tid: int, status: int) -> None:
        super().__init__(f"thread {tid} is gone")
        self.tid = tid
        self.status = status


def inject(
    task: Task, registers: RegisterValues, number: int, arguments: tuple[int, ...]
) -> int | None:
    """Let a thread that stands at its own call make another one; the answer.

    ``registers`` are the thread's and are put back.  None when it can't be done.  Raises
    EndedMeanwhile.
    """
    tid, after = task.tid, registers[RIP]
    if os.pread(task.space.memory, 2, after - 2) != _SYSCALL_INSTRUCTION:
        return None
    mask = linux.get_signal_mask(tid)
    linux.set_signal_mask(tid, _ALL_SIGNALS)
    changed = linux.copy_registers(registers)
    changed[RAX], changed[ORIG_RAX] = number, linux.NO_SYSTEM_CALL
    changed[RIP] = after - 2
    changed[EFLAGS] &= ~_TRAP_FLAG
    for register, value in zip((RDI, RSI, RDX, R10, R8, R9), arguments, strict=False):
        changed[register] = value
    linux.set_registers(tid, changed)
    for _ in range(4):
        linux.ptrace(linux.PTRACE_SINGLESTEP, tid)
        _, status = os.waitpid(tid, linux.WALL)
        if not os.WIFSTOPPED(status):
            raise EndedMeanwhile(tid, status)
        if status >> 16 == linux.EVENT_EXIT:
            linux.go_on(tid)
            raise ProcessLookupError(f"thread {tid} is ending")
        if status >> 16:
            continue  # our own filter stops for some of them
        linux.get_registers(tid, changed)
        if changed[RIP] == after:
            break
    result = changed[RAX]
    linux.set_signal_mask(tid, mask)
    linux.set_registers(tid, registers)
    return int(result - (1 << 64) if result >> 63 else result)


def take_slot(task: Task, registers: RegisterValues) -> bool:
    """Give a thread a slot, mapping more of them into its memory where none is free."""
    if task.slot:
        return True
    space = task.space
    space.open()
    if not space.free_slots:
        address = inject(task, registers, linux.SYS_MMAP, _MMAP_ARGUMENTS)
        if address is None or address < 0:
            return False
        space.add_chunk(address)
    task.slot = space.free_slots.pop()
    os.pwrite(space.memory, bytes(stub.INTERRUPTIONS.size), task.slot + stub.INTERRUPTIONS_OFFSET)
    return True


def mask_before_sigill(task: Task, registers: RegisterValues, mask: int) -> int:
    """Undo what the kernel did to deliver SIGILL: the mask that the thread had, with its handler.

    The kernel unblocks a blocked signal that it must deliver, and forgets a handler that it could
    not run.  A thread that blocks one signal of this kind blocks them all.
    """
    blocked = mask & _FILLED_MASK == _FILLED_MASK
    action = task.process.sigill_action
    if action is not None:
        handler = struct.unpack_from("<Q", action)[0]
        if handler and (blocked or handler == IGNORED) and take_slot(task, registers):
            address = task.slot + stub.CODE_SIZE + stub.MASK
            os.pwrite(task.space.memory, action, address)
            inject(task, registers, linux.SYS_RT_SIGACTION, (signal.SIGILL, address, 0, 8))
    return mask | _SIGILL_BIT if blocked else mask
