"""opvasm debug --attach-on: a real program's calls in the debugger."""

from __future__ import annotations

import contextlib
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import pytest

from .conftest import NUMBERS, Build, Opvasm, number_options, require

ROOT = Path(__file__).parent.parent.parent
PATIENCE = 60.0
# prompt_toolkit asks a terminal where its cursor is; nobody answers here.
_NO_QUERY = {"PROMPT_TOOLKIT_NO_CPR": "1"}


def _attach(number: int, *words: str) -> tuple[str, ...]:
    return ("debug", *number_options(number), *words)


def _commands(*commands: str) -> tuple[str, ...]:
    return tuple(word for command in commands for word in ("-ex", command))


@pytest.mark.parametrize("number", NUMBERS)
def test_a_call_is_walked_and_made_once(number: int, build: Build, opvasm: Opvasm) -> None:
    """Steps both ways change the copy; the program's own call takes effect when it is let go."""
    script = _commands("step 3", "print count", "reverse-step 2", "finish", "print count", "why")
    again = _commands("goto start", "print count", "continue")
    words = (*_attach(number, "--attach-on", "sym=head nr=2"), *script, *again, "--batch")
    done = opvasm(*words, "--", build("attach", number), "counts", "3")
    assert done.returncode == 0, done.stderr
    assert re.findall(r"^\$\d = (.*)$", done.stdout, re.MULTILINE) == ["1", "2", "1"]
    assert "    op 2 of the call on CPU" in done.stdout
    assert "    op 0 of the call on CPU" in done.stdout  # two ops back from op 2
    assert "the program itself has not made this call" in done.stdout
    assert re.search(r"^Thread \d+: the call returned 0\.$", done.stdout, re.MULTILINE)
    assert done.stdout.endswith("count 3\nattach: passed\nThe program exited with 0.\n")


def test_names_are_the_programs(build: Build, opvasm: Opvasm) -> None:
    """Variables, the thread's own ones too, the caller, the registers and the threads."""
    looks = _commands("print own", "print head@0 == expect", "info registers", "info threads")
    words = (*_attach(335, "--attach-on", "nr=2"), *_commands("step"), *looks, "--batch")
    done = opvasm(*words, "--", build("attach", 335), "counts", "3")
    assert " in push+" in done.stdout.splitlines()[0]
    assert "cmpeq.u64 head, expect" in done.stdout
    assert "$1 = 2\n" in done.stdout
    assert re.search(r"^orig_rax 0x14f$", done.stdout, re.MULTILINE)
    assert re.search(r"^\* thread \d+ of process \d+, attach-335, CPU \d+$", done.stdout, re.M)


def test_points_and_displays_stay_from_call_to_call(build: Build, opvasm: Opvasm) -> None:
    """A breakpoint and a display that were made at one call serve at the next."""
    script = _commands("tbreak op 1", "break op 2", "display count", *["continue"] * 5)
    words = (*_attach(335, "--attach-on", "add"), *script, "--batch")
    done = opvasm(*words, "--", build("attach", 335), "counts", "3")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("Temporary breakpoint 1: op 1") == 2  # made, and met once
    assert done.stdout.count("Breakpoint 2: op 2") == 3
    assert "1: count = 1" in done.stdout
    assert "count 3" in done.stdout


def test_continue_n_passes_calls_by(build: Build, opvasm: Opvasm) -> None:
    """The third call from here is the fourth; detach stops no more."""
    words = (*_attach(335, "--attach-on", "any"), *_commands("continue 3", "detach"), "--batch")
    done = opvasm(*words, "--", build("attach", 335), "counts", "9")
    assert re.findall(r"^Call (\d+)", done.stdout, re.MULTILINE) == ["1", "4"]
    assert "count 9" in done.stdout


def test_a_result_is_foreseen(build: Build, opvasm: Opvasm) -> None:
    """result=1 stops before the only call whose compare fails."""
    script = _commands("step", "continue")
    words = (*_attach(335, "--attach-on", "result=1"), *script, "--batch")
    done = opvasm(*words, "--", build("attach", 335), "counts", "4")
    assert re.findall(r"^Call (\d+)", done.stdout, re.MULTILINE) == ["5"]
    assert "so the vector stops here and returns 1" in done.stdout
    assert "the call returned 1." in done.stdout


def test_conditions_read_the_programs_variables(build: Build, opvasm: Opvasm) -> None:
    """The same expressions as after the debugger's own breakpoints."""
    words = _attach(335, "--attach-on", "add if count == 2 && cpu >= 0", "--batch")
    done = opvasm(*words, "--", build("attach", 335), "counts", "9")
    assert re.findall(r"^Call (\d+)", done.stdout, re.MULTILINE) == ["3"]


