"""Times that can be compared: taken in turns in one run, of which the median counts.

The machine's other work falls on all alike; what is printed and judged are ratios.
"""

from __future__ import annotations

import os
import statistics
import tempfile
from collections.abc import Callable, Mapping, Sequence

Measure = Callable[[], float]
_CACHE = tempfile.TemporaryDirectory()


def interleaved(measures: Mapping[str, Measure], rounds: int) -> dict[str, float]:
    """The median of each measure's results, all taken once in each of ``rounds`` rounds."""
    found: dict[str, list[float]] = {name: [] for name in measures}
    for measure in measures.values():
        measure()  # caches of files and bytecode are filled for all
    for _ in range(rounds):
        for name, measure in measures.items():
            found[name].append(measure())
    return {name: statistics.median(times) for name, times in found.items()}


def processor_time(command: Sequence[str]) -> float:
    """Seconds of a core that a command took, its own and the system's for it.

    Raises RuntimeError when it fails.
    """
    seconds, _ = processor_time_and_memory(command)
    return seconds


def processor_time_and_memory(command: Sequence[str]) -> tuple[float, int]:
    """Seconds of a core and the largest resident memory (bytes) of a command."""
    process = os.posix_spawn(
        command[0],
        list(command),
        environment(),
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
            (os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0),
        ],
    )
    _, status, usage = os.wait4(process, 0)
    if status:
        raise RuntimeError(f"{' '.join(command)} ended with status {status}")
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024


def environment() -> dict[str, str]:
    """This process's variables, without those that keep Python from using its caches.

    The tables of the grammar are cached in a folder of this run's own.
    """
    spoilers = ("PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED", "FORCE_COLOR")
    kept = {name: value for name, value in os.environ.items() if name not in spoilers}
    return kept | {"XDG_CACHE_HOME": _CACHE.name}


def table(title: str, rows: Sequence[Sequence[str]]) -> str:
    """Rows as text; the first column to the left, the others to the right, the first row is a head."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [
        "  ".join(
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    ]
    return "\n".join([title, *(f"  {line}".rstrip() for line in lines)]) + "\n"
