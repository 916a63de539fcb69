"""``opvasm debug``."""

from __future__ import annotations

import os
import sys
from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING

from ..inputs.live_options import add_no_rseq, add_number
from ..inputs.programs import (
    TEXT,
    add_machine,
)
from ..terminal.exits import DONE, HOST, NEGATIVE, UsageError
from .sessions import make_session

if TYPE_CHECKING:
    from ...debugger.session import Session
    from ..terminal.terminal import Terminal

DESCRIPTION = """\
Step through a test, a vector, a reference case or a recorded trace, forwards and backwards.
The commands are gdb's; 'help' lists them. 'who' says which op wrote some bytes, 'why' what
decided a result."""
EXAMPLES = """
opvasm debug samples/idioms/list.opv 'push, then a stale push'
opvasm debug list.opv push --arg 'node=&nodes[0]' --arg expect=0
opvasm debug list.opv -ex 'break push.2' -ex run -ex why --batch
opvasm debug tests/conformance/public.jsonl pub-0007
opvasm debug --from raw vector.bin
opvasm debug list.opv --replay trace.jsonl
opvasm debug samples/races/list.opv --schedule failure.json
opvasm debug --dap
opvasm debug --attach-on 'memcpy sym=head' -- ./program --its-own-option
opvasm debug --attach-on result=EAGAIN -ex why --batch -- ./test_suite
"""
EXITS = {
    DONE: "the session ended; with --attach-on the program's own exit code is passed on",
    NEGATIVE: "--batch: a command could not be carried out",
    HOST: "--attach-on: this host can't run the program so; the message says what is missing",
}
BARE = {"--dap": "--dap=stdio"}
RUNS_PROGRAM = True
HISTORY = "~/.local/state/opvasm/debug_history"


def add_arguments(parser: ArgumentParser) -> None:
    """The options."""
    parser.add_argument(
        "file",
        metavar="FILE",
        nargs="?",
        help=".opv, .jsonl (cases, or a trace), or ops with --from",
    )
    parser.add_argument(
        "what",
        metavar="WHAT",
        nargs="?",
        help="a test's or vector's name, or a case's (default: the first test or case)",
    )
    add_machine(parser)
    parser.add_argument(
        "--replay",
        metavar="TRACE",
        help="walk a recorded trace (run --trace=jsonl, record); FILE, where given, has its names",
    )
    parser.add_argument(
        "--schedule",
        metavar="FILE",
        help="walk a schedule that 'opvasm explore --save' has written for the scenarios of FILE",
    )
    parser.add_argument(
        "--dap",
        metavar="stdio|PORT",
        help="serve an editor by the Debug Adapter Protocol, on standard input and output or on "
        "a TCP port of the loopback interface (0: any free one)",
    )
    parser.add_argument(
        "-x", dest="script", metavar="FILE", help="carry out the commands of a file"
    )
    parser.add_argument(
        "-ex",
        dest="commands",
        metavar="COMMAND",
        action="append",
        default=[],
        help="carry out a command; may be repeated",
    )
    parser.add_argument("--batch", action="store_true", help="end after -x and -ex; no prompt")
    parser.add_argument(
        "--attach-on",
        metavar="PATTERN",
        action="append",
        default=[],
        help="run the program behind --, as exec does, and stop it at its calls that are meant: "
        "any, memcpy, sym=head, cpu=1, nr=17, result=EAGAIN, 'memcpy cpu=0,1 if head == 0'; may be "
        "repeated",
    )
    add_number(parser)
    add_no_rseq(parser)


def execute(arguments: Namespace, terminal: Terminal) -> int:
    """Make the session, then serve whoever asks."""
    program: list[str] | None = getattr(arguments, "program", None)
    if arguments.attach_on or program is not None:
        return _attach(arguments, program or [], terminal)
    if arguments.dap is not None:
        from .adapter import serve

        return serve(arguments, terminal)
    session = make_session(arguments, terminal)
    return _converse(session, arguments, terminal)


def _attach(arguments: Namespace, program: list[str], terminal: Terminal) -> int:
    """The calls of a real program."""
    if not arguments.attach_on:
        raise UsageError(
            "a program stands behind --, but not at which of its calls to stop",
            "--attach-on any; 'opvasm debug --help' shows more",
        )
    if not program:
        raise UsageError(
            "--attach-on needs a program", "opvasm debug --attach-on PATTERN -- PROGRAM ARGS"
        )
    for option, given in (
        ("FILE", arguments.file),
        ("--from", arguments.source != TEXT),
        ("--arg", arguments.arg),
        ("--set", arguments.assignments),
        ("--layout", arguments.layout),
        ("--replay", arguments.replay),
        ("--schedule", arguments.schedule),
        ("--dap", arguments.dap),
    ):
        if given:
            raise UsageError(f"{option} and --attach-on exclude each other")
    from .attach import execute as attach

    return attach(arguments, program, os.path.expanduser(HISTORY), terminal)


def _converse(session: Session, arguments: Namespace, terminal: Terminal) -> int:
    """Commands from files, from the command line, then from the prompt."""
    from ...debugger.commands import COMMANDS
    from ...debugger.prompt import interact, stopping
    from ...debugger.shell import PROMPT, Shell

    shell = Shell(session, COMMANDS, _print, terminal.out)
    with stopping(shell):
        shell.show(session.last)
        if arguments.script is not None:
            shell.execute(f"source {arguments.script}")
        for command in arguments.commands:
            if shell.quitting:
                break
            _print(f"{PROMPT}{command}")
            shell.execute(command)
    if arguments.batch or shell.quitting:
        return NEGATIVE if arguments.batch and shell.failures else DONE
    if sys.stdin is None:
        raise UsageError("standard input is closed", "say what to do with -ex or -x, and --batch")
    interact(shell, sys.stdin, sys.stdout, os.path.expanduser(HISTORY))
    return DONE


def _print(line: str) -> None:
    print(line)
