"""Tools as somebody starts them: seconds of a core, memory, and what they print.

All of them work on one core; other work on the machine makes the clock late, and not this.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import NamedTuple

from ..measure import environment

ENDED = 124  # what timeout(1) says of a command that it has ended
SLOW = 10.0  # seconds from which on one run has to do
# Spin's verifier as users build it, and without its reduction.
QUICK = ("-O2", "-w", "-DSAFETY", "-DCOLLAPSE", "-DMEMLIM=8000")


class Run(NamedTuple):
    """One run of a command.

    ``seconds`` are those of a core that it and what it started took, ``memory`` is its largest
    resident memory, in bytes.
    """

    seconds: float
    memory: int
    out: str
    status: int


class Spin(NamedTuple):
    """What Spin stored, and the seconds of a core to build its verifier and to search."""

    states: int | None
    build: float
    search: float
    memory: int

    @property
    def seconds(self) -> float:
        """What somebody waits for."""
        return self.build + self.search


def run(command: Sequence[str], folder: Path, limit: float = 600, tree: Path | None = None) -> Run:
    """Run a command.  After ``limit`` seconds by the clock it is ended, with the status ENDED.

    ``tree``: another checkout of opvasm, whose package is taken instead.
    """
    variables = environment()
    if tree is not None:
        variables["PYTHONPATH"] = str(tree)
    with tempfile.TemporaryFile("w+") as out:
        process = subprocess.Popen(
            ["timeout", "--kill-after=10", str(limit), *command],
            cwd=folder,
            env=variables,
            stdout=out,
            stderr=subprocess.STDOUT,
        )
        _, status, usage = os.wait4(process.pid, 0)
        seconds = usage.ru_utime + usage.ru_stime
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
        build = 0.0
        for words in (
            ("spin", "-a", *generate, "model.pml"),
            ("gcc", *flags, "-o", "pan", "pan.c"),
        ):
            done = run(words, folder)
            assert done.status == 0, done.out
            build += done.seconds
        searches = []
        for _ in range(3):
            searches.append(run(("./pan", *options), folder, limit))
            if searches[-1].seconds > SLOW:
                break
        memory = max(each.memory for each in searches)
        seconds = median(each.seconds for each in searches)
        if searches[-1].status == ENDED:
            return Spin(None, build, seconds, memory)
        report = searches[-1].out
        found = re.search(r"([\d.e+]+) states, stored", report)
        assert found is not None, report
        assert "errors: 0" in report, report
        return Spin(round(float(found[1])), build, seconds, memory)
