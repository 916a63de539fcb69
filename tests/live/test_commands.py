"""What the commands print, write and answer."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import jsonschema
import pytest

from opvasm.cli.main import main
from opvasm.trace import json_lines

from .conftest import FILTERED, Build, Opvasm, require

SCHEMA = json.loads((Path(json_lines.__file__).parent / "opvasm-trace-1.json").read_text())


def test_exit_codes_and_output_are_the_programs(opvasm: Opvasm) -> None:
    """Standard output, standard error, exit code and a death by signal pass through untouched."""
    require(335)
    done = opvasm("exec", "--", "sh", "-c", "echo out; echo err >&2; exit 7")
    assert done.returncode == 7
    assert done.stdout == "out\n"
    assert done.stderr.endswith("err\n")
    for number in (signal.SIGTERM, signal.SIGSEGV, signal.SIGABRT, signal.SIGKILL):
        words = ("exec", "--", "sh", "-c", f"kill -{int(number)} $$")
        assert opvasm(*words).returncode == -number


def test_trace_names_symbols(build: Build, opvasm: Opvasm, tmp_path: Path) -> None:
    """A line a call: thread, ops with the program's symbols, CPU, result, time."""
    path = tmp_path / "trace"
    done = opvasm("exec", "--trace", "-o", str(path), "--", build("placement", 335))
    assert done.returncode == 0, done.stderr
    first = path.read_text().splitlines()[0]
    assert " cpu_opv(add.u64 word, 1) on CPU " in first
    assert " = 0 <" in first


def test_json_trace_tells_what_the_ops_did(build: Build, opvasm: Opvasm, tmp_path: Path) -> None:
    """The events are those of run --trace: the counter's values before and after chain up."""
    path = tmp_path / "trace"
    done = opvasm("exec", "--trace=jsonl", "-o", str(path), "--", build("placement", 335))
    assert done.returncode == 0, done.stderr
    records = [json.loads(line) for line in path.read_text().splitlines()]
    assert records[0]["schema"] == "opvasm-trace/1"
    stored = [each for each in records if each.get("event") == "stored"]
    assert [int.from_bytes(bytes.fromhex(each["after"]), "little") for each in stored[:200]] == [
        *range(1, 201)
    ]
    begun = [each for each in records if each.get("event") == "live_call_begins"]
    ended = [each for each in records if each.get("event") == "live_call_ends"]
    assert len(begun) == len(ended)
    assert {each["result"] for each in ended} >= {0, -22, -14}
    validator = jsonschema.Draft202012Validator(SCHEMA)
    # One of each shape: an event, its fields and their types.
    shapes = {
        (each.get("event"), *((key, type(value)) for key, value in each.items())): each
        for each in records
    }
    for record in shapes.values():
        validator.validate(record)


def test_saved_calls_repeat_offline(build: Build, opvasm: Opvasm, tmp_path: Path) -> None:
    """Each kept vector assembles, and its test gives the same result and memory again."""
    folder = tmp_path / "saved"
    program = build("selftest", 335)
    done = opvasm(
        *("exec", "--save", str(folder), "--", program, "--no-query", "--zero-page-refused")
    )
    assert done.returncode == 0, done.stderr
    assert len(list(folder.iterdir())) > 100
    assert main(["test", str(folder)]) == 0


def test_summary(build: Build, opvasm: Opvasm) -> None:
    """The counts are those of the program: 2 threads of 30 adds are 60 calls at least."""
    done = opvasm("exec", "--summary", "--", build("counter", 335), "30", "2", "--fallback", "1")
    assert done.returncode == 0, done.stderr
    assert "no call of cpu_opv was made" in done.stderr
    done = opvasm("exec", "--summary", "--", build("placement", 335))
    assert "results:  0 × " in done.stderr
    assert "EINVAL × " in done.stderr or os.cpu_count() == 1


