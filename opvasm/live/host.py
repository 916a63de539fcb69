"""What this host allows: is a program's call seen, and how; may the supervisor use real time."""

from __future__ import annotations

import os
import platform
import signal
import sys
from contextlib import suppress
from typing import NamedTuple

from ..abi.syscalls import syscall_number
from ..codes import live as codes
from ..errors import Diagnostic
from ..light_enum import Enum
from . import linux, seccomp

_ONLINE = "/sys/devices/system/cpu/online"


class Mechanism(Enum):
    """How the call reaches the supervisor."""

    ILLEGAL_INSTRUCTION = "SIGILL"
    FILTER = "seccomp"


class Host(NamedTuple):
    """What was found out before the program is started.

    ``real_time`` is the priority that sections run with, None where it is refused.
    """

    number: int
    mechanism: Mechanism
    real_time: int | None
    real_time_refusal: str


class HostCannot(Exception):
    """This host can't run the program: what is missing, and what would help."""

    host = True  # as ProgramRefused says of itself whether the host is at fault

    def __init__(self, diagnostic: Diagnostic) -> None:
        self.diagnostic = diagnostic
        super().__init__(str(diagnostic))


def cannot(message: str, help: str | None = None) -> HostCannot:
    """The exception for something that is missing here."""
    return HostCannot(Diagnostic("error", codes.HOST, message, help=help))


def not_traced(problem: OSError | None, child: int) -> HostCannot:
    """The exception for a child that this process may not trace: another tracer is there, or a policy."""
    tracer = tracer_of("self")
    if tracer:
        return cannot(
            f"a child can't be traced: this process is itself traced, by {tracer}, and so are its "
            "children; a program has one tracer at a time",
            "leave strace, gdb or the like away, or let it not follow children",
        )
    other = tracer_of(str(child))
    if other:  # gdb lets go of who forks when it follows children
        return cannot(
            f"a child can't be traced: {other} traces it, and a program has one tracer at a time",
            "leave the other tracer away, or let it not follow children (gdb: set follow-fork-mode parent)",
        )
    return cannot(
        f"a child can't be traced: {'it is already' if problem is None else problem.strerror}",
        "kernel.yama.ptrace_scope must be below 3, and a container must allow ptrace",
    )


def tracer_of(pid: str) -> str:
    """The tracer of a process, by name and number; empty without one."""
    try:
        with open(f"/proc/{pid}/status", encoding="utf-8", errors="replace") as file:
            number = next((line.split()[1] for line in file if line.startswith("TracerPid:")), "0")
        if number == "0":
            return ""
        with open(f"/proc/{number}/comm", encoding="utf-8", errors="replace") as file:
            return f"{file.read().strip()} (process {number})"
    except (OSError, IndexError):
        return ""


def probe(number: int | None) -> Host:
    """Find out how a system call of this number can be answered here.

    Raises HostCannot with what is missing: another system, no ptrace, a number that has a meaning.
    """
    machine = platform.machine()
    if sys.platform != "linux" or machine != "x86_64" or sys.maxsize < 1 << 32:
        raise cannot(
            f"programs can be run on 64-bit Linux x86-64 only; this is {sys.platform} {machine}"
        )
    if number is None:
        number = syscall_number(machine)
        assert number is not None
    _check_files()
    _check_affinity()
    mechanism = _mechanism(number)
    priority, refusal = _real_time()
    return Host(number, mechanism, priority, refusal)


def _check_files() -> None:
    """A process is looked at through /proc, and CPUs through /sys; raises HostCannot without them."""
    missing = [
        path for path in ("/proc/self/maps", "/proc/self/mem", _ONLINE) if not os.path.exists(path)
    ]
    if missing:
        raise cannot(
            f"{missing[0]} is not there, and the program is looked at through it",
            "mount /proc (mount -t proc proc /proc) and /sys",
        )


