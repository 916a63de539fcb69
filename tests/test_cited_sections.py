"""Every section of docs/abi.md and docs/model.md that code, tests or samples cite is there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FOLDERS = ("opvasm", "tests", "benchmarks", "samples", "grammar")
SUFFIXES = (".py", ".opv", ".md", ".lark", ".S")
_NUMBERS = r"[1-9]\d*(?:\.\d+)?"
_CITED = re.compile(
    rf"(?:(abi|model|explore)\.md )?sections? ({_NUMBERS}(?:(?:, | and ){_NUMBERS})*)"
)


def headings(document: str) -> set[str]:
    """The numbers of a document's sections."""
    text = (ROOT / "docs" / f"{document}.md").read_text()
    return set(re.findall(rf"^#+ ({_NUMBERS})\.? ", text, re.MULTILINE))


def cited() -> Iterator[tuple[str, str | None, str]]:
    """(file, document or None, number) of every section that is cited."""
    for folder in FOLDERS:
        for file in sorted((ROOT / folder).rglob("*")):
            if file.suffix in SUFFIXES and file != Path(__file__):
                text = " ".join(line.strip(" #") for line in file.read_text().splitlines())
                for document, numbers in _CITED.findall(text):
                    for number in re.findall(_NUMBERS, numbers):
                        yield str(file.relative_to(ROOT)), document or None, number


def test_every_section_that_is_cited_is_there() -> None:
    """A number with its document's name is one of that, a number alone one of either."""
    known = {document: headings(document) for document in ("abi", "model")}
    missing = []
    for file, document, number in cited():
        among = known["abi"] | known["model"] if document is None else known.get(document, set())
        if number not in among:
            missing.append(f"{file}: {document or 'abi or model'}.md has no section {number}")
    assert missing == []


@pytest.mark.parametrize("document", ["abi", "model"])
def test_sections_are_numbered_in_order(document: str) -> None:
    """Each heading below the title has a number, one more than that before it."""
    last = [0, 0]
    for line in (ROOT / "docs" / f"{document}.md").read_text().splitlines():
        if line.startswith("## "):
            last = [last[0] + 1, 0]
            assert line.startswith(f"## {last[0]}. ")
        elif line.startswith("### "):
            last[1] += 1
            assert line.startswith(f"### {last[0]}.{last[1]} ")


def test_there_is_something_to_cite() -> None:
    """The pattern finds citations at all."""
    assert len(list(cited())) > 60
