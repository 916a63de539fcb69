"""One command after another on a session: finds the command, runs it, survives whatever it does."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import NamedTuple

from ..errors import OpvasmError
from ..expression import Unevaluable
from ..machine import Fault
from ..report.human import render_all
from ..report.style import PLAIN, Style
from ..suggestion import did_you_mean, listing
from .displays import Display, display_line
from .locations import CommandError
from .session import Session
from .stops import Stop
from .view import stop_lines

Write = Callable[[str], None]
PROMPT = "(opv) "


class Command(NamedTuple):
    """A word of the prompt.

    ``usage`` is the word with its arguments; ``completes`` says what the arguments are:
    ``location``, ``expression``, ``file``, ``command``, the words of ``info``, or nothing.
    ``repeats``: Enter does it again.
    """

    name: str
    aliases: tuple[str, ...]
    usage: str
    summary: str
    run: Callable[[Shell, str], None]
    repeats: bool = False
    completes: str = ""
    details: str = ""


class Shell:
    """A session with what a prompt remembers of it.

    ``write`` gets lines without their newline.  ``commands`` is the table; see commands.py.
    ``failures`` counts commands that could not be carried out.  ``left`` are the sessions that
    ``set`` has left for a branch of their history, the last one at the end.
    """

    def __init__(
        self,
        session: Session,
        commands: Mapping[str, Command],
        write: Write,
        style: Style = PLAIN,
    ) -> None:
        self.session = session
        self.left: list[Session] = []
        self.commands = commands
        self.write = write
        self.style = style
        self.displays: list[Display] = []
        self.display_count = 0
        self.value_count = 0
        self.listed: tuple[str, int] | None = None
        self.quitting = False
        self.failures = 0
        self._last = ""
        self._depth = 0

    def execute(self, line: str) -> None:
        """Carry out a command line; an empty one repeats the last command where that makes sense.

        A command that fails says why and changes nothing else.
        """
        self.session.interrupted = False  # Ctrl-C is for the command that runs
        line = line.strip()
        if line.startswith("#"):
            return
        if not line:
            line = self._last
            if not line:
                return
        try:
            command, argument = self.find(line)
            # Enter after `list PLACE` lists on, as in gdb; other commands are done again as typed.
            again = command.name if command.name == "list" else line
            self._last = again if command.repeats else ""
            command.run(self, argument)
        except CommandError as error:
            self.fail(str(error))
        except Unevaluable as error:
            self.fail(error.reason)
        except Fault as error:
            self.fail(f"memory can't be read: {error}")
        except OpvasmError as error:
            self.failures += 1
            for text in render_all(error.diagnostics, self.style).splitlines():
                self.write(text)
        except (KeyboardInterrupt, BrokenPipeError):
            raise
        except RecursionError:
            self.fail("the expression is nested too deeply")
        except Exception as error:
            if os.environ.get("OPVASM_TRACEBACK"):
                raise
            self.fail(
                f"internal error: {type(error).__name__}: {error}; "
                "this is a fault of opvasm, and the session goes on"
            )

    def fail(self, message: str) -> None:
        """Say what is wrong with a command."""
        self.failures += 1
        self.write(f"{self.style.error('error')}: {message}")

    def find(self, line: str) -> tuple[Command, str]:
        """The command of a line and its argument.  Raises CommandError for an unknown word."""
        word, argument = split_word(line)
        exact = self.commands.get(word)
        if exact is not None:
            return exact, argument
        found = {
            command.name: command
            for name, command in self.commands.items()
            if name.startswith(word)
        }
        if len(found) == 1:
            return next(iter(found.values())), argument
        if found:
            raise CommandError(f"{word!r} is not clear: {listing(sorted(found))}")
        names = [command.name for command in self.commands.values()]
        hint = did_you_mean(word, names)
        raise CommandError(f"there is no command {word!r}; {hint or 'try help'}")

    def show(self, stop: Stop) -> None:
        """What a stop shows, then what is displayed at every stop; ``list`` begins here anew."""
        self.listed = None
        for line in stop_lines(self.session, stop, self.style):
            self.write(line)
        self.show_displays()

    def show_displays(self) -> None:
        """The values of all displays; one that has none says so and stays."""
        for display in self.displays:
            self.write(display_line(self.session, display))

    def source(self, lines: list[str], name: str) -> None:
        """Carry out the lines of a command file; the first that fails ends it."""
        if self._depth >= 16:
            raise CommandError(f"{name}: command files name each other without end")
        self._depth += 1
        try:
            for number, line in enumerate(lines, 1):
                if not line.strip():
                    continue
                before = self.failures
                self.execute(line)
                if self.failures > before:
                    raise CommandError(f"{name}:{number}: the command failed, the rest is left out")
                if self.quitting:
                    return
        finally:
            self._depth -= 1


def split_word(line: str) -> tuple[str, str]:
    """The first word and the rest; a format sticks to the rest: ``x/8xb`` is ``x`` and ``/8xb``."""
    line = line.strip()
    end = 0
    while end < len(line) and (line[end].isalnum() or line[end] in "-_?!"):
        end += 1
    if end == 0:
        word, _, rest = line.partition(" ")
        return word, rest.strip()
    return line[:end], line[end:].strip()
