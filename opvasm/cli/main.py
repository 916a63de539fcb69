"""From the words of a command line to an exit code; no exception leaves ``main``."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from ..light_typing import TYPE_CHECKING, Any
from .command_line.registry import COMMANDS, Command, bare, load, runs_program
from .terminal.color import CHOICES, add_color
from .terminal.exits import DONE, INTERNAL, INTERRUPTED, NEGATIVE, PIPE_CLOSED, USAGE, UsageError
from .terminal.outputs import flush
from .terminal.terminal import Terminal, say

if TYPE_CHECKING:
    from argparse import Namespace

    from ..errors import OpvasmError


def main(words: Sequence[str] | None = None) -> int:
    """Run a command line (default: this process's) and return its exit code."""
    given = list(sys.argv[1:] if words is None else words)
    # A name that the locale can't write is no reason to fail; data is always written as UTF-8.
    for stream in (sys.stdout, sys.stderr):
        if stream is not None and hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    terminal = Terminal("opvasm", "auto")
    try:
        code = _dispatch(given, terminal)
        flush()
    except BrokenPipeError:
        code = PIPE_CLOSED
    except UsageError as error:
        terminal.fail(error.message, error.help)
        code = USAGE
    except KeyboardInterrupt:
        say("opvasm: interrupted")
        code = INTERRUPTED
    except OSError as error:  # a stream or a file failed in the middle of it
        terminal.fail(error.strerror or str(error))
        code = USAGE
    except Exception as error:
        code = _unexpected(error, terminal)
    try:
        flush()
    except BrokenPipeError:
        _forget_output()
    except UsageError as error:
        _forget_output()
        if code == DONE:
            terminal.fail(error.message)
            code = USAGE
    return code


def _unexpected(error: Exception, terminal: Terminal) -> int:
    """Findings that a subcommand let pass are reported; anything else is a fault of ours."""
    from ..errors import OpvasmError

    if isinstance(error, OpvasmError):
        return refuse(error, terminal)
    if os.environ.get("OPVASM_TRACEBACK"):
        import traceback

        traceback.print_exception(error)
    first = (str(error).splitlines() or [""])[0]
    terminal.fail(
        f"internal error: {type(error).__name__}: {first}",
        "this is a fault of opvasm, not of its input; OPVASM_TRACEBACK=1 shows where",
    )
    return INTERNAL


def refuse(error: OpvasmError, terminal: Terminal) -> int:
    """Report what is wrong with an input, and the exit code for it."""
    from ..errors import VerifyError

    terminal.report(error.diagnostics)
    return NEGATIVE if isinstance(error, VerifyError) else USAGE


def _dispatch(words: list[str], terminal: Terminal) -> int:
    """Take the words before the subcommand, then run the subcommand."""
    color = "auto"
    while words and words[0].startswith("-") and words[0] != "-":
        word = words.pop(0)
        option, equals, value = word.partition("=")
        match option:
            case "-h" | "--help" if not equals:
                from .command_line.parsers import overview

                print(overview(), end="")
                return DONE
            case "--version" if not equals:
                from .command_line.version import version

                print(version())
                return DONE
            case "--color":
                color = value if equals else (words.pop(0) if words else "")
                if color not in CHOICES:
                    raise UsageError(f"--color takes {', '.join(CHOICES)}, not {color!r}")
            case _:
                raise UsageError(f"there is no option {word}", "'opvasm --help' shows the options")
    if not words:
        raise UsageError("a command is missing", f"one of: {', '.join(COMMANDS)}")
    name = words.pop(0)
    if name not in COMMANDS:
        from ..suggestion import did_you_mean

        raise UsageError(
            f"there is no command {name!r}",
            did_you_mean(name, list(COMMANDS)) or f"one of: {', '.join(COMMANDS)}",
        )
    return _run(name, words, color, terminal)


def _run(name: str, words: list[str], color: str, terminal: Terminal) -> int:
    command = load(name)
    terminal.name = f"opvasm {name}"
    program: list[str] | None = None
    if runs_program(command) and "--" in words:
        program = words[words.index("--") + 1 :]
        words = words[: words.index("--")]
    # An option whose value is optional would swallow the word after it.
    meant = bare(command)
    words = [meant.get(word, word) for word in words]
    arguments = _parsed(name, command, words, color)
    if isinstance(arguments, int):
        return arguments
    if runs_program(command):
        arguments.program = program
    own = Terminal(terminal.name, arguments.color)
    terminal.out, terminal.err = own.out, own.err
    return command.execute(command.Options.of(arguments), terminal)


def _parsed(name: str, command: Command, words: list[str], color: str) -> Namespace | int:
    """The values of a subcommand's options; an exit code where its help was all that was wanted."""
    from .command_line.quick import QuickParser, Unsure

    quick: Any = QuickParser()
    try:
        command.add_arguments(quick)
        add_color(quick, color)
        values: Namespace = quick.parse(words)
        return values
    except Unsure:
        from .command_line.parsers import build

        parser = build(name, command, color)
    try:
        return parser.parse_intermixed_args(words)
    except SystemExit as ended:  # --help
        return int(ended.code or 0)


def _forget_output() -> None:
    """Nobody reads our output any more: keep the interpreter from flushing it again at its end."""
    if sys.stdout is not None:
        silence = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silence, sys.stdout.fileno())
        os.close(silence)
