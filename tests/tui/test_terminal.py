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

ROOT = Path(__file__).parents[2]


class Terminal:
    """A server of tmux with one window, which ends with the test."""

    def __init__(self, socket: Path) -> None:
        self._tmux = ["tmux", "-S", str(socket), "-f", "/dev/null"]

    def tmux(self, *words: str) -> str:
        """What a command of tmux prints."""
        environment = {**os.environ, "LC_ALL": "C.UTF-8", "TERM": "xterm-256color"}
        done = subprocess.run(
            [*self._tmux, *words], env=environment, capture_output=True, text=True, check=False
        )
        return done.stdout

    def shows(self, *texts: str) -> str:
        """The screen once it holds all the texts; a minute is for a machine that is very busy."""
        screen = ""
        for _ in range(600):
            screen = self.tmux("capture-pane", "-p", "-t", "0")
            if all(text in screen for text in texts):
                return screen
            time.sleep(0.1)
        raise AssertionError(f"not all of {texts} on:\n{screen}")


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    """A debugger on the first test of a sample, on 80 columns and 24 lines."""
    made = Terminal(tmp_path / "tmux")
    words = [sys.executable, "-m", "opvasm", "debug", "--tui", "samples/idioms/list.opv"]
    command = f"cd {shlex.quote(str(ROOT))}; {shlex.join(words)}; echo ended with $?; exec cat"
    try:
        made.tmux("new-session", "-d", "-x", "80", "-y", "24", f"sh -c {shlex.quote(command)}")
        yield made
    finally:
        made.tmux("kill-server")


def test_keys_on_a_terminal(terminal: Terminal) -> None:
    """Next moves the mark of the line and the timeline, a larger terminal is filled, and q ends it with 0."""
    first = terminal.shows("=>  29     cpu 0", "no call is under way", "0/1+")
    assert len(first.rstrip("\n").splitlines()) == 24
    assert max(map(len, first.splitlines())) == 80
    terminal.tmux("send-keys", "-t", "0", "n")
    terminal.shows("=>  30     run push(&nodes[0], 0) -> 0", "1/28+")
    terminal.tmux("resize-window", "-t", "0", "-x", "120", "-y", "30")
    terminal.shows("vector push(node: ptr<node>, expect: ptr<node>) {")
    terminal.tmux("send-keys", "-t", "0", "q")
    terminal.shows("ended with 0")
