"""``python -m tests.explorer.patience``: does the explorer come back when it is told to?

Each scenario of samples/races, of tests/explorer/cases and of the worst that anybody could think of is
explored with a time limit, and once more until it is interrupted.  What counts is the limit and the
processor time after it, which is what somebody waits for on a quiet machine: other work does not make
one late.  Outside of the test run all the same: it prints the slowest, and exits 1 where one was late.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from opvasm.assembler import assemble
from opvasm.source import SourceFile

from .worst import FILES

ROOT = Path(__file__).parents[2]
SECONDS, GRACE, ANSWER = 2.0, 2.0, 1.0
MOST = 120.0  # seconds of the clock: then it is killed
EXITS = (0, 1, 3)
INTERRUPTED = 130


class Asked(NamedTuple):
    """A command of opvasm, and the folder in which it runs."""

    name: str
    arguments: tuple[str, ...]
    folder: Path


class Came(NamedTuple):
    """What became of one: seconds on a quiet machine and of the clock, its exit code, its words."""

    name: str
    seconds: float
    clock: float
    code: int
    text: str
    late: bool


def known() -> Iterator[Asked]:
    """Every scenario of the samples and the cases."""
    paths = sorted((ROOT / "samples" / "races").glob("*.opv"))
    paths += sorted((ROOT / "tests" / "explorer" / "cases").glob("*.opv"))
    for path in paths:
        assembly = assemble(SourceFile(path.name, path.read_text(encoding="utf-8")))
        for scenario in assembly.scenarios:
            name = f"{path.stem} {scenario.name}"
            yield Asked(name, ("explore", path.name, scenario.name), path.parent)


def worst(folder: Path) -> Iterator[Asked]:
    """The hand-made ones, written into a folder."""
    for name, (files, arguments) in FILES.items():
        place = folder / name.replace(" ", "_")
        place.mkdir()
        for each, text in files.items():
            (place / each).write_text(text, encoding="utf-8")
        yield Asked(name, arguments, place)


def started(asked: Asked, *more: str) -> subprocess.Popen[bytes]:
    """The command, in a session of its own, with what it says in a file."""
    output = tempfile.TemporaryFile()  # noqa: SIM115 (open until the command has ended)
    running = subprocess.Popen(
        [sys.executable, "-m", "opvasm", *asked.arguments, *more],
        cwd=asked.folder,
        stdout=output,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    running.stdout = output
    return running


def ended(running: subprocess.Popen[bytes], most: float) -> tuple[float, int, list[str]]:
    """Processor seconds that a command took, its exit code, its lines; it is killed after ``most``."""
    until = time.monotonic() + most
    while True:
        pid, status, used = os.wait4(running.pid, os.WNOHANG)
        if pid:
            break
        if time.monotonic() > until:
            os.killpg(running.pid, signal.SIGKILL)
        time.sleep(0.01)
    running.returncode = os.waitstatus_to_exitcode(status)
    assert running.stdout is not None
    running.stdout.seek(0)
    lines = running.stdout.read().decode(errors="replace").splitlines()
    running.stdout.close()
    return used.ru_utime + used.ru_stime, running.returncode, lines


def limited(asked: Asked) -> Came:
    """Ends by its time limit, with an exit code that says what it knows."""
    began = time.monotonic()
    took, code, lines = ended(started(asked, "--timeout", f"{SECONDS:g}"), MOST)
    words = [each for each in lines if "onclusive" in each or "error" in each] or lines[-1:]
    clock = time.monotonic() - began
    if clock > SECONDS:  # what it did after its limit, at full speed
        took = SECONDS + took * (1 - SECONDS / clock)
    late = took > SECONDS + GRACE or code not in EXITS
    return Came(asked.name, took, clock, code, " ".join(words[:1]), late)


def interrupted(asked: Asked) -> Came | None:
    """Answers an interrupt after some seconds of work; None where it had ended before."""
    running = started(asked)
    until = time.monotonic() + MOST
    while os.waitid(os.P_PID, running.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG) is None:
        if _processor(running.pid) > SECONDS or time.monotonic() > until:
            break
        time.sleep(0.02)
    else:
        ended(running, 0)
        return None
    before, began = _processor(running.pid), time.monotonic()
    running.send_signal(signal.SIGINT)
    took, code, lines = ended(running, MOST)
    words = [each for each in lines if "interrupt" in each or "error" in each] or lines[-1:]
    late = took - before > ANSWER or code not in (*EXITS, INTERRUPTED)
    return Came(
        asked.name, took - before, time.monotonic() - began, code, " ".join(words[:1]), late
    )


def _processor(pid: int) -> float:
    """Seconds of processor time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main(arguments: list[str] | None = None) -> int:
    """Exit codes: 0 all came back in time, 1 some did not."""
    parser = argparse.ArgumentParser(prog="python -m tests.explorer.patience", description=__doc__)
    parser.add_argument("--only", default="", help="those whose name has this in it")
    parser.add_argument("--worst", action="store_true", help="the hand-made ones only")
    parser.add_argument("--show", type=int, default=10, help="how many of the slowest")
    chosen = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        everything = [*([] if chosen.worst else known()), *worst(Path(folder))]
        asked = [each for each in everything if chosen.only in each.name]
        timed = [limited(each) for each in asked]
        answered = [came for each in asked if (came := interrupted(each)) is not None]
    late = _told(f"--timeout {SECONDS:g} (at most {SECONDS + GRACE:g} s)", timed, chosen.show)
    late += _told(f"Ctrl-C after {SECONDS:g} s (at most {ANSWER:g} s)", answered, chosen.show)
    return 1 if late else 0


def _told(title: str, came: list[Came], show: int) -> int:
    """Prints the slowest, and all that were late; how many those are."""
    late = sum(each.late for each in came)
    print(f"{title}: {len(came)} commands, {late} late")
    slowest = sorted(came, key=lambda each: (not each.late, -each.seconds))
    for one in slowest[: max(show, late)]:
        mark = "LATE" if one.late else ""
        print(
            f"  {one.seconds:6.2f} s ({one.clock:.0f})  exit {one.code:3} {mark:4} {one.name}: {one.text[:110]}"
        )
    return late


if __name__ == "__main__":
    sys.exit(main())
