"""Start a program under supervision, and what happens around it: signals, priorities, its end."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import stat
from collections.abc import Callable, Collection, Sequence
from typing import NamedTuple

from ..codes import live as codes
from ..errors import Diagnostic
from ..light_enum import Enum
from . import linux, seccomp
from .auxiliary import hide_rseq
from .call import Call
from .elf import foreign_program, rival
from .host import HostCannot, Mechanism, not_traced
from .settings import Settings
from .stubrun import REPORT_NUMBER
from .supervisor import Supervisor

_ENOSYS = 38
_OWN_SIGNALS = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGQUIT)
_OPTIONS = (
    linux.OPTION_FORK
    | linux.OPTION_VFORK
    | linux.OPTION_CLONE
    | linux.OPTION_EXEC
    | linux.OPTION_VFORK_DONE
    | linux.OPTION_EXIT
    | linux.OPTION_SECCOMP
)


class ProgramRefused(Exception):
    """The program can't be run: not found, not executable, set-uid, or of another machine."""

    def __init__(self, message: str, help: str | None = None, host: bool = False) -> None:
        self.diagnostic = Diagnostic("error", codes.PROGRAM, message, help=help)
        self.host = host
        super().__init__(message)


class Streams(Enum):
    """What a program shares with us: everything; the terminal, as a process group of its own, so
    that the terminal can be given to one of us at a time; all but standard input, which is ours;
    nothing."""

    SHARED = "shared"
    OWN_GROUP = "own group"
    NO_INPUT = "no input"
    QUIET = "quiet"


class Ended(NamedTuple):
    """How the program ended: its exit code, or the signal that killed it."""

    code: int
    signal: int


class Run(NamedTuple):
    """A program's run: its end, its calls, and how often their ops were interrupted.

    ``signals`` are those that reached this process meanwhile to end the program.
    """

    ended: Ended
    calls: int
    interruptions: int
    signals: tuple[int, ...]


def find_program(name: str) -> str:
    """The path of a program as the shell would find it; raises ProgramRefused."""
    path = shutil.which(name)
    if path is None:
        what = "is not executable" if os.path.exists(name) and "/" in name else "was not found"
        raise ProgramRefused(f"{name} {what}")
    status = os.stat(path)
    if status.st_mode & (stat.S_ISUID | stat.S_ISGID):
        raise ProgramRefused(
            f"{path} is set-uid or set-gid",
            "a program with more rights than its caller is never run under supervision",
        )
    try:
        os.getxattr(path, "security.capability")
    except OSError:
        pass
    else:
        raise ProgramRefused(
            f"{path} has file capabilities",
            "a program with more rights than its caller is never run under supervision",
        )
    problem = foreign_program(path)
    if problem:
        raise ProgramRefused(
            f"{path} is {problem}; only calls of 64-bit x86-64 programs can be answered",
            host=True,
        )
    return path


def keep_standard_streams() -> None:
    """Take the numbers of closed standard streams, so that nothing of ours becomes the program's.

    What takes them is closed when the program begins: there they are closed as they were.
    """
    while True:
        taken = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
        if taken > 2:
            os.close(taken)
            return


def rules(settings: Settings, no_rseq: bool) -> list[seccomp.Rule]:
    """What the program's filter stops for, or refuses."""
    found = [seccomp.Rule(REPORT_NUMBER, seccomp.RET_TRACE)]
    if settings.host.mechanism is Mechanism.FILTER:
        found.append(seccomp.Rule(settings.host.number, seccomp.RET_TRACE))
    else:
        found.append(seccomp.Rule(linux.SYS_RT_SIGACTION, seccomp.RET_TRACE, signal.SIGILL))
    if no_rseq:
        found.append(seccomp.Rule(linux.SYS_RSEQ, seccomp.RET_ERRNO | _ENOSYS))
    return found


def start(
    path: str,
    arguments: Sequence[str],
    filter_rules: Sequence[seccomp.Rule],
    options: int,
    ignored: Collection[signal.Signals] = (),
    streams: Streams = Streams.SHARED,
) -> int:
    """Start a program that this process traces; its process id.

    Its signals are as this process found them, with those in ``ignored`` ignored.  Raises
    ProgramRefused when it can't be executed and HostCannot when it can't be traced or filtered.
    """
    go_read, go_write = os.pipe()
    told_read, told_write = os.pipe()
    child = os.fork()
    if child == 0:
        _become(path, arguments, filter_rules, ignored, streams, go_read, told_write)
    os.close(go_read)
    os.close(told_write)
    try:
        linux.seize(child, options)
        os.write(go_write, b"g")
    except OSError as problem:
        refused = not_traced(problem, child)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(told_read)
        raise refused from problem
    finally:
        os.close(go_write)
    while True:
        # The filter and exec may stop the child before it says that all is well.
        pid, status = os.waitpid(child, linux.WALL)
        if not os.WIFSTOPPED(status):
            with os.fdopen(told_read, "rb") as told:
                words = told.read().decode(errors="replace")
            if words.startswith("filter "):
                message = f"a seccomp filter can't be installed: {words[7:]}"
                raise HostCannot(Diagnostic("error", codes.HOST, message))
            raise ProgramRefused(f"{path} can't be executed: {words or 'it was killed'}")
        if status >> 16 == linux.EVENT_EXEC:
            os.close(told_read)
            return child
        signal_number = 0 if status >> 16 else status >> 8 & 0xFF
        linux.ptrace(linux.PTRACE_CONT, pid, 0, signal_number)


