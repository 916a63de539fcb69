"""-k chooses names by words."""

from __future__ import annotations

import pytest

from opvasm.suite.selection import SelectionError, selection


@pytest.mark.parametrize(
    ("expression", "chosen"),
    [
        ("push", {"push one", "push two"}),
        ("PUSH", {"push one", "push two"}),
        ("push and one", {"push one"}),
        ("push one", {"push one"}),
        ("push or pop", {"push one", "push two", "pop one"}),
        ("not push", {"pop one", "bump"}),
        ("one and not (push or bump)", {"pop one"}),
        ("bump or push and two", {"bump", "push two"}),
        ("not not bump", {"bump"}),
    ],
)
def test_words_choose(expression: str, chosen: set[str]) -> None:
    """Words, and, or, not, parentheses, as in pytest."""
    names = {"push one", "push two", "pop one", "bump"}
    choose = selection(expression)
    assert {name for name in names if choose(name)} == chosen


@pytest.mark.parametrize("expression", ["and", "a or", "(a", "a)", "not", "()", "a or or b"])
def test_what_is_no_expression_is_told(expression: str) -> None:
    """Never a choice that nobody asked for."""
    with pytest.raises(SelectionError):
        selection(expression)
