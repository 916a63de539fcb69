"""The rows on the kernel that runs here."""

from __future__ import annotations

import platform
import subprocess
import tempfile
from pathlib import Path

from .build import ARCHITECTURES, CannotBuild, build
from .rules import Row, read_rows

SECONDS = 900


def run_here(tries: int, sizes: tuple[int, ...] = (32, 64)) -> tuple[str, str, list[Row]]:
    """The kernel's version, the architecture, and the rows of registrations of these sizes."""
    machine = platform.machine()
    found = [each for each in ARCHITECTURES.values() if each.machine == machine]
    if not found:
        raise CannotBuild(f"there are no sections for {machine}")
    with tempfile.TemporaryDirectory(prefix="rows-") as folder:
        program = build(found[0]._replace(compiler="gcc"), Path(folder))
        words = [str(program), str(tries), *(str(size) for size in sizes)]
        done = subprocess.run(words, capture_output=True, text=True, timeout=SECONDS, check=False)
    if done.returncode or not done.stdout.rstrip().endswith("end"):
        raise CannotBuild(f"rows ended with {done.returncode}: {done.stdout}{done.stderr}")
    return platform.release(), found[0].name, read_rows(done.stdout)
