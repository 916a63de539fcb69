"""Whether to colour: ``--color``, then NO_COLOR, then FORCE_COLOR, then the terminal."""

from __future__ import annotations

import os

from ...light_typing import TYPE_CHECKING
from ...report.style import COLORED, PLAIN, Style

if TYPE_CHECKING:
    from argparse import ArgumentParser
    from typing import TextIO

CHOICES = ("auto", "always", "never")


def add_color(parser: ArgumentParser, default: str) -> None:
    """``--color``, which every subcommand takes."""
    parser.add_argument(
        "--color",
        choices=CHOICES,
        default=default,
        help="colour for people: auto, always or never (also: NO_COLOR, FORCE_COLOR)",
    )


def style_for(stream: TextIO | None, choice: str) -> Style:
    """The style for a stream; an empty environment variable counts as unset."""
    return COLORED if _wanted(stream, choice) else PLAIN


def _wanted(stream: TextIO | None, choice: str) -> bool:
    if choice != "auto":
        return choice == "always"
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return stream is not None and stream.isatty() and os.environ.get("TERM") != "dumb"
