"""Errors in the C engine are noticed, and sanitizers find nothing in it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from opvasm.explorer.native.sources import SOURCES

from .agreement import ROOT
from .builds import loaded, needs_compiler
from .plants import PLANTS, Case, cases, noticed

pytestmark = needs_compiler


@pytest.fixture(scope="module")
def known() -> list[Case]:
    """What the Python engine says."""
    return list(cases())


def test_each_error_that_is_planted_is_noticed(planted: Path, known: list[Case]) -> None:
    """Without an error both engines agree; with any of the planted ones they do not."""
    engine = loaded(planted)
    assert noticed(engine, 0, known) is None
    assert noticed(engine, 0, known, jobs=2) is None
    missed = [f"{n} {text}" for n, text in PLANTS.items() if noticed(engine, n, known) is None]
    assert missed == []


def test_every_plant_in_the_sources_is_listed() -> None:
    """The numbers of PLANT(…) in the C sources are those that have a name here."""
    sources = "".join(each.read_text() for each in Path(SOURCES).glob("*.c"))
    assert {int(each) for each in re.findall(r"PLANT\((\d+)\)", sources)} == set(PLANTS)


def test_what_is_looked_up_is_what_is_worked_out(rechecked: Path) -> None:
    """A build that takes each step again that it has recalled, and renames each state again by its bytes;
    numbers take 2 bytes each in it for a few states only."""
    files = (
        *("samples/races/list.opv", "samples/races/locks.opv", "samples/races/ring.opv"),
        *("tests/explorer/cases/handlers.opv", "tests/explorer/cases/moves.opv"),
    )
    options = ("--states", "400", "--modes", "none,all", "--engine", str(rechecked))
    command = [sys.executable, "-m", "tests.explorer.native", *options, *files]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]


def test_a_step_that_is_looked_up_wrongly_ends_the_process(rechecked: Path) -> None:
    """The build that works everything out again does notice an error in what it has looked up."""
    command = (
        "from itertools import islice\n"
        "from pathlib import Path\n"
        "from tests.explorer.native.builds import loaded\n"
        "from tests.explorer.native.plants import cases, noticed\n"
        f"noticed(loaded(Path({str(rechecked)!r})), 36, list(islice(cases(), 40)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", command], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == -signal.SIGABRT
    assert "but not so when it is worked out" in done.stderr


def test_sanitizers_find_nothing(sanitized: Path) -> None:
    """Searches, and step code that was tampered with, run clean under ASan and UBSan."""
    library = subprocess.run(
        ["cc", "-print-file-name=libasan.so"], capture_output=True, text=True, check=True
    ).stdout.strip()
    # Python itself keeps what it has allocated.
    environment = {**os.environ, "LD_PRELOAD": library, "ASAN_OPTIONS": "detect_leaks=0"}
    fuzz = ("fuzz", "--count", "250", "--engine", str(sanitized))
    files = ("samples/races/list.opv", "tests/explorer/cases/handlers.opv")
    agree = (
        "__main__",
        "--states",
        "60",
        "--modes",
        "none,all",
        "--engine",
        str(sanitized),
        *files,
    )
    for module, *rest in (fuzz, agree, (*agree[:-1], "--threads", "2")):
        command = [sys.executable, "-m", f"tests.explorer.native.{module}", *rest]
        done = subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
