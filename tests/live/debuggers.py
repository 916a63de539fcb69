"""What debuggers and tracers do to a restartable section, each asked here with the tool itself.

    python -m tests.live.debuggers [NAME…]

Prints a line for each row of docs/live.md, with what tests/live/programs/watched.c counted: a section
that goes on (nothing has aborted it, rightly or not), increments that are lost, sections that are
aborted, and sections given up after three aborts.  Exits with 1 when a tool does something else than
the document says; a tool that is not installed is said to be.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

PROGRAMS = Path(__file__).with_name("programs")
COUNTED = re.compile(r"(\d+) committed, (-?\d+) lost, (\d+) aborts, (\d+) given up")
SECONDS = 120
TRIES = 3  # another process may abort a section of its own accord

GOES_ON, LOSES, ABORTS, GIVES_UP = "goes on", "loses increments", "aborted", "aborted always"


class Seen(NamedTuple):
    """What the program counted."""

    committed: int
    lost: int
    aborts: int
    given_up: int

    @property
    def outcome(self) -> str:
        """In one word: what happened to its sections."""
        if self.lost:
            return LOSES
        if self.given_up:
            return GIVES_UP
        return ABORTS if self.aborts else GOES_ON


class Row(NamedTuple):
    """A tool and what it does: ``words`` come before the program, ``arguments`` after it."""

    name: str
    tool: str
    words: tuple[str, ...]
    arguments: str
    outcome: str


def _gdb(*commands: str) -> tuple[str, ...]:
    pairs = (word for command in commands for word in ("-ex", command))
    return ("gdb", "-q", "-batch", "-nx", *pairs, "--args")


_OFF = "set displaced-stepping off"
_STEPS = ("stepi", "stepi", "stepi", "delete", "continue")
_WATCH = "watch *(long *) &counter"
_LLDB = "breakpoint set -K false -n plain_loaded -c 0"
# A uprobe of its own name on the second instruction, counted while the program runs.
_UPROBE = """\
perf probe -q -d 'probe_watched:*' 2>/dev/null
perf probe -q -x "$0" plain+7 || exit 77
perf stat -o /dev/null -e 'probe_watched:*' "$0" "$@"
perf probe -q -d 'probe_watched:*'
"""

ROWS: dict[str, Row] = {
    each.name: each
    for each in (
        Row("no tool", "", (), "1000 2", GOES_ON),
        Row("gdb, breakpoint inside", "gdb", _gdb("break *plain_loaded if 0", "run"), "300 2", LOSES),
        Row("gdb, stepi from the first instruction", "gdb", _gdb("break *plain_start", "run", *_STEPS),
            "10 1 3", GOES_ON),
        Row("gdb, print f() inside", "gdb",
            _gdb(_OFF, "tbreak *plain_loaded", "run", "print (int) helper()", "continue"), "10 1 3",
            GOES_ON),
        Row("perf, uprobe inside", "perf", ("sh", "-c", _UPROBE), "20000 2", LOSES),
        Row("gdb, temporary breakpoint inside", "gdb", _gdb("tbreak *plain_loaded", "run", "continue"),
            "10 1 3", ABORTS),
        Row("gdb, breakpoint inside, not displaced", "gdb",
            _gdb(_OFF, "break *plain_loaded if 0", "run"), "20 1 3", GIVES_UP),
        Row("gdb, breakpoint on the store of rseq_cs", "gdb", _gdb("break *plain_store if 0", "run"),
            "20 1 3", GIVES_UP),
        Row("gdb, software watchpoint", "gdb",
            _gdb("set can-use-hw-watchpoints 0", "tbreak work", "run", f"{_WATCH} if 0", "continue"),
            "20 1 3", GIVES_UP),
        Row("gdb, hardware watchpoint", "gdb",
            _gdb("tbreak main", "run", f"{_WATCH} if 0", "continue"), "20 1 3", GOES_ON),
        Row("lldb, breakpoint inside", "lldb-14", ("lldb-14", "-b", "-o", _LLDB, "-o", "run", "--"),
            "20 1 3", GIVES_UP),
        Row("strace, system call inside", "strace", ("strace", "-f", "-o", "/dev/null"),
            "200 1 3 call", GIVES_UP),
    )
}  # fmt: skip


def build(folder: Path) -> Path:
    """The program, compiled.  Raises OSError without gcc, CalledProcessError where it refuses."""
    made = folder / "watched"
    words = ["gcc", "-O1", "-Wall", "-Wextra", "-Werror", "-pthread", "-o", str(made)]
    subprocess.run([*words, str(PROGRAMS / "watched.c")], check=True)
    return made


def why_not(row: Row) -> str:
    """Why a row can't be asked here; empty where it can."""
    if row.tool and shutil.which(row.tool) is None:
        return f"{row.tool} is not installed"
    if row.tool == "perf" and os.geteuid() != 0:
        return "a uprobe needs root"
    return ""


def ask(row: Row, program: Path) -> Seen | None:
    """Run the program under the tool; None: it did not come to its end."""
    done = subprocess.run(
        [*row.words, str(program), *row.arguments.split()],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=SECONDS,
        check=False,
    )
    found = COUNTED.search(done.stdout)
    return None if found is None else Seen(*map(int, found.groups()))


def asked(row: Row, program: Path) -> Seen | None:
    """The same, again where something else has come in between."""
    seen = None
    for _ in range(TRIES):
        seen = ask(row, program)
        if seen is not None and seen.outcome == row.outcome:
            break
    return seen


def main(names: Sequence[str]) -> int:
    """The command."""
    unknown = [each for each in names if each not in ROWS]
    if unknown:
        print(f"no such row: {', '.join(unknown)}; there are: {'; '.join(ROWS)}", file=sys.stderr)
        return 2
    wrong = 0
    with tempfile.TemporaryDirectory(prefix="watched-") as folder:
        program = build(Path(folder))
        for row in (ROWS[name] for name in names or ROWS):
            reason = why_not(row)
            seen = None if reason else asked(row, program)
            if seen is None:
                print(f"{row.name:<42}{reason or 'it can not be run here'}")
                continue
            as_told = seen.outcome == row.outcome
            wrong += not as_told
            counts = f"{seen.committed} committed, {seen.lost} lost, {seen.aborts} aborts"
            told = "" if as_told else f"   NOT AS TOLD: {row.outcome}"
            print(f"{row.name:<42}{seen.outcome:<18}{counts}, {seen.given_up} given up{told}")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