@pytest.mark.parametrize("number", NUMBERS)
def test_many_threads_stop_one_at_a_time(number: int, build: Build, opvasm: Opvasm) -> None:
    """Each call of six threads is shown once, and each adds once."""
    words = (*_attach(number, "--attach-on", "add"), *_commands("continue", *["continue"] * 30))
    done = opvasm(*words, "--batch", "--", build("attach", number), "counts", "5", "6")
    assert done.returncode == 0, done.stderr + done.stdout
    # The last call stops at its compare, and is one of those that are meant.
    assert len(re.findall(r"^Call \d+", done.stdout, re.MULTILINE)) == 31
    assert "count 30" in done.stdout
    assert "shown was" not in done.stdout


@pytest.mark.parametrize("program", [("stress", "5", "12"), ("placement",)])
def test_what_is_shown_is_what_happens(program: tuple[str, ...], build: Build) -> None:
    """Of each call the walk on the copy comes to the result and the bytes of the real one."""
    words = [build(program[0], 335), *program[1:]]
    helper = str(Path(__file__).parent / "shown.py")
    done = subprocess.run(
        [sys.executable, helper, *words], capture_output=True, text=True, timeout=120, cwd=ROOT
    )
    assert done.returncode == 0, done.stdout + done.stderr
    shown = re.search(r"^(\d+) calls were shown$", done.stdout, re.MULTILINE)
    assert shown is not None
    assert int(shown[1]) > 100


@contextmanager
def _prompt(*words: str) -> Iterator[tuple[IO[str], IO[str], subprocess.Popen[str]]]:
    """The command with its prompt on pipes: what is typed, what is read, the process."""
    process = subprocess.Popen(
        [sys.executable, "-m", "opvasm", *words],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"NO_COLOR": "1", "PYTHONUNBUFFERED": "1"},
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield process.stdin, process.stdout, process
    finally:
        process.kill()
        process.wait()
        process.stdin.close()
        process.stdout.close()


def _until(output: IO[str], text: str) -> str:
    """What is written up to and with a text."""
    seen = ""
    while text not in seen:
        character = output.read(1)
        assert character, f"{text!r} did not come: {seen}"
        seen += character
    return seen


def test_what_others_wrote_meanwhile_is_told(build: Build, tmp_path: Path) -> None:
    """Another process changes the word while the call stands: the difference is named."""
    shared = tmp_path / "shared"
    shared.write_bytes((5).to_bytes(8, "little").ljust(4096, b"\0"))
    program = build("attach", 335)
    with _prompt("debug", "--attach-on", "add", "--", program, "shared", str(shared)) as prompt:
        typed, output, process = prompt
        _until(output, "(opv) ")
        typed.write("finish\n")
        typed.flush()
        _until(output, "(opv) ")
        with shared.open("r+b") as file:
            file.write((100).to_bytes(8, "little"))
        typed.write("continue\n")
        typed.close()
        rest = output.read()
        assert process.wait(PATIENCE) == 0
    assert "shown was 6, the call stored 101" in rest
    assert "word 101" in rest


@pytest.mark.parametrize("number", NUMBERS)
def test_death_at_the_prompt_is_told(number: int, build: Build) -> None:
    """The program is killed while its call is looked at: the prompt lives, and says so."""
    words = _attach(number, "--attach-on", "any", "--", build("attach", number), "sleeps")
    with _prompt(*words) as (typed, output, process):
        line = _until(output, "\n")
        _until(output, "(opv) ")
        found = re.search(r"thread (\d+)", line)
        assert found is not None
        os.kill(int(found[1]), signal.SIGKILL)
        typed.write("x/8xb 0x10000\ncontinue\n")
        typed.close()
        rest = output.read()
        assert process.wait(PATIENCE) == -signal.SIGKILL
    assert "was killed before its call was answered" in rest
    assert "The program was killed by SIGKILL." in rest
    assert "internal error" not in rest


def test_standard_input_belongs_to_one_of_them(build: Build) -> None:
    """Commands from a pipe leave the program none; with --batch the program has it."""
    program = build("attach", 335)
    command = [sys.executable, "-m", "opvasm", "debug", "--attach-on", "any"]
    for options, text, expected in (
        ([], "step\ncontinue\n", "read nothing"),
        (["--batch", "-ex", "step"], "a line\n", "read a line"),
    ):
        done = subprocess.run(
            [*command, *options, "--", program, "reads"],
            input=text,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )
        assert expected in done.stdout, done.stderr
        assert done.returncode == 5


def test_scripts_go_on_from_call_to_call(build: Build, opvasm: Opvasm, tmp_path: Path) -> None:
    """The commands of a file and of -ex are one sequence; a failed command of a batch is status 1."""
    script = tmp_path / "script"
    script.write_text("step\ncontinue\n# a remark\ncontinue\n")
    program = build("attach", 335)
    words = (*_attach(335, "--attach-on", "any", "-x", str(script)), *_commands("why", "kill"))
    done = opvasm(*words, "--batch", "--", program, "counts", "9")
    assert done.returncode == 0
    assert re.findall(r"^Call (\d+)", done.stdout, re.MULTILINE) == ["1", "2", "3"]
    assert "count" not in done.stdout.rpartition("(opv) kill")[2]
    words = (*_attach(335, "--attach-on", "any"), *_commands("nonsense"), "--batch")
    assert opvasm(*words, "--", program, "counts", "1").returncode == 1


