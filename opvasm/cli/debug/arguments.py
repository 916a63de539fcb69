"""The options of `opvasm debug`."""

from __future__ import annotations

from ...light_typing import TYPE_CHECKING
from ..inputs.live_options import LiveOptions, add_no_rseq, add_number
from ..inputs.programs import MachineOptions, add_machine

if TYPE_CHECKING:
    from argparse import ArgumentParser


class Options(MachineOptions, LiveOptions):
    """The options, as they were typed."""

    file: str | None
    what: str | None
    replay: str | None
    schedule: str | None
    dap: str | None
    tui: bool
    script: str | None
    commands: tuple[str, ...]
    batch: bool
    attach_on: tuple[str, ...]


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
    parser.add_argument(
        "--tui",
        action="store_true",
        help="use the whole terminal: text, ops, memory, threads, timeline (pip install 'opvasm[tui]')",
    )
    parser.add_argument("--batch", action="store_true", help="end after -x and -ex; no prompt")
    parser.add_argument(
        "--attach-on",
        metavar="PATTERN",
        action="append",
        default=[],
        help="run the program after --, as exec does, and stop it at its calls that are meant: "
        "any, memcpy, sym=head, cpu=1, nr=17, result=EAGAIN, 'memcpy cpu=0,1 if head == 0'; may be "
        "repeated",
    )
    add_number(parser)
    add_no_rseq(parser)
