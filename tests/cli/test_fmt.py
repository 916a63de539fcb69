"""``opvasm fmt``: files in place, standard input to standard output, --check, --diff."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest

from opvasm.cli.main import main

UNTIDY = "percpu a:u64\nvector v( x:u64 ){\nmemcpy.u64 a,x // in\n}\n"
TIDY = "percpu a: u64\nvector v(x: u64) {\n    memcpy.u64  a, x  // in\n}\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """An untidy file."""
    path = tmp_path / "v.opv"
    path.write_text(UNTIDY)
    return path


def test_a_file_is_rewritten_in_place(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fmt", str(file)]) == 0
    assert file.read_text() == TIDY
    assert capsys.readouterr() == ("", "")


def test_a_tidy_file_is_not_touched(file: Path) -> None:
    file.write_text(TIDY)
    file.chmod(0o444)
    assert main(["fmt", str(file)]) == 0
    assert main(["fmt", "--check", "--diff", str(file)]) == 0


def test_check_names_what_would_change_and_changes_nothing(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["fmt", "--check", str(file)]) == 1
    assert capsys.readouterr() == ("", f"opvasm fmt: {file} would change\n")
    assert file.read_text() == UNTIDY


def test_diff_shows_what_would_change(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fmt", "--diff", str(file)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert [line[1:] for line in lines if line.startswith("+") and line[:3] != "+++"] == [
        line for line in TIDY.splitlines() if line not in UNTIDY.splitlines()
    ]
    assert file.read_text() == UNTIDY


def test_standard_input_goes_to_standard_output(
    monkeypatch: pytest.MonkeyPatch, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(UNTIDY.encode())))
    assert main(["fmt", "-"]) == 0
    assert capsysbinary.readouterr().out.decode() == TIDY


def test_a_file_with_mistakes_is_left_alone_and_the_others_are_not(
    file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = tmp_path / "broken.opv"
    broken.write_text("vector v( {\n")
    assert main(["fmt", str(broken), str(file)]) == 2
    assert broken.read_text() == "vector v( {\n"
    assert file.read_text() == TIDY
    assert "error[OPV001]" in capsys.readouterr().err