def _become(
    path: str,
    arguments: Sequence[str],
    filter_rules: Sequence[seccomp.Rule],
    ignored: Collection[signal.Signals],
    streams: Streams,
    go: int,
    told: int,
) -> None:
    """In the child: wait until traced, put the filter on, become the program.  Never returns."""
    try:
        try:
            if os.read(go, 1) != b"g":
                os._exit(70)
            if streams is Streams.OWN_GROUP:
                os.setpgid(0, 0)
            elif streams is Streams.NO_INPUT:
                os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            elif streams is Streams.QUIET:
                nothing = os.open(os.devnull, os.O_RDWR)
                for stream in (0, 1, 2):
                    os.dup2(nothing, stream)
            for number in (*_OWN_SIGNALS, signal.SIGPIPE, signal.SIGXFSZ):
                was_ignored = number in ignored
                signal.signal(number, signal.SIG_IGN if was_ignored else signal.SIG_DFL)
            try:
                if filter_rules:
                    seccomp.install(filter_rules)
            except OSError as problem:
                os.write(told, f"filter {problem.strerror}".encode())
                os._exit(70)
            os.execve(path, [*arguments], os.environ)
        except OSError as problem:
            os.write(told, (problem.strerror or str(problem)).encode())
    finally:
        os._exit(70)


def run(
    settings: Settings,
    arguments: Sequence[str],
    no_rseq: bool = False,
    answered: Callable[[Call], None] | None = None,
    foreign: Callable[[int, str], None] | None = None,
    executed: Callable[[int], None] | None = None,
    make: Callable[..., Supervisor] = Supervisor,
    streams: Streams = Streams.SHARED,
) -> Run:
    """Run a program to its end, answering its calls of cpu_opv.

    SIGINT, SIGQUIT and SIGTSTP of the terminal reach the program itself and only noted here;
    SIGTERM and SIGHUP are passed on to it.  ``make`` makes the supervisor from these arguments.
    When this process is killed, a program whose calls raise SIGILL is killed with it; one whose
    calls a filter sees goes on, and gets ENOSYS.

    Raises ProgramRefused and HostCannot before anything was started.
    """
    path = find_program(arguments[0])
    keep_standard_streams()
    options = _OPTIONS
    if settings.host.mechanism is Mechanism.ILLEGAL_INSTRUCTION:
        options |= linux.OPTION_EXITKILL
    signals: list[int] = []
    before = _signals_during_run(signals)
    affinity = os.sched_getaffinity(0)
    try:
        ignored = [number for number, was in before.items() if was is signal.SIG_IGN]
        program = start(path, arguments, rules(settings, no_rseq), options, ignored, streams)

        def became(pid: int) -> None:
            if no_rseq and not foreign_program(f"/proc/{pid}/exe"):
                hide_rseq(pid)
            if executed is not None:
                executed(pid)

        if no_rseq:
            hide_rseq(program)
        what = rival(path)
        if what and foreign is not None:
            foreign(program, what)
        supervisor = make(settings, answered=answered, foreign=foreign, executed=became)
        _pass_on(supervisor, signals, before)
        _raise_priority(settings)
        supervisor.prepare(program)
        linux.go_on(program)
        status = supervisor.follow(program)
    finally:
        _lower_priority(settings)
        os.sched_setaffinity(0, affinity)
        for number, handler in before.items():
            signal.signal(number, handler)
    return Run(ended_by(status), supervisor.calls, supervisor.interruptions, tuple(signals))


def _signals_during_run(signals: list[int]) -> dict[signal.Signals, signal._HANDLER]:
    """Note what the terminal sends to the program as well; the handlers that were there before."""
    before: dict[signal.Signals, signal._HANDLER] = {}
    for number in _OWN_SIGNALS:
        before[number] = signal.getsignal(number)
    for number in (signal.SIGINT, signal.SIGQUIT):
        if before[number] is not signal.SIG_IGN:
            signal.signal(number, lambda number, frame: signals.append(number))
    return before


def _pass_on(
    supervisor: Supervisor,
    signals: list[int],
    before: dict[signal.Signals, signal._HANDLER],
) -> None:
    """From now on what is to end this process is noted, and reaches the program."""

    def forward(number: int, frame: object) -> None:
        signals.append(number)
        for pid in supervisor.processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    for number in (signal.SIGTERM, signal.SIGHUP):
        if before.get(number) is not signal.SIG_IGN:
            signal.signal(number, forward)


def _raise_priority(settings: Settings) -> None:
    """Run before the program's threads, so that a stopped one is answered at once."""
    if settings.host.real_time is not None:
        os.sched_setscheduler(
            0,
            linux.SCHED_FIFO | linux.SCHED_RESET_ON_FORK,
            os.sched_param(settings.host.real_time),
        )


def _lower_priority(settings: Settings) -> None:
    if settings.host.real_time is not None:
        with contextlib.suppress(PermissionError):
            os.sched_setscheduler(0, linux.SCHED_OTHER, os.sched_param(0))


def ended_by(status: int) -> Ended:
    """The end that a status of wait tells."""
    if os.WIFSIGNALED(status):
        return Ended(0, os.WTERMSIG(status))
    return Ended(os.WEXITSTATUS(status), 0)


def end_like(ended: Ended) -> int:
    """The exit code for an end; dies of the same signal where the program died of one."""
    if not ended.signal:
        return ended.code
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(ended.signal, signal.SIG_DFL) if ended.signal != signal.SIGKILL else None
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {ended.signal})
    signal.raise_signal(ended.signal)
    return 128 + ended.signal
