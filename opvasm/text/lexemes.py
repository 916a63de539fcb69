"""A text as lexemes with their offsets: words, numbers, texts, signs, comments, line breaks."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ..light_typing import NamedTuple
from .grammar import load_tables
from .tables import BAD, LITERAL

WORD, NUMBER, TEXT, SIGN, COMMENT, NEWLINE = "word", "number", "text", "sign", "comment", "newline"
_COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.DOTALL)


class Lexeme(NamedTuple):
    """A token, a comment or line breaks in a row: the characters ``start`` up to ``end``.

    ``kind`` is ``word`` (also a name with dots), ``number``, ``text`` (a string or character),
    ``sign``, ``comment`` or ``newline``.  ``spaced`` says whether blanks stood before it.
    """

    kind: str
    start: int
    end: int
    spaced: bool


def lexemes(text: str) -> Iterator[Lexeme]:
    """Everything of a text in order but for blanks.  Characters that begin no token are left out."""
    tables = load_tables()
    kinds = {tables.number(name): WORD for name in ("NAME", "DOTTED")}
    kinds |= {tables.number(name): TEXT for name in ("STRING", "CHARACTER")}
    kinds |= {tables.number("NUMBER"): NUMBER, tables.number("_NEWLINE"): NEWLINE, LITERAL: SIGN}
    for match in re.finditer(tables.pattern, text):
        group = match.lastindex or 0
        begin, end = match.span(group)
        position = match.start()
        if begin > position and text.find("/", position, begin) >= 0:
            for comment in _COMMENT.finditer(text, position, begin):
                yield Lexeme(COMMENT, comment.start(), comment.end(), comment.start() > position)
                position = comment.end()
        if begin == end:  # the end of the text
            return
        if tables.kinds[group] != BAD:
            yield Lexeme(kinds.get(tables.kinds[group], WORD), begin, end, begin > position)
