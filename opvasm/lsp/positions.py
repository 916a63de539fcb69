"""Offsets as an editor counts them: lines from 0, and units of its encoding from the line's start."""

from __future__ import annotations

from ..light_typing import NamedTuple
from ..source import SourceFile

UTF8, UTF16, UTF32 = "utf-8", "utf-16", "utf-32"


class Position(NamedTuple):
    """A line, from 0, and how many units of the encoding stand before the place in it."""

    line: int
    character: int


class Positions:
    """The positions of a text.  A lone carriage return ends a line, here as in the protocol."""

    def __init__(self, source: SourceFile, encoding: str = UTF16) -> None:
        self.source = source
        self.encoding = encoding
        self._ascii = source.text.isascii()
        self._lines = source.line_column(len(source.text))[0]

    def of(self, offset: int) -> Position:
        """The position of an offset (characters)."""
        offset = min(max(offset, 0), len(self.source.text))
        line, column = self.source.line_column(offset)
        if self._ascii or self.encoding == UTF32:
            return Position(line - 1, column - 1)
        text = self.source.text[offset - column + 1 : offset]
        return Position(line - 1, units(text, len(text), self.encoding))

    def offset(self, line: int, character: int) -> int:
        """The offset of a position; one outside of the text is taken to the nearest place in it."""
        if line < 0:
            return 0
        if line >= self._lines:
            return len(self.source.text)
        start = self.source.line_start(line + 1)
        text = self.source.line_text(line + 1)
        if self._ascii or self.encoding == UTF32:
            return start + min(max(character, 0), len(text))
        return start + characters(text, character, self.encoding)


def units(text: str, offset: int, encoding: str = UTF16) -> int:
    """The units of an encoding that stand before a character of a text."""
    if encoding == UTF32 or text.isascii():
        return offset
    if encoding == UTF8:
        return len(text[:offset].encode("utf-8", "surrogatepass"))
    return offset + sum(each > "\uffff" for each in text[:offset])


def characters(text: str, position: int, encoding: str = UTF16) -> int:
    """The offset of the character that a position, in units of an encoding, is at or in."""
    position = max(position, 0)
    if encoding == UTF32 or text.isascii():
        return min(position, len(text))
    end = 0
    for index, each in enumerate(text):
        end += units(each, 1, encoding)
        if end > position:
            return index
    return len(text)