def _check_affinity() -> None:
    """A call runs on the CPU that it names; raises HostCannot where threads can't be moved."""
    try:
        os.sched_setaffinity(0, os.sched_getaffinity(0))
    except OSError as problem:
        raise cannot(
            f"a thread can't be moved to the CPU of its call: {problem.strerror}",
            "a container must allow the system call sched_setaffinity",
        ) from problem


def _mechanism(number: int) -> Mechanism:
    """Let a child make the call, with all arguments zero, and see what its tracer is told."""
    child = os.fork()
    if child == 0:
        try:
            # Not kill(getpid()): where getpid is denied, that is everybody.
            signal.raise_signal(signal.SIGSTOP)
            seccomp.install([seccomp.Rule(number, seccomp.RET_TRACE | 1)])
            os._exit(_call(number))
        except OSError as problem:
            os._exit(200 if problem.errno in (1, 13, 38, 22) else 201)
        finally:
            os._exit(202)
    try:
        return _watch(child, number)
    finally:
        with suppress(ProcessLookupError, ChildProcessError):
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, linux.WALL)


def _call(number: int) -> int:
    """Make the call; the errno, or 0."""
    try:
        linux.system_call("the probe", number, 0, 0, 0, 0)
    except OSError as problem:
        return problem.errno or 0
    return 0


def _watch(child: int, number: int) -> Mechanism:
    """Follow the probing child until it shows how its call can be seen."""
    if tracer_of(str(child)):
        raise not_traced(None, child)
    _, status = os.waitpid(child, os.WUNTRACED)
    if not os.WIFSTOPPED(status):
        # Another tracer may have passed the stop by, and let go of the child at its end.
        if tracer_of("self"):
            raise not_traced(None, child)
        raise cannot("a child can't stop itself to be traced")
    try:
        linux.seize(child, linux.OPTION_SECCOMP | linux.OPTION_EXITKILL)
    except PermissionError as problem:
        raise not_traced(problem, child) from problem
    os.kill(child, signal.SIGCONT)
    while True:
        _, status = os.waitpid(child, linux.WALL)
        if os.WIFEXITED(status):
            answer = os.WEXITSTATUS(status)
            if answer == 200:
                raise cannot(
                    "a seccomp filter can't be installed, and the filter is what shows the calls",
                    "a container must allow the system call seccomp (or prctl PR_SET_SECCOMP)",
                )
            raise cannot(
                f"system call {number} means something else to this kernel: it answers "
                f"{os.strerror(answer) if answer else 'success'} and neither stops for a filter "
                "nor raises SIGILL",
                "build the program with another number (-D__NR_cpu_opv=1335) and pass "
                "--syscall-nr 1335",
            )
        if os.WIFSIGNALED(status):
            raise cannot(f"the probe was killed by signal {os.WTERMSIG(status)}")
        stop, event = status >> 8 & 0xFF, status >> 16
        if event == linux.EVENT_SECCOMP:
            return Mechanism.FILTER
        if event == 0 and stop == signal.SIGILL:
            return Mechanism.ILLEGAL_INSTRUCTION
        if event:
            linux.ptrace(linux.PTRACE_CONT, child)
        else:
            linux.ptrace(linux.PTRACE_CONT, child, 0, 0 if stop == signal.SIGCONT else stop)


def _real_time() -> tuple[int | None, str]:
    """Whether this process may give threads a real-time priority; tried, then undone."""
    before = os.sched_getscheduler(0)
    parameters = os.sched_getparam(0)
    try:
        os.sched_setscheduler(0, linux.SCHED_FIFO | linux.SCHED_RESET_ON_FORK, os.sched_param(1))
    except PermissionError:
        return None, "SCHED_FIFO needs CAP_SYS_NICE or a limit RLIMIT_RTPRIO of at least 1"
    except OSError as problem:
        return None, f"SCHED_FIFO is refused: {problem.strerror}"
    with suppress(PermissionError):  # the reset-on-fork flag may be there to stay: it is harmless
        os.sched_setscheduler(0, before, parameters)
    return 1, ""
