"""Long work says how far it is: on a terminal, after a second, and not in a pipe."""

from __future__ import annotations

import io
import sys

import pytest

from opvasm.cli.terminal import progress
from opvasm.cli.terminal.progress import Progress


class Terminal(io.StringIO):
    """A standard error that a person looks at."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """A clock that shows what its list holds."""
    now = [100.0]
    monkeypatch.setattr(progress, "monotonic", lambda: now[0])
    return now


def test_nothing_is_said_in_the_first_second(
    clock: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Then the count and the rate, which are taken away at the end."""
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    shown = Progress("cases")
    shown.step()
    assert terminal.getvalue() == ""
    clock[0] += 2
    shown.step()
    assert "2 cases, 1 a second" in terminal.getvalue()
    shown.clear()
    assert terminal.getvalue().endswith("\r\x1b[K")


def test_a_pipe_is_told_nothing(clock: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    """However long it takes."""
    pipe = io.StringIO()
    monkeypatch.setattr(sys, "stderr", pipe)
    shown = Progress("cases")
    clock[0] += 60
    shown.step()
    shown.clear()
    assert pipe.getvalue() == ""


def test_a_bar_says_how_much_is_left(clock: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    """The rate counts only what was done since the start; the rest is estimated by it."""
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    shown = Progress("units", already=40)
    clock[0] += 10
    shown.bar(60, 120)
    line = terminal.getvalue()
    assert "[############............] 60 of 120 units, 2.0 a second, about 30 s left" in line
    clock[0] += 1
    shown.bar(120, 120)
    assert "[########################] 120 of 120 units" in terminal.getvalue()
    assert not terminal.getvalue().endswith("left")