def test_the_end_is_the_programs(build: Build, opvasm: Opvasm) -> None:
    """Its death by a signal is passed on; that no call was meant is told."""
    program = build("attach", 335)
    done = opvasm(*_attach(335, "--attach-on", "xor", "--batch", "--", program, "crashes"))
    assert done.returncode == -signal.SIGSEGV
    assert "no call was meant: the program made 1" in done.stderr


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("--attach-on", "mempcy", "--", "true"), "'mempcy' is not an op"),
        (("--attach-on", "any if (", "--", "true"), "--attach-on:1:"),
        (("--attach-on", "any"), "needs a program"),
        (("--", "true"), "not at which of its calls to stop"),
        (("some.opv", "--attach-on", "any", "--", "true"), "FILE and --attach-on exclude"),
        (("--dap", "--attach-on", "any", "--", "true"), "--dap and --attach-on exclude"),
        (("--attach-on", "any", "--model", "32le", "--", "true"), "data model"),
        (("--attach-on", "any", "--", "./there-is-no-such-program"), "was not found"),
    ],
)
def test_wrong_usage(words: tuple[str, ...], text: str, opvasm: Opvasm) -> None:
    """Mistakes are told before anything runs."""
    require(335)
    done = opvasm("debug", *words)
    assert done.returncode == 2
    assert text in done.stderr
    assert "Traceback" not in done.stderr


class _Terminal:
    """A terminal with the command on it."""

    def __init__(self, *words: str) -> None:
        self.pid, self._file = pty.fork()
        if self.pid == 0:
            environment = os.environ | {"NO_COLOR": "1", "TERM": "vt100"} | _NO_QUERY
            os.execve(sys.executable, [sys.executable, "-m", "opvasm", *words], environment)
        self._seen = b""
        self._end = time.monotonic() + PATIENCE

    def until(self, text: str) -> str:
        """What is written up to and with a text, since the last time."""
        wanted = text.encode()
        while wanted not in self._seen:
            assert self._read(), f"{text!r} did not come: {self._seen!r}"
        seen, _, self._seen = self._seen.partition(wanted)
        return (seen + wanted).decode(errors="replace")

    def _read(self) -> bool:
        while time.monotonic() < self._end:
            if select.select([self._file], [], [], 0.2)[0]:
                try:
                    data = os.read(self._file, 4096)
                except OSError:
                    return False
                self._seen += data
                return bool(data)
        return False

    def type(self, text: str) -> None:
        """Press keys."""
        os.write(self._file, text.encode())

    def wait(self) -> int:
        """Everything that is left, and the wait status."""
        while self._read():
            pass
        while time.monotonic() < self._end:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                return status
            time.sleep(0.02)
        raise AssertionError(f"it does not end: {self._seen!r}")

    def __enter__(self) -> _Terminal:
        return self

    def __exit__(self, *problem: object) -> None:
        with contextlib.suppress(ProcessLookupError, ChildProcessError):
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)


def test_the_terminal_is_shared(build: Build) -> None:
    """At the prompt keys are ours; while the program runs they are its, Ctrl-C too; not Ctrl-Z."""
    words = ("debug", "--attach-on", "any", "--", build("attach", 335), "sleeps")
    with _Terminal(*words) as terminal:
        terminal.until("(opv)")
        terminal.type("step\n")
        terminal.until("op 0 of the call")
        terminal.until("(opv)")
        terminal.type("\x03")  # drops the line, and the program never hears of it
        terminal.until("(opv)")
        terminal.type("continue\n")
        terminal.until("the call returned 0.")
        terminal.type("\x1a")
        terminal.type("\x03")
        terminal.until("The program was killed by SIGINT.")
        assert os.WTERMSIG(terminal.wait()) == signal.SIGINT


def test_quit_asks(build: Build) -> None:
    """On a terminal `quit` and the end of the input ask before they kill; `detach` does not."""
    words = ("debug", "--attach-on", "any", "--", build("attach", 335), "reads")
    with _Terminal(*words) as terminal:
        terminal.until("(opv)")
        terminal.type("quit\n")
        terminal.until("(y or n) ")
        terminal.type("n\n")
        terminal.until("(opv)")
        terminal.type("\x04")
        terminal.until("(y or n) ")
        terminal.type("y\n")
        assert terminal.wait() == 0
    with _Terminal(*words) as terminal:
        terminal.until("(opv)")
        terminal.type("detach\n")
        terminal.until("the call returned 0.")
        terminal.type("typed\n")
        terminal.until("read typed")
        assert os.WEXITSTATUS(terminal.wait()) == 5
