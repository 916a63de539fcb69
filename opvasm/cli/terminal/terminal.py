"""What a subcommand says to the person: findings and remarks on standard error, with their style."""

from __future__ import annotations

import sys
from collections.abc import Iterable

from ...light_typing import TYPE_CHECKING
from .color import style_for

if TYPE_CHECKING:
    from ...errors import Diagnostic


class Terminal:
    """Standard output's and standard error's styles, and how the command calls itself."""

    __slots__ = ("err", "name", "out")

    def __init__(self, name: str, color: str) -> None:
        self.name = name
        self.out = style_for(sys.stdout, color)
        self.err = style_for(sys.stderr, color)

    def report(self, diagnostics: Iterable[Diagnostic]) -> None:
        """Findings on standard error."""
        from ...report.human import render_all

        _in_order()
        if sys.stderr is not None:
            sys.stderr.write(render_all(diagnostics, self.err))

    def fail(self, message: str, help: str | None = None) -> None:
        """An error that has no place in an input."""
        from ...report.excerpt import printable

        say(f"{self.name}: {self.err.error('error')}: {printable(message)}")
        if help is not None:
            say(f"{self.err.help('help')}: {printable(help)}")

    def remark(self, message: str) -> None:
        """Something that the person should know and that is not an error."""
        say(f"{self.name}: {message}")


def say(text: str) -> None:
    """A line on standard error; nobody is there to be told when that is closed."""
    _in_order()
    if sys.stderr is not None:
        print(text, file=sys.stderr)


def _in_order() -> None:
    """What was printed before stands before, also where both streams lead to one file.

    What goes wrong with standard output is told when the command ends, which flushes it again.
    """
    if sys.stdout is not None:
        try:  # noqa: SIM105 - contextlib costs every command a fortieth of its time
            sys.stdout.flush()
        except (OSError, ValueError):
            pass
