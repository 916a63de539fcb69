"""One layout for every ``.opv`` text: comments kept, the meaning untouched, twice the same as once.

Lines are never broken or joined.  Four spaces a level; the operands of a vector's ops stand below
each other, and so do the types of variables declared in a row and the comments after lines in a
row; at most one blank line, none at the edges of a block.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..errors import Crash, ParseError
from ..source import SourceFile
from .layout import Line, Piece, lines_of, tokens_of
from .parser import parse_file
from .spacing import heads_vector, joined

INDENT = "    "
# A line that is wider does not move the comments of its neighbours (as in printer.py).
WIDEST_COLUMN = 72
_COMMENT_GAP = "  "
_AREAS = ("percpu", "shared", "page")


def formatted(source: SourceFile) -> str:
    """The text in its one layout; it assembles to the same bytes.

    Raises ParseError for a text that is not in the language: nothing is guessed.
    """
    problems = parse_file(source).problems
    if problems:
        raise ParseError(problems)
    rows = _rows(lines_of(source.text))
    _align_ops(rows)
    _align_variables(rows)
    _align_short_vectors(rows)
    text = "".join(_print(rows))
    if tokens_of(text) != tokens_of(source.text):
        raise Crash(f"formatting {source.name} would change what it says")
    return text


@dataclass
class _Row:
    """A line with its place in the text: how deep it stands, and in which block."""

    line: Line
    depth: int
    block: int  # the number of the innermost block; lines of one block belong together
    in_vector: bool
    text: str = ""
    blank: bool = False


@dataclass
class _Bracket:
    """An open bracket: what it is, and whether its lines are ops."""

    sign: str
    number: int
    is_vector: bool = False
    is_list: bool = False


def _rows(lines: Sequence[Line]) -> list[_Row]:
    """Every line with its depth and block."""
    rows: list[_Row] = []
    brackets = [_Bracket("", 0)]
    blocks = 0
    continues = is_vector = False
    previous: Line | None = None
    for line in lines:
        if len(brackets) == 1 and not continues and line.pieces:
            is_vector = heads_vector(line.pieces)
        closing = 0
        for piece in line.pieces:
            if piece.kind != "sign" or piece.text not in (")", "]", "}"):
                break
            closing += 1
        inner = brackets[: len(brackets) - closing] if closing < len(brackets) else brackets[:1]
        depth = len(inner) - 1 + (continues and not closing)
        opens = previous is None or (previous.pieces[-1:] and previous.pieces[-1].text == "{")
        rows.append(
            _Row(
                line,
                depth,
                brackets[-1].number,
                brackets[-1].is_vector and not closing,
                blank=line.blank and not opens and not closing,
            )
        )
        for index, piece in enumerate(line.pieces):
            if piece.kind != "sign":
                continue
            if piece.text in ("(", "[", "{"):
                blocks += 1
                before = line.pieces[index - 1] if index else None
                brackets.append(
                    _Bracket(
                        piece.text,
                        blocks,
                        piece.text == "{" and len(brackets) == 1 and is_vector,
                        piece.text != "{" or _begins_list(before, line),
                    )
                )
            elif piece.text in (")", "]", "}") and len(brackets) > 1:
                brackets.pop()
        if line.pieces:
            continues = _goes_on(line.pieces[-1]) and not brackets[-1].is_list
        previous = line
    return rows


def _begins_list(before: Piece | None, line: Line) -> bool:
    """Whether a brace holds values or fields, which commas part."""
    first = line.pieces[0].text if line.pieces else ""
    return first == "struct" or (before is not None and before.text in ("=", ",", "{"))


def _goes_on(piece: Piece) -> bool:
    """Whether a line that ends so is continued on the next."""
    if piece.kind != "sign":
        return False
    return piece.text not in (")", "]", "}", "{", "(", "[", ";", "?", ">", ">>")


def _align_ops(rows: Sequence[_Row]) -> None:
    """Give every line its text; ops get their operands below each other, vector by vector."""
    ops: dict[int, list[tuple[_Row, str, str]]] = {}
    for row in rows:
        pieces = row.line.pieces
        row.text = joined(pieces, row.in_vector)
        if not row.in_vector or not pieces or any(piece.text == ";" for piece in pieces):
            continue
        head = 2 if pieces[0].text == "." else 1
        mnemonic = "".join(piece.text for piece in pieces[:head])
        if pieces[0].kind == "comment" or not row.text.startswith(mnemonic):
            continue
        if row.depth > 1:
            continue  # the rest of an op that goes over several lines
        operands = row.text[len(mnemonic) :].strip()
        ops.setdefault(row.block, []).append((row, mnemonic, operands))
    for block in ops.values():
        width = max((len(mnemonic) for _, mnemonic, operands in block if operands), default=0)
        for row, mnemonic, operands in block:
            row.text = f"{mnemonic:<{width}}  {operands}" if operands else mnemonic


def _align_variables(rows: Sequence[_Row]) -> None:
    """Variables declared line by line: the names below each other, and the types."""
    group: list[_Row] = []
    for row in [*rows, None]:
        if row is not None and _is_variable(row) and not (group and row.blank):
            group.append(row)
            continue
        _align_group(group)
        group = [row] if row is not None and _is_variable(row) else []


def _is_variable(row: _Row) -> bool:
    pieces = row.line.pieces
    return (
        row.depth == 0
        and len(pieces) > 3
        and pieces[0].text in _AREAS
        and pieces[1].kind == "word"
        and pieces[2].text == ":"
    )


def _align_group(group: Sequence[_Row]) -> None:
    words = max((len(row.line.pieces[0].text) for row in group), default=0)
    names = max((len(row.line.pieces[1].text) for row in group), default=0)
    for row in group:
        area, name = (piece.text for piece in row.line.pieces[:2])
        rest = joined(row.line.pieces[3:], in_vector=False)
        row.text = f"{area:<{words}} {name + ':':<{names + 1}} {rest}"


def _align_short_vectors(rows: Sequence[_Row]) -> None:
    """Vectors of one line in a row: what they do stands below each other."""
    group: list[tuple[_Row, int]] = []
    for row in [*rows, None]:
        brace = -1
        if row is not None and not row.depth and heads_vector(row.line.pieces):
            brace = row.text.find("{") if row.text.endswith("}") else -1
        if row is None or brace < 0 or (group and row.blank):
            width = max((at for _, at in group), default=0)
            for each, at in group:
                each.text = f"{each.text[:at]:<{width}}{each.text[at:]}"
            group = []
        if row is not None and brace >= 0:
            group.append((row, brace))


def _print(rows: Sequence[_Row]) -> list[str]:
    """The lines, comments after neighbours below each other."""
    printed: list[str] = []
    columns = _comment_columns(rows)
    for row, column in zip(rows, columns, strict=True):
        if row.blank:
            printed.append("\n")
        body = INDENT * row.depth + row.text if row.text else ""
        comment = row.line.comment
        if comment and body:
            body = f"{body:<{column}}{_COMMENT_GAP}{comment}"
        elif comment:
            body = INDENT * row.depth + comment
        printed.append(f"{body}\n")
    return printed


def _comment_columns(rows: Sequence[_Row]) -> list[int]:
    """For each line the column (from 0) up to which its comment is pushed, less the gap."""
    columns: list[int] = []
    group: list[_Row] = []

    def close() -> None:
        columns.extend([_widest(group)] * len(group))
        group.clear()

    for row in rows:
        if group and (row.blank or row.block != group[-1].block or not row.text):
            close()
        group.append(row)
    close()
    return columns


def _widest(group: Sequence[_Row]) -> int:
    fitting = [
        len(INDENT) * row.depth + len(row.text)
        for row in group
        if row.line.comment and len(row.text) <= WIDEST_COLUMN
    ]
    return max(fitting, default=0)
