"""What the kernel says to a program about rseq as it starts, and how to leave that out."""

from __future__ import annotations

import os
import struct

from . import linux
from .linux import RSP

_AT_NULL, _AT_RSEQ_FEATURE_SIZE, _AT_RSEQ_ALIGN = 0, 27, 28
_MOST_BYTES = 16 << 20  # arguments and environment of a program


def hide_rseq(pid: int) -> None:
    """Take AT_RSEQ_* out of the auxiliary vector of a program that has not run yet.

    A kernel without rseq does not have them there.  The program's thread stands at its exec; its
    /proc/PID/auxv still shows what the kernel remembers.  Raises OSError.
    """
    registers = linux.Registers()
    linux.get_registers(pid, registers)
    memory = os.open(f"/proc/{pid}/mem", os.O_RDWR | os.O_CLOEXEC)
    try:
        place = _after_null(memory, registers[RSP] + 8)  # after argc: the arguments
        start = _after_null(memory, place)  # after those: the environment
        kept, place = [], start
        while True:
            kind, value = struct.unpack("<QQ", os.pread(memory, 16, place))
            place += 16
            if kind not in (_AT_RSEQ_FEATURE_SIZE, _AT_RSEQ_ALIGN):
                kept.append(struct.pack("<QQ", kind, value))
            if kind == _AT_NULL:
                break
        os.pwrite(memory, b"".join(kept).ljust(place - start, b"\0"), start)
    finally:
        os.close(memory)


def _after_null(memory: int, place: int) -> int:
    """The first address after a list of pointers and its NULL."""
    end = place + _MOST_BYTES
    while place < end:
        data = os.pread(memory, 4096, place)
        for offset in range(0, len(data) // 8 * 8, 8):
            if not any(data[offset : offset + 8]):
                return place + offset + 8
        if len(data) < 8:
            break
        place += len(data) // 8 * 8
    raise OSError("the start of the program's stack can't be read")