@pytest.mark.parametrize(
    ("words", "code", "text"),
    [
        (("exec",), 2, "a program is missing"),
        (("exec", "./program"), 2, "write -- before the program"),
        (("exec", "--", "./there-is-no-such-program"), 2, "was not found"),
        (("exec", "-a", "2016-01", "--", "true"), 2, "2016-01"),
        (("exec", "--syscall-nr", "x", "--", "true"), 2, "--syscall-nr"),
        (("exec", "--syscall-nr", "-1", "--", "true"), 2, "--syscall-nr"),
        (("steptest",), 2, "a program is missing"),
        (("steptest", "--bound", "0", "--", "true"), 2, "--bound 0"),
        (("steptest", "--inject-abort", "2/5", "--", "true"), 2, "1/N"),
    ],
)
def test_wrong_usage(
    words: tuple[str, ...], code: int, text: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """Mistakes are told in a line with what to do, and nothing is run."""
    require(335)
    assert main(list(words)) == code
    assert text in capfd.readouterr().err


def test_set_uid_programs_are_refused(build: Build, opvasm: Opvasm, tmp_path: Path) -> None:
    """A program with more rights than its caller is never run."""
    path = tmp_path / "program"
    shutil.copy(build("placement", 335), path)
    path.chmod(0o4755)
    done = opvasm("exec", "--", str(path))
    assert done.returncode == 2
    assert "set-uid" in done.stderr


@pytest.mark.parametrize(
    ("assembler", "linker", "name"),
    [("--32", "elf_i386", "i386"), ("--x32", "elf32_x86_64", "x32")],
)
def test_programs_of_other_machines_are_refused(
    assembler: str, linker: str, name: str, opvasm: Opvasm, tmp_path: Path
) -> None:
    """i386 and x32 programs are told apart, and the answer is 4; started by one of ours they run,
    and it is told that their calls are not answered."""
    require(335)
    source, thing, program = tmp_path / "exit.s", tmp_path / "exit.o", tmp_path / "exit"
    source.write_text(".globl _start\n_start: mov $1, %eax\n mov $42, %ebx\n int $0x80\n")
    try:
        subprocess.run(["as", assembler, "-o", thing, source], check=True)
        subprocess.run(["ld", "-m", linker, "-o", program, thing], check=True)
    except (FileNotFoundError, subprocess.CalledProcessError) as reason:
        pytest.skip(f"as and ld can't make an {name} program here: {reason}")
    done = opvasm("exec", "--", str(program))
    assert done.returncode == 4
    assert name in done.stderr
    try:
        alone = subprocess.run([program]).returncode
    except OSError as reason:
        pytest.skip(f"this kernel runs no {name} programs: {reason}")
    done = opvasm("exec", "--", "sh", "-c", f"{program}; echo $?")
    assert (done.stdout, done.returncode) == (f"{alone}\n", 0)
    assert "OPV655" in done.stderr


def test_a_number_with_a_meaning_is_refused(build: Build, opvasm: Opvasm) -> None:
    """A number that raises neither a filter's event nor SIGILL can't be answered: exit 4."""
    require(335)
    probe_of_336 = subprocess.run(
        [sys.executable, "-c", "import ctypes; ctypes.CDLL(None).syscall(336, 0, 0, 0, 0)"]
    )
    done = opvasm("exec", "--syscall-nr", "336", "--", "true")
    if done.returncode == 0:
        pytest.skip("filters see 336 on this kernel")
    assert probe_of_336.returncode == 0
    assert done.returncode == 4
    assert "--syscall-nr 1335" in done.stderr


def test_unprivileged(build: Build, opvasm: Opvasm) -> None:
    """Without any right the calls are answered; what is missing is told once."""
    drop = shutil.which("setpriv")
    if os.geteuid() != 0 or drop is None:
        pytest.skip("needs root and setpriv to drop rights")
    before = (drop, "--reuid=65534", "--regid=65534", "--clear-groups", "--bounding-set=-all")
    reachable = subprocess.run(
        [*before, sys.executable, "-c", "import opvasm.live.host"], capture_output=True
    )
    if reachable.returncode:
        pytest.skip("the package can't be read by an unprivileged user here")
    # pytest's own folders are closed to other users.
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        program = shutil.copy(build("stress", 335), folder)
        done = opvasm("exec", "--", program, "8", "40", before=before)
        assert done.returncode == 0, done.stderr
        assert done.stdout == "stress: passed\n"
        assert done.stderr.count("OPV654") == 1
        strict = opvasm("exec", "--strict", "--", program, "4", "20", before=before)
        assert strict.returncode == 0, strict.stderr


@pytest.mark.parametrize("number", [335, FILTERED])
def test_deaths(number: int, build: Build) -> None:
    """kill -9 of the supervisor or the program at any moment leaves nobody behind."""
    from .deaths import kill_many_times

    assert kill_many_times(build("stress", number), number, rounds=3, seed=number) == []
