"""A schedule that the explorer saved is walked like any other history."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.debugger.sessions import ROOT

OPVASM = [sys.executable, "-m", "opvasm"]
SAMPLE = "samples/races/list.opv"


def test_a_saved_failure_is_walked_to_its_writes_and_back(tmp_path: Path) -> None:
    """ABA: the head goes A, B, C, A, B; each write is a stop, and who names its thread."""
    saved = tmp_path / "failure.json"
    subprocess.run(
        [*OPVASM, "explore", SAMPLE, "naive", "--save", str(saved)],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    commands = [
        "watch head",
        *["continue"] * 4,
        "who head",
        *["reverse-continue"] * 4,
        "print head",
    ]
    arguments = [each for command in commands for each in ("-ex", command)]
    done = subprocess.run(
        [*OPVASM, "debug", SAMPLE, "--schedule", str(saved), "--batch", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    values = [
        line.partition("(")[2].rstrip(")")
        for line in done.stdout.splitlines()
        if line.startswith("    new value")
    ]
    forwards = ["&B", "&C", "&A", "&B"]
    assert values == [*forwards, "&A", "&C", "&B", "&A"]
    who = done.stdout.partition("(opv) who head\n")[2]
    assert who.startswith("t0 on CPU 0: pop_naive[1]")
    assert "before it: t1 on CPU 0: push[2]" in who
    assert done.stdout.rstrip().endswith("(&A)")


def test_threads_their_locals_and_the_violated_condition_are_shown(tmp_path: Path) -> None:
    """Each thread's locals at a step, and at the end the invariant that explore named."""
    saved = tmp_path / "failure.json"
    subprocess.run(
        [*OPVASM, "explore", SAMPLE, "naive", "--save", str(saved)],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    commands = ["info locals t0", "step", "info threads", "info locals", "continue", "info locals"]
    arguments = [each for command in commands for each in ("-ex", command)]
    done = subprocess.run(
        [*OPVASM, "debug", SAMPLE, "--schedule", str(saved), "--batch", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    start, threads, locals_, rest = (
        done.stdout.partition(f"(opv) {command}\n")[2].partition("(opv) ")[0].splitlines()
        for command in ("info locals t0", "info threads", "info locals", "continue")
    )
    assert start == ["t0: got = 0, next = 0, old = 0"]
    assert threads == [
        "* t0 on CPU 0, next: next = load old->next",
        "  t1 on CPU 0, next: x = load head",
    ]
    assert locals_[0] == "t0: got = 0, next = 0, old = &A"  # its first step was `old = load head`
    assert "invariant violated: each node has one owner" in rest
    # The head became the &B of t0's `next`, which is t1's own by then.
    last = done.stdout.rstrip().splitlines()[-2:]
    assert last[0] == "t0: got = &A, next = &B, old = &A"
    assert "b = &B" in last[1]


def test_threads_are_of_schedules_only() -> None:
    """A test has one caller, and the command says so."""
    done = subprocess.run(
        [*OPVASM, "debug", "samples/idioms/list.opv", "--batch", "-ex", "info threads"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "there is one caller" in done.stdout + done.stderr


def test_a_schedule_of_another_text_is_refused(tmp_path: Path) -> None:
    """A file that has changed since is no longer the one that failed."""
    saved = tmp_path / "failure.json"
    subprocess.run(
        [*OPVASM, "explore", SAMPLE, "naive", "--save", str(saved)],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    changed = tmp_path / "list.opv"
    changed.write_text((ROOT / SAMPLE).read_text() + "\n// changed\n")
    done = subprocess.run(
        [*OPVASM, "debug", str(changed), "--schedule", str(saved), "--batch"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "OPV540" in done.stderr
