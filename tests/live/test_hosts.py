"""Hosts that allow less: it works, or says exactly what is missing and ends with 4."""

from __future__ import annotations

import os
import platform
import shutil
import signal
import struct
import subprocess
import sys
import time
from pathlib import Path

import pytest

from opvasm.abi.revisions import REVISIONS, get_abi
from opvasm.cli.main import main
from opvasm.interpreter.events import CpuRefused, Moved, RunsOffline
from opvasm.live import placement
from opvasm.live.elf import foreign_program

from .conftest import FILTERED, Build, Opvasm, require

ROOT = Path(__file__).parent.parent.parent
DENIED = (sys.executable, str(Path(__file__).parent / "denied.py"))
INFERIOR = "64-bit Linux x86-64 only"


def _unshared(*options: str) -> tuple[str, ...]:
    """The command that runs another in namespaces of its own; skips where that is not allowed."""
    words = ("unshare", *options)
    if shutil.which("unshare") is None or subprocess.run([*words, "true"]).returncode:
        pytest.skip(f"{' '.join(words)} is not allowed here")
    return words


@pytest.mark.parametrize(
    ("denied", "text"),
    [
        ("ptrace", "a child can't be traced"),
        ("seccomp", "a seccomp filter can't be installed"),
        ("sched_setaffinity", "a thread can't be moved to the CPU of its call"),
    ],
)
def test_what_a_container_denies_is_named(
    denied: str, text: str, build: Build, opvasm: Opvasm
) -> None:
    """Of what nothing works without: the call, and what would allow it; exit 4."""
    program = build("attach", 335)
    for command in (("exec",), ("steptest",), ("debug", "--attach-on", "any", "--batch")):
        done = opvasm(*command, "--", program, before=(*DENIED, denied))
        assert done.returncode == 4, done.stderr
        assert text in done.stderr
        assert "help: " in done.stderr
        assert done.stdout == ""


@pytest.mark.parametrize(
    ("denied", "warned"),
    [("sched_setscheduler", True), ("kcmp", False), ("perf_event_open", False)],
)
def test_what_can_be_done_without(denied: str, warned: bool, build: Build, opvasm: Opvasm) -> None:
    """The calls are answered; only a missing real-time priority changes anything, and is told."""
    done = opvasm("exec", "--", build("attach", 335), "counts", "5", before=(*DENIED, denied))
    assert (done.returncode, done.stdout) == (0, "count 5\nattach: passed\n"), done.stderr
    if warned:
        assert "OPV654" in done.stderr


def test_without_perf_events_no_abort_is_injected(build: Build, opvasm: Opvasm) -> None:
    """Counting entries needs the kernel's counter; stepping does not."""
    program = build("counter", 335)
    before = (*DENIED, "perf_event_open")
    done = opvasm("steptest", "--inject-abort", "1/9", "--", program, "9", before=before)
    assert done.returncode == 4, done.stderr
    assert "perf_event_open" in done.stderr
    done = opvasm("steptest", "--", program, "9", "--fallback", "1", before=before)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("folder", ["/proc", "/sys"])
def test_without_proc_and_sys(folder: str, build: Build, opvasm: Opvasm) -> None:
    """A file system that is not mounted is named."""
    before = _unshared("-m", "--propagation", "private")
    script = f'mount -t tmpfs none {folder} && exec "$@"'
    done = opvasm("exec", "--", build("attach", 335), before=(*before, "sh", "-c", script, "sh"))
    assert done.returncode == 4, done.stderr
    assert f"error[OPV650]: {folder}/" in done.stderr


def test_in_a_container(build: Build, opvasm: Opvasm) -> None:
    """No rights outside of its user namespace, processes and /proc of its own, no RLIMIT_RTPRIO."""
    before = _unshared("-U", "-r", "--pid", "--fork", "--mount-proc")
    limited = (*before, "sh", "-c", 'ulimit -r 0; exec "$@"', "sh")
    program = build("stress", 335)
    for options in ((), ("--strict",)):
        done = opvasm("exec", *options, "--", program, "4", "20", before=limited)
        assert (done.returncode, done.stdout) == (0, "stress: passed\n"), done.stderr
        assert done.stderr.count("OPV654") == 1


def test_neither_a_compiler_nor_a_place_to_write(build: Build, opvasm: Opvasm) -> None:
    """Nothing is built and no file is made: an empty PATH, and a folder that can't be written."""
    before = _unshared("-m", "--propagation", "private")
    script = 'mount -t tmpfs -o ro none /mnt && cd /mnt && PATH=/nowhere exec "$@"'
    program = build("attach", 335)
    words = ("exec", "--trace", "--summary", "--", program, "counts", "2")
    done = opvasm(*words, before=(*before, "sh", "-c", script, "sh"))
    assert (done.returncode, done.stdout) == (0, "count 2\nattach: passed\n"), done.stderr


