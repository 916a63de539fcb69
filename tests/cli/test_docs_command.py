"""opvasm docs prints the documents, and whatever the tool prints names only what an installed one has."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from opvasm.cli.main import main
from opvasm.explain import chapters

from ..sources import nodes_of

ROOT = Path(__file__).parents[2]
# A place in this repository, but not one of another project (DynamoRIO's api/docs/rseq.dox).
PLACE = re.compile(r"(?<![\w./])(?:docs|tests|benchmarks|editors|grammar|site|playground)/[\w.-]+")
PAGE = re.compile(r"opvasm docs ([a-z]+)")
SAMPLE = re.compile(r"(?<![\w./])samples/([\w./-]+\.opv)")


def printed(what: re.Pattern[str]) -> Iterator[tuple[str, str]]:
    """What is found in the texts of the package that are not docstrings, and where it stands."""
    for path in sorted((ROOT / "opvasm").rglob("*.py")):
        text = path.read_text()
        if not what.search(text) or path.name == "document.py":
            continue  # document.py writes docs/diagnostics.md, which is of the repository
        docstrings = {id(each.value) for each in nodes_of(ast.Expr, path)}
        for each in nodes_of(ast.Constant, path):
            if id(each) not in docstrings:
                for found in what.findall(str(each.value)):
                    yield f"{path.relative_to(ROOT)}:{each.lineno}", found


def test_what_is_printed_names_no_place_in_the_repository() -> None:
    """Messages, helps and explanations: an installed package has no docs/ beside the reader."""
    assert list(printed(PLACE)) == []


def test_each_page_and_sample_that_is_printed_is_there() -> None:
    """`opvasm docs PAGE` in a message prints it; a sample lies where `opvasm samples` takes it from."""
    pages = {each.stem for each in (ROOT / "docs").glob("*.md")} | {"editors", "language"}
    named = list(printed(PAGE))
    assert {page for _, page in named} >= {"traces", "cases", "editors"}
    assert [each for each in named if each[1] not in pages] == []
    samples = list(printed(SAMPLE))
    assert samples
    assert [each for each in samples if not (ROOT / "samples" / each[1]).exists()] == []


def test_an_explanation_that_names_a_sample_says_how_to_get_it() -> None:
    """Of every topic of `opvasm explain`."""
    texts = [topic.explain() for chapter in chapters() for topic in chapter.topics]
    assert len(texts) > 100
    for text in texts:
        assert not SAMPLE.search(text) or "opvasm samples samples" in text, text


def test_every_page_is_listed_and_printed(capsys: pytest.CaptureFixture[str]) -> None:
    """By its title, and as its file has it; with the name that the repository has for it, too."""
    assert main(["docs"]) == 0
    listed = dict(line.split(None, 1) for line in capsys.readouterr().out.splitlines())
    assert set(listed) == {each.stem for each in (ROOT / "docs").glob("*.md")} | {
        "editors",
        "language",
    }
    assert listed["traces"] == "Traces: `opvasm-trace/1`"
    for word in ("traces", "traces.md", "docs/traces.md"):
        assert main(["docs", word]) == 0
        assert capsys.readouterr().out == (ROOT / "docs" / "traces.md").read_text()
    assert main(["docs", "language"]) == 0
    assert capsys.readouterr().out == (ROOT / "grammar" / "README.md").read_text()


def test_a_page_that_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    """A near name is offered."""
    assert main(["docs", "trace"]) == 2
    assert "did you mean traces?" in capsys.readouterr().err
