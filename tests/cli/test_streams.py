"""Pipes, terminals, files: what goes where, and what happens when it can't."""

from __future__ import annotations

import os
import pty
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from .conftest import LIST, Run, environment, spawn

PUSH = ("--vector", "push", "--cpu", "1", "--arg", "node=0x1000", "--arg", "expect=0")


def test_a_pipeline_gives_the_same_bytes(opvasm: Run) -> None:
    """asm | disasm | asm round-trips through standard input and output."""
    first = opvasm("asm", *PUSH, input=LIST)
    assert (first.code, len(first.output)) == (0, 96)
    text = opvasm("disasm", input=first.output)
    assert text.code == 0
    again = opvasm("asm", "-", input=text.output)
    assert again.output == first.output


def test_data_goes_to_standard_output_and_the_rest_to_standard_error(opvasm: Run) -> None:
    """A reader of the pipe sees nothing but data."""
    ran = opvasm("asm", "-f", "hex", *PUSH, input=LIST)
    assert ran.errors == ""
    assert set(ran.text) <= set("0123456789abcdef \n")
    ran = opvasm("verify", input="vector v() {\n    memcpy @0x1000, @0x2000, 5000\n}\n")
    assert ran.code == 1
    assert ran.text.startswith("<stdin>:2:30: error[OPV202]")
    assert ran.errors == "opvasm verify: 1 vector: 1 error\n"


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_both_streams_in_one_file_keep_their_order(unbuffered: str) -> None:
    """What was printed before a remark stands before it, whether or not output is buffered."""
    done = subprocess.run(
        [sys.executable, "-m", "opvasm", "run", "-"],
        input=LIST.encode(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=environment() | {"PYTHONUNBUFFERED": unbuffered},
        check=False,
    )
    assert done.stdout.decode().splitlines()[-1] == "opvasm run: 1 passed, 0 failed"


def test_a_reader_that_stops_reading_is_no_error() -> None:
    """A pipe closed early is quiet, also for output larger than the pipe."""
    writer = subprocess.Popen(
        [sys.executable, "-m", "opvasm", "disasm", "--from", "raw"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(),
    )
    assert writer.stdin is not None
    assert writer.stdout is not None
    assert writer.stderr is not None
    writer.stdout.close()
    writer.stdin.write(bytes(32 * 5000))
    writer.stdin.close()
    errors = writer.stderr.read()
    writer.stderr.close()
    assert writer.wait() == 141
    assert errors == b""


@pytest.mark.parametrize("words", [["--version"], ["explain"], ["asm", "--help"]])
def test_a_closed_pipe_is_quiet_at_the_end_too(words: list[str]) -> None:
    """Output that is only flushed when the interpreter ends meets a closed pipe as quietly."""
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [sys.executable, "-m", "opvasm", *words],
        stdout=writing,
        stderr=subprocess.PIPE,
        env=environment(PYTHONUNBUFFERED=""),
        check=False,
    )
    os.close(writing)
    assert done.returncode == 141
    assert done.stderr == b""


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no /dev/full")
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_full_disk_behind_standard_output_is_an_error(unbuffered: str) -> None:
    """Output that is lost never ends with 0."""
    for words in (["--version"], ["explain", "mb"], ["completion", "bash"]):
        with open("/dev/full", "wb") as full:
            done = subprocess.run(
                [sys.executable, "-m", "opvasm", *words],
                stdout=full,
                stderr=subprocess.PIPE,
                env=environment(PYTHONUNBUFFERED=unbuffered),
                check=False,
            )
        assert done.returncode == 2
        assert b"No space left on device" in done.stderr
        assert b"Traceback" not in done.stderr


def test_a_closed_standard_output_is_an_error(tmp_path: Path) -> None:
    """Data that has nowhere to go is not thrown away silently."""
    (tmp_path / "list.opv").write_text(LIST)
    command = f"exec {sys.executable} -m opvasm asm -f json {tmp_path}/list.opv >&-"
    done = subprocess.run(
        ["sh", "-c", command], stderr=subprocess.PIPE, env=environment(), check=False
    )
    assert done.returncode == 2
    assert b"standard output is closed" in done.stderr


def test_a_closed_standard_input_is_an_error() -> None:
    """Nothing to read from is said, not taken for an empty text."""
    command = f"exec {sys.executable} -m opvasm asm <&-"
    done = subprocess.run(
        ["sh", "-c", command], stderr=subprocess.PIPE, env=environment(), check=False
    )
    assert done.returncode == 2
    assert b"cannot read <stdin>" in done.stderr


def on_a_terminal(*words: str, **variables: str) -> tuple[int, str]:
    """The exit code and the output of a command whose standard output is a terminal."""
    master, slave = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "opvasm", *words],
        stdin=subprocess.DEVNULL,
        stdout=slave,
        stderr=slave,
        env=environment(TERM="xterm", **variables),
    )
    os.close(slave)
    shown = b""
    while True:
        try:
            piece = os.read(master, 65536)
        except OSError:  # the other end is closed
            break
        if not piece:
            break
        shown += piece
    os.close(master)
    return process.wait(), shown.decode()


def test_raw_bytes_are_kept_from_a_terminal(tmp_path: Path) -> None:
    """asm to a terminal is refused with a hint; text formats are welcome there."""
    file = tmp_path / "v.opv"
    file.write_text("vector v() { mb }\n")
    code, shown = on_a_terminal("asm", str(file))
    assert code == 2
    assert "raw bytes are not written to a terminal" in shown
    assert "use -o FILE, a pipe, or -f hex" in shown
    code, shown = on_a_terminal("asm", str(file), "-f", "hex")
    assert code == 0
    assert shown.startswith("09000000")


