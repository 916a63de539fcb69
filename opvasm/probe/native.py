"""The machine code in memory, rseq areas and descriptors, and system calls: through ctypes."""

from __future__ import annotations

import ctypes
import errno
import mmap
import platform
import struct
from collections.abc import Callable

from .code import DATA, MACHINES, Machine

PROT_READ_WRITE, PROT_READ_EXEC = 3, 5
MAP_SHARED, MAP_PRIVATE, MAP_FIXED, MAP_ANONYMOUS = 1, 2, 0x10, 0x20
UNREGISTER = 1
# struct rseq, in bytes from its beginning.
CPU_ID_START, CPU_ID, RSEQ_CS, FLAGS = 0, 4, 8, 16
UNINITIALIZED, FAILED = -1, -2
AREA_MAX = 1024
DESCRIPTOR = struct.Struct("<IIQQQ")
# Shared words: the first two are the code's own (native/x86_64.S), then the number of the try.
INSIDE, EVENTS, TRY, COUNTS = 0, 4, 8, 64

libc = ctypes.CDLL(None, use_errno=True)
libc.mmap.restype = ctypes.c_void_p
libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_long]
libc.mprotect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
libc.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
libc.syscall.restype = ctypes.c_long
libc.getauxval.restype = ctypes.c_ulong
libc.getauxval.argtypes = [ctypes.c_ulong]


class NotHere(Exception):
    """This host does not let the probe do its work; the message says what is missing."""


def this_machine() -> Machine:
    """The machine's row.  NotHere: there is no code for it."""
    name = platform.machine()
    if name not in MACHINES:
        known = " and ".join(MACHINES)
        raise NotHere(f"there are no sections for {name}: the probe knows {known}")
    return MACHINES[name]


def system_call(number: int, *arguments: int) -> int:
    """A system call; the result, or the negative errno."""
    words = [ctypes.c_long(each) for each in arguments]
    result = int(libc.syscall(ctypes.c_long(number), *words))
    return -ctypes.get_errno() if result == -1 else result


class Code:
    """The code, mapped, with a page of words after it that forked children share."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.size = DATA + mmap.PAGESIZE
        private, shared = MAP_PRIVATE | MAP_ANONYMOUS, MAP_SHARED | MAP_ANONYMOUS
        self.base = self._map(None, self.size, private)
        self._map(self.base + DATA, mmap.PAGESIZE, shared | MAP_FIXED)
        ctypes.memmove(self.base, machine.code, len(machine.code))
        if libc.mprotect(self.base, DATA, PROT_READ_EXEC):
            reason = errno.errorcode.get(ctypes.get_errno(), "?")
            self.close()
            raise NotHere(f"memory can't be made executable here (mprotect: {reason})")
        self.offsets = machine.offsets()
        five = [ctypes.c_void_p, ctypes.c_void_p, *[ctypes.c_long] * 3]
        self.wait = self._function("wait", ctypes.c_void_p, ctypes.c_void_p, ctypes.c_long)
        self.call = self._function("call", *five)
        self.thread_pointer = self._function("thread_pointer", result=ctypes.c_void_p)

    def close(self) -> None:
        """Give the memory back; nothing of this may be used after."""
        libc.munmap(self.base, self.size)

    def _map(self, at: int | None, size: int, flags: int) -> int:
        address = libc.mmap(at, size, PROT_READ_WRITE, flags, -1, 0)
        if address in (None, ctypes.c_void_p(-1).value):
            raise NotHere(f"no memory: {errno.errorcode.get(ctypes.get_errno(), '?')}")
        return int(address)

    def _function(
        self, label: str, *types: type, result: type = ctypes.c_long
    ) -> Callable[..., int]:
        kind = ctypes.CFUNCTYPE(result, *types)
        made: Callable[..., int] = kind(self.address(label))
        return made

    def address(self, label: str) -> int:
        """Where a label of the code is."""
        return self.base + self.offsets[label]

    def word(self, offset: int) -> ctypes.c_uint32:
        """A word of the shared page, to read and write by its ``value``."""
        return ctypes.c_uint32.from_address(self.base + DATA + offset)

    def count(self, index: int) -> ctypes.c_uint32:
        """The counter of the outcome with this number."""
        return self.word(COUNTS + 4 * index)

    def descriptor(self, of: str, version: int = 0, signed: bool = True) -> bytes:
        """struct rseq_cs of the section ``wait`` or ``call``."""
        start, end = self.address(f"{of}_start"), self.address(f"{of}_end")
        abort = self.address(f"{of}_abort" if signed else f"{of}_unsigned")
        return DESCRIPTOR.pack(version, 0, start, end - start, abort)


class Area:
    """A struct rseq, registered for the calling thread or about to be."""

    def __init__(self, address: int) -> None:
        self.address = address

    @property
    def cpu_id_start(self) -> ctypes.c_uint32:
        return ctypes.c_uint32.from_address(self.address + CPU_ID_START)

    @property
    def cpu_id(self) -> int:
        """The CPU's number, UNINITIALIZED or FAILED."""
        return ctypes.c_int32.from_address(self.address + CPU_ID).value

    @property
    def rseq_cs(self) -> ctypes.c_uint64:
        return ctypes.c_uint64.from_address(self.address + RSEQ_CS)

    @property
    def flags(self) -> int:
        """The area's flags, which say from Linux 7.0 whether slices are there."""
        return ctypes.c_uint32.from_address(self.address + FLAGS).value


def fresh_page() -> int:
    """The address of a page of zeros of this process's own."""
    flags = MAP_PRIVATE | MAP_ANONYMOUS
    return int(libc.mmap(None, mmap.PAGESIZE, PROT_READ_WRITE, flags, -1, 0))


def register(machine: Machine, area: int, size: int, flags: int = 0) -> int:
    """The system call rseq: 0 or a negative errno."""
    return system_call(machine.rseq, area, size, flags, machine.signature)


def own_area(code: Code) -> tuple[Area, int] | None:
    """The area that glibc keeps for the calling thread, and __rseq_size; None where it has none."""
    try:
        offset = ctypes.c_ssize_t.in_dll(libc, "__rseq_offset").value
        size = ctypes.c_uint.in_dll(libc, "__rseq_size").value
    except ValueError:
        return None
    return Area(code.thread_pointer() + offset), size


def registered_size(machine: Machine, area: Area, sizes: list[int]) -> int:
    """The size with which an area is registered, found by taking that back; 0: none of them.

    Only for a process that may lose its registration: a forked child.
    """
    for size in sizes:
        if register(machine, area.address, size, UNREGISTER) == 0:
            return size
    return 0
