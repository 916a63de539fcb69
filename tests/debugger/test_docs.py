"""What docs/debugger.md and docs/traces.md show is what happens."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.debugger.sessions import ROOT

DOCS = ("debugger.md", "traces.md")


def blocks(kind: str) -> list[str]:
    found = []
    for name in DOCS:
        text = (ROOT / "docs" / name).read_text()
        found += re.findall(rf"```{kind}\n(.*?)```", text, re.DOTALL)
    return found


@pytest.mark.parametrize("block", blocks("console"))
def test_a_console_block_prints_what_it_shows(block: str, tmp_path: Path) -> None:
    """The command after $, run from the top of the checkout, prints the rest."""
    command, _, shown = block.partition("\n")
    scripts = tmp_path / "opvasm"
    scripts.write_text(f'#!/bin/sh\nexec {sys.executable} -m opvasm "$@"\n')
    (tmp_path / "python").write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    for each in tmp_path.iterdir():
        each.chmod(0o755)
    environment = os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    done = subprocess.run(
        command.removeprefix("$ "),
        shell=True,
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == shown


@pytest.mark.parametrize("block", blocks("python"))
def test_a_python_block_runs(block: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The library's example, from the top of the checkout."""
    monkeypatch.chdir(ROOT)
    exec(compile(block, "docs", "exec"), {})
