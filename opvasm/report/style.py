"""Colours of a terminal, by what they stand for; PLAIN has none."""

from __future__ import annotations

from collections.abc import Callable

Paint = Callable[[str], str]


def _paint(code: str) -> Paint:
    def paint(text: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if text else text

    return paint


def _unpainted(text: str) -> str:
    return text


class Style:
    """One function for each thing that has a colour; each takes a text and returns it painted."""

    __slots__ = ("bad", "dim", "error", "good", "help", "name", "note", "strong", "warning")

    def __init__(self, *, color: bool) -> None:
        def choose(code: str) -> Paint:
            return _paint(code) if color else _unpainted

        self.error = choose("1;31")
        self.warning = choose("1;33")
        self.note = choose("1;36")
        self.help = choose("1;32")
        self.strong = choose("1")
        self.dim = choose("2")
        self.good = choose("32")
        self.bad = choose("31")
        self.name = choose("36")

    def of_level(self, level: str) -> Paint:
        """The colour of a finding's level."""
        match level:
            case "error":
                return self.error
            case "warning":
                return self.warning
            case _:
                return self.note


PLAIN = Style(color=False)
COLORED = Style(color=True)
