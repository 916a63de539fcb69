"""Which operand or argument is being written, and what the others are."""

from __future__ import annotations

from ...explain.operation import spelling
from ...light_typing import NamedTuple
from ...text.lexemes import COMMENT, NEWLINE, SIGN, WORD, lexemes
from .. import kinds
from ..document import Document
from ..index import index_of
from .hover import declaration_text, operation_of


class Signature(NamedTuple):
    """What is called: ``label`` holds each of ``parts``; ``active`` is the part at hand, from 0.

    ``active`` is None after the last.  ``text`` says what it does.
    """

    label: str
    parts: tuple[str, ...]
    active: int | None
    text: str


class _Open(NamedTuple):
    """A bracket that is open: what stands before it, and how many commas after it so far."""

    sign: str
    name: str
    commas: int


_FUNCTIONS = {
    "sum": ("sum(place)", ("place",)),
    "list": ("list(head)", ("head",)),
    "length": ("length(head)", ("head",)),
    "done": ("done(thread)", ("thread",)),
    "choose": ("choose(value, a, b)", ("value", "a", "b")),
    "sizeof": ("sizeof(T)", ("T",)),
    "offsetof": ("offsetof(T, field)", ("T", "field")),
}


def signature(document: Document, offset: int) -> Signature | None:
    """The call or op around an offset; None where there is neither."""
    placed = document.piece_at(offset)
    if placed is None:
        return None
    stack = [_Open("", "", 0)]
    text = document.text[placed.start : offset]
    name, is_first, head, commas = "", True, "", 0  # the statement's first word and its commas
    for kind, start, end, _ in lexemes(text):
        word = text[start:end]
        if kind == COMMENT:
            continue
        if kind == NEWLINE or (kind == SIGN and word in "{};"):
            if kind == NEWLINE and (stack[-1].sign in ("(", "[") or name == ","):
                continue
            is_first, head, commas = True, "", 0
            if word == "{":
                stack.append(_Open("{", "", 0))
            elif word == "}" and len(stack) > 1:
                stack.pop()
        elif kind == WORD and is_first:
            head, is_first = word, False
        elif kind == SIGN:
            is_first = False
            if word in ("(", "["):
                stack.append(_Open(word, name, 0))
            elif word in (")", "]") and len(stack) > 1:
                stack.pop()
            elif word == "," and stack[-1].sign in ("(", "["):
                stack[-1] = stack[-1]._replace(commas=stack[-1].commas + 1)
            elif word == ",":
                commas += 1
        name = word
    for each in reversed(stack):
        if each.sign == "(" and each.name and (found := _call(document, each)) is not None:
            return found
    if (head and text.rstrip(" \t") != text) or commas or (head and name != head):
        return _op(head, commas)
    return None


def _call(document: Document, opened: _Open) -> Signature | None:
    if opened.name in _FUNCTIONS:
        label, parts = _FUNCTIONS[opened.name]
        meaning = kinds.words().get(opened.name)
        return _active(label, parts, opened.commas, "" if meaning is None else meaning.summary)
    index = index_of(document)
    site = index.first(kinds.CODE, opened.name)
    if site is None:
        return None
    parts = tuple(declaration_text(each) for each in index.of_kind(kinds.PARAMETER, opened.name))
    return _active(f"{opened.name}({', '.join(parts)})", parts, opened.commas, "")


def _op(mnemonic: str, commas: int) -> Signature | None:
    operation = operation_of(mnemonic)
    if operation is None:
        return None
    label = spelling(operation).partition("    ")[0]
    label = label.replace(operation.mnemonic + ".u64", operation.mnemonic)
    parts = [each.name for each in operation.operands]
    if operation.immediate is not None:
        parts.append(operation.immediate.name)
    if "LENGTH" in label:
        parts.append("LENGTH")
    return _active(label, tuple(parts), commas, operation.summary)


def _active(label: str, parts: tuple[str, ...], commas: int, text: str) -> Signature:
    return Signature(label, parts, commas if commas < len(parts) else None, text)
