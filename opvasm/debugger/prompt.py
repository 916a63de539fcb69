"""The prompt: a line editor on a terminal, plain lines on a pipe, the same commands on both."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TextIO

from .shell import PROMPT, Shell


def interact(shell: Shell, stdin: TextIO, stdout: TextIO, history: str | None = None) -> None:
    """Read commands until ``quit`` or the end of the input.

    On a terminal with prompt_toolkit: editing, history (kept in the file ``history``), completion
    and colour.  Otherwise lines, which are echoed after the prompt when they come from a pipe, so
    that a transcript reads like a session.
    """
    if stdin.isatty() and stdout.isatty():
        try:
            from .terminal_prompt import terminal_lines
        except ImportError:
            shell.write("(for history and completion: pip install 'opvasm[debug]')")
        else:
            _serve(shell, terminal_lines(shell, history))
            return
    _serve(shell, _plain_lines(shell, stdin, stdout))


def _serve(shell: Shell, lines: Iterator[str]) -> None:
    for line in lines:
        with stopping(shell):
            shell.execute(line)
        sys.stdout.flush()
        if shell.quitting:
            return


def _plain_lines(shell: Shell, stdin: TextIO, stdout: TextIO) -> Iterator[str]:
    """Lines as they come; Ctrl-C at the prompt drops the line."""
    echo = not stdin.isatty()
    while True:
        stdout.write(PROMPT)
        stdout.flush()
        try:
            line = stdin.readline()
        except KeyboardInterrupt:
            stdout.write("\n")
            continue
        except UnicodeDecodeError as error:
            shell.fail(f"the input is not UTF-8: {error}")
            return
        if not line:
            stdout.write("\n")
            return
        if echo:
            stdout.write(line if line.endswith("\n") else line + "\n")
        yield line


@contextmanager
def stopping(shell: Shell) -> Iterator[None]:
    """While a command runs, Ctrl-C stops the run at the next statement, not the debugger."""

    def stop(number: int, frame: FrameType | None) -> None:
        shell.session.interrupted = True

    try:
        before: Callable[[int, FrameType | None], object] | int | None = signal.signal(
            signal.SIGINT, stop
        )
    except ValueError:  # not the main thread: whoever runs us decides
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
