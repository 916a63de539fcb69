"""The commands of samples/README.md work as they stand there, and its tables name what is there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "samples" / "README.md").read_text()
COMMANDS = re.findall(r"^    (opvasm .*)$", TEXT, re.MULTILINE)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_of_the_readme_works(command: str, tmp_path: Path) -> None:
    program = tmp_path / "opvasm"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m opvasm "$@"\n')
    program.chmod(0o755)
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command],
        cwd=ROOT,
        env={**os.environ, "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout


def test_every_folder_and_every_idiom_is_named() -> None:
    named = set(re.findall(r"`([\w/.]+)`", TEXT))
    folders = {f"{each.name}/" for each in (ROOT / "samples").iterdir() if each.is_dir()}
    idioms = {each.name for each in (ROOT / "samples" / "idioms").glob("*.opv")}
    assert folders | idioms <= named
