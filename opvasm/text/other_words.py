"""Words of other languages, and words of this one spelled wrong: what is written here instead."""

from __future__ import annotations

import re

from ..light_typing import NamedTuple
from ..source import Span
from ..suggestion import did_you_mean
from .automaton import landing
from .foreign_words import FOREIGN_WORDS, LOCAL, Instead
from .lalr import Mistake
from .tables import Tables

_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_OTHER_SIGNS = {
    **dict.fromkeys(
        ("++", "+="), "write `NAME = NAME + 1`; in memory a vector adds: `add PLACE, 1`"
    ),
    **dict.fromkeys(
        ("--", "-="), "write `NAME = NAME - 1`; in memory a vector adds: `add PLACE, -1`"
    ),
    ":=": "a value is given by `=`",
}
# Shorter words resemble too many others.
_SHORTEST = 3


class OtherWord(NamedTuple):
    """Where such a word stands, and what to write instead.

    ``foreign``: it is a word of another language, and so is what follows it on its line.
    """

    start: int
    end: int
    help: str
    foreign: bool


def other_word(mistake: Mistake, span: Span, tables: Tables) -> OtherWord | None:
    """The word or sign that a mistake comes from: the text at it, or the word just before it."""
    if not mistake.states:  # a mistake of the characters, which no word explains
        return None
    text = span.file.text
    sign = text[span.start : span.start + 2]
    if sign in _OTHER_SIGNS:
        return OtherWord(span.start, span.start + 2, _OTHER_SIGNS[sign], True)
    if span.text == "=" and _in_condition(text, span.start):
        return OtherWord(span.start, span.end, "`==` compares", False)
    if _WORD.fullmatch(span.text):
        found = _meant(span, mistake.states, tables)
        if found is not None:
            return found
    before = _word_before(text, span.start)
    # A statement that begins with a name was taken for `NAME = …`: its states are those below it.
    if before is None or len(mistake.states) < 2 or not _begins_statement(text, before[0]):
        return None
    return _meant(Span(span.file, *before), mistake.states[:-1], tables)


def _meant(span: Span, states: tuple[int, ...], tables: Tables) -> OtherWord | None:
    start, end, word = span.start, span.end, span.text
    keyword = tables.keywords.get(word)
    if keyword is not None and landing(tables, states, keyword) is not None:
        return None
    help = FOREIGN_WORDS.get(word, Instead()).elsewhere
    a_name_may_stand = landing(tables, states, tables.number("NAME")) is not None
    if help is not None and (help != LOCAL or a_name_may_stand):
        return OtherWord(start, end, help, True)
    at_top = landing(tables, states, tables.keywords["vector"]) is not None
    if len(word) < _SHORTEST or at_top:  # there, what follows the word says whether it was meant
        return None
    call = None
    run = tables.keywords["run"]
    if span.file.text[end : end + 1] == "(" and landing(tables, states, run) is not None:
        call = OtherWord(start, end, f"a call begins with `run`: `run {word}(…)`", False)
        if re.search(rf"\b(?:vector|section)\s+{word}\b", span.file.text):
            return call
    possible = [
        each
        for each, number in tables.keywords.items()
        if each != word and landing(tables, states, number) is not None
    ]
    near = did_you_mean(word, possible)
    return call if near is None else OtherWord(start, end, near, False)


def _word_before(text: str, position: int) -> tuple[int, int] | None:
    """The word that ends before an offset, with nothing but blanks between."""
    end = len(text[:position].rstrip(" \t"))
    found = re.search(r"[A-Za-z_][A-Za-z0-9_]*$", text[max(0, end - 80) : end])
    return None if found is None else (end - len(found[0]), end)


def _begins_statement(text: str, start: int) -> bool:
    before = text[:start].rstrip(" \t")
    return not before or before[-1] in "\n;{}"


def _in_condition(text: str, position: int) -> bool:
    """Whether a line begins with a word that a condition follows."""
    line = text[text.rfind("\n", 0, position) + 1 : position].split()
    return bool(line) and line[0] in ("if", "forall", "exists", "never", "invariant", "assert")
