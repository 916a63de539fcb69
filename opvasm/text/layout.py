"""A text as lines of tokens and comments: what a formatter works on.

Blanks are forgotten but for whether there were any; line breaks, blank lines and comments stay.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from .lexemes import NEWLINE, lexemes


class Piece(NamedTuple):
    """A token or a comment.

    ``kind`` is ``word``, ``number``, ``text`` (a string or character), ``sign`` or ``comment``.
    ``spaced`` says whether blanks stood before it.
    """

    text: str
    kind: str
    spaced: bool


@dataclass
class Line:
    """The pieces of a line, and the ``//`` comment at its end.  ``blank`` lines come before it."""

    pieces: list[Piece] = field(default_factory=list)
    comment: str = ""
    blank: bool = False

    @property
    def is_empty(self) -> bool:
        """Whether nothing stands on it, not even a comment."""
        return not self.pieces and not self.comment


def lines_of(text: str) -> list[Line]:
    """The lines of a text that has no mistakes; empty ones are only marked at the next line."""
    lines: list[Line] = [Line()]
    for piece in _pieces(text):
        if piece.text == "\n":
            if lines[-1].is_empty:
                lines[-1].blank = True
            else:
                lines.append(Line())
        elif piece.kind == "comment" and piece.text.startswith("//"):
            lines[-1].comment = piece.text.rstrip()
        else:
            lines[-1].pieces.append(piece)
    if lines[-1].is_empty:
        lines.pop()
    if lines:
        lines[0].blank = False
    return lines


def tokens_of(text: str) -> list[str]:
    """What the text means, as far as a formatter is concerned: words, signs, line breaks, comments.

    Two texts with the same tokens are the same to the parser.  Names with dots count as their
    parts, comments with their blanks drawn together, line breaks in a row as one.
    """
    found: list[str] = []
    for piece in _pieces(text):
        if piece.text == "\n":
            if found and found[-1] != "\n":
                found.append("\n")
        elif piece.kind == "word":
            found += re.split(r"(\.)", piece.text)
        elif piece.kind == "comment":
            found.append(" ".join(piece.text.split()))
        else:
            found.append(canonical_number(piece.text) if piece.kind == "number" else piece.text)
    while found and found[-1] == "\n":
        found.pop()
    return found


def canonical_number(text: str) -> str:
    """A number with its letters small: ``0x1F`` is ``0x1f``."""
    return text.lower()


def _pieces(text: str) -> Iterator[Piece]:
    """Everything of a text in order; each line break is a sign of its own."""
    text = text.replace("\r\n", "\n")
    for kind, start, end, spaced in lexemes(text):
        if kind == NEWLINE:
            for _ in range(text.count("\n", start, end)):
                yield Piece("\n", "sign", False)
        else:
            yield Piece(text[start:end], kind, spaced)
