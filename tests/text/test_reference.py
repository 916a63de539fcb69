"""grammar/README.md: every block of it does what it says."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

import pytest

from opvasm.assembler import assemble
from opvasm.errors import ParseError
from opvasm.scenario.runner import run_test
from opvasm.source import SourceFile
from opvasm.text.grammar import load_tables
from opvasm.text.lalr import reserved_words

README = Path(__file__).parents[2] / "grammar" / "README.md"


class Block(NamedTuple):
    """A fenced block: the words after ``opv`` and the text."""

    line: int
    words: tuple[str, ...]
    text: str

    @property
    def codes(self) -> list[str]:
        return sorted(each for each in self.words if each.startswith("OPV"))


def blocks() -> list[Block]:
    text = README.read_text("utf-8")
    found = re.finditer(r"^```opv(.*)\n((?s:.*?))^```$", text, re.MULTILINE)
    return [
        Block(text.count("\n", 0, each.start()) + 1, tuple(each[1].split()), each[2])
        for each in found
    ]


BLOCKS = blocks()
FILES = {block.words[0]: block.text for block in BLOCKS if block.words and not block.codes}


def loader(path: str) -> SourceFile:
    if path not in FILES:
        raise FileNotFoundError(2, "No such file or directory")
    return SourceFile(path, FILES[path])


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: f"line {block.line}")
def test_a_block_of_the_reference_does_what_it_says(block: Block) -> None:
    """It gives exactly the errors that it is marked with; without any, its tests pass."""
    source = SourceFile("block.opv", block.text)
    if block.codes:
        with pytest.raises(ParseError) as caught:
            assemble(source, loader=loader)
        assert sorted(each.code for each in caught.value.diagnostics) == block.codes
        return
    assembly = assemble(source, loader=loader)
    for test in assembly.tests:
        result = run_test(assembly.program, test)
        assert result.passed, (test.name, [str(each) for each in result.findings])


def test_every_fence_of_the_reference_is_checked() -> None:
    assert README.read_text("utf-8").count("```") == 2 * len(BLOCKS)


def test_the_reference_names_the_reserved_words() -> None:
    tables = load_tables()
    reserved = {
        word for word, number in tables.keywords.items() if number in reserved_words(tables)
    }
    (line,) = re.findall(r"^> (.*)$", README.read_text("utf-8"), re.M)
    assert set(re.findall(r"`(\w+)`", line)) == reserved


def test_the_contents_name_every_section() -> None:
    """Each heading of the contents exists."""
    text = README.read_text("utf-8")
    headings = {
        "#" + each.lower().replace(" ", "-") for each in re.findall(r"^## (.*)$", text, re.M)
    }
    assert set(re.findall(r"\]\((#[^)]*)\)", text)) == headings
