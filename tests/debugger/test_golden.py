"""Whole sessions against transcripts that were read line by line; BLESS=1 writes them anew."""

from __future__ import annotations

import contextlib
import os
import pty
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

from tests.debugger.sessions import ROOT

GOLDEN = Path(__file__).parent / "golden"
LIST = "samples/idioms/list.opv"
DEBUG = [sys.executable, "-m", "opvasm", "debug", LIST, "push, then a stale push"]


def commands() -> list[str]:
    lines = (GOLDEN / "stale_push.commands").read_text().splitlines()
    return [line for line in lines if not line.startswith("#")]


def piped() -> str:
    """The session driven through a pipe."""
    done = subprocess.run(
        DEBUG,
        input="\n".join(commands()) + "\n",
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=True,
        timeout=60,
    )
    assert done.stderr == ""
    return done.stdout


def test_a_stale_push_is_explained_as_the_transcript_says() -> None:
    """The scripted session of the documentation, command by command."""
    golden = GOLDEN / "stale_push.txt"
    found = piped()
    if os.environ.get("BLESS"):
        golden.write_text(found)
    assert found == golden.read_text()


def test_the_transcript_says_what_happened() -> None:
    """The facts, worked out by hand from the sample: they hold whatever the words are."""
    parts = piped().split("(opv) ")
    answers = {part.partition("\n")[0]: part.partition("\n")[2] for part in parts}
    node = "0x600000000000 (&nodes[0])"
    # The second push expects an empty list (0) and finds the first node: byte 5 of a little-endian
    # 0x0000_6000_0000_0000 is the first that is not zero.
    assert f"a   head@0  {node}" in answers["why"]
    assert "b   expect  0" in answers["why"]
    assert "first at byte 5: 0x60 and 0x00" in answers["why"]
    assert "op 0 stopped it" in answers["why"]
    back = next(part for part in parts if part.startswith("reverse-continue"))
    assert f"old value: {node}\n    new value: 0\n" in back
    assert "op 2 of push at samples/idioms/list.opv" in answers["who head"]
    assert f"0 -> {node}" in answers["who head"]


def stops(transcript: str) -> list[str]:
    """The lines that say where a session stopped and why."""
    words = (
        "Breakpoint",
        "Watchpoint",
        "Temporary",
        "samples/",
        "    old",
        "    new",
        "push returned",
    )
    return [line for line in transcript.splitlines() if line.startswith(words)]


class Terminal:
    """A program on a pseudo-terminal, whose keys we press."""

    def __init__(self, arguments: list[str], home: Path, kind: str = "dumb") -> None:
        self.child, self._end = pty.fork()
        if self.child == 0:
            os.chdir(ROOT)
            os.environ.update(
                HOME=str(home), TERM=kind, NO_COLOR="1", COLUMNS="200", PROMPT_TOOLKIT_NO_CPR="1"
            )
            os.execv(arguments[0], arguments)
        self.seen = ""
        self.read_to = 0

    def read(self, until: str, seconds: float = 60) -> str:
        """What appears up to and with a text, after what was read before."""
        end = time.monotonic() + seconds
        while (found := self.seen.find(until, self.read_to)) < 0:
            left = end - time.monotonic()
            assert left > 0, f"{until!r} did not appear: {self.seen[self.read_to :]!r}"
            if select.select([self._end], [], [], left)[0]:
                self.seen += os.read(self._end, 65536).decode(errors="replace")
        start, self.read_to = self.read_to, found + len(until)
        return self.seen[start : self.read_to].replace("\r\n", "\n")

    def press(self, keys: str) -> None:
        """Press keys."""
        os.write(self._end, keys.encode())

    def wait(self, seconds: float = 30) -> int:
        """The exit code, once the program has ended."""
        end = time.monotonic() + seconds
        while True:
            ended, status = os.waitpid(self.child, os.WNOHANG)
            if ended:
                self.child = 0
                return os.waitstatus_to_exitcode(status)
            assert time.monotonic() < end, f"it did not end: {self.seen[-500:]!r}"
            with contextlib.suppress(OSError):
                if select.select([self._end], [], [], 0.05)[0]:
                    self.seen += os.read(self._end, 65536).decode(errors="replace")

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, *exception: object) -> None:
        if self.child:
            os.kill(self.child, signal.SIGKILL)
            os.waitpid(self.child, 0)
        os.close(self._end)


def test_a_terminal_and_a_pipe_stop_at_the_same_places(tmp_path: Path) -> None:
    """Keys on a pseudo-terminal give the stops that lines on a pipe give."""
    with Terminal(DEBUG, tmp_path) as terminal:
        terminal.read("(opv) ")
        for command in commands():
            terminal.press(command + "\r")
            # A key pressed early is shown by the terminal and again by the prompt: all is kept.
            terminal.read("\n")
            terminal.read("(opv) ")
        terminal.press("quit\r")
        assert terminal.wait() == 0
    assert stops(terminal.seen.replace("\r\n", "\n")) == stops(piped())


SPIN = """
percpu count: u64
vector bump(n: i64) { add.u64 count, n }
test "for ever" {
    cpu 0
    repeat 100000000 { run bump(1) -> 0 }
}
"""


def test_keys_complete_recall_and_interrupt(tmp_path: Path) -> None:
    """Tab completes commands and symbols, the arrow recalls, Ctrl-C stops the run and no more."""
    file = tmp_path / "spin.opv"
    file.write_text(SPIN)
    arguments = [sys.executable, "-m", "opvasm", "debug", str(file)]
    with Terminal(arguments, tmp_path, "xterm") as terminal:
        terminal.read("(opv)")
        terminal.press("disp\t")
        terminal.read("lay")
        terminal.press(" cou\t")
        terminal.read("nt")
        terminal.press("\r")
        terminal.read("1: count = 0")
        terminal.read("(opv)")
        terminal.press("step 3\r")
        terminal.read("1: count = 1")
        terminal.read("(opv)")
        terminal.press("nonsen")
        terminal.read("nonsen")
        terminal.press("\x03")  # Ctrl-C drops the line
        terminal.read("(opv)")
        terminal.press("goto sta\t")
        terminal.read("rt")
        terminal.press("\r")
        terminal.read("1: count = 0")
        terminal.read("(opv)")
        terminal.press("continue\r")
        terminal.read("\n")
        time.sleep(0.5)
        terminal.press("\x03")
        terminal.read("Interrupted.")
        terminal.read("(opv)")
        terminal.press("reverse-continue\r")
        terminal.read("This is the start")
        terminal.read("(opv)")
        terminal.press("\x1b[A\x1b[A\x1b[A\x1b[A\r")  # up to `step 3`
        terminal.read("1: count = 1")
        terminal.read("(opv)")
        terminal.press("\x04")  # Ctrl-D
        assert terminal.wait() == 0
    history = (tmp_path / ".local/state/opvasm/debug_history").read_text()
    assert "+display count\n" in history
    assert "+goto start\n" in history
