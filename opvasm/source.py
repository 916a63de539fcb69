"""Where a thing stands: in a source text, or in a string of raw bytes.

Both kinds of place print as ``name:line:column`` or ``name: op 3, field src, bytes 112..119`` and
sort in reading order, so that a report never needs to know which of the two it was given.
"""

from __future__ import annotations

from bisect import bisect_right

from .light_typing import NamedTuple


class SourceFile:
    """A named text.  Offsets count characters from 0; lines and columns count from 1.

    A carriage return that stands alone ends a line, as it did on old machines.
    """

    __slots__ = ("_line_starts", "name", "text")

    def __init__(self, name: str, text: str) -> None:
        self.name = name
        self.text = text if "\r" not in text else _without_lone_returns(text)
        self._line_starts: list[int] | None = None

    def __repr__(self) -> str:
        return f"SourceFile({self.name!r}, {len(self.text)} characters)"

    def _starts(self) -> list[int]:
        """Offsets at which the lines begin; found once, when a line is first asked for."""
        if self._line_starts is None:
            starts = [0]
            find = self.text.find
            position = find("\n")
            while position >= 0:
                starts.append(position + 1)
                position = find("\n", position + 1)
            self._line_starts = starts
        return self._line_starts

    def line_column(self, offset: int) -> tuple[int, int]:
        """The line and column of a character offset, both counted from 1."""
        starts = self._starts()
        line = bisect_right(starts, offset)
        return line, offset - starts[line - 1] + 1

    def line_start(self, line: int) -> int:
        """The offset at which a line (counted from 1) begins."""
        return self._starts()[line - 1]

    def line_text(self, line: int) -> str:
        """A line (counted from 1) without its newline."""
        start = self._starts()[line - 1]
        end = self.text.find("\n", start)
        return self.text[start : end if end >= 0 else len(self.text)].rstrip("\r")


def _without_lone_returns(text: str) -> str:
    """A text in which each line ends with a newline; offsets stay as they are."""
    return "\r\n".join(part.replace("\r", "\n") for part in text.split("\r\n"))


class Span(NamedTuple):
    """The characters ``start`` up to, not including, ``end`` of a source file."""

    file: SourceFile
    start: int
    end: int

    @property
    def line(self) -> int:
        """The line of the first character, counted from 1."""
        return self.file.line_column(self.start)[0]

    @property
    def column(self) -> int:
        """The column of the first character, counted from 1."""
        return self.file.line_column(self.start)[1]

    @property
    def text(self) -> str:
        """The characters themselves."""
        return self.file.text[self.start : self.end]

    def to(self, other: Span) -> Span:
        """The span from the start of this one to the end of another in the same file."""
        return Span(self.file, self.start, max(self.end, other.end))

    def sort_key(self) -> tuple[str, int, int]:
        """Orders places by file, then by position."""
        return self.file.name, self.start, self.end

    def __str__(self) -> str:
        line, column = self.file.line_column(self.start)
        return f"{self.file.name}:{line}:{column}"


class BytePlace(NamedTuple):
    """Bytes ``start`` up to, not including, ``end`` of raw input, and what they are.

    ``op`` is the index of the op they belong to and ``field`` a field of the kernel's header; each
    is None where the place is larger than that.  ``symbol`` is the array that the ops are in, where
    the input has several.
    """

    name: str
    start: int
    end: int
    op: int | None = None
    field: str | None = None
    symbol: str | None = None

    def sort_key(self) -> tuple[str, int, int]:
        """Orders places by file, then by position."""
        return self.name, self.start, self.end

    def __str__(self) -> str:
        parts = []
        if self.symbol is not None:
            parts.append(f"symbol {self.symbol}")
        if self.op is not None:
            parts.append(f"op {self.op}")
        if self.field is not None:
            parts.append(f"field {self.field}")
        if self.end > self.start:
            parts.append(f"bytes {self.start}..{self.end - 1}")
        return f"{self.name}: {', '.join(parts)}" if parts else self.name


Place = Span | BytePlace
