"""The options of `opvasm run`."""

from __future__ import annotations

from ...light_typing import TYPE_CHECKING
from ..inputs.options import add_input
from ..inputs.programs import MachineOptions, add_machine

if TYPE_CHECKING:
    from argparse import ArgumentParser


class Options(MachineOptions):
    """The options, as they were typed."""

    file: str
    vector: str | None
    trace: str
    exit_status: bool


def add_arguments(parser: ArgumentParser) -> None:
    """The options."""
    add_input(parser, "the text, or ops with --from")
    parser.add_argument(
        "vector",
        metavar="VECTOR",
        nargs="?",
        help="the vector or section to run (default: the tests)",
    )
    add_machine(parser)
    parser.add_argument(
        "--trace",
        choices=("human", "jsonl", "none"),
        default="human",
        metavar="human|jsonl|none",
        help="how to report what happens: for people (default), a JSON object a line, or not",
    )
    parser.add_argument(
        "-e",
        "--exit-status",
        action="store_true",
        help="exit with 1 when the call does not return 0",
    )
