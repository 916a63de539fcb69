"""Inputs of odd kinds end with an error about themselves: deep JSON, lone returns, FIFOs, long lists."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from .conftest import LIST, Run, environment

DEEP = "[" * 100_000 + "\n"


@pytest.mark.parametrize(
    "words",
    [
        ("explore", "list.opv", "--replay", "deep.json"),
        ("debug", "--replay", "deep.json"),
        ("test", "deep.jsonl"),
        ("verify", "--from", "json", "deep.json"),
    ],
)
def test_json_nested_too_deeply_is_an_error_of_the_file(
    words: tuple[str, ...], tmp_path: Path, opvasm: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Python's reader gives up with RecursionError, which is a fault of the input here."""
    monkeypatch.chdir(tmp_path)
    Path("list.opv").write_text(LIST)
    for name in ("deep.json", "deep.jsonl"):
        Path(name).write_text(DEEP)
    ran = opvasm(*words)
    assert ran.code == 2
    assert "nested too deeply" in ran.text + ran.errors


def test_a_lone_carriage_return_ends_a_line(opvasm: Run) -> None:
    """A comment does not swallow the rest of a file; the mistake stands on its own line."""
    ran = opvasm("verify", "-", input=b"// one\rpercpu a: u64\rvector v() {\r bogus\r}\r")
    assert ran.code == 2
    assert "<stdin>:4:2: error[OPV012]" in ran.text


def test_both_ends_of_a_line_are_kept_apart_from_it(opvasm: Run) -> None:
    """CR LF is one end of a line, so that the numbers of lines are an editor's."""
    ran = opvasm("verify", "-", input=b"percpu a: u64\r\nvector v() {\r\n bogus\r\n}\r\n")
    assert "<stdin>:3:2: error[OPV012]" in ran.text


def test_a_path_with_a_zero_byte_is_an_error_at_its_use(opvasm: Run) -> None:
    """The operating system has no such path, and Python raises ValueError for it."""
    ran = opvasm("verify", "-", input=b'use "a\\x00b"\n')
    assert ran.code == 2
    assert "<stdin>:1:1: error[OPV026]" in ran.text


def test_a_used_fifo_is_refused(
    tmp_path: Path, opvasm: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that is used is read by several commands, which a FIFO is not made for."""
    monkeypatch.chdir(tmp_path)
    os.mkfifo("pipe.opv")
    ran = opvasm("verify", "-", input=b'use "pipe.opv"\n')
    assert ran.code == 2
    assert "not a regular file" in ran.text


def test_a_fifo_is_waited_for_with_a_word(tmp_path: Path) -> None:
    """The command says what it waits for, and reads what is written then."""
    pipe = tmp_path / "pipe.opv"
    os.mkfifo(pipe)
    with subprocess.Popen(
        [sys.executable, "-m", "opvasm", "verify", str(pipe)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(),
        text=True,
    ) as process:
        assert process.stderr is not None
        assert "is a FIFO: waiting for its writer" in process.stderr.readline()
        pipe.write_text(LIST)
        assert process.wait() == 0


def test_long_lists_in_help_are_cut_with_a_count(opvasm: Run) -> None:
    """Six thousand names of vectors are no help."""
    text = "percpu a: u64\n" + "".join(f"vector v{i}() {{ add.u64 a, 1 }}\n" for i in range(300))
    ran = opvasm("asm", "-", input=text.encode())
    assert ran.code == 2
    assert ran.errors.splitlines()[-1].endswith("v11, … (288 more)")


def test_sections_that_no_format_of_ops_has_are_named(opvasm: Run) -> None:
    """A file may hold vectors and sections; what is left out is said."""
    text = (
        b"percpu a: u64\nvector v() { add.u64 a, 1 }\nsection s() { x = load a; commit a, x + 1 }\n"
    )
    ran = opvasm("asm", "-", "-f", "c", input=text)
    assert ran.code == 0
    assert "left out: s" in ran.errors
    ran = opvasm("asm", "-", "-f", "json", input=text)
    assert (ran.code, ran.errors) == (0, "")
