"""What a call of cpu_opv costs a real program under ``opvasm exec``.

``python -m benchmarks live``: microseconds a call (median and 99th percentile) by both ways of
getting the call, as ratios to the query of a flag, which is the bare round trip; calls a second with
one and two callers; and what other system calls pay.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from opvasm.live.host import HostCannot, probe

from .measure import table

SOURCE = Path(__file__).with_name("live.c")
NUMBERS = (335, 1335)
ROUNDS = 20
CALLS = 3000


def measure() -> str:
    """The tables, or why there are none."""
    compiler = shutil.which("gcc")
    if compiler is None:
        return "live: gcc is needed to build the measured program\n"
    with tempfile.TemporaryDirectory() as folder:
        try:
            return "\n".join(_of_number(number, compiler, Path(folder)) for number in NUMBERS)
        except HostCannot as reason:
            return f"live: {reason}\n"


def _of_number(number: int, compiler: str, folder: Path) -> str:
    """The table of the calls that reach us by one way."""
    host = probe(number)
    program = str(folder / f"live-{number}")
    define = f"-D__NR_cpu_opv={number}"
    subprocess.run([compiler, "-O2", "-pthread", define, "-o", program, str(SOURCE)], check=True)
    words = [sys.executable, "-m", "opvasm", "exec", "-a", "2018-04"]
    words += ["--syscall-nr", str(number), "--", program]
    alone = _latencies([program, "latency", str(ROUNDS), "0", "1"])
    found = _latencies([*words, "latency", str(ROUNDS)])
    floor = found["query"][0]
    rows = [["getppid, no supervisor", *_cells(alone["getppid"], floor)]]
    rows += [[name, *_cells(times, floor)] for name, times in found.items()]
    head = ["call", "median µs", "99 % µs", "median / query"]
    title = f"live programs: system call {number}, seen by {host.mechanism.value}"
    text = table(title, [head, *rows])
    rates = [_output([*words, "rate", str(callers), str(CALLS)]).strip() for callers in (1, 2)]
    return f"{text}  calls a second: {rates[0]} with one caller, {rates[1]} with two\n"


def _cells(times: tuple[float, float], floor: float) -> list[str]:
    median, worst = times
    return [f"{median:.1f}", f"{worst:.1f}", f"{median / floor:.2f}"]


def _latencies(words: list[str]) -> dict[str, tuple[float, float]]:
    """Median and 99th percentile by kind of call, in microseconds."""
    found = {}
    for line in _output(words).splitlines():
        name, median, worst = line.split(";")
        found[name] = (float(median) / 1000, float(worst) / 1000)
    return found


def _output(words: list[str]) -> str:
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout
