"""``opvasm lsp``: the language server is started on standard streams."""

from __future__ import annotations

from ...light_typing import TYPE_CHECKING
from ..inputs.option_values import OptionValues
from ..terminal.exits import DONE, HOST, USAGE, UsageError
from ..terminal.outputs import protocol_streams

if TYPE_CHECKING:
    from argparse import ArgumentParser

    from ..terminal.terminal import Terminal

DESCRIPTION = """\
Serve an editor over the Language Server Protocol, on standard input and output: findings while one
types, what a name is, completion, renaming, layout, tests run and scenarios explored beside their
text. Editors start it by themselves; opvasm docs editors says how. Needs pygls: pip install
'opvasm[lsp]'."""
EXAMPLES = """
opvasm lsp
"""
EXITS = {
    DONE: "the editor said goodbye",
    USAGE: "standard input or output is a terminal",
    HOST: "pygls is not installed",
}


class Options(OptionValues):
    """The options, as they were typed."""

    stdio: bool


def add_arguments(parser: ArgumentParser) -> None:
    """The options."""
    parser.add_argument(
        "--stdio",
        action="store_true",
        help="talk on standard input and output (the default; some editors say it)",
    )


def execute(options: Options, terminal: Terminal) -> int:
    """Serve until the editor says goodbye."""
    import sys

    try:
        from ...lsp.features import start
    except ModuleNotFoundError as error:
        if error.name is not None and error.name.partition(".")[0] in ("pygls", "lsprotocol"):
            terminal.fail("pygls is not installed", "pip install 'opvasm[lsp]'")
            return HOST
        raise
    if sys.stdin is None or sys.stdin.isatty():
        raise UsageError(
            "standard input is no editor", "an editor starts this command: opvasm docs editors"
        )
    source, sink = protocol_streams()
    start(source, sink)
    return DONE
