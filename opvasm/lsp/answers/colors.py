"""What each word of a text is, for an editor that colours by meaning."""

from __future__ import annotations

from collections.abc import Iterator

from ...light_typing import NamedTuple
from ...text.grammar import load_tables
from ...text.lexemes import COMMENT, NEWLINE, NUMBER, SIGN, TEXT, lexemes
from .. import kinds
from ..document import Document, names_of
from ..index import index_of
from ..pieces import Piece

COMMENT_KIND, STRING, NUMERAL, OPERATOR, KEYWORD = (
    "comment",
    "string",
    "number",
    "operator",
    "keyword",
)


class Color(NamedTuple):
    """What the characters ``start`` up to ``end`` are.

    ``kind`` is one of kinds.py, or ``keyword``, ``comment``, ``string``, ``number``, ``operator``,
    and of a value ``constant`` or ``variable``.
    """

    start: int
    end: int
    kind: str
    declares: bool


def colors(document: Document, start: int = 0, end: int | None = None) -> tuple[Color, ...]:
    """The words, numbers, texts and comments of a document in order, of a part of it when asked."""
    last = len(document.text) if end is None else end
    constants = {
        each.occurrence.name
        for each in index_of(document).of_kind(kinds.VALUE)
        if each.occurrence.type is None
    }
    found: list[Color] = []
    for placed in document.pieces:
        if placed.end < start or placed.start > last:
            continue
        for color in _of_piece(placed.piece):
            kind = color.kind
            if kind == kinds.VALUE:
                name = placed.piece.text[color.start : color.end]
                kind = "constant" if name in constants else "variable"
            found.append(
                Color(placed.start + color.start, placed.start + color.end, kind, color.declares)
            )
    return tuple(found)


def _of_piece(piece: Piece) -> tuple[Color, ...]:
    """The colours of a piece, found once."""
    known: tuple[Color, ...] | None = piece.__dict__.get("colors")
    if known is None:
        known = piece.__dict__["colors"] = tuple(_found(piece))
    return known


def _found(piece: Piece) -> Iterator[Color]:
    named = {each.start: each for each in names_of(piece)}
    keywords = load_tables().keywords
    text = piece.own_text
    kinds_of = {COMMENT: COMMENT_KIND, TEXT: STRING, NUMBER: NUMERAL, SIGN: OPERATOR}
    for kind, start, end, _ in lexemes(text):
        if kind == NEWLINE:
            continue
        at = start
        while at < end:
            each = named.get(at)
            if each is None or each.end > end:
                break
            yield Color(at, each.end, each.kind, each.declares)
            at = each.end + (text[each.end : each.end + 1] == "." and each.end < end)
        if at < end and at == start:
            if kind in kinds_of:
                yield Color(start, end, kinds_of[kind], False)
            elif text[start:end] in keywords:
                yield Color(start, end, KEYWORD, False)
