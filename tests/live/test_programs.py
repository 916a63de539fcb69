"""The C programs pass under opvasm exec, by both ways of getting the call, and fail without it."""

from __future__ import annotations

import re
import subprocess

import pytest

from . import hammer
from .conftest import FILTERED, NUMBERS, Build, Opvasm, number_options

OLD = ("--no-query", "--zero-page-refused")
# Each page that was never touched is a call of its own, like the one before: the kernel's 16,384 take seconds.
PAGES = ("--pages", "1024")


@pytest.mark.parametrize("number", NUMBERS)
@pytest.mark.parametrize("name", ["placement", "signals", "life", "company"])
def test_a_program_passes(name: str, number: int, build: Build, opvasm: Opvasm) -> None:
    """Where the thread goes, signals, the life of processes and threads are as with the real call."""
    words = {"life": (), "signals": ("2",)}.get(name, ("5",))
    done = opvasm("exec", *number_options(number), "--", build(name, number), *words)
    assert (done.stdout, done.returncode) == (f"{name}: passed\n", 0), done.stderr


@pytest.mark.parametrize("name", ["placement", "selftest", "stress"])
def test_without_us_a_program_fails(name: str, build: Build) -> None:
    """A kernel that never had the call does not do it by accident."""
    done = subprocess.run([build(name, FILTERED), "2", "2"], capture_output=True, timeout=60)
    assert done.returncode != 0


@pytest.mark.parametrize(
    ("revision", "options"),
    [
        ("2017-11", OLD),
        ("2017-12", OLD[:1]),
        ("2018-04", ()),
    ],
)
def test_selftest(revision: str, options: tuple[str, ...], build: Build, opvasm: Opvasm) -> None:
    """Every op, limit, fault and order of errors of the revision; 1,024 untouched pages."""
    done = opvasm("exec", "-a", revision, "--", build("selftest", 335), *PAGES, *options)
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("selftest: passed\n")


def test_a_revision_that_answers_otherwise_is_noticed(build: Build, opvasm: Opvasm) -> None:
    """The program that expects a query of 2018 fails with a revision of 2017."""
    done = opvasm("exec", "-a", "2017-11", "--", build("selftest", 335), OLD[1])
    assert done.returncode == 1
    assert "cpu_opv(NULL, 0, -1, 1) is -1, not 10" in done.stderr


@pytest.mark.parametrize("number", NUMBERS)
def test_many_threads(number: int, build: Build, opvasm: Opvasm) -> None:
    """Locks, lists, counters, rings and exchanges of 24 threads come out right."""
    done = opvasm("exec", *number_options(number), "--", build("stress", number), "24", "60")
    assert (done.stdout, done.returncode) == ("stress: passed\n", 0), done.stderr


def test_a_crowd(build: Build) -> None:
    """Fifty threads that change the same few words all the time: every sum is right, nothing hangs."""
    well, said, _ = hammer.run(build("stress", 335), 335, threads=50, repetitions=60)
    assert well, said


@pytest.mark.parametrize("mapping", ["0", "2"])
def test_sections_and_calls_on_the_same_counters(
    mapping: str, build: Build, opvasm: Opvasm
) -> None:
    """No update is lost between rseq sections and calls, with threads that map and unmap, too."""
    done = opvasm("exec", "--", build("mixed", 335), "2", "2", mapping, "300")
    if done.returncode == 77:
        pytest.skip("no rseq here")
    lost = re.search(r"lost (\S+)", done.stdout)
    assert lost is not None, done.stderr
    # Without a real-time priority an interruption may lose updates, and then must be told.
    assert lost[1] == "0" or "OPV652" in done.stderr
    assert done.returncode == (lost[1] != "0")


def test_all_calls_refused(build: Build, opvasm: Opvasm) -> None:
    """--enosys answers ENOSYS to every call."""
    done = opvasm("exec", "--enosys", "--", build("stress", 335), "1", "5")
    assert done.returncode == 1
    assert ": -38" in done.stderr


def test_no_rseq(build: Build, opvasm: Opvasm) -> None:
    """--no-rseq makes a program that needs rseq do without."""
    done = opvasm("exec", "--no-rseq", "--", build("counter", 335), "5")
    assert done.returncode == 77
