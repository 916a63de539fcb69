"""Another checkout of opvasm beside this one: the seconds of a core of both, and their ratios.

``python -m benchmarks.beside FOLDER [ROUNDS [NAME]]`` takes both in turns, from the start of a command to its
answer; medians count.  With a NAME only rows in whose name it stands.  A ratio over 1.05 is a loss.  "python" rows
compare the Python engine with the one that an older checkout has; the others are what a user meets.  A sweep takes the
engine in C where it can.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

from .cold_start import PUSH, TEXT
from .exploring import scenarios
from .measure import environment, interleaved, table

HERE = Path(__file__).parent.parent
LIMIT = 1.05
ROWS = ((3, 1, 3), (4, 1, 2), (5, 2, 2))
AGREEMENT = "from benchmarks.agreement import measure; measure(20_000)"


class Row(NamedTuple):
    """A command: its words after ``opvasm``, and those for a checkout that has two engines.

    ``code`` is Python to be run instead.
    """

    name: str
    words: tuple[str, ...] = ()
    chosen: tuple[str, ...] = ()
    code: str = ""


def rows(folder: Path, samples: Path) -> Iterator[Row]:
    """What is compared; texts are written to a folder."""
    text, ops = folder / "list.opv", folder / "list.bin"
    text.write_text(TEXT)
    python = ("--engine", "python")
    for row in ROWS:
        name = ",".join(map(str, row))
        path = folder / f"{name}.opv"
        path.write_text(scenarios.pushes(row))
        words = ("explore", str(path))
        yield Row(f"explore {name}, python", words, python)
        yield Row(f"explore {name}", words)
    yield Row("explore --sweep samples", ("explore", "--sweep", samples.name, "--jobs", "1"))
    yield Row("agreement, 20,000 vectors", code=AGREEMENT)
    yield Row("asm, 10 lines", ("asm", str(text), *PUSH, "-o", str(ops)))
    for name in ("disasm", "verify --from raw", "run --from raw"):
        yield Row(f"{name}, assembled", (*name.split(), str(ops)))
    yield Row("run, text", ("run", str(text), "bump"))
    yield Row("verify, text", ("verify", str(text)))
    yield Row("explore, 3 states", ("explore", str(text)))


def seconds(tree: Path, row: Row, cwd: Path) -> float:
    """Seconds of a core that a row takes in a checkout, its children's too."""
    words = row.words + (row.chosen if (tree / "opvasm" / "explorer" / "native").exists() else ())
    asked = ["-c", row.code] if row.code else ["-m", "opvasm", *words]
    command = ["/bin/sh", "-c", 'cd "$0" && exec "$@"', str(cwd), sys.executable, *asked]
    process = os.posix_spawn(
        command[0],
        command,
        environment() | {"PYTHONPATH": str(tree)},
        file_actions=[
            (os.POSIX_SPAWN_OPEN, each, os.devnull, os.O_RDONLY if each == 0 else os.O_WRONLY, 0)
            for each in (0, 1, 2)
        ],
    )
    _, status, usage = os.wait4(process, 0)
    if os.waitstatus_to_exitcode(status) not in (0, 1):  # 1: an expectation of an older sample
        raise RuntimeError(f"{row.name} ended with status {status} in {tree}")
    return usage.ru_utime + usage.ru_stime


def measure(beside: Path, rounds: int, wanted: str = "") -> str:
    """The table."""
    shown = [["", "there: s", "here: s", "here / there", ""]]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for row in rows(folder, beside / "samples"):
            if wanted not in row.name and row.name != "asm, 10 lines":
                continue
            cwd = beside if row.words[1:2] == ("--sweep",) else folder
            trees = {"there": beside, "here": HERE}
            found = interleaved(
                {each: partial(seconds, tree, row, cwd) for each, tree in trees.items()}, rounds
            )
            ratio = found["here"] / found["there"]
            cells = [f"{found['there']:.3f}", f"{found['here']:.3f}", f"{ratio:.2f}"]
            shown.append([row.name, *cells, "slower" if ratio > LIMIT else ""])
            print("  ".join(shown[-1]), file=sys.stderr, flush=True)
    return table(f"This checkout beside {beside.name}, {rounds} rounds", shown)


if __name__ == "__main__":
    print(
        measure(
            Path(sys.argv[1]).resolve(),
            int(sys.argv[2]) if len(sys.argv) > 2 else 5,
            sys.argv[3] if len(sys.argv) > 3 else "",
        )
    )
