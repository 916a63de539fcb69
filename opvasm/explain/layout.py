"""Paragraphs, rows and indented blocks of an explanation."""

from __future__ import annotations

from collections.abc import Iterable
from textwrap import fill, indent

COLUMNS = 88


def paragraph(text: str) -> str:
    """A text wrapped to the width of a terminal, ended by a newline."""
    return fill(text, COLUMNS, break_long_words=False, break_on_hyphens=False) + "\n"


def indented(text: str) -> str:
    """A block as it stands, moved to the right, ended by a newline."""
    return indent(text.strip("\n"), "    ") + "\n"


def rows(pairs: Iterable[tuple[str, str]]) -> str:
    """Names and what is said of each, the second column aligned and wrapped."""
    listed = list(pairs)
    width = max((len(name) for name, _ in listed), default=0)
    return "".join(
        fill(
            text,
            COLUMNS,
            initial_indent=f"  {name:<{width}}  ",
            subsequent_indent=" " * (width + 4),
            break_long_words=False,
            break_on_hyphens=False,
        )
        + "\n"
        for name, text in listed
    )
