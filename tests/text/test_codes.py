"""Every code of the text phase: its example gives it, and nothing else."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from opvasm.assembler import assemble
from opvasm.codes import section, text
from opvasm.codes.code import Code
from opvasm.errors import ParseError
from opvasm.source import SourceFile

CODES = text.CODES + section.CODES
PACKAGE = Path(__file__).parents[2] / "opvasm"
WITHOUT_EXAMPLE = {"OPV027"}  # needs a second file; test_use.py has one


@pytest.mark.parametrize(
    "code", [each for each in CODES if each.example], ids=lambda each: each.code
)
def test_the_example_of_a_code_gives_exactly_that_code(code: Code) -> None:
    with pytest.raises(ParseError) as caught:
        assemble(SourceFile("example.opv", code.example))
    assert [each.code for each in caught.value.diagnostics] == [code.code]


def test_every_code_has_an_example() -> None:
    assert {each.code for each in CODES if not each.example} == WITHOUT_EXAMPLE


def test_every_code_that_is_reported_is_registered_and_the_other_way_round() -> None:
    reported: set[str] = set()
    for folder in ("text", "assembler"):
        for file in (PACKAGE / folder).glob("*.py"):
            reported.update(re.findall(r'"(OPV0\d\d)"', file.read_text("utf-8")))
    assert reported == {each.code for each in CODES}


def test_explanations_are_sentences() -> None:
    for code in CODES:
        assert code.explanation.endswith("."), code.code
        assert not code.title.endswith("."), code.code
