"""A thread's way through the stub: filling its slot, sending it in, reading what came of it."""

from __future__ import annotations

import os
import signal
import struct
from errno import EFAULT
from typing import NamedTuple

from ..abi.layout import OP_BYTES
from ..abi.ops import Effect
from ..abi.pages import PageKind
from ..interpreter.events import PinRefused
from ..interpreter.pages import Demand, Denial, refused
from . import linux, stub
from .call import Arguments
from .linux import ORIG_RAX, R12, RAX, RIP, RegisterValues
from .task import VECTOR_FAULT, Running, Task

# The number of the stub's report; the kernel answers ENOSYS to it when no supervisor is left.
REPORT_NUMBER = 0x0F70_7661
# Raised by the kernel for what the thread itself does: blocking these would lose their handlers.
_SYNCHRONOUS = (signal.SIGSEGV, signal.SIGBUS, signal.SIGTRAP)
_MASK_IN_STUB = (1 << 64) - 1 & ~sum(1 << each - 1 for each in _SYNCHRONOUS)
_REGISTER_BYTES = 27 * 8
_USAGE_COUNTS = struct.Struct("<qq")
_WORD = struct.Struct("<Q")
_USAGE_COUNTS_OFFSET = 128  # ru_nvcsw, ru_nivcsw in struct rusage
# What is written to a slot, made in one place so that a call costs no allocation.
_slot = memoryview(bytearray(stub.RECORD))


