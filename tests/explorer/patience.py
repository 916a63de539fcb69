"""``python -m tests.explorer.patience``: does the explorer come back when it is told to?

Each scenario of samples/races, of tests/explorer/cases and of the worst that anybody could think of is
explored with a time limit, and once more until it is interrupted.  Outside of the test run, since clocks
say nothing on a busy machine: it prints the slowest, and exits 1 where one was later than it may be.
"""

from __future__ import annotations

import argparse
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
EXITS = (0, 1, 3)
INTERRUPTED = 130


class Asked(NamedTuple):
    """A command of opvasm, and the folder in which it runs."""

    name: str
    arguments: tuple[str, ...]
    folder: Path


class Came(NamedTuple):
    """What became of one: seconds until it ended (or answered), its exit code, its last words."""

    name: str
    seconds: float
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


def limited(asked: Asked) -> Came:
    """Ends by its time limit, with an exit code that says what it knows."""
    began = time.monotonic()
    try:
        done = subprocess.run(
            [sys.executable, "-m", "opvasm", *asked.arguments, "--timeout", f"{SECONDS:g}"],
            cwd=asked.folder,
            capture_output=True,
            text=True,
            timeout=60,
        )
        code, text = done.returncode, done.stdout + done.stderr
    except subprocess.TimeoutExpired:
        code, text = -1, "still running after a minute"
    took = time.monotonic() - began
    words = [each for each in text.splitlines() if "onclusive" in each or "error" in each]
    late = took > SECONDS + GRACE or code not in EXITS
    return Came(asked.name, took, code, " ".join(words[:1] or text.splitlines()[-1:]), late)


def interrupted(asked: Asked) -> Came | None:
    """Answers an interrupt after a second; None where it had ended before."""
    running = subprocess.Popen(
        [sys.executable, "-m", "opvasm", *asked.arguments],
        cwd=asked.folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        running.communicate(timeout=SECONDS)
        return None
    except subprocess.TimeoutExpired:
        pass
    began = time.monotonic()
    running.send_signal(signal.SIGINT)
    try:
        text, _ = running.communicate(timeout=60)
    except subprocess.TimeoutExpired:
        running.kill()
        text, _ = running.communicate()
    took = time.monotonic() - began
    code = running.returncode
    words = [each for each in text.splitlines() if "interrupt" in each or "error" in each]
    late = took > ANSWER or code not in (*EXITS, INTERRUPTED)
    return Came(asked.name, took, code, " ".join(words[:1] or text.splitlines()[-1:]), late)


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
        ended = [limited(each) for each in asked]
        answered = [came for each in asked if (came := interrupted(each)) is not None]
    late = _told(f"--timeout {SECONDS:g} (at most {SECONDS + GRACE:g} s)", ended, chosen.show)
    late += _told(f"Ctrl-C after {SECONDS:g} s (at most {ANSWER:g} s)", answered, chosen.show)
    return 1 if late else 0


def _told(title: str, came: list[Came], show: int) -> int:
    """Prints the slowest, and all that were late; how many those are."""
    late = sum(each.late for each in came)
    print(f"{title}: {len(came)} commands, {late} late")
    slowest = sorted(came, key=lambda each: (not each.late, -each.seconds))
    for one in slowest[: max(show, late)]:
        mark = "LATE" if one.late else ""
        print(f"  {one.seconds:6.2f} s  exit {one.code:3} {mark:4} {one.name}: {one.text[:110]}")
    return late


if __name__ == "__main__":
    sys.exit(main())
