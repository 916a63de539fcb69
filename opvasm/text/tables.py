"""The automaton and the lexer of the language, as plain data."""

from __future__ import annotations

from ..light_typing import NamedTuple

END = "$END"
# In ``kinds``: a fixed text, to be looked up in ``literals``; a character that begins no token.
LITERAL = -1
BAD = -2
# How a rule makes its value: its only symbol's value, that of one of its symbols, the callback's
# answer to children as they stand on the stack, or to children that are gathered first.
SAME, ONE, CALL, GATHER = range(4)

Rule = tuple[int, int, int, str, tuple[int, ...], list[tuple[int, int, int]]]


class Tables(NamedTuple):
    """An LALR(1) automaton and its lexer, as plain data.

    Symbols are numbers; those below ``terminal_count`` are terminals, 0 is the end of the text.
    ``kinds[n]`` is the terminal of the pattern's group n, or LITERAL or BAD.
    ``actions[state][symbol]`` is the next state, or -1 - rule.  A rule is (origin, length, how it
    makes its value, name of its callback, positions, kept): the callback is given the children at
    ``positions``, counted from the top of the stack, or what is gathered by ``kept`` (compile.py).
    """

    names: list[str]
    terminal_count: int
    pattern: str
    kinds: list[int]
    literals: dict[str, int]
    keywords: dict[str, int]
    texts: dict[int, str]
    rules: list[Rule]
    actions: list[dict[int, int]]
    starts: dict[str, tuple[int, int]]
    first: dict[int, list[int]]

    def number(self, name: str) -> int:
        """The number of a symbol."""
        return self.names.index(name)
