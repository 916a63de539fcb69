"""docs/audit.md: each command in it prints what stands below it.

Those about the public server run where ``make corpus`` has fetched it, or where OPVASM_CORPUS names it.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCUMENT = (ROOT / "docs" / "audit.md").read_text("utf-8")
_FILES = re.compile(r"^<!-- file: (\S+) -->\n```\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_BLOCKS = re.compile(r"^(<!-- corpus -->\n)?```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_COMMANDS = re.compile(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", re.MULTILINE)


def _corpus() -> Path:
    return Path(os.environ.get("OPVASM_CORPUS", ROOT / "build" / "corpus" / "envoy"))


def _run(folder: Path, blocks: list[str]) -> None:
    (folder / "opvasm").write_text(f'#!/bin/sh\nexec {sys.executable} -m opvasm "$@"\n')
    (folder / "opvasm").chmod(0o755)
    environment = {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}"}
    for block in blocks:
        for command, expected in _COMMANDS.findall(block):
            done = subprocess.run(
                ["sh", "-c", command], cwd=folder, env=environment, capture_output=True, text=True
            )
            remarks = "" if "|" in command else done.stderr
            assert remarks + done.stdout == expected, command


def test_commands_on_a_text(tmp_path: Path) -> None:
    """What can be run everywhere is run: the mended section holds under every kernel."""
    for name, text in _FILES.findall(DOCUMENT):
        (tmp_path / name).write_text(text)
    blocks = [block for corpus, block in _BLOCKS.findall(DOCUMENT) if not corpus]
    assert blocks
    _run(tmp_path, blocks)


def test_commands_on_the_server(tmp_path: Path) -> None:
    """The audit of the server, and its malloc explored, print what the document shows."""
    pytest.importorskip("capstone")
    if not _corpus().exists():
        pytest.skip("envoy is not there: make corpus fetches it")
    (tmp_path / "envoy").symlink_to(_corpus())
    blocks = [block for corpus, block in _BLOCKS.findall(DOCUMENT) if corpus]
    assert len(blocks) == 2
    _run(tmp_path, blocks)
