"""The parts of a document: what it declares, and what can be folded."""

from __future__ import annotations

from collections.abc import Iterator

from ...light_typing import NamedTuple
from ...text.lalr import Token
from ...text.lexemes import COMMENT, lexemes
from ...text.syntax import Node
from .. import kinds
from ..document import Document
from ..pieces import Placed

_BLOCKS = frozenset(
    (
        *("structure", "vector", "section", "section_body", "section_if", "section_loop", "test"),
        *("block", "scenario", "init", "thread", "handler", "body", "arms", "braces", "partition"),
        *("strategy_options", "if_step", "loop_step", "repeat"),
    )
)
_KINDS = {
    "constant": "constant",
    "structure": kinds.STRUCT,
    "variable": "variable",
    "page": "variable",
    "vector": "vector",
    "section": "section",
    "test": kinds.TEST,
    "strategy": kinds.STRATEGY,
    "scenario": kinds.SCENARIO,
    "thread": kinds.THREAD,
    "field": kinds.FIELD,
}


class Part(NamedTuple):
    """A declaration: the characters ``start`` up to ``end``; its name those of ``name_start`` on."""

    name: str
    kind: str
    detail: str
    start: int
    end: int
    name_start: int
    name_end: int
    parts: tuple[Part, ...]


class Fold(NamedTuple):
    """Lines that can be folded: the offsets of the first and the last character."""

    start: int
    end: int
    is_comment: bool


def outline(document: Document) -> tuple[Part, ...]:
    """The declarations in the order of the text; structs with fields, scenarios with threads."""
    return tuple(
        part
        for placed in document.pieces
        for node in placed.piece.syntax.nodes()
        if (part := _part(placed, node)) is not None
    )


def _name_of(node: Node) -> Token | None:
    skipped = ("unverified", "percpu", "shared")
    return next((each for each in node.tokens() if each[0] not in skipped), None)


def _part(placed: Placed, node: Node) -> Part | None:
    kind, token = _KINDS.get(node.rule), _name_of(node)
    if kind is None or token is None:
        return None
    text, base = placed.piece.text, placed.start
    inner = {"structure": ("field",), "scenario": ("thread",)}.get(node.rule, ())
    parts = (_part(placed, each) for each in node.nodes() if each.rule in inner)
    head = text[token[2] : node.end].split("{")[0].splitlines()
    return Part(
        token[0].strip('"'),
        kind,
        " ".join(head[0].split()) if head and node.rule != "test" else "",
        base + node.start,
        base + node.end,
        base + token[1],
        base + token[2],
        tuple(each for each in parts if each is not None),
    )


def folds(document: Document) -> tuple[Fold, ...]:
    """Blocks and comments of several lines."""
    return tuple(
        fold
        for placed in document.pieces
        for fold in (*_blocks(placed, placed.piece.syntax), *_comments(placed))
    )


def _blocks(placed: Placed, node: Node) -> Iterator[Fold]:
    text = placed.piece.text
    for each in node.nodes():
        # The node of a block begins at its head; where a part has a block of its own, that counts.
        if each.rule in _BLOCKS and "\n" in text[each.start : each.end]:
            yield Fold(placed.start + each.start, placed.start + each.end, False)
        yield from _blocks(placed, each)


def _comments(placed: Placed) -> Iterator[Fold]:
    """Lines of ``//`` directly below each other, and ``/* … */`` over lines."""
    text = placed.piece.own_text
    start = end = -1
    for kind, begin, stop, _ in lexemes(text):
        if kind != COMMENT:
            continue
        alone = not text[text.rfind("\n", 0, begin) + 1 : begin].strip()
        if "\n" in text[begin:stop]:
            yield Fold(placed.start + begin, placed.start + stop, True)
        elif alone and start >= 0 and text.count("\n", end, begin) == 1:
            end = stop
        elif alone:
            if start >= 0 and "\n" in text[start:end]:
                yield Fold(placed.start + start, placed.start + end, True)
            start, end = begin, stop
    if start >= 0 and "\n" in text[start:end]:
        yield Fold(placed.start + start, placed.start + end, True)


def ranges_at(document: Document, offset: int) -> tuple[tuple[int, int], ...]:
    """The parts around an offset, from the smallest to the whole document."""
    found: list[tuple[int, int]] = [(0, len(document.text))]
    placed = document.piece_at(offset)
    node = placed.piece.syntax if placed is not None else None
    while placed is not None and node is not None:
        at = offset - placed.start
        token = next((each for each in node.tokens() if each[1] <= at <= each[2]), None)
        node = next((each for each in node.nodes() if each.start <= at <= each.end), None)
        if node is not None:
            found.append((placed.start + node.start, placed.start + node.end))
        elif token is not None:
            found.append((placed.start + token[1], placed.start + token[2]))
    return tuple(dict.fromkeys(reversed(found)))
