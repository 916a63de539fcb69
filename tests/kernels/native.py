"""The rows on the kernel that runs here."""

from __future__ import annotations

import platform
import subprocess
import tempfile
from pathlib import Path

from opvasm.light_typing import NamedTuple

from .build import ARCHITECTURES, CannotBuild, build
from .rules import Row, read_rows

SECONDS = 900


class Here(NamedTuple):
    """The kernel's version, the architecture, the rows, and the lines about two busy threads."""

    release: str
    architecture: str
    rows: list[Row]
    counts: list[str]


def run_here(tries: int, sizes: tuple[int, ...] = (32, 64)) -> Here:
    """The rows of registrations of these sizes in bytes."""
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
    counts = [line for line in done.stdout.splitlines() if line.startswith(("lost ", "restarts "))]
    return Here(platform.release(), found[0].name, read_rows(done.stdout), counts)
