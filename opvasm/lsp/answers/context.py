"""What is being written at a place: which words the grammar takes there, and what a name would be.

A made-up name is put where the cursor is, and the piece is read again: the rule that takes the name
says what it would be.  A statement that is not finished is tried with several ends.
"""

from __future__ import annotations

import re

from ...light_typing import NamedTuple
from ...text.automaton import landing
from ...text.grammar import load_tables
from ...text.lalr import Mistake, parse
from ...text.syntax import syntax_of
from ..document import Document
from ..names import Occurrence, names_in
from ..pieces import Placed

_MARK = "cursor__"
# What may be missing after a name for the statement to be one.
_ENDS = (
    *(
        "",
        "()",
        "() -> 0",
        " = 0",
        ": u64",
        " -> return",
        " { }",
        "() { }",
        ", 0",
        " -> 0",
        " @0 { }",
    ),
    *("() { aborted -> retry }", ": mapped", ' "" { }', " finishes", " = rseq", " 0", "] = 0", ")"),
    *(") { }", ") -> 0", "] -> 0"),
)
# How much is read to find that out: less is tried where a piece is large.
_CHARACTERS_MAX = 60_000
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")


class Context(NamedTuple):
    """A place where something is written.

    ``prefix`` is the beginning of the name, from ``start`` on.  ``name`` is what a name would be
    here, None where none may stand or where the text before is not understood.  ``words`` are the
    words that the grammar takes, ``signs`` its signs.
    """

    prefix: str
    start: int
    placed: Placed | None
    name: Occurrence | None
    words: tuple[str, ...]
    signs: tuple[str, ...]


def context_at(document: Document, offset: int) -> Context:
    """What is being written at an offset."""
    text = document.text
    line = text.rfind("\n", 0, offset) + 1
    found = _WORD.search(text, line, offset)
    start = found.start() if found is not None else offset
    placed = document.piece_at(max(start - 1, 0))
    base = placed.start if placed is not None else 0
    end = placed.end if placed is not None else len(text)
    before, after = text[base:start], text[offset : max(end, offset)]
    rest = re.match(r"[A-Za-z0-9_]*", after)
    after = after[rest.end() if rest is not None else 0 :]
    words, signs = accepted(before)
    return Context(text[start:offset], start, placed, _name(before, after), words, signs)


def accepted(text: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The words and the signs that the grammar takes after a text."""
    tables = load_tables()
    mistakes: list[Mistake] = []
    open_end: list[int] = []

    def report(mistake: Mistake) -> None:
        mistakes.append(mistake)
        if mistake.start >= len(text) and mistake.states and not open_end:
            open_end.extend(mistake.states)

    parse(tables, "file", text, _NOTHING, report)
    states = open_end
    if not states:
        first, _ = tables.starts["file"]
        states = [first]
    words = tuple(w for w, number in tables.keywords.items() if landing(tables, states, number))
    signs = tuple(s for s, number in tables.literals.items() if landing(tables, states, number))
    return words, signs


def _name(before: str, after: str) -> Occurrence | None:
    """What a name between two texts would be."""
    newline = after.find("\n")
    tail = after[newline:] if newline >= 0 else ""
    tails = (after, tail) if after[:newline].strip() else (tail,)
    tries = max(2, _CHARACTERS_MAX // (len(before) + len(after) + 1))
    for rest in tails:
        for end in _ENDS[:tries]:
            text = f"{before}{_MARK}{end}{rest}"
            for each in names_in(syntax_of(text)):
                if each.start == len(before) and each.name == _MARK:
                    return each
    return None


class _Nothing:
    """Makes nothing of any rule."""

    def __getattr__(self, rule: str) -> object:
        def nothing(begin: int, end: int, *children: object) -> None:
            return None

        self.__dict__[rule] = nothing
        return nothing


_NOTHING = _Nothing()
