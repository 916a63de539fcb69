"""Exit codes, and the exception by which a subcommand says that it was used wrongly."""

from __future__ import annotations

DONE = 0
NEGATIVE = 1
USAGE = 2
INCONCLUSIVE = 3
HOST = 4
INTERNAL = 70
INTERRUPTED = 130
# As a shell reports a program that SIGPIPE ended: whoever read our output stopped reading.
PIPE_CLOSED = 141


class UsageError(Exception):
    """The command line, a file or a stream can't be used; ``help`` says what to do instead."""

    def __init__(self, message: str, help: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.help = help
