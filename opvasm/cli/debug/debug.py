"""``opvasm debug``: a session for a prompt, a whole screen, or an editor."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from ..inputs.programs import TEXT
from ..terminal.exits import DONE, HOST, NEGATIVE, UsageError
from .arguments import Options as Options, add_arguments as add_arguments
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
opvasm debug cases.jsonl pub-0007
opvasm debug --from raw vector.bin
opvasm debug list.opv --replay trace.jsonl
opvasm debug samples/races/list.opv --schedule failure.json
opvasm debug --tui samples/idioms/list.opv
opvasm debug --dap
opvasm debug --attach-on 'memcpy sym=head' -- ./program --its-own-option
opvasm debug --attach-on result=EAGAIN -ex why --batch -- ./test_suite
"""
EXITS = {
    DONE: "the session ended; with --attach-on the program's own exit code is passed on",
    NEGATIVE: "--batch: a command could not be carried out",
    HOST: "--attach-on: this host can't run the program so; --tui: textual is missing",
}
BARE = {"--dap": "--dap=stdio"}
RUNS_PROGRAM = True
HISTORY = "~/.local/state/opvasm/debug_history"


def execute(options: Options, terminal: Terminal) -> int:
    """Make the session, then serve whoever asks."""
    if options.attach_on or options.program is not None:
        return _attach(options, list(options.program or ()), terminal)
    if options.dap is not None:
        from .adapter import serve

        return serve(options.dap, options, terminal)
    session = make_session(options, terminal)
    if options.tui:
        return _on_the_screen(session, options, terminal)
    return _converse(session, options, terminal)


def _on_the_screen(session: Session, options: Options, terminal: Terminal) -> int:
    """The session on the whole terminal."""
    if options.batch or options.commands or options.script is not None:
        raise UsageError("--tui takes its commands from the keyboard", "leave out -ex, -x, --batch")
    if not (sys.stdin is not None and sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError("--tui needs a terminal", "without --tui, commands are read from a pipe")
    try:
        from ...tui.app import run
    except ModuleNotFoundError as error:
        if error.name is not None and error.name.partition(".")[0] in ("textual", "rich"):
            terminal.fail("textual is not installed", "pip install 'opvasm[tui]'")
            return HOST
        raise
    run(session)
    return DONE


def _attach(options: Options, program: list[str], terminal: Terminal) -> int:
    """The calls of a real program."""
    if not options.attach_on:
        raise UsageError(
            "a program stands after --, but not at which of its calls to stop",
            "--attach-on any; 'opvasm debug --help' shows more",
        )
    if not program:
        raise UsageError(
            "--attach-on needs a program", "opvasm debug --attach-on PATTERN -- PROGRAM ARGS"
        )
    for option, given in (
        ("FILE", options.file),
        ("--from", options.source != TEXT),
        ("--arg", options.arg),
        ("--set", options.assignments),
        ("--layout", options.layout),
        ("--replay", options.replay),
        ("--schedule", options.schedule),
        ("--dap", options.dap),
    ):
        if given:
            raise UsageError(f"{option} and --attach-on exclude each other")
    from .attach import execute as attach

    return attach(options, program, os.path.expanduser(HISTORY), terminal)


def _converse(session: Session, options: Options, terminal: Terminal) -> int:
    """Commands from files, from the command line, then from the prompt."""
    from ...debugger.commands import COMMANDS
    from ...debugger.prompt import interact, stopping
    from ...debugger.shell import PROMPT, Shell

    shell = Shell(session, COMMANDS, _print, terminal.out)
    with stopping(shell):
        shell.show(session.last)
        if options.script is not None:
            shell.execute(f"source {options.script}")
        for command in options.commands:
            if shell.quitting:
                break
            _print(f"{PROMPT}{command}")
            shell.execute(command)
    if options.batch or shell.quitting:
        return NEGATIVE if options.batch and shell.failures else DONE
    if sys.stdin is None:
        raise UsageError("standard input is closed", "say what to do with -ex or -x, and --batch")
    interact(shell, sys.stdin, sys.stdout, os.path.expanduser(HISTORY))
    return DONE


def _print(line: str) -> None:
    print(line)
