"""Words of other languages, and words spelled wrong, are answered with what is written here."""

from __future__ import annotations

import pytest

from opvasm.errors import Diagnostic
from opvasm.source import SourceFile
from opvasm.text.parser import parse_file


def problems(text: str) -> tuple[Diagnostic, ...]:
    """What is wrong with a text."""
    return parse_file(SourceFile("x.opv", text)).problems


def in_thread(line: str) -> tuple[Diagnostic, ...]:
    """What is wrong with a line of a thread."""
    return problems("scenario s {\n    thread a @0 {\n" + line + "\n    }\n}\n")


def in_scenario(line: str) -> tuple[Diagnostic, ...]:
    """What is wrong with a line of a scenario."""
    return problems("scenario s {\n" + line + "\n}\n")


@pytest.mark.parametrize(
    ("line", "word", "instead"),
    [
        ("for (i = 0; i < 3; i++) { }", "for", "loop N"),
        ("while 1 { }", "while", "break"),
        ("assert x == 1", "assert", "forall"),
        ("x = 1 and 2", "and", "`&&`"),
        ("x = not y", "y", None),
        ("x++", "+", "NAME + 1"),
        ("x -= 1", "-", "NAME - 1"),
        ("int x = 1", "int", "needs no type"),
        ("if x = 1 { }", "=", "`==`"),
        ("stroe x, 1", "stroe", "did you mean store?"),
        ("lop { }", "lop", "did you mean loop?"),
        ("strategy rseq then opv", "strategy", "beside its threads"),
        ("run v() strategy rseq", "strategy", "beside its threads"),
    ],
)
def test_a_thread_gets_what_is_written_here(line: str, word: str, instead: str | None) -> None:
    """Each line has one mistake, at the word, and its help names the word of this language."""
    (found,) = in_thread(line)
    assert getattr(found.place, "text", "").startswith(word)
    assert (instead is None) or instead in str(found.help)


@pytest.mark.parametrize(
    ("line", "instead"),
    [
        ("strategy rseq then opv after 2", "strategy NAME = rseq then opv after 2"),
        ("forall x == 1 or y == 2", "`||`"),
        ("assert x == 1", "forall"),
        ("stratgy rseq", "did you mean strategy?"),
        ("forrall x == 1", "did you mean forall?"),
        ("cpu 2", "did you mean cpus?"),
    ],
)
def test_a_scenario_gets_what_is_written_here(line: str, instead: str) -> None:
    """A part of a scenario in other words is answered with the word that it has."""
    (found,) = in_scenario(line)
    assert instead in str(found.help)


def test_what_follows_on_another_languages_line_is_not_reported() -> None:
    """The three parts of a C loop are one mistake; what follows its block is read again."""
    text = "for (i = 0; i < 3; i++) {\n        x = 1\n    }\n    stroe y, 2"
    first, second = in_thread(text)
    assert "loop" in str(first.help)
    assert "store" in str(second.help)


def test_a_word_that_the_grammar_takes_is_left_alone() -> None:
    """In a test `assert` is right: what is wrong after it is reported as what it is."""
    (found,) = problems("test t {\n    assert ==\n}\n")
    assert "forall" not in str(found.help)
