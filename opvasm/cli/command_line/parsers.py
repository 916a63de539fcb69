"""Builds the parser of one subcommand: options, then examples and exit codes in its help."""

from __future__ import annotations

import os
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from typing import NoReturn

from ..terminal.color import add_color
from ..terminal.exits import INTERNAL, INTERRUPTED, USAGE, UsageError
from .registry import COMMANDS, Command

_DEFAULT_COLUMNS = 80
ALWAYS = {
    USAGE: "wrong usage, or input that can't be read",
    INTERNAL: "a fault of opvasm itself",
    INTERRUPTED: "interrupted",
}


class Parser(ArgumentParser):
    """An ArgumentParser whose errors are ours to print."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(message, self._meant(message) or f"'{self.prog} --help' shows the options")

    def _meant(self, message: str) -> str | None:
        """The option that a wrong one was meant to be."""
        if not message.startswith("unrecognized arguments: "):
            return None
        words = message.removeprefix("unrecognized arguments: ").split()
        if words[0].startswith("-"):
            from ...suggestion import did_you_mean

            return did_you_mean(words[0].partition("=")[0], self._option_string_actions)
        named = [each for each in words if "=" in each and each.partition("=")[0].isidentifier()]
        if named and "--arg" in self._option_string_actions:
            return f"did you mean --arg {' --arg '.join(named)}?"
        return None


class _Formatter(RawDescriptionHelpFormatter):
    """As wide as the terminal.  shutil is not asked: importing it takes longer than the rest."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, width=_columns() - 2)


def _columns() -> int:
    try:
        return int(os.environ.get("COLUMNS", "")) or _DEFAULT_COLUMNS
    except ValueError:
        pass
    try:
        return os.get_terminal_size(1).columns or _DEFAULT_COLUMNS
    except OSError:
        return _DEFAULT_COLUMNS


def build(name: str, command: Command, color: str = "auto") -> Parser:
    """The parser of a subcommand."""
    parser = Parser(
        prog=f"opvasm {name}",
        description=command.DESCRIPTION,
        epilog=f"examples:\n{_indented(command.EXAMPLES)}\n{_where(command.EXAMPLES)}\n"
        f"{exit_codes(command.EXITS)}",
        formatter_class=_Formatter,
        allow_abbrev=False,
    )
    command.add_arguments(parser)
    add_color(parser, color)
    return parser


def _where(examples: str) -> str:
    """Where the files are that examples name: an installed package has them inside."""
    return "(`opvasm samples samples` writes the samples)\n" if " samples/" in examples else ""


def exit_codes(meanings: dict[int, str]) -> str:
    """The exit codes as a help shows them."""
    rows = sorted((ALWAYS | meanings).items())
    return "exit codes:\n" + "\n".join(f"  {code:>3}  {meaning}" for code, meaning in rows)


def _indented(text: str) -> str:
    return "\n".join(f"  {line}" for line in text.strip().splitlines())


def overview() -> str:
    """The help of ``opvasm`` itself."""
    width = max(map(len, COMMANDS))
    rows = "\n".join(f"  {name:<{width}}  {entry.summary}" for name, entry in COMMANDS.items())
    return f"""\
usage: opvasm COMMAND ...

Restartable sequences (rseq), and cpu_opv vectors as their fallback: found in compiled programs,
checked against each kernel's rules, explored in every interleaving, debugged both ways, written as C.

commands:
{rows}

options:
  -h, --help                   this text; 'opvasm COMMAND --help' says more
  --version                    the version and the revisions of the interface
  --color auto|always|never    colour for people (also: NO_COLOR, FORCE_COLOR)

examples:
  opvasm probe                                  which rules this kernel has
  opvasm audit ./program                        the sections of a program, for each kernel
  opvasm samples samples                        writes the files of the examples
  opvasm explore samples/races/list.opv naive   a race, found and drawn
  opvasm run samples/idioms/list.opv
  opvasm asm samples/ops/add.opv | opvasm disasm

{exit_codes({0: "done, holds, passes", 1: "a negative verdict", 3: "inconclusive: a limit was hit", 4: "this host cannot do it"})}
"""
