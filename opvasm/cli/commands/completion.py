"""``opvasm completion``: the completion script of a shell is printed."""

from __future__ import annotations

from ...light_typing import TYPE_CHECKING
from ..inputs.option_values import OptionValues
from ..terminal.exits import DONE
from ..terminal.outputs import write_text

if TYPE_CHECKING:
    from argparse import ArgumentParser

    from ..terminal.terminal import Terminal

SHELLS = ("bash", "zsh", "fish")
DESCRIPTION = "Print the completion script of a shell: subcommands, options and their values."
EXAMPLES = """
eval "$(opvasm completion bash)"
opvasm completion zsh > ~/.zfunc/_opvasm
opvasm completion fish > ~/.config/fish/completions/opvasm.fish
"""
EXITS = {DONE: "printed"}


class Options(OptionValues):
    """The options, as they were typed."""

    shell: str


def add_arguments(parser: ArgumentParser) -> None:
    """The shell."""
    parser.add_argument("shell", metavar="SHELL", choices=SHELLS, help=", ".join(SHELLS))


def execute(options: Options, terminal: Terminal) -> int:
    """Print the script."""
    from ..command_line import shells

    write_text(getattr(shells, options.shell)(shells.words()), None)
    return DONE
