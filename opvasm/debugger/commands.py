"""All commands of the prompt by their words, the short forms of gdb among them."""

from __future__ import annotations

from . import command_run, command_set, command_show
from .shell import Command


def all_commands() -> dict[str, Command]:
    """Every word that is a command or a short form of one.

    Raises ValueError when a word is given twice.
    """
    words: dict[str, Command] = {}
    for command in (*command_run.COMMANDS, *command_show.COMMANDS, *command_set.COMMANDS):
        for word in (command.name, *command.aliases):
            if word in words:
                raise ValueError(f"the word {word} is given twice")
            words[word] = command
    return words


COMMANDS = all_commands()
