"""A text in pieces that begin with a declaration, so that an edit costs the pieces it touches.

A piece is a text of its own: the places in its tree count from its beginning, so that the tree of
a piece that did not change stays right wherever the piece moves.  Taken together the pieces say
what the parser says of the whole text; where one alone would say something else (a comment or a
block that goes on), it is read with what follows, and several become one piece.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache

from ..errors import Diagnostic
from ..light_typing import TYPE_CHECKING, NamedTuple
from ..source import SourceFile, Span
from ..text.grammar import load_tables
from ..text.lalr import reserved_words
from ..text.parser import Parsed, parse_file
from ..text.syntax import Node, syntax_of
from ..text.tree import File
from .once import once

if TYPE_CHECKING:
    from ..text.tree import Declaration

OPEN_COMMENT = "OPV003"


class Piece(SourceFile):
    """Some declarations of a text: the tree, and what is wrong with it.

    ``text`` may hold more than the piece, whose own characters are the first ``length``: the
    beginning of what follows, where that is needed to say what is wrong.
    """

    def __init__(self, name: str, text: str, length: int, parsed: Parsed) -> None:
        super().__init__(name, text)
        self.length = length
        self.parsed = parsed

    @once
    def syntax(self) -> Node:
        """The rules and tokens of the piece."""
        return syntax_of(self.text[: self.length])

    @property
    def own_text(self) -> str:
        """Its own characters."""
        return self.text[: self.length]


class Placed(NamedTuple):
    """A piece and the offset at which it begins in its text."""

    piece: Piece
    start: int

    @property
    def end(self) -> int:
        """The offset after its last character."""
        return self.start + self.piece.length


def pieces_of(name: str, text: str, before: Sequence[Placed] = ()) -> Iterator[Placed]:
    """The pieces of a text; those of ``before`` that are still in it are taken over."""
    known: dict[str, list[Piece]] = {}
    for placed in reversed(before):
        known.setdefault(_key(placed.piece.text, 0), []).append(placed.piece)
    borders = [0, *(m.start() for m in _beginnings().finditer(text) if m.start()), len(text)]
    index = 0
    while borders[index] < len(text):
        start = borders[index]
        piece = _known(known, text, start, borders, index)
        if piece is None:
            piece = _read(name, text, borders, index)
        yield Placed(piece, start)
        end = start + piece.length
        while borders[index] < end:
            index += 1


@cache
def _beginnings() -> re.Pattern[str]:
    """Where a line begins with a word that begins a declaration."""
    tables = load_tables()
    reserved = reserved_words(tables)
    words = sorted(word for word, number in tables.keywords.items() if number in reserved)
    return re.compile(rf"^(?:{'|'.join(words)})\b", re.MULTILINE)


def _key(text: str, start: int) -> str:
    """The first line with something on it: few pieces have the same."""
    end = text.find("\n", start)
    return text[start : end if end >= 0 else len(text)]


def _known(
    known: Mapping[str, list[Piece]], text: str, start: int, borders: list[int], index: int
) -> Piece | None:
    """A piece of the text before that stands here, with the same text after it where that counts."""
    candidates = known.get(_key(text, start), [])
    for position in range(len(candidates) - 1, -1, -1):
        piece = candidates[position]
        end = start + piece.length
        if not text.startswith(piece.text, start):
            continue
        after = index
        while borders[after] < end:
            after += 1
        if borders[after] != end:
            continue
        ahead = borders[after + 1] if after + 1 < len(borders) else end
        if not piece.parsed.problems or ahead - start == len(piece.text):
            return candidates.pop(position)
    return None


def _read(name: str, text: str, borders: list[int], index: int) -> Piece:
    """The piece that begins at a border: up to the next one, or further where it goes on."""
    start, after = borders[index], index + 1
    while True:
        end = borders[after]
        whole = _parsed(name, text[start:end], end - start)
        if not whole.parsed.problems or after + 1 == len(borders):
            return whole
        if _opens_comment(whole):
            close = text.find("*/", end)
            last = len(text) if close < 0 else close + 1
            after = next(i for i in range(after, len(borders)) if borders[i] >= last)
            continue
        piece = _parsed(name, text[start : borders[after + 1]], end - start)
        if all(span_of(each).end <= piece.length for each in piece.parsed.file.declarations):
            return piece
        after += 1


def span_of(declaration: Declaration) -> Span:
    """The text of a declaration."""
    assert declaration.span is not None  # only strategies that are built in have none
    return declaration.span


def _opens_comment(piece: Piece) -> bool:
    """Whether a comment begins in a piece that does not end in it."""
    return any(
        each.code == OPEN_COMMENT and isinstance(each.place, Span) and each.place.text == "/*"
        for each in piece.parsed.problems
    )


def _parsed(name: str, text: str, length: int) -> Piece:
    """A piece of ``length`` characters and what follows it; says what is before its end."""
    piece = Piece(
        name, text, length, Parsed(File(SourceFile(name, ""), ()), (), frozenset(), (), False)
    )
    parsed = parse_file(piece)
    if length == len(text):
        piece.parsed = parsed
        return piece

    def begins_before(each: Diagnostic | Declaration) -> bool:
        place = each.place if isinstance(each, Diagnostic) else span_of(each)
        limit = length if isinstance(each, Diagnostic) else length - 1
        return not isinstance(place, Span) or place.start <= limit

    skipped = tuple(
        Span(piece, span.start, min(span.end, length))
        for span in parsed.skipped
        if span.start < length
    )
    names = {word for span in skipped for word in re.findall(r"[A-Za-z_][A-Za-z0-9_]*", span.text)}
    piece.parsed = Parsed(
        parsed.file._replace(
            declarations=tuple(each for each in parsed.file.declarations if begins_before(each))
        ),
        tuple(each for each in parsed.problems if begins_before(each)),
        frozenset(names),
        skipped,
        parsed.given_up,
    )
    return piece
