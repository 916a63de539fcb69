"""The whole program on a terminal that is not ours: tmux draws it, and keys come as they are typed."""

from __future__ import annotations

import importlib.util
import os
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

if importlib.util.find_spec("textual") is None:
    pytest.skip("textual is not installed", allow_module_level=True)
if shutil.which("tmux") is None:
    pytest.skip("tmux is not installed", allow_module_level=True)

from .test_tui import LOST

ROOT = Path(__file__).parents[2]
# Seconds that a very busy machine may need for what takes a second.
PATIENCE = 300


class Terminal:
    """A server of tmux with one window, which ends with the test."""

    def __init__(self, socket: Path) -> None:
        self._tmux = ["tmux", "-S", str(socket), "-f", "/dev/null"]

    def end(self) -> None:
        """End the server, and what runs in it."""
        subprocess.run([*self._tmux, "kill-server"], capture_output=True, check=False)

    def tmux(self, *words: str) -> str:
        """What a command of tmux prints; an error of its is the test's."""
        # A shell that a person resizes may have exported the size it once had.
        environment = {
            **os.environ,
            "LC_ALL": "C.UTF-8",
            "TERM": "xterm-256color",
            "COLUMNS": "80",
            "LINES": "24",
        }
        done = subprocess.run(
            [*self._tmux, *words], env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def debugs(self, *words: str) -> None:
        """Start the debugger on 80 columns and 24 lines; its status is shown after it."""
        command = shlex.join([sys.executable, "-m", "opvasm", "debug", "--tui", *words])
        script = f"cd {shlex.quote(str(ROOT))}; {command}; echo ended with $?; exec cat"
        self.tmux("new-session", "-d", "-x", "80", "-y", "24", shlex.join(["sh", "-c", script]))

    def types(self, *keys: str) -> None:
        """Press keys, by the names that tmux gives them."""
        self.tmux("send-keys", "-t", "0", *keys)

    def writes(self, text: str) -> None:
        """Send characters as they are."""
        self.tmux("send-keys", "-t", "0", "-l", text)

    def shows(self, *texts: str) -> str:
        """The screen once it holds all the texts; an error once the debugger has ended without them."""
        end = time.monotonic() + PATIENCE
        while True:
            screen = self.tmux("capture-pane", "-p", "-t", "0")
            if all(text in screen for text in texts):
                return screen
            over = "ended with" in screen or time.monotonic() > end
            assert not over, f"not all of {texts} on:\n{screen}"
            time.sleep(0.1)


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    """A terminal that nothing outlives."""
    made = Terminal(tmp_path / "tmux")
    yield made
    made.end()


def test_keys_on_a_terminal(terminal: Terminal) -> None:
    """Next moves the mark of the line and the timeline, and q ends it with 0 and gives the screen back."""
    terminal.debugs("samples/idioms/list.opv")
    first = terminal.shows("=>  29     cpu 0", "no call is under way", "0/1+")
    assert len(first.rstrip("\n").splitlines()) == 24
    assert max(map(len, first.splitlines())) == 80
    terminal.types("n")
    terminal.shows("=>  30     run push(&nodes[0], 0) -> 0", "1/28+")
    terminal.types("N")
    terminal.shows("=>  29     cpu 0", "0/28+")
    terminal.types("q")
    assert "cpu 0" not in terminal.shows("ended with 0")


def test_size_of_the_terminal(terminal: Terminal) -> None:
    """A larger and a smaller terminal are filled, whatever size the environment names."""
    terminal.debugs("samples/idioms/list.opv")
    terminal.shows("=>  29     cpu 0")
    terminal.types("n")
    terminal.shows("=>  30     run push(&nodes[0], 0) -> 0")
    terminal.tmux("resize-window", "-t", "0", "-x", "120", "-y", "30")
    wide = terminal.shows("vector push(node: ptr<node>, expect: ptr<node>) {")
    assert len(wide.rstrip("\n").splitlines()) == 30
    terminal.tmux("resize-window", "-t", "0", "-x", "70", "-y", "20")
    terminal.shows("vector push(node: ptr<node>, exp…")
    assert max(map(len, terminal.shows("=>  30").splitlines())) == 70


def test_commands_and_the_mouse(terminal: Terminal) -> None:
    """A typed command is answered, and the bar is dragged back to the start."""
    terminal.debugs("samples/idioms/list.opv")
    terminal.shows("=>  29     cpu 0")
    terminal.types(":")
    terminal.writes("next 3")
    terminal.types("Enter")
    screen = terminal.shows("=>  32     run push(&nodes[1], 0)", "(opv) next 3").splitlines()
    row = next(number for number, line in enumerate(screen, 1) if "●" in line)
    column = screen[row - 1].index("●") + 1
    # Button down, moved, up: what xterm's mouse protocol 1006 sends.
    terminal.writes(f"\x1b[<0;{column};{row}M\x1b[<32;1;{row}M\x1b[<0;1;{row}m")
    terminal.shows("=>  29     cpu 0", "0/49+")


def test_a_schedule_with_another_decision(terminal: Terminal, tmp_path: Path) -> None:
    """A schedule that the explorer saved is walked, and another decision becomes a branch of it."""
    text, saved = tmp_path / "lost.opv", tmp_path / "lost.json"
    text.write_text(LOST)
    explore = [sys.executable, "-m", "opvasm", "explore", str(text), "--save", str(saved)]
    subprocess.run(explore, check=True, capture_output=True)
    terminal.debugs("--schedule", str(saved), str(text))
    terminal.shows("a @0", "x decide")
    terminal.types("Right", "x", "Enter")
    terminal.shows("took: ", "1/6")
    terminal.types("b")
    terminal.shows("back in the schedule")


def test_a_file_that_does_not_parse(terminal: Terminal, tmp_path: Path) -> None:
    """An error is printed as elsewhere, on a terminal in order."""
    bad = tmp_path / "bad.opv"
    bad.write_text("vector f( {\n")
    terminal.debugs(str(bad))
    terminal.shows("OPV", "ended with 2")
