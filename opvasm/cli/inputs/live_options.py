"""Options of the subcommands that run a real program."""

from __future__ import annotations

from argparse import ArgumentParser

from ...abi.revisions import DEFAULT_REVISION, REVISIONS
from ...light_typing import TYPE_CHECKING
from ..terminal.exits import HOST, USAGE, UsageError
from .option_values import OptionValues
from .options import whole_number

if TYPE_CHECKING:
    from ...live.host import HostCannot
    from ...live.launch import ProgramRefused
    from ..terminal.terminal import Terminal

_NAMES = tuple(revision.name for revision in REVISIONS)
_NUMBER_LIMIT = 1 << 29


class LiveOptions(OptionValues):
    """What ``add_number`` and ``add_no_rseq`` add, and the words after ``--``."""

    syscall_nr: str | None
    no_rseq: bool
    program: tuple[str, ...] | None


class ProgramOptions(LiveOptions):
    """Those of a subcommand that does nothing but run a program: ``add_program``, ``add_revision``."""

    misplaced: tuple[str, ...]
    abi: str


def add_program(parser: ArgumentParser) -> None:
    """The program, for the help only: what stands after ``--`` never reaches the parser."""
    parser.add_argument(
        "misplaced",
        metavar="-- PROGRAM ARGS",
        nargs="*",
        help="the program and its arguments, after --",
    )


def add_revision(parser: ArgumentParser) -> None:
    """``-a``: the revision that answers."""
    parser.add_argument(
        "-a",
        "--abi",
        metavar="ABI",
        choices=_NAMES,
        default=DEFAULT_REVISION,
        help=f"revision that answers: {', '.join(_NAMES)} (default: {DEFAULT_REVISION})",
    )


def add_number(parser: ArgumentParser) -> None:
    """``--syscall-nr``."""
    parser.add_argument(
        "--syscall-nr",
        metavar="N",
        help="the number that the program was built with (default: 335, that of the last trees)",
    )


def add_no_rseq(parser: ArgumentParser) -> None:
    """``--no-rseq``."""
    parser.add_argument(
        "--no-rseq",
        action="store_true",
        help="answer ENOSYS to rseq(2), so that a library takes its fallback for everything",
    )


def program_words(options: ProgramOptions, command: str) -> list[str]:
    """The program and its arguments.  Raises UsageError without one."""
    words = list(options.program or ())
    usage = f"opvasm {command} [options] -- PROGRAM ARGS"
    if options.misplaced:
        raise UsageError(
            f"{options.misplaced[0]!r} stands where an option is expected",
            f"write -- before the program: {usage}",
        )
    if not words:
        raise UsageError("a program is missing", usage)
    return words


def syscall_number(options: LiveOptions) -> int | None:
    """The checked value of ``--syscall-nr``; None where it is not given."""
    if options.syscall_nr is None:
        return None
    number = whole_number(options.syscall_nr, "--syscall-nr")
    if not 0 <= number < _NUMBER_LIMIT:
        raise UsageError(f"--syscall-nr {number} is not from 0 to {_NUMBER_LIMIT - 1}")
    return number


def not_run(problem: HostCannot | ProgramRefused, terminal: Terminal) -> int:
    """Say why a program was not started; the exit code: whether the host or the word is at fault."""
    terminal.report([problem.diagnostic])
    return HOST if problem.host else USAGE
