"""A text as the grammar sees it: its rules and tokens with their offsets, and no meaning.

Editors ask for it: which rule a token belongs to says what the token is, whatever is wrong
elsewhere.  The parser is the same that makes the tree of a file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ..light_typing import Any, Record
from .grammar import load_tables
from .lalr import Token, parse


class Node(Record):
    """A rule of the grammar, by its name or alias, and its text's first and last offset.

    ``children`` are in the order of the text: tokens (text, start, end) and nodes, None for an
    optional part that is absent and for a part that was given up after a mistake.
    """

    rule: str
    start: int
    end: int
    children: tuple[Child, ...]

    def tokens(self) -> Iterator[Token]:
        """Its own tokens, without those of nodes in it."""
        for each in self.children:
            if each is not None and not isinstance(each, Node):
                yield each

    def nodes(self) -> Iterator[Node]:
        """The nodes that are directly in it."""
        for each in self.children:
            if isinstance(each, Node):
                yield each


Child = Node | Token | None


def is_token(child: Child) -> bool:
    """Whether a child is a token."""
    return child is not None and not isinstance(child, Node)


def syntax_of(text: str) -> Node:
    """The tree of a file.  Parts with mistakes are left out of it."""
    result = parse(load_tables(), "file", text, _NODES, _ignore)
    return result.value if isinstance(result.value, Node) else Node("file", 0, len(text), ())


class _Nodes:
    """Has a callback for every rule, which makes its node."""

    def __getattr__(self, rule: str) -> Callable[..., Node]:
        def node(begin: int, end: int, *children: Any) -> Node:
            return Node(rule, begin, end, children)

        self.__dict__[rule] = node  # asked for once
        return node


_NODES = _Nodes()


def _ignore(_: object) -> None:
    """Mistakes are said by opvasm.text.parser."""
