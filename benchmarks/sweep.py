"""``opvasm explore --sweep samples`` with one process and with two: how much of a core is wasted.

Wall-clock times, taken in turns; the ratio of their medians is what counts (aim: 0.6 or less).  It
only means something on a machine with two idle cores; so the table also says what two processes
could reach at best, from the processor time that each unit took in the run with one process: that
part does not depend on what else the machine does.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage
from time import perf_counter

from .measure import environment

ROUNDS = 3
AIM = 0.6
SAMPLES = Path(__file__).parent.parent / "samples"


def measure() -> str:
    """The table."""
    times: dict[int, list[float]] = {1: [], 2: []}
    units: list[tuple[float, str]] = []
    processor = 0.0
    outputs: set[str] = set()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _run(2, folder / "warm.jsonl")  # files and tables of the grammar are in their caches
        for round in range(ROUNDS):
            for jobs, found in times.items():
                results = folder / f"{jobs}-{round}.jsonl"
                before = getrusage(RUSAGE_CHILDREN)
                seconds, output = _run(jobs, results)
                after = getrusage(RUSAGE_CHILDREN)
                found.append(seconds)
                outputs.add(output)
                if jobs == 1:
                    units = _units(results)
                    processor = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    if len(outputs) != 1:
        raise RuntimeError("the report depends on the number of processes")
    medians = {jobs: statistics.median(found) for jobs, found in times.items()}
    return _table(medians, units, processor)


def _run(jobs: int, results: Path) -> tuple[float, str]:
    """Wall-clock seconds of a sweep of all samples, and its report."""
    words = ("explore", "--sweep", "samples", "--jobs", str(jobs), "--results", str(results))
    started = perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "opvasm", *words],
        cwd=SAMPLES.parent,
        env=environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    return perf_counter() - started, done.stdout


def _units(results: Path) -> list[tuple[float, str]]:
    """Processor seconds of each unit, and its name, in the order in which they were done."""
    records = [json.loads(line) for line in results.read_text().splitlines()[1:]]
    return [(float(each["seconds"]), str(each["unit"])) for each in records]


def makespan(seconds: list[float], workers: int) -> float:
    """When the last of some workers is done, each of whom takes the next unit when it is free."""
    free = [0.0] * workers
    for each in seconds:
        free[free.index(min(free))] += each
    return max(free)


def _table(medians: dict[int, float], units: list[tuple[float, str]], processor: float) -> str:
    seconds = [each for each, _ in units]
    total = sum(seconds)
    longest, name = max(units)
    ratio = medians[2] / medians[1]
    # What is done beside the units (reading, planning, merging) two processes can't share.
    beside = max(processor - total, 0.0)
    ideal = (beside + makespan(seconds, 2)) / (beside + total)
    rows = [
        ("one process", f"{medians[1]:.1f} s", ""),
        ("two processes", f"{medians[2]:.1f} s", ""),
        ("ratio", f"{ratio:.2f}", f"aim: {AIM} or less"),
        ("units", f"{len(units)}", f"{total:.1f} s of a core"),
        (
            "in their order on two cores",
            f"{makespan(seconds, 2):.1f} s",
            f"{ideal:.2f} with the rest",
        ),
        ("the longest unit", f"{longest / total:.1%}", name),
    ]
    widths = (max(len(row[0]) for row in rows), max(len(row[1]) for row in rows))
    lines = [f"  {a:<{widths[0]}}  {b:>{widths[1]}}  {c}".rstrip() for a, b, c in rows]
    return "\n".join(["Sweep of samples/, every strategy under every kernel", *lines]) + "\n"
