"""Hardware breakpoint counters (perf events): stop a thread every Nth time at an address."""

from __future__ import annotations

import ctypes
import fcntl
import os
import struct

from . import linux

BREAKPOINTS_MAX = 4  # debug registers of x86-64
_SYS_PERF_EVENT_OPEN = 298
_MODIFY_ATTRIBUTES = 0x4008_240B  # PERF_EVENT_IOC_MODIFY_ATTRIBUTES
_ATTRIBUTE_BYTES = 136
# inherit 1, exclude_kernel 5, exclude_hv 6, remove_on_exec 36, sigtrap 37
_FLAGS = 1 << 1 | 1 << 5 | 1 << 6 | 1 << 36 | 1 << 37


class CannotCount(Exception):
    """The kernel gives no hardware breakpoint counter."""


class Breakpoint:
    """Counts how often a thread, and all those that it creates, come to an address.

    Every ``period``th time raises SIGTRAP (TRAP_PERF) at that very place.  Raises CannotCount.
    """

    def __init__(self, tid: int, address: int, period: int) -> None:
        self.address = address
        self._period = period
        self._seen = 0
        buffer = self._attributes()
        try:
            self._event = linux.system_call(
                "counting the entries of a section",
                *(_SYS_PERF_EVENT_OPEN, ctypes.addressof(buffer), tid, -1, -1, 8),
            )
        except OSError as problem:
            raise CannotCount(problem.strerror) from problem

    def _attributes(self) -> ctypes.Array[ctypes.c_char]:
        attributes = bytearray(_ATTRIBUTE_BYTES)
        struct.pack_into(
            "<IIQQQQQ", attributes, 0, 5, len(attributes), 0, self._period, 0, 0, _FLAGS
        )
        struct.pack_into("<IQQ", attributes, 52, 4, self.address, 8)  # bp_type: execution; bp_len
        struct.pack_into("<Q", attributes, 120, self.address)  # sig_data
        return ctypes.create_string_buffer(bytes(attributes), len(attributes))

    def move(self, address: int) -> bool:
        """Watch another address from now on; whether the kernel did so."""
        before, self.address = self.address, address
        try:
            fcntl.ioctl(self._event, _MODIFY_ATTRIBUTES, self._pointer())
        except OSError:
            self.address = before
            return False
        return True

    def _pointer(self) -> bytes:
        return bytes(self._attributes().raw)

    def new_counts(self) -> int:
        """How often it was come to since this was asked last."""
        total: int = struct.unpack("<Q", os.read(self._event, 8))[0]
        new, self._seen = total - self._seen, total
        return new

    def close(self) -> None:
        """Count no more."""
        os.close(self._event)
