"""opvasm test --jobs: the same words in the same order, however many share the work."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import pytest

from opvasm.cli.test import pieces as test_pieces
from tests.cli.conftest import Run, opvasm

from .test_suites import CONFORMANCE, FAILING, PASSING

__all__ = ["opvasm"]

PLUGIN = CONFORMANCE.parent / "plugin_reference.py"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Tests that pass, fail, can't be read, are wrong on purpose; cases, one line of them no case."""
    lines = CONFORMANCE.read_text().splitlines(keepends=True)[:60]
    (tmp_path / "a.opv").write_text(PASSING)
    (tmp_path / "b.opv").write_text(FAILING)
    (tmp_path / "c.opv").write_text("percpu n\n")
    (tmp_path / "d.opv").write_text("percpu n\n")
    (tmp_path / "d.expected").write_text("nothing\n")
    (tmp_path / "e.opv").write_bytes(b"// \xe4\n")
    (tmp_path / "f.jsonl").write_text("".join(lines))
    (tmp_path / "g.jsonl").write_text("".join([*lines[:25], "no case\n", *lines[25:]]))
    return tmp_path


@pytest.mark.parametrize(
    "options", [(), ("--coverage",), ("-k", "adds or fault"), ("--quirks", "all")]
)
def test_what_is_said_does_not_depend_on_the_number_of_jobs(
    options: tuple[str, ...], opvasm: Run, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On both streams, with the same exit code; each file of cases is in several pieces."""
    monkeypatch.setattr(test_pieces, "CASES_TOGETHER", 10)
    alone = opvasm("test", ".", *options)
    assert alone.code == 2
    assert "g.jsonl:26:1" in alone.errors
    assert "3 files could not be read" in alone.errors
    assert opvasm("test", ".", *options, "--jobs", "2") == alone


def test_each_worker_has_a_plugin_of_its_own(
    opvasm: Run, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(test_pieces, "CASES_TOGETHER", 30)
    command = shlex.join([sys.executable, str(PLUGIN)])
    alone = opvasm("test", "f.jsonl", "--plugin", command)
    assert alone.code == 0, alone.errors
    assert opvasm("test", "f.jsonl", "--plugin", command, "--jobs", "2") == alone


def test_a_plugin_that_cannot_be_started_is_told_as_by_one_job(opvasm: Run, folder: Path) -> None:
    alone = opvasm("test", "f.jsonl", "--plugin", "/nonexistent")
    assert alone.code == 2
    assert opvasm("test", "f.jsonl", "--plugin", "/nonexistent", "--jobs", "2") == alone


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--jobs", "0"), "--jobs 0 is not within 1 to"),
        (("--jobs", "x"), "is not a whole number"),
        (("--jobs", "2", "--cluster", "tcp://x:1"), "exclude each other"),
        (("--jobs", "2", "--against", "reference", "reference"), "exclude each other"),
    ],
)
def test_what_makes_no_sense_is_refused(
    words: tuple[str, ...], message: str, opvasm: Run, folder: Path
) -> None:
    ran = opvasm("test", "f.jsonl", *words)
    assert ran.code == 2
    assert message in ran.errors
