"""``opvasm explain``: a code, an op, a revision or a word of the language is explained."""

from __future__ import annotations

from ...light_typing import TYPE_CHECKING
from ..inputs.option_values import OptionValues
from ..terminal.exits import DONE, UsageError
from ..terminal.outputs import write_text

if TYPE_CHECKING:
    from argparse import ArgumentParser

    from ..terminal.terminal import Terminal

DESCRIPTION = """\
Explain a diagnostic code (or its name), an op, a revision, a kind of page or a quirk.
Without a name: list all of them."""
EXAMPLES = """
opvasm explain
opvasm explain OPV205
opvasm explain memcpy
opvasm explain 2018-04
opvasm explain zero
"""
EXITS = {DONE: "explained"}


class Options(OptionValues):
    """The options, as they were typed."""

    names: tuple[str, ...]


def add_arguments(parser: ArgumentParser) -> None:
    """The names."""
    parser.add_argument("names", metavar="NAME", nargs="*", help="what to explain")


def execute(options: Options, terminal: Terminal) -> int:
    """Print the explanations, or the list."""
    from ...explain import find, names, overview

    if not options.names:
        write_text(overview(), None)
        return DONE
    texts = []
    for name in options.names:
        topic = find(name)
        if topic is None:
            from ...kernels.versions import version_help
            from ...suggestion import did_you_mean

            raise UsageError(
                f"there is nothing called {name!r} to explain",
                version_help(name)
                or did_you_mean(name, (each for each in names() if not each.startswith("OPV")))
                or "'opvasm explain' lists everything",
            )
        texts.append(topic.explain())
    write_text("\n".join(texts), None)
    return DONE
