"""What can be read without a try: versions, auxiliary vector, who has registered, what forbids it."""

from __future__ import annotations

import os
import platform
import sys

from . import native
from .answers import Facts
from .native import FAILED, UNINITIALIZED, Code

AT_RSEQ_FEATURE_SIZE, AT_RSEQ_ALIGN = 27, 28
TUNABLE = "glibc.pthread.rseq"
TUNABLES_FILE = "/etc/tunables.conf"
PR_RSEQ_SLICE_EXTENSION, GET = 79, 1
ENOSYS, ENOTSUPP = 38, 524
FLAG_SLICE = 1 << 4  # of struct rseq's flags: slices are there
LEAST = 32  # bytes: the original registration


def read_facts(code: Code) -> Facts:
    """The facts of this thread; forks a child that may lose its registration."""
    machine = code.machine
    own = native.own_area(code)
    feature = int(native.libc.getauxval(AT_RSEQ_FEATURE_SIZE))
    alignment = int(native.libc.getauxval(AT_RSEQ_ALIGN))
    sizes = possible_sizes(feature, alignment)
    has, own_size, slices = _in_child(code, sizes)
    registered = own is not None and own[0].cpu_id >= 0
    absent = "" if registered else _why_absent(own is not None, has, own)
    membarrier = native.system_call(machine.membarrier, 0, 0, 0)
    return Facts(
        release=platform.release(),
        machine=machine.name,
        cpus=len(os.sched_getaffinity(0)),
        owner="glibc" if registered else "",
        own_size=own_size,
        feature_size=feature,
        alignment=alignment,
        signature=machine.signature,
        kernel_has_rseq=has,
        absent=absent,
        tunables=tuple(_tunables()),
        slice_extension=slices,
        membarrier=membarrier > 0 and bool(membarrier & 128),
    )


def possible_sizes(feature: int, alignment: int) -> list[int]:
    """The sizes that a C library may have registered with, in bytes, the likely ones first."""
    rounded = -(-feature // alignment) * alignment if alignment else 0
    return list(dict.fromkeys(each for each in (LEAST, feature, rounded) if each >= LEAST))


def _in_child(code: Code, sizes: list[int]) -> tuple[bool, int, str]:
    """Whether the kernel registers at all, the size of the registration there is, slices."""
    counts = [code.count(index) for index in range(3)]
    for each in counts:
        each.value = 0
    child = os.fork()
    if child == 0:
        try:
            _try_registrations(code, sizes)
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    slices = ("unknown to this kernel", "not built in", "there")[counts[2].value]
    return bool(counts[0].value), counts[1].value, slices


def _try_registrations(code: Code, sizes: list[int]) -> None:
    own = native.own_area(code)
    if own is not None and own[0].cpu_id >= 0:
        code.count(1).value = native.registered_size(code.machine, own[0], sizes)
    area = native.Area(native.fresh_page())
    code.count(0).value = int(native.register(code.machine, area.address, sizes[-1]) == 0)
    answer = native.system_call(
        {"x86-64": 157, "aarch64": 167}[code.machine.name], PR_RSEQ_SLICE_EXTENSION, GET, 0, 0, 0
    )
    if area.flags & FLAG_SLICE:
        code.count(2).value = 2
    elif answer == -ENOTSUPP:
        code.count(2).value = 1


def _why_absent(glibc_has: bool, kernel_has: bool, own: tuple[native.Area, int] | None) -> str:
    """Why a program of this environment has no registration."""
    if kernel_has:
        if any(TUNABLE in each for each in _tunables()):
            return f"the tunable {TUNABLE}=0 keeps glibc from registering"
        if not glibc_has:
            return "the C library does not register (glibc does from 2.35 on)"
        word = {UNINITIALIZED: "never tried to register", FAILED: "failed to register"}
        said = word.get(own[0].cpu_id, "has not registered") if own is not None else "has not"
        return f"glibc {said} this thread, though the kernel would accept it"
    emulator = _emulator()
    if emulator:
        return f"{emulator} answers ENOSYS to the system call rseq"
    if _seccomp() == "2":
        return (
            "the system call rseq is refused here, and a seccomp filter is in force: a container's, "
            "or that of opvasm exec --no-rseq"
        )
    return "the kernel has no system call rseq (before 4.18, or built without CONFIG_RSEQ)"


def _emulator() -> str:
    """The program that runs this one, where it is one that has no rseq."""
    try:
        with open("/proc/self/comm") as file:
            comm = file.read().strip()
        with open("/proc/self/maps") as file:
            maps = file.read()
    except OSError:
        return ""
    if comm.startswith("qemu-"):
        return f"{comm} (an emulator)"
    if "/vgpreload_" in maps or "valgrind" in os.environ.get("LD_PRELOAD", ""):
        return "valgrind"
    return ""


def _seccomp() -> str:
    try:
        with open("/proc/self/status") as file:
            for line in file:
                if line.startswith("Seccomp:"):
                    return line.split()[1]
    except OSError:
        pass
    return ""


def _tunables() -> list[str]:
    """Settings of the rseq tunable, with where each stands."""
    found = [
        f"GLIBC_TUNABLES: {each}"
        for each in os.environ.get("GLIBC_TUNABLES", "").split(":")
        if each.startswith(f"{TUNABLE}=")
    ]
    try:
        with open(TUNABLES_FILE, encoding=sys.getfilesystemencoding(), errors="replace") as file:
            lines = [line.partition("#")[0].strip() for line in file]
    except OSError:
        return found
    return found + [f"{TUNABLES_FILE}: {line}" for line in lines if TUNABLE in line]
