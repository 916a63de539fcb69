"""Whether a document's name can stand in a text, where the grammar's words have places of their own."""

from __future__ import annotations

from functools import cache

from ..source import SourceFile

DECLARED, PARAMETER, LOCAL = "a name", "a parameter", "a local"

# Texts in which a word stands wherever the printer may put such a name.
_TEXTS = {
    DECLARED: "section {0}(n: u64) -> {0} {{ exit {0}; exit {0} if n }}\n",
    PARAMETER: "section s({0}: u64) {{ y = {0} + 1; exit a if {0}; break if {0} }}\n",
    LOCAL: (
        "section s(n: u64) {{ {0} = n; {0}: u64 = {0} + 1; {0} = load [{0}].u64; exit a if {0}\n"
        "{0} = fetch_add [n].u64, {0}; {0} = cmpxchg [n].u64, {0}, {0}; break if {0} }}\n"
    ),
}


@cache
def can_be(word: str, what: str) -> bool:
    """Whether a text can have an identifier as what is meant: one of the constants above."""
    from ..text.grammar import load_tables
    from ..text.parser import parse_file

    if word not in load_tables().keywords:
        return True
    return not parse_file(SourceFile("<name>", _TEXTS[what].format(word))).problems
