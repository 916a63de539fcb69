"""``opvasm samples``: the sample files and the language by example are written to a folder."""

from __future__ import annotations

import os
from collections.abc import Iterator

from ...light_typing import TYPE_CHECKING
from ..inputs.option_values import OptionValues
from ..terminal.exits import DONE, UsageError
from ..terminal.outputs import write_text

if TYPE_CHECKING:
    from argparse import ArgumentParser

    from ..terminal.terminal import Terminal

DESCRIPTION = """\
Write the sample files, which the examples of every help name, and the language by example
(LANGUAGE.md) into a folder. Without one, list them."""
EXAMPLES = """
opvasm samples samples
opvasm samples
"""
EXITS = {DONE: "written, or listed"}
_PACKAGE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
# Inside the installed package, or beside it in a checkout.
_PLACES = (_PACKAGE, os.path.dirname(_PACKAGE))
_LANGUAGE = "LANGUAGE.md"


class Options(OptionValues):
    """The options, as they were typed."""

    folder: str | None


def add_arguments(parser: ArgumentParser) -> None:
    """The folder."""
    parser.add_argument(
        "folder", metavar="DIR", nargs="?", help="the folder; it is made, and may hold nothing yet"
    )


def execute(options: Options, terminal: Terminal) -> int:
    """Write every file, or none."""
    files = dict(_files())
    if options.folder is None:
        write_text("".join(f"{name}\n" for name in sorted(files)), None)
        return DONE
    folder = options.folder
    try:
        os.makedirs(folder, exist_ok=True)
        there = os.listdir(folder)
    except OSError as problem:
        raise UsageError(f"cannot write to {folder}: {problem.strerror}") from None
    if there:
        raise UsageError(f"{folder} is not empty", "name a folder that is to be made")
    try:
        for name, path in files.items():
            target = os.path.join(folder, name)
            os.makedirs(os.path.dirname(target), exist_ok=True)
            with open(path, "rb") as source, open(target, "wb") as file:
                file.write(source.read())
    except OSError as problem:
        raise UsageError(f"cannot write to {folder}: {problem.strerror}") from None
    terminal.remark(f"{len(files)} files in {folder}")
    return DONE


def _files() -> Iterator[tuple[str, str]]:
    """The name of each file below the folder, and where it is."""
    for place in _PLACES:
        samples = os.path.join(place, "samples")
        if not os.path.isdir(samples):
            continue
        for parent, folders, names in os.walk(samples):
            folders[:] = sorted(each for each in folders if not each.startswith(("_", ".")))
            for name in sorted(names):
                path = os.path.join(parent, name)
                yield os.path.relpath(path, samples), path
        yield _LANGUAGE, os.path.join(place, "grammar", "README.md")
        return
    raise UsageError("this package was installed without its samples", "pip install opvasm")
