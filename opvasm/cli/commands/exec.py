"""``opvasm exec``: a real program runs, and its calls of cpu_opv are answered and traced."""

from __future__ import annotations

import os
import sys
from contextlib import ExitStack
from typing import TextIO

from ...light_typing import TYPE_CHECKING
from ..inputs.live_options import (
    ProgramOptions,
    add_no_rseq,
    add_number,
    add_program,
    add_revision,
    not_run,
    program_words,
    syscall_number,
)
from ..inputs.options import chosen_quirks
from ..terminal.exits import DONE, HOST, NEGATIVE, UsageError

if TYPE_CHECKING:
    from argparse import ArgumentParser
    from typing import Literal

    from ..terminal.terminal import Terminal

DESCRIPTION = """\
Run a program that calls cpu_opv, on a kernel that never had it. Each call is checked as the
kernel of the chosen revision would, and its ops run on the CPU that it names."""
EXAMPLES = """
opvasm exec -- ./basic_cpu_opv_test
opvasm exec -a 2018-04 --trace -- ./program --its-own-option
opvasm exec --trace=jsonl -o calls.jsonl -- ./program
opvasm exec --no-rseq --summary -- ./librseq_test
opvasm exec --syscall-nr 1335 --strict -- ./program
"""
EXITS = {
    DONE: "the program's own exit code is passed on, and its death by a signal",
    NEGATIVE: "--strict: the program was well, but a vector's ops were interrupted",
    HOST: "this host can't run the program so; the message says what is missing",
}
BARE = {"--trace": "--trace=human"}
RUNS_PROGRAM = True


class Options(ProgramOptions):
    """The options, as they were typed."""

    trace: Literal["human", "jsonl"] | None
    output: str | None
    summary: bool
    save: str | None
    strict: bool
    enosys: bool
    quirks: str | None


def add_arguments(parser: ArgumentParser) -> None:
    """The options, and the program after ``--``."""
    add_program(parser)
    add_revision(parser)
    parser.add_argument(
        "--trace",
        choices=("human", "jsonl"),
        metavar="human|jsonl",
        help="report every call: a line for people, or its events as JSON lines",
    )
    parser.add_argument(
        "-o", "--output", metavar="OUT", help="where traces go (default: standard error)"
    )
    parser.add_argument(
        "--summary", action="store_true", help="at the end: calls, results, ops, CPUs, times"
    )
    parser.add_argument(
        "--save",
        metavar="DIR",
        help="keep each distinct vector as a .opv file with a test that repeats the call",
    )
    add_number(parser)
    parser.add_argument(
        "--strict",
        action="store_true",
        help="fail when a vector's ops were interrupted; without real-time priority, stop the other threads",
    )
    add_no_rseq(parser)
    parser.add_argument(
        "--enosys",
        action="store_true",
        help="answer ENOSYS to cpu_opv: how does the program do without it?",
    )
    parser.add_argument("--quirks", metavar="NAMES", help="mistakes of historic kernels (see run)")


def execute(options: Options, terminal: Terminal) -> int:
    """Probe the host, run the program, report."""
    from ...live.host import HostCannot
    from ...live.launch import ProgramRefused

    words = program_words(options, "exec")
    number = syscall_number(options)
    try:
        return _run(options, words, number, terminal)
    except (HostCannot, ProgramRefused) as problem:
        return not_run(problem, terminal)


def _run(options: Options, words: list[str], number: int | None, terminal: Terminal) -> int:
    from ...abi.revisions import get_abi
    from ...live.host import probe
    from ...live.launch import end_like
    from ...live.session import Options as Supervision, run_program

    host = probe(number)
    quirks = frozenset(chosen_quirks(options.quirks) or ())
    supervision = Supervision(
        get_abi(options.abi),
        host,
        quirks,
        trace=options.trace,
        summary=options.summary,
        save=options.save,
        strict=options.strict,
        no_rseq=options.no_rseq,
        refuse=options.enosys,
    )
    with ExitStack() as files:
        # Where standard error is closed, nobody is there to be told; the program runs all the same.
        output: TextIO = sys.stderr or files.enter_context(open(os.devnull, "w"))
        if options.output:
            try:
                output = files.enter_context(open(options.output, "w", encoding="utf-8"))
            except OSError as error:
                raise UsageError(f"cannot write {options.output}: {error.strerror}") from None
        outcome = run_program(supervision, words, output, terminal.report)
    for line in outcome.summary:
        terminal.remark(line)
    if outcome.failed:
        return outcome.failed
    if sys.stdout is not None:
        sys.stdout.flush()
    code = end_like(outcome.ended)
    return NEGATIVE if code == 0 and options.strict and outcome.interruptions else code
