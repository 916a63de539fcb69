"""``opvasm emit --check``: whether a header is still what its source gives."""

from __future__ import annotations

import os
import shlex

from ...light_typing import TYPE_CHECKING
from ..inputs.inputs import read_source
from ..terminal.exits import DONE, NEGATIVE, UsageError
from ..terminal.terminal import say
from .arguments import Options, add_arguments
from .making import MADE_BY, emitted, proof_lines

if TYPE_CHECKING:
    from ..terminal.terminal import Terminal


def check(path: str, options: Options, terminal: Terminal) -> int:
    """Make the header again by the command that its head names, and compare the two."""
    if options.output is not None:
        raise UsageError("--check writes nothing", "leave -o out")
    text = read_source(path).text
    head = _head(text, path)
    recorded = _recorded(head, path)
    file = recorded.file
    if options.file != "-":
        file = options.file
    elif file != "-" and not os.path.exists(file):
        beside = os.path.join(os.path.dirname(path), os.path.basename(file))
        file = beside if os.path.exists(beside) else file
    recorded = recorded.replaced(file=file, output=os.path.basename(path))
    known = proof_lines(head) if options.no_explore and not recorded.no_explore else None
    again, code = emitted(recorded, terminal, known)
    if again is None:
        return code
    if again == text:
        proven = "" if known is None else " (the proof was not made again)"
        say(f"{path} is what {recorded.file} gives{proven}")
        return DONE
    say(f"{path} is out of date: {_difference(text, again)}")
    say(f"{terminal.err.help('help')}: opvasm emit {_command(head)} -o {path}")
    return NEGATIVE


def _head(text: str, path: str) -> list[str]:
    """The lines of the comment at the top."""
    if not text.startswith("/*\n"):
        raise UsageError(f"{path} was not made by opvasm emit: it has no head")
    lines: list[str] = []
    for line in text.splitlines()[1:]:
        if line.startswith(" */"):
            return lines
        lines.append(line.removeprefix(" *").removeprefix(" "))
    raise UsageError(f"{path} was not made by opvasm emit: its head has no end")


def _command(head: list[str]) -> str:
    return next((e.removeprefix(MADE_BY) for e in head if e.startswith(MADE_BY)), "")


def _recorded(head: list[str], path: str) -> Options:
    """The options that the head names."""
    import argparse

    command = _command(head)
    if not command:
        raise UsageError(f"{path} was not made by opvasm emit: its head names no command")

    class HeadParser(argparse.ArgumentParser):
        def error(self, message: str) -> None:  # type: ignore[override]
            raise UsageError(f"{path}: its head names a command that can't be read: {message}")

    parser = HeadParser(prog="opvasm emit", add_help=False)
    add_arguments(parser)
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise UsageError(f"{path}: its head names a command that can't be read: {error}") from None
    return Options.of(parser.parse_args(words))


def _difference(old: str, new: str) -> str:
    """What is different first, in words."""
    before, after = old.splitlines(), new.splitlines()
    what = ""
    for number, (one, two) in enumerate(zip(before, after, strict=False), 1):
        if not one.startswith(" *           "):  # a further line belongs to what begins above it
            what = one.removeprefix(" * ").partition(" ")[0]
        if one != two:
            match what if one.startswith(" * ") else "":
                case "source":
                    return "the source has changed"
                case "opvasm":
                    return "it was made by another version of opvasm"
                case "proof":
                    now = two.removeprefix(" *").strip().removeprefix("proof").strip()
                    return f"the proof has changed: now {now}"
                case _:
                    return f"line {number} differs: {one.strip()[:60]!r}, now {two.strip()[:60]!r}"
    return "one is longer than the other"