ESCAPE = "\x1b["


def test_a_terminal_gets_colours_unless_told_otherwise(tmp_path: Path) -> None:
    """--color, then NO_COLOR, then FORCE_COLOR, then the terminal."""
    file = str(tmp_path / "bad.opv")
    Path(file).write_text("nonsense\n")
    assert ESCAPE in on_a_terminal("asm", file)[1]
    assert ESCAPE not in on_a_terminal("asm", file, NO_COLOR="1")[1]
    assert ESCAPE in on_a_terminal("asm", file, NO_COLOR="")[1]
    assert ESCAPE in on_a_terminal("--color", "always", "asm", file, NO_COLOR="1")[1]
    assert ESCAPE not in on_a_terminal("asm", file, "--color=never", FORCE_COLOR="1")[1]


def test_a_pipe_gets_no_colours_unless_told_otherwise(tmp_path: Path) -> None:
    """The same order where there is no terminal; a dumb terminal is none."""
    file = str(tmp_path / "bad.opv")
    Path(file).write_text("nonsense\n")
    assert ESCAPE not in spawn("asm", file).errors
    assert ESCAPE in spawn("asm", file, env=environment(FORCE_COLOR="1")).errors
    both = environment(FORCE_COLOR="1", NO_COLOR="1")
    assert ESCAPE not in spawn("asm", file, env=both).errors
    assert ESCAPE in spawn("asm", file, "--color", "always").errors


def test_json_has_no_colours(opvasm: Run) -> None:
    """Whatever is asked for, machines read plain JSON."""
    for words in (
        ("asm", "-f", "json", "--color", "always"),
        ("run", "-", "push", "--arg", "node=&nodes[0]", "--arg", "expect=0", "--trace=jsonl"),
    ):
        ran = opvasm(*words, input=LIST)
        assert ran.code == 0
        assert ESCAPE not in ran.text


def test_an_output_file_keeps_its_permissions(opvasm: Run, tmp_path: Path) -> None:
    """A file that is replaced is as readable as it was; a new one as the umask says."""
    old, new = tmp_path / "old", tmp_path / "new"
    old.write_bytes(b"old")
    old.chmod(0o640)
    mask = os.umask(0o022)
    try:
        for path in (old, new):
            assert opvasm("asm", *PUSH, "-o", path, input=LIST).code == 0
    finally:
        os.umask(mask)
    assert stat.S_IMODE(old.stat().st_mode) == 0o640
    assert stat.S_IMODE(new.stat().st_mode) == 0o644
    assert old.read_bytes() == new.read_bytes() != b"old"


def test_an_output_through_a_link_keeps_the_link(opvasm: Run, tmp_path: Path) -> None:
    """The file behind a symbolic link is replaced, the link stays."""
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_bytes(b"old")
    link.symlink_to(target)
    assert opvasm("asm", *PUSH, "-o", link, input=LIST).code == 0
    assert link.is_symlink()
    assert len(target.read_bytes()) == 96


def test_an_output_that_is_no_file_is_written_as_it_is(opvasm: Run) -> None:
    """/dev/null stays a device."""
    assert opvasm("asm", *PUSH, "-o", "/dev/null", input=LIST).code == 0
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)


def test_the_output_may_be_the_input(opvasm: Run, tmp_path: Path) -> None:
    """Everything is read before anything is written."""
    file = tmp_path / "list"
    file.write_text(LIST)
    assert opvasm("asm", *PUSH, file, "-o", file).code == 0
    assert len(file.read_bytes()) == 96


def test_an_interrupt_is_told_by_130() -> None:
    """Ctrl-C while the input is awaited."""
    process = subprocess.Popen(
        [sys.executable, "-m", "opvasm", "disasm"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(),
    )
    assert process.stdin is not None
    # What has been read has been waited for: the process is past its start.
    process.stdin.write(bytes(1 << 17))
    process.stdin.flush()
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate()
    assert process.returncode == 130
    assert output == b""
    assert b"Traceback" not in errors


def test_a_name_that_is_no_text_is_shown_escaped(tmp_path: Path) -> None:
    """File names are bytes; one that is not UTF-8 or steers the terminal can still be told."""
    name = os.path.join(os.fsencode(tmp_path), b"caf\xe9\x1b[2J.opv")
    Path(os.fsdecode(name)).write_text("nonsense\n")
    done = subprocess.run(
        [sys.executable.encode(), b"-m", b"opvasm", b"asm", name],
        capture_output=True,
        env=environment(),
        check=False,
    )
    assert done.returncode == 2
    assert b"\x1b" not in done.stderr
    assert b"caf\\udce9\\x1b[2J.opv:1:1: error" in done.stderr


def test_any_locale_will_do(tmp_path: Path) -> None:
    """A locale that can't write a character of the output does not make the command fail."""
    file = tmp_path / "v.opv"
    file.write_text('shared t: u8[8]\nvector v() { memcpy t, ="ä" }\n', encoding="utf-8")
    variables = environment(LC_ALL="C", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0")
    for words in (["run", str(file), "v"], ["asm", "-f", "json", str(file)], ["explain"]):
        ran = spawn(*words, env=variables)
        assert (ran.code, "internal error" in ran.errors) == (0, False)


def test_raw_is_raw_when_it_is_said(opvasm: Run) -> None:
    """Ops that happen to begin like an ELF file are ops, if that is what they are said to be."""
    data = b"\x7fELF" + bytes(28)
    text = opvasm("disasm", "--from", "raw", input=data)
    assert text.code == 0
    assert opvasm("asm", input=text.output).output == data