def point_at_stub(
    task: Task, running: Running, flags: int, policy: int, affinity: bytes, chunk: int
) -> None:
    """Make a stopped thread run a call's ops when it goes on.

    ``policy`` and ``affinity`` are put back by the stub where the flags say so; ``chunk`` is the
    most bytes that a copy moves at once.  From here on the thread puts everything back by itself,
    even if the supervisor is killed before the next line.
    """
    pending, checked = running.pending, running.checked
    native = checked.native
    touches = _vector_touches(running) + checked.touches
    registers = pending.registers
    stub.HEADER.pack_into(
        _slot,
        0,
        *(0, flags, 0, len(touches) // 8, native.size, REPORT_NUMBER, policy, 0),
        *(len(affinity), running.signal_mask, chunk, native.record_pages),
    )
    _slot[stub.REGISTERS : stub.REGISTERS + _REGISTER_BYTES] = bytes(registers)
    _slot[stub.MASK : stub.MASK + len(affinity)] = affinity
    _slot[stub.OPS : stub.OPS + len(native.descriptors)] = native.descriptors
    end = stub.TOUCHES + len(touches)
    _slot[stub.TOUCHES : end] = touches
    os.pwrite(task.space.memory, _slot[:end], task.slot + stub.CODE_SIZE)
    before = registers[RIP]
    registers[RIP] = task.slot + stub.ENTER
    linux.set_registers(task.tid, registers)
    registers[RIP] = before
    linux.set_signal_mask(task.tid, _MASK_IN_STUB)


def _vector_touches(running: Running) -> bytes:
    """The pages of the vector itself, which a mapping changed since it was read may deny."""
    return vector_pages(running.pending.arguments, running.plan.page_size)


def vector_pages(arguments: Arguments, page_size: int) -> bytes:
    """The addresses of the pages that hold a vector, as the stub touches them."""
    start, length = arguments.vector, arguments.cpuopcnt * OP_BYTES
    if not length:
        return b""
    first, last = start & -page_size, (start + length - 1) & -page_size
    return _WORD.pack(first) if first == last else _WORD.pack(first) + _WORD.pack(last)


def is_inside(task: Task, registers: RegisterValues) -> bool:
    """Whether a thread with these registers stands in its slot's code."""
    return bool(task.slot and task.slot <= registers[RIP] < task.slot + stub.CODE_SIZE)


def phase(task: Task) -> int:
    """How far the stub has come."""
    data = os.pread(task.space.memory, 8, task.slot + stub.CODE_SIZE + stub.PHASE)
    return int.from_bytes(data, "little")


def last_result(task: Task) -> int:
    """The result of the last call that the thread ran in its slot."""
    data = os.pread(task.space.memory, 8, task.slot + stub.CODE_SIZE + stub.RESULT)
    return int.from_bytes(data, "little", signed=True)


class Refusal(NamedTuple):
    """The compare that stopped a thread's last call: its length in bytes, its two addresses, whether
    it stops a call when the two are the same, and the bytes that it met."""

    length: int
    a: int
    b: int
    when_same: bool
    met_a: bytes
    met_b: bytes


def last_refusal(task: Task, native: stub.NativeOps) -> Refusal | None:
    """The compare that stopped the thread's last call, which was of these ops; None: none did."""
    index = last_result(task) - 1
    if not 0 <= index < native.size:
        return None
    kind, length, a, b = stub.compare_at(native, index)
    base, (first, second) = task.slot + stub.CODE_SIZE, native.recorded[index]
    met = os.pread(task.space.memory, second - first + length, base + first)
    same = kind == stub.KINDS[Effect.COMPARE_DIFFERENT]
    return Refusal(length, a, b, same, met[:length], met[second - first :])


def finish_for(task: Task) -> None:
    """Do the last steps of the stub for a thread that a signal met there.

    A handler must not run on top of a slot that its own calls would use again.
    """
    base = task.slot + stub.CODE_SIZE
    header = stub.HEADER.unpack(os.pread(task.space.memory, stub.HEADER.size, base))
    data = os.pread(task.space.memory, _REGISTER_BYTES, base + stub.REGISTERS)
    saved = linux.Registers.from_buffer_copy(data)
    saved[RAX] = header[0] & 0xFFFF_FFFF_FFFF_FFFF
    saved[ORIG_RAX] = linux.NO_SYSTEM_CALL
    linux.set_registers(task.tid, saved)
    linux.set_signal_mask(task.tid, header[9])


def end_after_fault(task: Task, running: Running, registers: RegisterValues) -> bool:
    """Memory went away after it was checked: send the thread to the stub's end with the answer.

    While touching, no op has run: the operand's own answer.  Later, EFAULT with what was done.
    False when the fault is not of the stub's accesses.
    """
    base, reached = task.slot + stub.CODE_SIZE, phase(task)
    task.space.forget()
    result = -EFAULT
    if reached == stub.PHASE_TOUCHING:
        # The vector's own pages come first.
        index = registers[R12] - len(_vector_touches(running)) // 8
        owners = running.checked.owners or running.plan.owners()
        if index < 0:
            task.fault = VECTOR_FAULT
        elif index < len(owners):
            task.fault = _touch_refused(owners[index])
            result = -task.fault.errno
    elif reached == stub.PHASE_RUNNING:
        task.fault = registers[R12]
    else:
        return False
    os.pwrite(task.space.memory, struct.pack("<q", result), base + stub.RESULT)
    registers[RIP] = task.slot + stub.FINISH
    linux.set_registers(task.tid, registers)
    linux.go_on(task.tid)
    return True


def read_back(task: Task, size: int) -> bytes:
    """The first bytes of a slot's data."""
    return os.pread(task.space.memory, size, task.slot + stub.CODE_SIZE)


def result_of(data: bytes) -> int:
    """The result in a slot's data."""
    return int.from_bytes(data[stub.RESULT : stub.RESULT + 8], "little", signed=True)


def switches_of(data: bytes) -> tuple[int, int]:
    """How often the thread was switched out during its ops, to wait and for another."""
    before = _USAGE_COUNTS.unpack_from(data, stub.USAGE_BEFORE + _USAGE_COUNTS_OFFSET)
    after = _USAGE_COUNTS.unpack_from(data, stub.USAGE_AFTER + _USAGE_COUNTS_OFFSET)
    return after[0] - before[0], after[1] - before[1]


def _touch_refused(demand: Demand) -> PinRefused:
    """The outcome of an operand whose memory went away between its check and its use."""
    reason = "the page went away after it was checked"
    return refused(demand, Denial(demand.address, PageKind.UNMAPPED, reason))
