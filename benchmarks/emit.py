"""What emitted C costs: beside assembly by hand, beside other ways, and `emit` beside `asm`."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

from .measure import interleaved, processor_time, table

ROOT = Path(__file__).parents[1]
SAMPLES = ROOT / "samples" / "emit"
ROUNDS = 200_000


def measure() -> str:
    """The tables, or why there are none."""
    compiler = shutil.which("gcc")
    if compiler is None or platform.machine() != "x86_64":
        return "emit: needs gcc on x86-64\n"
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for sample in ("counter", "list", "results"):
            _emit(SAMPLES / f"{sample}.opv", folder / f"{sample}.h")
        _emit(SAMPLES / "ring.opv", folder / "ring.h", "--index", "slot=log.slot")
        _emit(SAMPLES / "ring.opv", folder / "pointed.h", "--prefix", "pointed")
        program = folder / "emit"
        source = Path(__file__).with_name("emit.c")
        # Loops begin on a cache line: where one happens to lie costs up to a fifth.
        options = ("-O2", "-falign-loops=64", f"-I{folder}", f"-I{Path(__file__).parent}")
        subprocess.run([compiler, *options, source, "-o", program, "-lpthread"], check=True)
        tables = [_operations(program, pinned) for pinned in (True, False)]
        tables.append(_malloc(compiler, folder))
        tables.append(_command())
    return "\n".join(tables)


def _emit(source: Path, target: Path, *options: str) -> None:
    command = [sys.executable, "-m", "opvasm.cli", "emit", str(source), "--strategy", "elide"]
    command += [*options, "--no-explore", "-o", str(target)]
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL)


def _operations(program: Path, pinned: bool) -> str:
    """Each way of an operation against the assembly by hand, all CPUs busy."""
    threads = str(os.cpu_count() or 1)
    words = [str(program), threads, str(ROUNDS), "1" if pinned else "0"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        return "emit: no restartable sections here\n"
    times: dict[str, list[float]] = {}
    for line in done.stdout.splitlines():
        operation, how, *numbers = line.split()
        times[f"{operation} {how}"] = [float(number) for number in numbers]
    rows: list[tuple[str, ...]] = [("operation", "way", "ns", "x hand")]
    for way, nanoseconds in times.items():
        operation, _, how = way.partition(" ")
        ratio = _times(nanoseconds, times[f"{operation} hand"])
        rows.append((operation, how, f"{median(nanoseconds):.2f}", f"{ratio:.2f}"))
    fallback = _times(times["counter fallback"], times["counter spin"])
    duties = _times(times["counter fallback"], times["counter try_then_spin"])
    where = "pinned" if pinned else "not pinned"
    text = table(f"An operation on {threads} CPUs, {where}: medians in one run", rows)
    spin = f"the lock fallback takes {fallback:.2f} times a plain spin lock of the CPU"
    return f"{text}\n{spin}, {duties:.2f} times one that does the same by hand\n"


def _times(one: list[float], other: list[float]) -> float:
    """How many times as long one way takes as another: the median over turns, each of which ran both.

    A machine that others keep busy changes its pace between turns more than within one.
    """
    return median(a / b for a, b in zip(one, other, strict=True))


def _malloc(compiler: str, folder: Path) -> str:
    """The malloc cache of samples/c against glibc's malloc, small objects on all CPUs."""
    here = ROOT / "samples" / "c"
    _emit(here / "malloc_cache.opv", folder / "malloc_cache.h", "--index", "list=lists")
    library, program = folder / "malloc_cache.so", folder / "small"
    options = ("-O2", f"-I{folder}")
    for words in (
        (*options, "-fPIC", "-shared", str(here / "malloc_cache.c"), "-o", str(library)),
        (*options, str(Path(__file__).with_name("small_objects.c")), "-o", str(program)),
    ):
        subprocess.run([compiler, *words, "-lpthread"], check=True)
    threads = str(os.cpu_count() or 1)

    def with_library(path: str) -> float:
        env = {**os.environ, "LD_PRELOAD": path}
        done = subprocess.run(
            [str(program), threads, "4000000"], env=env, capture_output=True, text=True, check=True
        )
        return float(done.stdout)

    times = interleaved(
        {"glibc": lambda: with_library(""), "cache": lambda: with_library(str(library))}, 5
    )
    rows = [("malloc of small objects", "ns an object", "glibc x")]
    for name, time in times.items():
        rows.append((name, f"{time:.2f}", f"{times['glibc'] / time:.2f}"))
    return table(f"malloc and free on {threads} threads", rows)


def _command() -> str:
    """`opvasm emit` against `opvasm asm` for the same file, in processor time."""
    front = [sys.executable, "-m", "opvasm.cli"]
    file = str(SAMPLES / "list.opv")
    times = interleaved(
        {
            "asm -f c": lambda: processor_time([*front, "asm", "-f", "c", "-o", os.devnull, file]),
            "emit --no-explore": lambda: processor_time(
                [*front, "emit", "--strategy", "elide", "--no-explore", "-o", os.devnull, file]
            ),
        },
        9,
    )
    rows = [("command", "x asm")]
    rows += [(name, f"{time / times['asm -f c']:.2f}") for name, time in times.items()]
    return table("emit beside asm, samples/emit/list.opv", rows)
