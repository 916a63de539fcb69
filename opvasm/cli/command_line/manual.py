"""What is said of a subcommand, as a value: help, man pages and the site's pages are made of it."""

from __future__ import annotations

from argparse import SUPPRESS, Action, ArgumentParser

from ...light_typing import NamedTuple
from .parsers import ALWAYS, build
from .registry import COMMANDS, load


class ManualArgument(NamedTuple):
    """An option or a positional: how it is written, and what it does."""

    written: str
    help: str


class Manual(NamedTuple):
    """A subcommand: ``synopsis`` is its usage, ``examples`` are lines of a shell."""

    name: str
    summary: str
    synopsis: str
    description: str
    arguments: tuple[ManualArgument, ...]
    examples: tuple[str, ...]
    exits: tuple[tuple[int, str], ...]


def manual(name: str) -> Manual:
    """The manual of a subcommand.  Raises KeyError for one that does not exist."""
    command = load(name)
    parser = build(name, command)
    return Manual(
        name,
        COMMANDS[name].summary,
        _synopsis(parser),
        " ".join(command.DESCRIPTION.split()),
        tuple(_argument(each) for each in parser._actions if each.help != SUPPRESS),
        tuple(command.EXAMPLES.strip().splitlines()),
        tuple(sorted((ALWAYS | command.EXITS).items())),
    )


def _synopsis(parser: ArgumentParser) -> str:
    """The usage on one line, as argparse has it; colours are switched off where it knows any."""
    vars(parser)["color"] = False
    return " ".join(parser.format_usage().removeprefix("usage: ").split())


def _argument(action: Action) -> ManualArgument:
    values = vars(action) | {"choices": ", ".join(map(str, action.choices or ()))}
    text = (action.help or "") % values
    return ManualArgument(_written(action), text)


def _written(action: Action) -> str:
    """``-o, --output OUT``, or the name of a positional."""
    name = action.metavar if isinstance(action.metavar, str) else action.dest.upper()
    if action.metavar is None and action.choices:
        name = "{" + ",".join(map(str, action.choices)) + "}"
    if not action.option_strings:
        return name
    value = "" if action.nargs == 0 else f" {name}"
    return ", ".join(action.option_strings) + value
