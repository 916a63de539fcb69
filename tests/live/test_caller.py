"""The caller in docs/formats.md is a whole program: built as shown, it runs under exec."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from .conftest import Opvasm, require

ROOT = Path(__file__).parents[2]
CALLER = re.compile(r"^```c\n(/\* caller\.c.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("compiler", ["gcc", "g++"])
def test_the_documents_caller_runs_under_exec(
    compiler: str, opvasm: Opvasm, tmp_path: Path
) -> None:
    """Four threads share the lists of all CPUs through emitted vectors, and lose no node."""
    if shutil.which(compiler) is None:
        pytest.skip(f"{compiler} is not installed")
    require(335)
    text = CALLER.findall((ROOT / "docs" / "formats.md").read_text())
    assert len(text) == 1
    sample = str(ROOT / "samples" / "idioms" / "list.opv")
    done = opvasm("asm", sample, "-f", "c", "-o", str(tmp_path / "list.c"))
    assert done.returncode == 0, done.stderr
    (tmp_path / "caller.c").write_text(text[0])
    words = [compiler, "-O2", "-Wall", "-Wextra", "-Werror", "-pthread"]
    if compiler == "g++":
        words += ["-x", "c++", "-U_GNU_SOURCE"]  # which g++ defines itself
    subprocess.run([*words, "-o", tmp_path / "caller", tmp_path / "caller.c"], check=True)
    done = opvasm("exec", "--", str(tmp_path / "caller"))
    assert (done.returncode, done.stdout) == (0, "nodes held at the end: 0xf\n"), done.stderr
