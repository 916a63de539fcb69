"""Tools as somebody starts them: seconds by the clock, memory, and what they print."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import NamedTuple

from ..measure import environment

SLOW = 10.0  # seconds from which on one run has to do
# Spin's verifier as users build it, and without its reduction.
QUICK = ("-O2", "-w", "-DSAFETY", "-DCOLLAPSE", "-DMEMLIM=8000")


class Run(NamedTuple):
    """One run of a command.  ``memory`` is its largest resident memory, in bytes."""

    seconds: float
    memory: int
    out: str
    status: int


class Spin(NamedTuple):
    """What Spin stored, and the seconds to build its verifier and to search."""

    states: int | None
    build: float
    search: float
    memory: int

    @property
    def seconds(self) -> float:
        """What somebody waits for."""
        return self.build + self.search


def run(command: Sequence[str], folder: Path, limit: float = 600, tree: Path | None = None) -> Run:
    """Run a command.  After ``limit`` seconds it is ended, with status -9.

    ``tree``: another checkout of opvasm, whose package is taken instead.
    """
    variables = environment()
    if tree is not None:
        variables["PYTHONPATH"] = str(tree)
    with tempfile.TemporaryFile("w+") as out:
        started = perf_counter()
        process = subprocess.Popen(
            ["timeout", "-s", "KILL", str(limit), *command],
            cwd=folder,
            env=variables,
            stdout=out,
            stderr=subprocess.STDOUT,
        )
        _, status, usage = os.wait4(process.pid, 0)
        seconds = perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        return Run(seconds, usage.ru_maxrss * 1024, out.read(), process.returncode)


def opvasm(words: Sequence[str], folder: Path, tree: Path | None = None, runs: int = 3) -> Run:
    """``opvasm …`` as a user starts it: the median of some runs, of one where that takes long."""
    found = []
    for _ in range(runs):
        found.append(run([sys.executable, "-m", "opvasm", *words], folder, tree=tree))
        if found[-1].seconds > SLOW:
            break
    middle = median(each.seconds for each in found)
    return found[-1]._replace(seconds=middle, memory=max(each.memory for each in found))


def states_in(report: str) -> int:
    """How many states a report of explore names."""
    found = re.search(r"([\d,]+) states?;", report)
    assert found is not None, report
    return int(found[1].replace(",", ""))


def spin(
    model: str,
    flags: Sequence[str] = QUICK,
    options: Sequence[str] = ("-m1000000",),
    generate: Sequence[str] = (),
    limit: float = 600,
) -> Spin:
    """Spin on a model: generate the verifier, compile it, run it.  No states: not within the limit.

    ``generate`` are options of Spin itself; -o2 keeps variables that are only written.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "model.pml").write_text(model)
        started = perf_counter()
        for words in (
            ("spin", "-a", *generate, "model.pml"),
            ("gcc", *flags, "-o", "pan", "pan.c"),
        ):
            done = run(words, folder)
            assert done.status == 0, done.out
        build = perf_counter() - started
        searches = []
        for _ in range(3):
            searches.append(run(("./pan", *options), folder, limit))
            if searches[-1].seconds > SLOW:
                break
        memory = max(each.memory for each in searches)
        seconds = median(each.seconds for each in searches)
        if searches[-1].status == -9 or searches[-1].status == 137:
            return Spin(None, build, seconds, memory)
        report = searches[-1].out
        found = re.search(r"([\d.e+]+) states, stored", report)
        assert found is not None, report
        assert "errors: 0" in report, report
        return Spin(round(float(found[1])), build, seconds, memory)
