"""Several threads on one search answer what one does, and come back when they are told to."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from opvasm.explorer.native.build import NotBuilt
from opvasm.explorer.search.explore import explore
from opvasm.explorer.setting.options import INTERRUPTED, NO_REDUCTIONS, Limits
from tests.explorer.helpers import assembled, plans
from tests.explorer.test_limits import BIG
from tests.oracle.generator import make

from .agreement import ROOT, differences, file_compared, text_compared
from .builds import SMALL_BATCHES, built, loaded, needs_compiler, searching_with
from .needed import needs_engine
from .test_agreement import wrong

# Invariants by code and by Python, handlers, moves, progress, own memory.
FILES = (
    *("samples/races/list.opv", "samples/races/locks.opv", "samples/races/ids.opv"),
    *("tests/explorer/cases/handlers.opv", "tests/explorer/cases/invariants.opv"),
)
MODES = ("none", "all")
STATES = 200
GENERATED = 8
TSAN = ("-O0", "-g", "-fsanitize=thread", *SMALL_BATCHES)
WATCHED = ("samples/races/list.opv", "tests/explorer/cases/invariants.opv")
FOUND = 66
# More states than a test has time for.
ENDLESS = Limits(50_000_000, goes_on=False, jobs=2)


@needs_compiler
def test_threads_agree_with_one(planted: Path) -> None:
    """Two threads and four find the states, edges, outcomes and schedules of one, in its order."""
    found = []
    with searching_with(loaded(planted)):
        for name in FILES:
            found += list(file_compared(ROOT / name, MODES, STATES, (2, 4)))
        for number in range(GENERATED):
            text = make(78, number).text
            found += list(text_compared(text, f"number {number}", MODES, STATES, (2, 4)))
    assert sum(each.states for each in found) > 5_000
    assert wrong(found) == []


@needs_engine
def test_two_threads_agree_with_one_on_large_batches() -> None:
    """The engine as it is installed has the same graph of 60,000 states with two threads."""
    (plan,) = plans(assembled(BIG), "s")
    limits = Limits(60_000, goes_on=False)
    alone = explore(plan, NO_REDUCTIONS, limits, keep_edges=True)
    several = explore(plan, NO_REDUCTIONS, limits._replace(jobs=2), keep_edges=True)
    assert alone.states > limits.states
    assert differences(alone, several) == []


@needs_compiler
def test_without_threads_one_searches(tmp_path: Path) -> None:
    """A build for a system that has no threads takes `jobs`, and answers the same."""
    module = loaded(built(tmp_path, "-O0", "-DNO_THREADS", *SMALL_BATCHES[:-1]))
    assert module.MOST_JOBS == 1
    with searching_with(module):
        found = list(file_compared(ROOT / FILES[0], ("all",), STATES, (2,)))
    assert wrong(found) == []


@needs_engine
def test_two_threads_stop_at_their_time() -> None:
    """A limit of time ends a search of two threads."""
    (plan,) = plans(assembled(BIG), "s")
    found = explore(plan, NO_REDUCTIONS, ENDLESS._replace(seconds=0.3).started())
    assert found.stopped == "0.3 seconds"
    assert found.states > 1


@needs_engine
def test_two_threads_stop_at_a_limit_of_memory() -> None:
    """A limit of memory ends a search of two threads, as its own."""
    (plan,) = plans(assembled(BIG), "s")
    found = explore(plan, NO_REDUCTIONS, ENDLESS._replace(memory=24 << 20))
    assert found.stopped == "24 MiB of memory"


@needs_engine
def test_an_interrupt_ends_two_threads_and_keeps_what_they_have_found() -> None:
    """Ctrl-C during a report of a search of two threads ends it; what was seen is there."""
    (plan,) = plans(assembled(BIG), "s")
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        found = explore(
            plan,
            NO_REDUCTIONS,
            ENDLESS,
            report=lambda at: signal.raise_signal(signal.SIGINT),
            keeps=True,
        )
    finally:
        signal.signal(signal.SIGINT, before)
    assert found.stopped == INTERRUPTED
    assert found.states > 10_000
    assert found.graph.states[found.states - 1] is not None


def watched(engine: Path, sanitizer: str = "tsan") -> subprocess.CompletedProcess[str]:
    """A slice with two threads under a sanitizer, which ends the process where it finds an error."""
    library = subprocess.run(
        ["cc", f"-print-file-name=lib{sanitizer}.so"], capture_output=True, text=True, check=True
    ).stdout.strip()
    options = f"exitcode={FOUND} halt_on_error=1" + " detect_leaks=0" * (sanitizer == "asan")
    environment = {
        **os.environ,
        "LD_PRELOAD": library,
        f"{sanitizer.upper()}_OPTIONS": options.replace(" ", ":"),
    }
    words = ("--threads", "2", "--states", "100", "--modes", "all", "--engine", str(engine))
    command = [sys.executable, "-m", "tests.explorer.native", *words, *WATCHED]
    return subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )


@needs_compiler
def test_no_two_threads_race(tmp_path: Path) -> None:
    """ThreadSanitizer finds nothing in a slice; in a build that takes no lock it does."""
    for flags in ((), ("-DNO_LOCKING",)):
        folder = tmp_path / str(len(flags))
        folder.mkdir()
        try:
            engine = built(folder, *TSAN, *flags)
        except NotBuilt as reason:
            pytest.skip(f"ThreadSanitizer is not installed: {str(reason)[:200]}")
        done = watched(engine)
        if flags:
            # On a busy machine the threads of one search may run one after the other.
            for _ in range(9):
                if done.returncode != 0:
                    break
                done = watched(engine)
        says = done.stdout[-2000:] + done.stderr[-4000:]
        if flags:
            assert (done.returncode, "data race" in done.stderr) == (FOUND, True), says
        else:
            assert done.returncode == 0, says


@needs_compiler
def test_numbers_that_become_wide_have_room_in_the_next_batch(sanitized: Path) -> None:
    """AddressSanitizer finds nothing where numbers outgrow two bytes between batches of two threads."""
    done = watched(sanitized, "asan")
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
