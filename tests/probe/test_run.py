"""How often the probe asks, when children fail: with answers that are played and not measured."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from opvasm.probe import run
from opvasm.probe.answers import Counts, Facts
from opvasm.probe.judge import KNOWN, judge
from opvasm.probe.measure import Asked
from opvasm.probe.native import Code

from .helpers import answers

FACTS = Facts("7.1.3", "x86-64", 2, "glibc", 32, 28, 32, 0, True, "", (), "", True)
Ask = Callable[[Code, Asked], Counts]


def played(monkeypatch: pytest.MonkeyPatch, ask: Ask, code: object = None) -> dict[str, Counts]:
    """The answers when this is what each question comes to; every question has two CPUs."""
    monkeypatch.setattr(run, "ask", ask)
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0, 1})
    return run._answers(code, FACTS, 32, True, 5.0, 20)  # type: ignore[arg-type]


def test_a_child_that_fails_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """One failure of an essential question, as on a slow machine, leaves nothing undecided."""
    right = answers("legacy")
    failed: list[str] = []

    def ask(_: Code, asked: Asked) -> Counts:
        name = asked.question.name
        if name in ("signal", "id_sleep") and name not in failed:
            failed.append(name)
            return Counts({}, failed=True)
        return right[name]

    verdict = judge(played(monkeypatch, ask), "x86-64", 32)
    assert failed == ["signal", "id_sleep"]
    assert verdict.state == KNOWN
    assert verdict.profile is not None
    assert verdict.profile.name == "legacy"


def test_what_a_failing_child_counted_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tries before a failure are added to those after it."""
    right = answers("legacy")

    def ask(_: Code, asked: Asked) -> Counts:
        if asked.question.name == "signal":
            return Counts({"aborts": 6}, failed=True)
        return right[asked.question.name]

    assert played(monkeypatch, ask)["signal"] == Counts({"aborts": 12})


def test_signals_come_more_slowly_after_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that does nothing but deliver signals gets more time between them, in the end none."""
    right = answers("legacy")
    periods: list[float] = []

    def ask(_: Code, asked: Asked) -> Counts:
        if asked.question.name == "signal":
            periods.append(asked.period)
            return Counts({}, failed=True)
        return right[asked.question.name]

    found = played(monkeypatch, ask)["signal"]
    assert periods == sorted(set(periods))
    assert len(periods) == run.FAILURES
    assert not found.asked
    assert "failed 5 times" in found.why


def test_a_refused_registration_is_asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the kernel does not register, asking again would change nothing."""
    asked: list[str] = []

    def ask(_: Code, one: Asked) -> Counts:
        asked.append(one.question.name)
        return Counts({}, asked=False, why="the kernel refuses this registration")

    assert played(monkeypatch, ask)["signal"].why == "the kernel refuses this registration"
    assert len(asked) == len(set(asked))
