"""What documents show of real programs is what happens.

    BLESS=1 python -m pytest tests/live/test_docs.py && git diff docs

writes down what the commands print now.  Addresses, thread ids and CPUs are not compared.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from .conftest import Build, require

ROOT = Path(__file__).parent.parent.parent
BLOCK = re.compile(r"^```console live\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# What is another from run to run, or from one compiler to the next.
CHANGES = (
    (re.compile(r"0x[0-9a-f]+"), "0x…"),
    (re.compile(r"\b(thread|process) \d+", re.IGNORECASE), r"\1 N"),
    (re.compile(r"\b(CPU|cpu =) \d+"), r"\1 N"),
    (re.compile(r"\b(work|push)\+\d+"), r"\1+N"),
)


def _blocks() -> list[tuple[str, int]]:
    return [
        (path.name, index)
        for path in sorted((ROOT / "docs").glob("*.md"))
        for index in range(len(BLOCK.findall(path.read_text())))
    ]


def _plain(text: str) -> str:
    for pattern, replacement in CHANGES:
        text = pattern.sub(replacement, text)
    return text.strip()


def test_there_are_such_documents() -> None:
    """The debate's numbers on single-stepping come from a real program."""
    assert {"live.md", "debate.md"} <= {name for name, _ in _blocks()}
    assert "opvasm steptest" in BLOCK.findall((ROOT / "docs" / "debate.md").read_text())[0]


@pytest.mark.parametrize(("document", "index"), _blocks())
def test_a_command_prints_what_the_document_says(
    document: str, index: int, build: Build, tmp_path: Path
) -> None:
    """Run in a folder with the programs that the document names."""
    require(335)
    for name in ("counter", "attach", "breakpoint"):
        (tmp_path / name).symlink_to(build(name, 335))
    command = tmp_path / "opvasm"
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m opvasm "$@"\n')
    command.chmod(0o755)
    path = ROOT / "docs" / document
    text = path.read_text()
    found = list(BLOCK.finditer(text))[index]
    environment = os.environ | {
        "PATH": f"{tmp_path}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "NO_COLOR": "1",
    }
    if "$ gdb " in found[1] and shutil.which("gdb") is None:
        pytest.skip("gdb is not installed")
    now = ""
    for line in found[1].splitlines():
        if line.startswith("$ "):
            done = subprocess.run(
                ["sh", "-c", line[2:]],
                cwd=tmp_path,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=60,
            )
            if "OPV654" in done.stdout:
                pytest.skip("the documents were written where SCHED_FIFO is allowed")
            now += f"{line}\n{done.stdout}"
    now = now.replace(f"{build('counter', 335).rpartition('/')[2]}, ", "counter, ")
    if os.environ.get("BLESS") and _plain(now) != _plain(found[1]):
        path.write_text(text[: found.start(1)] + now + text[found.end(1) :])
    else:
        assert _plain(now) == _plain(found[1])
