"""The system calls that Python does not offer, through libc (Linux x86-64).

Numbers and layouts are those of the kernel's uapi headers.  Every function raises OSError with the
kernel's errno; ProcessLookupError means that the thread is gone, which can happen at any time.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import struct
from collections.abc import Iterable
from typing import NamedTuple

SYS_MMAP = 9
SYS_RT_SIGACTION = 13
SYS_PRCTL = 157
SYS_KCMP = 312
SYS_TGKILL = 234
SYS_SECCOMP = 317
SYS_RSEQ = 334

PTRACE_PEEKUSER = 3
PTRACE_POKEUSER = 6
PTRACE_CONT = 7
PTRACE_SINGLESTEP = 9
PTRACE_GETREGS = 12
PTRACE_SETREGS = 13
PTRACE_DETACH = 17
PTRACE_GETSIGINFO = 0x4202
PTRACE_SEIZE = 0x4206
PTRACE_INTERRUPT = 0x4207
PTRACE_LISTEN = 0x4208
PTRACE_GETSIGMASK = 0x420A
PTRACE_SETSIGMASK = 0x420B
PTRACE_GET_RSEQ_CONFIGURATION = 0x420F

OPTION_FORK = 1 << 1
OPTION_VFORK = 1 << 2
OPTION_CLONE = 1 << 3
OPTION_EXEC = 1 << 4
OPTION_VFORK_DONE = 1 << 5
OPTION_EXIT = 1 << 6
OPTION_SECCOMP = 1 << 7
OPTION_EXITKILL = 1 << 20

EVENT_FORK = 1
EVENT_VFORK = 2
EVENT_CLONE = 3
EVENT_EXEC = 4
EVENT_VFORK_DONE = 5
EVENT_EXIT = 6
EVENT_SECCOMP = 7
EVENT_STOP = 128

WALL = 0x4000_0000  # waitpid: threads too
KCMP_VM = 1
SCHED_OTHER = 0
SCHED_FIFO = 1
SCHED_RR = 2
SCHED_DEADLINE = 6
SCHED_RESET_ON_FORK = 0x4000_0000
PR_SET_NO_NEW_PRIVS = 38
PR_SET_SECCOMP = 22
PR_SET_DUMPABLE = 4
SIG_BLOCK, SIG_UNBLOCK, SIG_SETMASK = 0, 1, 2

# struct user_regs_struct: 27 words in this order.
REGISTERS = (
    *("r15", "r14", "r13", "r12", "rbp", "rbx", "r11", "r10", "r9", "r8"),
    *("rax", "rcx", "rdx", "rsi", "rdi", "orig_rax", "rip", "cs", "eflags", "rsp", "ss"),
    *("fs_base", "gs_base", "ds", "es", "fs", "gs"),
)
R10, R9, R8, RAX, RCX, RDX, RSI, RDI = 7, 8, 9, 10, 11, 12, 13, 14
R12, RBX, ORIG_RAX, RIP, CS, EFLAGS, RSP, FS_BASE = 3, 5, 15, 16, 17, 18, 19, 21
Registers = ctypes.c_ulonglong * len(REGISTERS)
RegisterValues = ctypes.Array[ctypes.c_ulonglong]
CS_64_BIT = 0x33
NO_SYSTEM_CALL = 0xFFFF_FFFF_FFFF_FFFF  # orig_rax: nothing to restart

_libc = ctypes.CDLL(None, use_errno=True)
_ptrace = _libc.ptrace
_ptrace.argtypes = (ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p)
_ptrace.restype = ctypes.c_long
_syscall = _libc.syscall
_syscall.restype = ctypes.c_long
_get_errno = ctypes.get_errno
_address = ctypes.addressof


def error(what: str) -> OSError:
    """The OSError of the last call, in words that name what was tried."""
    number = _get_errno()
    return OSError(number, f"{what}: {os.strerror(number)}")


def ptrace(request: int, tid: int, address: int = 0, data: int = 0) -> int:
    """ptrace(2) with plain numbers; raises OSError."""
    result: int = _ptrace(request, tid, address, data)
    if result == -1:
        raise error(f"ptrace request {request:#x} on thread {tid}")
    return result


def get_registers(tid: int, registers: RegisterValues) -> None:
    """Fill in the registers of a stopped thread."""
    if _ptrace(PTRACE_GETREGS, tid, None, _address(registers)):
        raise error(f"reading the registers of thread {tid}")


def copy_registers(registers: RegisterValues) -> RegisterValues:
    """The same values, independent of these."""
    return Registers.from_buffer_copy(registers)


def set_registers(tid: int, registers: RegisterValues) -> None:
    """Set the registers of a stopped thread."""
    if _ptrace(PTRACE_SETREGS, tid, None, _address(registers)):
        raise error(f"setting the registers of thread {tid}")


def go_on(tid: int, signal_number: int = 0) -> None:
    """Let a stopped thread run, with a signal delivered first where one is given."""
    if _ptrace(PTRACE_CONT, tid, None, signal_number):
        raise error(f"continuing thread {tid}")


class SignalInfo(NamedTuple):
    """The start of siginfo_t: signal, code (positive: raised by the kernel), address or sender.

    ``data`` is the number that a perf event was opened with (sig_data).
    """

    signal: int
    code: int
    address: int
    data: int


def signal_info(tid: int) -> SignalInfo:
    """Why a thread is about to get a signal."""
    info = ctypes.create_string_buffer(128)
    ptrace(PTRACE_GETSIGINFO, tid, 0, ctypes.addressof(info))
    signal, _, code, address, data = struct.unpack_from("<iiixxxxQQ", info.raw)
    return SignalInfo(signal, code, address, data)


_info = ctypes.create_string_buffer(128)
_info_address = ctypes.addressof(_info)
_info_code = ctypes.c_int.from_buffer(_info, 8)


def raised_by_kernel(tid: int) -> bool:
    """Whether the signal that a thread is about to get was raised, not sent."""
    if _ptrace(PTRACE_GETSIGINFO, tid, None, _info_address):
        raise error(f"asking for the signal of thread {tid}")
    return _info_code.value > 0


_mask = ctypes.c_ulonglong()
_mask_address = ctypes.addressof(_mask)


def get_signal_mask(tid: int) -> int:
    """The blocked signals of a stopped thread, bit 0 for signal 1."""
    if _ptrace(PTRACE_GETSIGMASK, tid, 8, _mask_address):
        raise error(f"reading the signal mask of thread {tid}")
    return _mask.value


def set_signal_mask(tid: int, mask: int) -> None:
    """Block exactly these signals in a stopped thread."""
    _mask.value = mask
    if _ptrace(PTRACE_SETSIGMASK, tid, 8, _mask_address):
        raise error(f"setting the signal mask of thread {tid}")


def force_write(pid: int, address: int, data: bytes) -> None:
    """Write to the memory of a stopped process even where its mapping is not writable (code)."""
    descriptor = os.open(f"/proc/{pid}/mem", os.O_RDWR | os.O_CLOEXEC)
    try:
        if os.pwrite(descriptor, data, address) != len(data):
            raise OSError(errno.EFAULT, f"{len(data)} bytes at {address:#x} of process {pid}")
    finally:
        os.close(descriptor)


def same_address_space(first: int, second: int) -> bool | None:
    """Whether two processes share their memory; None where the kernel does not say (no kcmp)."""
    result: int = _syscall(SYS_KCMP, first, second, KCMP_VM, 0, 0)
    return None if result < 0 else result == 0


def seize(tid: int, options: int) -> None:
    """Become the tracer of a process without stopping it."""
    ptrace(PTRACE_SEIZE, tid, 0, options)


# PROCMAP_QUERY: _IOWR('f', 17, struct procmap_query), 104 bytes (Linux 6.11).
_PROCMAP_QUERY = 0xC068_6611
_QUERY_COVERING_OR_NEXT = 0x10
_VMA_READABLE, _VMA_WRITABLE, _VMA_EXECUTABLE, _VMA_SHARED = 1, 2, 4, 8


class Mapping(NamedTuple):
    """A mapping of a process: addresses ``start`` up to, not including, ``end``, and what it is.

    ``anonymous`` is private memory that no file stands behind.
    """

    start: int
    end: int
    readable: bool
    writable: bool
    anonymous: bool
    name: str


def query_mapping(maps: int, address: int) -> Mapping | None:
    """The mapping that holds an address, asked of an open /proc/PID/maps; None where nothing is.

    Raises OSError with ENOTTY where the kernel has no PROCMAP_QUERY.
    """
    name = ctypes.create_string_buffer(256)
    query = bytearray(104)
    struct.pack_into("<QQQ", query, 0, 104, 0, address)
    struct.pack_into("<IIQQ", query, 80, 256, 0, ctypes.addressof(name), 0)
    try:
        fcntl.ioctl(maps, _PROCMAP_QUERY, query)
    except OSError as problem:
        if problem.errno == errno.ENOENT:
            return None
        raise
    start, end, flags = struct.unpack_from("<QQQ", query, 24)
    inode = struct.unpack_from("<Q", query, 64)[0]
    return Mapping(
        start,
        end,
        bool(flags & _VMA_READABLE),
        bool(flags & _VMA_WRITABLE),
        inode == 0 and not flags & _VMA_SHARED,
        name.value.decode(errors="surrogateescape"),
    )


def parse_maps(text: str) -> Iterable[Mapping]:
    """The mappings of /proc/PID/maps, for kernels without PROCMAP_QUERY."""
    for line in text.splitlines():
        fields = line.split(maxsplit=5)
        start, end = (int(each, 16) for each in fields[0].split("-"))
        yield Mapping(
            start,
            end,
            fields[1][0] == "r",
            fields[1][1] == "w",
            fields[4] == "0" and fields[1][3] == "p",
            fields[5] if len(fields) > 5 else "",
        )


# PAGEMAP_SCAN: _IOWR('f', 16, struct pm_scan_arg), 96 bytes (Linux 6.7).
_PAGEMAP_SCAN = 0xC060_6610
_PAGE_PRESENT, _PAGE_SWAPPED, _PAGE_ZERO = 1 << 3, 1 << 4, 1 << 5


class PageState(NamedTuple):
    """Whether a page is there: ``present``, in ``swap``, or the shared ``zero`` page."""

    present: bool
    swapped: bool
    zero: bool


def page_state(pagemap: int, page: int, size: int) -> PageState:
    """The state of the page at an address, asked of an open /proc/PID/pagemap."""
    region = (ctypes.c_ulonglong * 3)()
    wanted = _PAGE_PRESENT | _PAGE_SWAPPED | _PAGE_ZERO
    scan = bytearray(96)
    struct.pack_into(
        "<12Q",
        scan,
        0,
        *(96, 0, page, page + size, 0, ctypes.addressof(region), 1, 0),
        *(0, 0, wanted, wanted),
    )
    try:
        found = fcntl.ioctl(pagemap, _PAGEMAP_SCAN, scan)
    except OSError as problem:
        if problem.errno not in (errno.ENOTTY, errno.EINVAL):
            raise
        entry = struct.unpack("<Q", os.pread(pagemap, 8, page // size * 8))[0]
        return PageState(bool(entry >> 63), bool(entry >> 62 & 1), False)
    categories = region[2] if found else 0
    return PageState(
        bool(categories & _PAGE_PRESENT),
        bool(categories & _PAGE_SWAPPED),
        bool(categories & _PAGE_ZERO),
    )


def system_call(what: str, number: int, *arguments: int) -> int:
    """A system call by its number; raises OSError that names it."""
    result: int = _syscall(ctypes.c_long(number), *(ctypes.c_long(each) for each in arguments))
    if result == -1:
        raise error(what)
    return result


def send_signal(pid: int, tid: int, number: int) -> None:
    """tgkill(2): a signal for one thread; raises OSError."""
    system_call(f"sending signal {number} to thread {tid}", SYS_TGKILL, pid, tid, number)


def prctl(option: int, value: int) -> None:
    """prctl(2); raises OSError."""
    system_call(f"prctl {option}", SYS_PRCTL, option, value, 0, 0, 0)


class FileMapping(NamedTuple):
    """A mapping with its place in its file: addresses, offset in bytes, path (or ``[heap]``, …)."""

    start: int
    end: int
    offset: int
    path: str


def parse_file_mappings(text: str) -> Iterable[FileMapping]:
    """The mappings of /proc/PID/maps with their places in their files."""
    for line in text.splitlines():
        fields = line.split(maxsplit=5)
        start, end = (int(each, 16) for each in fields[0].split("-"))
        yield FileMapping(start, end, int(fields[2], 16), fields[5] if len(fields) > 5 else "")