@pytest.mark.parametrize("machine", ["aarch64", "riscv64", "i686"])
@pytest.mark.parametrize(
    "words", [("exec",), ("steptest",), ("debug", "--attach-on", "any", "--batch")]
)
def test_other_machines(
    words: tuple[str, ...],
    machine: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """They say so, and what they are; exit 4."""
    monkeypatch.setattr(platform, "machine", lambda: machine)
    assert main([*words, "--", "true"]) == 4
    shown = capsys.readouterr().err
    assert INFERIOR in shown
    assert machine in shown


@pytest.mark.parametrize(
    ("kind", "machine", "what"),
    [(1, 3, "i386"), (1, 62, "x32"), (2, 183, "another machine"), (2, 62, "")],
)
def test_programs_of_other_machines_are_told_by_their_headers(
    kind: int, machine: int, what: str, tmp_path: Path, opvasm: Opvasm
) -> None:
    """i386, x32 and aarch64 executables are refused before anything runs; exit 4."""
    require(335)
    path = tmp_path / "program"
    header = b"\x7fELF" + bytes([kind, 1, 1]) + bytes(9) + struct.pack("<HH", 2, machine)
    path.write_bytes(header + bytes(100))
    path.chmod(0o755)
    assert what in foreign_program(str(path))
    if what:
        done = opvasm("exec", "--", str(path))
        assert done.returncode == 4
        assert what in done.stderr


def test_calls_by_other_ways_in_are_not_ours(build: Build, opvasm: Opvasm, tmp_path: Path) -> None:
    """The number with the x32 bit, or through int $0x80, is another call: the kernel answers it."""
    build("attach", 335)
    source = tmp_path / "ways.c"
    source.write_text("""
#include <errno.h>
#include <stdio.h>
#include <unistd.h>
int main(void)
{
    long first = syscall(0x40000000 | 1335, 0, 0, 0, 0), other = 1335;
    __asm__ volatile("int $0x80" : "+a"(other) : "b"(0), "c"(0), "d"(0), "S"(0), "D"(0)
                     : "memory", "r8", "r9", "r10", "r11");
    printf("%ld %ld %ld\\n", first, other, syscall(1335, 0L, 0L, 0L, 0L));
    return 0;
}
""")
    subprocess.run(["gcc", "-O2", "-o", str(tmp_path / "ways"), str(source)], check=True)
    words = ("exec", "--syscall-nr", "1335", "--summary", "--", str(tmp_path / "ways"))
    done = opvasm(*words)
    assert done.stdout in ("-1 -38 0\n", "-1 -14 0\n"), done.stderr
    assert "1 call of 1 thread(s)" in done.stderr


@pytest.mark.parametrize("revision", [each.name for each in REVISIONS])
def test_cpus_that_are_offline_or_forbidden(revision: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """An offline CPU is refused, or the ops run elsewhere; a forbidden or missing one is refused."""
    files = {"possible": frozenset(range(4)), "online": frozenset({0, 1, 2})}
    monkeypatch.setattr(placement, "_cpu_file", files.__getitem__)
    monkeypatch.setattr(placement, "_allowed", lambda tid: frozenset({0, 2, 3}))
    monkeypatch.setattr(placement, "current_cpu", lambda tid: 2)
    abi = get_abi(revision)

    def placed(cpu: int) -> Moved | RunsOffline | CpuRefused:
        return placement.place_thread(os.getpid(), abi, cpu, frozenset())

    assert placed(0) == Moved(2, 0)
    assert isinstance(placed(1), CpuRefused)
    assert isinstance(placed(3), RunsOffline | CpuRefused)
    assert isinstance(placed(4), CpuRefused)


def test_a_filtered_program_outlives_its_supervisor(build: Build, tmp_path: Path) -> None:
    """kill -9 of the supervisor: a call that a filter sees is answered with ENOSYS from then on."""
    program, told = build("attach", FILTERED), tmp_path / "told"
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "opvasm", "exec", "--syscall-nr", str(FILTERED), "--"),
            *(program, "orphaned", str(told)),
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == "called\n"
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    process.stdout.read()  # ends when the program does
    process.stdout.close()
    for _ in range(100):
        if told.exists() and told.read_text():
            break
        time.sleep(0.02)
    assert told.read_text() == "ENOSYS"
