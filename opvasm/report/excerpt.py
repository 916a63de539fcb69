"""The lines of a source text that a span covers, with carets under exactly the span.

Tabs are expanded, wide characters count two columns and combining ones none, as a terminal draws
them; characters that would steer the terminal are shown as what they are (``\\x1b``).
"""

from __future__ import annotations

from ..source import Span
from .style import PLAIN, Paint, Style

TAB_COLUMNS = 4
# A longer line is cut around the span: one screen line of a wide terminal.
WINDOW_COLUMNS = 140
# A span of more lines shows its first two and its last.
LINES_IN_FULL = 4


def excerpt(span: Span, style: Style = PLAIN, caret: Paint | None = None) -> list[str]:
    """The lines to print below a finding's first line."""
    paint = caret if caret is not None else style.error
    first = span.line
    last = span.file.line_column(max(span.start, span.end - 1))[0]
    shown: list[int | None] = list(range(first, min(last, first + LINES_IN_FULL - 1) + 1))
    if last - first >= LINES_IN_FULL:
        shown = [first, first + 1, None, last]
    width = max(4, len(str(last)))
    lines: list[str] = []
    for number in shown:
        if number is None:
            lines.append(style.dim(f"{'...':>{width + 3}}"))
            continue
        text, marks = _line(span, number)
        lines.append(f"{style.dim(f'{number:>{width}} |')} {text}".rstrip())
        if marks.strip():
            lines.append(f"{style.dim(' ' * width + ' |')} {paint_marks(marks, paint)}")
    return lines


def paint_marks(marks: str, paint: Paint) -> str:
    """The carets painted, the spaces before them not."""
    carets = marks.lstrip(" ")
    return " " * (len(marks) - len(carets)) + paint(carets)


def _line(span: Span, number: int) -> tuple[str, str]:
    """A line as it is drawn, and the carets below it."""
    line_start = span.file.line_start(number)
    text = span.file.line_text(number)
    start = max(span.start - line_start, 0)
    end = min(span.end - line_start, len(text))
    if number != span.line:
        # Indentation is not part of what a later line has to say.
        start = len(text) - len(text.lstrip())
    start = min(start, len(text))

    # The columns at which each character begins; the last entry is where the line ends.
    columns = [0]
    drawn: list[str] = []
    for character in text:
        piece = _drawn(character, columns[-1])
        drawn.append(piece)
        columns.append(columns[-1] + _width(piece))
    left, right = columns[start], columns[max(end, start)]
    right = max(right, left + 1)

    if columns[-1] <= WINDOW_COLUMNS:
        return "".join(drawn), " " * left + "^" * (right - left)
    return _window(drawn, columns, left, right)


def _window(drawn: list[str], columns: list[int], left: int, right: int) -> tuple[str, str]:
    """The part of a long line around the span, with … where something was cut."""
    begin = max(0, left - WINDOW_COLUMNS // 3)
    end = begin + WINDOW_COLUMNS
    first = next(index for index, column in enumerate(columns) if column >= begin)
    pieces = [
        piece for index, piece in enumerate(drawn) if index >= first and columns[index + 1] <= end
    ]
    before = "…" if first > 0 else ""
    after = "…" if first + len(pieces) < len(drawn) else ""
    offset = len(before) - columns[first]
    return (
        f"{before}{''.join(pieces)}{after}",
        " " * (left + offset) + "^" * (min(right, end) - left),
    )


def _drawn(character: str, column: int) -> str:
    if character == "\t":
        return " " * (TAB_COLUMNS - column % TAB_COLUMNS)
    return printable(character)


def _width(text: str) -> int:
    """The columns that a terminal needs for a text."""
    if text.isascii():
        return len(text)
    from unicodedata import category, east_asian_width

    return sum(
        0 if category(each) in ("Mn", "Me", "Cf") else 2 if east_asian_width(each) in "WF" else 1
        for each in text
    )


def printable(text: str) -> str:
    """The text with control characters (and lone surrogates) spelt as escapes; newlines stay."""
    if text.isprintable():
        return text
    return "".join(
        each if each.isprintable() or each in "\n\u3000\u00a0" else _escape(each) for each in text
    )


def _escape(character: str) -> str:
    code = ord(character)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
