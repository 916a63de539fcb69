"""docs/debate.md, explorer.md, steps.md and tutorial.md: each command in them prints what stands below it.

    BLESS=1 python -m pytest tests/explorer_reports/test_documents.py && git diff docs

writes down what the commands print now.  Times are not compared.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.command import run_here
from tests.explorer_exports.helpers import needs_spin

from .conftest import ROOT

DOCUMENTS = ("debate.md", "explorer.md", "steps.md", "tutorial.md")
BLOCK = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# A time, and where there is no compiler what searched: no document counts on either.
TIME = re.compile(r"\b\d[\d.,]* (ms|s|states a second)\b( in C\b| in Python(, not in C: [^\n]*)?)?")
# What a shell is needed for.
SHELL = re.compile(r"[|&;<>$`*?~#\n]")


def units() -> list[tuple[str, tuple[int, ...]]]:
    """Blocks that can run by themselves, by their document and numbers there.

    A tutorial's blocks build on each other, so they are one unit.
    """
    found: list[tuple[str, tuple[int, ...]]] = []
    for name in DOCUMENTS:
        count = len(BLOCK.findall((ROOT / "docs" / name).read_text()))
        if name == "tutorial.md":
            found.append((name, tuple(range(count))))
        else:
            found += [(name, (index,)) for index in range(count)]
    return found


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the command, where a document's commands leave their files."""
    folder = tmp_path_factory.mktemp("documents")
    command = folder / "opvasm"
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m opvasm "$@"\n')
    command.chmod(0o755)
    return folder


def run(command: str, place: Path, document: str) -> str:
    """Run a line of a shell; what it prints on both streams."""
    work = place / document
    if not work.exists():  # a clone, in which a reader may write
        work.mkdir()
        for name in ("samples", "opvasm", "tests", "docs", "grammar"):
            (work / name).symlink_to(ROOT / name)
    piped = None
    first, pipe, rest = command.partition(" | ")
    if first.startswith("opvasm ") and "opvasm" not in rest and not SHELL.search(first):
        words = shlex.split(first)[1:]
        ran = run_here(*words, cwd=work, together=not pipe, COLUMNS="100", NO_COLOR="1")
        if not pipe:
            return ran.output
        piped, command = ran.output, rest
    shell = shutil.which("bash")
    assert shell is not None
    done = subprocess.run(
        [shell, "-c", command],
        cwd=work,
        input=piped,
        env={
            **os.environ,
            "PATH": f"{place}:{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            "COLUMNS": "100",
            "NO_COLOR": "1",
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
    )
    return (ran.errors if piped is not None else "") + done.stdout


def commands(block: str) -> list[str]:
    """The commands after ``$``, with the lines after ``>`` that belong to each."""
    found: list[str] = []
    for line in block.splitlines():
        if line.startswith("$ "):
            found.append(line[2:])
        elif line == ">" or line.startswith("> "):
            found[-1] += "\n" + line[2:]
    return found


def printed(block: str, place: Path, document: str) -> str:
    """The block as it would look now."""
    return "".join(
        f"$ {each}\n".replace("\n", "\n> ")[:-2] + run(each, place, document)
        for each in commands(block)
    )


def plain(text: str) -> str:
    """Without times, the engine, and trailing spaces."""
    text = re.sub(r" *\n", "\n", TIME.sub("TIME", text))
    return text.strip()


@pytest.mark.parametrize(("document", "numbers"), units())
def test_a_command_prints_what_the_document_says(
    document: str, numbers: tuple[int, ...], place: Path
) -> None:
    path = ROOT / "docs" / document
    for number in numbers:
        text = path.read_text()
        found = list(BLOCK.finditer(text))[number]
        if "--check" in found[1]:
            needs_spin()
        now = printed(found[1], place, document)
        assert "Traceback" not in now
        if os.environ.get("BLESS") and plain(now) != plain(found[1]):
            cleaned = re.sub(r" +\n", "\n", now)
            path.write_text(text[: found.start(1)] + cleaned + text[found.end(1) :])
        else:
            assert plain(now) == plain(found[1])


def test_twelve_claims_or_more_are_answered_with_commands() -> None:
    """A claim is a section with a number; it says who made it, what the answer is, what to run."""
    text = (ROOT / "docs" / "debate.md").read_text()
    sections = re.split(r"^## ", text, flags=re.MULTILINE)[1:]
    claims = [each for each in sections if re.match(r"\d+\. ", each)]
    assert [int(each.split(".")[0]) for each in claims] == list(range(1, len(claims) + 1))
    answered = [each for each in claims if BLOCK.search(each)]
    assert len(answered) >= 12
    for each in claims:
        assert "**Said by**" in each, each.splitlines()[0]
        assert "**Answer" in each, each.splitlines()[0]
