"""One run of a program: the supervisor, with everything that reports about its calls."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable, Sequence
from typing import Literal, NamedTuple, TextIO

from ..abi.revisions import Abi
from ..codes import live as codes
from ..errors import Diagnostic
from . import launch
from .call import Call
from .elf import finds_leaks
from .host import Host, Mechanism
from .launch import Ended
from .replay import ReplayDiffers
from .report import Check, HumanTrace, JsonTrace, Names, Summary
from .settings import Settings

INTERNAL = 70
Listener = Callable[[Call], None]


class Options(NamedTuple):
    """What ``opvasm exec`` was asked for."""

    abi: Abi
    host: Host
    quirks: frozenset[str] = frozenset()
    trace: Literal["human", "jsonl"] | None = None
    summary: bool = False
    save: str | None = None
    strict: bool = False
    no_rseq: bool = False
    refuse: bool = False


class Outcome(NamedTuple):
    """How the program ended; how often ops were interrupted; an exit code for a fault of ours."""

    ended: Ended
    interruptions: int
    summary: list[str]
    failed: int


def run_program(
    options: Options,
    arguments: Sequence[str],
    output: TextIO,
    report: Callable[[Iterable[Diagnostic]], None],
) -> Outcome:
    """Run a program to its end; traces go to ``output``, findings to ``report``.

    Raises HostCannot and ProgramRefused before anything was started, OSError when ``save`` can't be
    written.
    """
    host = options.host
    if host.real_time is None:
        report([_no_real_time(host)])
    names = Names()
    summary = Summary() if options.summary else None
    recorders = _recorders(options, output, names)
    listeners: list[Listener] = [*recorders]
    if recorders and options.trace != "jsonl":
        listeners.append(Check(options.abi))
    if summary is not None:
        listeners.append(summary)
    failures: list[Diagnostic] = []

    def answered(call: Call) -> None:
        try:
            for listener in listeners:
                listener(call)
        except ReplayDiffers as problem:
            if not failures:
                failures.append(Diagnostic("error", codes.REPLAY, str(problem)))
                report(failures)

    def foreign(tid: int, what: str) -> None:
        report([unanswered(tid, what)])

    leaks = leaks_warning(arguments[0])
    if leaks is not None:
        report([leaks])
    settings = Settings(
        options.abi,
        host,
        options.quirks,
        record=bool(recorders),
        refuse=options.refuse,
        strict=options.strict,
    )
    run = launch.run(
        settings, arguments, options.no_rseq, answered if listeners else None, foreign, names.forget
    )
    output.flush()
    if run.interruptions:
        report([_interrupted(run.interruptions, run.calls, options)])
    return Outcome(
        run.ended,
        run.interruptions,
        summary.lines() if summary is not None else [],
        INTERNAL if failures else 0,
    )


def _recorders(options: Options, output: TextIO, names: Names) -> list[Listener]:
    """What reports each call with all that it did."""
    found: list[Listener] = []
    if options.trace == "human":
        found.append(HumanTrace(options.abi, _writer(output), names))
    elif options.trace == "jsonl":
        found.append(JsonTrace(options.abi, _writer(output)))
    if options.save is not None:
        from .save import Saver

        found.append(Saver(options.save, options.abi, names))
    return found


def _writer(output: TextIO) -> Callable[[str], None]:
    """Writes lines for as long as somebody reads them."""
    gone = False

    def write(line: str) -> None:
        nonlocal gone
        if gone:
            return
        try:
            output.write(line + "\n")
        except BrokenPipeError:
            gone = True  # the program's run is not ours to end

    return write


def leaks_warning(name: str) -> Diagnostic | None:
    """A program whose LeakSanitizer will fail at its end, because a tracer is there."""
    path = shutil.which(name)
    switched_off = "detect_leaks=0" in "".join(
        os.environ.get(each, "") for each in ("ASAN_OPTIONS", "LSAN_OPTIONS")
    )
    if path is None or switched_off or not finds_leaks(path):
        return None
    return Diagnostic(
        "warning",
        codes.UNANSWERED,
        f"{name} is built with LeakSanitizer, which does not work under a tracer: it will say so at the "
        "end, and fail",
        help="ASAN_OPTIONS=detect_leaks=0 leaves it out",
    )


def unanswered(tid: int, what: str) -> Diagnostic:
    """A child of the program has become something whose calls can't be answered."""
    return Diagnostic("warning", codes.UNANSWERED, f"process {tid} is {what}")


def _no_real_time(host: Host) -> Diagnostic:
    return Diagnostic(
        "warning",
        codes.NO_REAL_TIME,
        f"the ops of a vector can be interrupted here: {host.real_time_refusal}",
        help="interruptions are counted and reported at the end; --strict prevents them by stopping "
        "the other threads for each call",
    )


def _interrupted(count: int, calls: int, options: Options) -> Diagnostic:
    way = (
        "SIGILL" if options.host.mechanism is Mechanism.ILLEGAL_INSTRUCTION else "a seccomp filter"
    )
    return Diagnostic(
        "error" if options.strict else "warning",
        codes.ATOMICITY,
        f"the ops of a vector were interrupted {count} time(s) in {calls} calls (seen by {way})",
        help=None if options.strict else "--strict prevents it where it can, and else fails",
    )
