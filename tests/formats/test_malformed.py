"""samples/malformed: inputs of disasm that can't be read, each with its message beside it.

``BLESS=1 pytest tests/formats/test_malformed.py`` writes the messages anew; the diff shows a
reviewer what a change does to them.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "samples" / "malformed"
INPUTS = sorted([*FOLDER.glob("*.bin"), *FOLDER.glob("*.hex")])
FORMATS = {".bin": "raw", ".hex": "hex"}


@pytest.mark.parametrize("path", INPUTS, ids=lambda path: path.name)
def test_a_malformed_input_ends_in_its_message_and_exit_2(path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "opvasm", "disasm", "--from", FORMATS[path.suffix], path.name],
        cwd=FOLDER,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(FOLDER.parents[1]), "NO_COLOR": "1"},
    )
    assert done.returncode == 2
    assert done.stdout == ""
    golden = path.with_name(path.name + ".message")
    if os.environ.get("BLESS"):
        golden.write_text(done.stderr)
    assert done.stderr == golden.read_text()


def test_every_message_belongs_to_an_input() -> None:
    messages = {path.name.removesuffix(".message") for path in FOLDER.glob("*.message")}
    assert messages == {path.name for path in INPUTS}
    assert len(INPUTS) >= 10
