"""docs/formats.md: its commands run, and it leaves out no format."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from opvasm.formats import DISASSEMBLIES, INPUTS, OUTPUTS

from .toolchain import need

ROOT = Path(__file__).parents[2]
DOCUMENT = (ROOT / "docs" / "formats.md").read_text()
BLOCKS = re.findall(r"^```sh\n(.*?)^```$", DOCUMENT, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("block", BLOCKS, ids=range(len(BLOCKS)))
def test_the_commands_of_the_document_run(block: str, tmp_path: Path) -> None:
    need("bash", "cc", "as", "ld", "objdump")
    command = tmp_path / "opvasm"
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m opvasm "$@"\n')
    command.chmod(0o755)
    environment = {
        **os.environ,
        "PATH": f"{tmp_path}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "TMPDIR": str(tmp_path),
    }
    shell = shutil.which("bash")
    assert shell is not None
    done = subprocess.run(
        [shell, "-euo", "pipefail", "-c", block],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""


def test_the_document_names_every_format() -> None:
    for name in (*OUTPUTS, *INPUTS, *DISASSEMBLIES):
        assert f"`{name}`" in DOCUMENT or f"-f {name}`" in DOCUMENT, name
