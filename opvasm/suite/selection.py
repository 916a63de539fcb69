"""``-k``: names that contain words, joined by ``and``, ``or``, ``not`` and parentheses."""

from __future__ import annotations

import re
from collections.abc import Callable

Selection = Callable[[str], bool]
_WORDS = re.compile(r"\s*(\(|\)|[^\s()]+)")


class SelectionError(ValueError):
    """An expression that can't be read; the message says why."""


def selection(expression: str) -> Selection:
    """The choice that an expression makes among names, whatever their case.

    ``push and not (empty or stale)``; words that follow each other mean ``and``.
    Raises SelectionError.
    """
    reader = _Reader(_WORDS.findall(expression))
    chosen = reader.alternatives()
    if reader.words:
        raise SelectionError(f"{reader.words[0]!r} is not expected there")
    return lambda name: chosen(name.lower())


class _Reader:
    """Reads the expression from its front; each method takes one level of it."""

    def __init__(self, words: list[str]) -> None:
        self.words = words

    def alternatives(self) -> Selection:
        sides = [self._all()]
        while self.words and self.words[0] == "or":
            self.words.pop(0)
            sides.append(self._all())
        return lambda name: any(side(name) for side in sides)

    def _all(self) -> Selection:
        sides = [self._one()]
        while self.words and self.words[0] not in ("or", ")"):
            if self.words[0] == "and":
                self.words.pop(0)
            sides.append(self._one())
        return lambda name: all(side(name) for side in sides)

    def _one(self) -> Selection:
        if not self.words:
            raise SelectionError("it ends where a word is needed")
        word = self.words.pop(0)
        if word == "not":
            side = self._one()
            return lambda name: not side(name)
        if word == "(":
            inside = self.alternatives()
            if not self.words:
                raise SelectionError("a parenthesis is not closed")
            self.words.pop(0)
            return inside
        if word in ("and", "or", ")"):
            raise SelectionError(f"{word!r} stands where a word is needed")
        lower = word.lower()
        return lambda name: lower in name
