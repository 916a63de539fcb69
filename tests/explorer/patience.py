"""``python -m tests.explorer.patience``: does the explorer come back when it is told to?

Each scenario of samples/races, of tests/explorer/cases and of the worst that anybody could think of is
explored with a time limit, and interrupted at several moments: while it reads, plans, searches.  What
counts is the limit and the processor time after it, which is what somebody waits for on a quiet machine:
other work does not make one late.  Outside of the test run all the same: each line is printed as it comes,
what does not come back is killed, those that were late are named in the end, and then it exits with 1.
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
# Processor seconds after the limit, then seconds of the clock in all: then it is killed.
MOST, MOST_CLOCK = 6.0, 60.0
# Processor seconds after which a command is interrupted.
MOMENTS = (0.1, 0.4, 1.0, 2.0)
EXITS = (0, 1, 2, 3)
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

    def __str__(self) -> str:
        mark = "LATE" if self.late else ""
        return (
            f"  {self.seconds:6.2f} s ({self.clock:.0f})  exit {self.code:3} {mark:4} "
            f"{self.name}: {self.text[:110]}"
        )


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


class Running:
    """A command that runs in a session of its own, with what it says in a file."""

    def __init__(self, asked: Asked, *more: str) -> None:
        self.output = tempfile.TemporaryFile()  # noqa: SIM115 (open until the command has ended)
        self.began = time.monotonic()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "opvasm", *asked.arguments, *more],
            cwd=asked.folder,
            stdout=self.output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def processor(self) -> float:
        """Seconds of processor time that it has used."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def over(self) -> bool:
        """Whether it has ended."""
        ended = os.waitid(os.P_PID, self.process.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG)
        return ended is not None

    def until(self, seconds: float) -> bool:
        """Wait until it has used so much processor time; False where it ends before."""
        while not self.over():
            if self.processor() >= seconds or self.clock() > MOST_CLOCK:
                return True
            time.sleep(0.005)
        return False

    def end(self, most: float) -> tuple[float, int, list[str]]:
        """Its processor time in the end, its exit code, its lines; killed after ``most`` of the former."""
        while self.until(most):
            os.killpg(self.process.pid, signal.SIGKILL)
            most = MOST_CLOCK
            time.sleep(0.05)
        _, status, used = os.wait4(self.process.pid, 0)
        self.process.returncode = os.waitstatus_to_exitcode(status)
        self.output.seek(0)
        lines = self.output.read().decode(errors="replace").splitlines()
        self.output.close()
        return used.ru_utime + used.ru_stime, self.process.returncode, lines

    def clock(self) -> float:
        """Seconds since it began."""
        return time.monotonic() - self.began


def limited(asked: Asked, seconds: float, more: tuple[str, ...]) -> Came:
    """Ends by its time limit, with an exit code that says what it knows."""
    running = Running(asked, "--timeout", f"{seconds:g}", *more)
    while not running.over() and running.clock() < seconds:
        time.sleep(0.005)
    before = running.processor()  # also of one that has ended
    took, code, lines = running.end(before + MOST)
    words = [each for each in lines if "nconclusive" in each or "rror" in each] or lines[-1:]
    clock = running.clock()
    took = clock if clock < seconds else seconds + took - before
    late = took > seconds + GRACE or code not in EXITS
    return Came(asked.name, took, clock, code, " ".join(words[:1]), late)


def interrupted(asked: Asked, moment: float, more: tuple[str, ...]) -> Came | None:
    """Answers an interrupt after some seconds of work; None where it had ended before."""
    running = Running(asked, *more)
    if not running.until(moment):
        running.end(0)
        return None
    before, began = running.processor(), running.clock()
    # Popen's own way would look whether it has ended first, and then `end` found no child.
    os.kill(running.process.pid, signal.SIGINT)
    took, code, lines = running.end(before + MOST)
    words = [each for each in lines if "nterrupt" in each or "rror" in each] or lines[-1:]
    late = took - before > ANSWER or code not in (*EXITS, INTERRUPTED)
    name = f"{asked.name}, at {moment:g} s"
    return Came(name, took - before, running.clock() - began, code, " ".join(words[:1]), late)


def main(arguments: list[str] | None = None) -> int:
    """Exit codes: 0 all came back in time, 1 some did not."""
    parser = argparse.ArgumentParser(prog="python -m tests.explorer.patience", description=__doc__)
    parser.add_argument("--only", default="", help="those whose name has this in it")
    parser.add_argument("--worst", action="store_true", help="the hand-made ones only")
    parser.add_argument(
        "--seconds",
        type=float,
        default=SECONDS,
        help="the time limit (beside other work a longer one, so that searches begin)",
    )
    parser.add_argument("--engine", choices=("python", "native"), help="by this engine")
    parser.add_argument("--jobs", help="on so many cores")
    parser.add_argument("--no-limit", action="store_true", help="leave out the time limit")
    parser.add_argument("--no-interrupt", action="store_true", help="leave out the interrupts")
    chosen = parser.parse_args(arguments)
    # A shell's background jobs have interrupts ignored, and so would the commands.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    named = {"--engine": chosen.engine, "--jobs": chosen.jobs}
    more = tuple(word for pair in named.items() if pair[1] is not None for word in pair)
    late: list[Came] = []
    with tempfile.TemporaryDirectory() as folder:
        everything = [*([] if chosen.worst else known()), *worst(Path(folder))]
        asked = [each for each in everything if chosen.only in each.name]
        if not chosen.no_limit:
            limits = (limited(each, chosen.seconds, more) for each in asked)
            most = chosen.seconds + GRACE
            late += _told(f"--timeout {chosen.seconds:g} (at most {most:g} s)", limits)
        if not chosen.no_interrupt:
            answers = (interrupted(each, when, more) for each in asked for when in MOMENTS)
            came = (each for each in answers if each is not None)
            late += _told(f"Ctrl-C (at most {ANSWER:g} s)", came)
    print(f"{len(late)} late", *late, sep="\n")
    return 1 if late else 0


def _told(title: str, came: Iterator[Came]) -> list[Came]:
    """Prints each as it comes; those that were late."""
    print(title)
    late, count = [], 0
    for one in came:
        print(one, flush=True)
        count += 1
        late += [one] if one.late else []
    print(f"{title}: {count} commands, {len(late)} late")
    return late


if __name__ == "__main__":
    sys.exit(main())
