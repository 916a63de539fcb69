"""``opvasm help``: the help of a command, or man pages of all of them."""

from __future__ import annotations

import os

from ...light_typing import TYPE_CHECKING
from ..inputs.option_values import OptionValues
from ..terminal.exits import DONE, UsageError
from ..terminal.outputs import replace_file, write_text

if TYPE_CHECKING:
    from argparse import ArgumentParser

    from ..terminal.terminal import Terminal

DESCRIPTION = """\
Print the help of a command, of opvasm itself without one; or write man pages, which are made of
the same texts."""
EXAMPLES = """
opvasm help explore
opvasm help --man explore | man -l -
opvasm help --man -o ~/.local/share/man/man1
"""
EXITS = {DONE: "printed, or written"}


class Options(OptionValues):
    """The options, as they were typed."""

    command: str | None
    man: bool
    output: str | None


def add_arguments(parser: ArgumentParser) -> None:
    """The command, and the form."""
    parser.add_argument("command", metavar="COMMAND", nargs="?", help="a command (default: opvasm)")
    parser.add_argument("--man", action="store_true", help="as a man page")
    parser.add_argument(
        "-o", "--output", metavar="DIR", help="with --man: write every page into this folder"
    )


def execute(options: Options, terminal: Terminal) -> int:
    """Print a text, or write all pages."""
    from ..command_line.registry import COMMANDS, load

    name = options.command
    if name is not None and name not in COMMANDS:
        from ...suggestion import did_you_mean

        raise UsageError(
            f"there is no command {name!r}",
            did_you_mean(name, list(COMMANDS)) or f"one of: {', '.join(COMMANDS)}",
        )
    if options.output is not None:
        if not options.man or name is not None:
            raise UsageError("-o writes every page", "opvasm help --man -o DIR")
        return _write_all(options.output, terminal)
    if options.man:
        from ..command_line.man_page import command_page, overview_page
        from ..command_line.manual import manual

        write_text(overview_page() if name is None else command_page(manual(name)), None)
        return DONE
    from ..command_line.parsers import build, overview

    write_text(overview() if name is None else build(name, load(name)).format_help(), None)
    return DONE


def _write_all(folder: str, terminal: Terminal) -> int:
    from ..command_line.man_page import pages

    found = pages()
    try:
        os.makedirs(folder, exist_ok=True)
    except OSError as problem:
        raise UsageError(f"cannot write to {folder}: {problem.strerror}") from None
    for name, text in found.items():
        replace_file(os.path.join(folder, name), text.encode("utf-8"))
    terminal.remark(f"{len(found)} pages in {folder}")
    return DONE
