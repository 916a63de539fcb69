"""exec with closed streams, under or around other tools that trace or emulate, and without rseq."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from opvasm.live import host

from .conftest import Build, Opvasm, require

TRACER = """
import ctypes, os, sys
PTRACE_TRACEME, PTRACE_SETOPTIONS, PTRACE_CONT, EXITKILL, FORK, CLONE, VFORK = 0, 0x4200, 7, 1 << 20, 2, 8, 4
libc = ctypes.CDLL(None, use_errno=True)
child = os.fork()
if child == 0:
    libc.ptrace(PTRACE_TRACEME, 0, 0, 0)
    os.execvp(sys.argv[1], sys.argv[1:])
first = True
while True:
    pid, status = os.waitpid(-1, 0x40000000)
    if not os.WIFSTOPPED(status):
        if pid == child:
            sys.exit(os.waitstatus_to_exitcode(status))
        continue
    if first:
        libc.ptrace(PTRACE_SETOPTIONS, pid, 0, EXITKILL | FORK | CLONE | VFORK)
        first = False
    number = status >> 8
    libc.ptrace(PTRACE_CONT, pid, 0, 0 if number in (5, 19) or number >> 8 else number)
"""


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", ">&- 2>&-", "<&- >&- 2>&-"])
def test_closed_streams_keep_the_programs_exit_code(closed: str, build: Build) -> None:
    """Nobody reads what is printed, and the status is passed on all the same."""
    build("attach", 335)
    command = f"{sys.executable} -m opvasm exec --trace --summary -- sh -c 'exit 7' {closed}"
    assert subprocess.run(["sh", "-c", command], timeout=60).returncode == 7


def test_a_closed_stream_is_closed_for_the_program(build: Build, tmp_path: Path) -> None:
    """What takes the number of a closed stream meanwhile is not the program's."""
    build("attach", 335)
    listed = tmp_path / "listed"
    script = f"readlink /proc/self/fd/0 /proc/self/fd/1 > {listed}.1; readlink /proc/self/fd/2 > {listed}"
    command = f"{sys.executable} -m opvasm exec -- sh -c '{script}' 2>&-"
    subprocess.run(["sh", "-c", command], timeout=60, check=False)
    assert listed.read_text() == ""


def test_another_tracer_is_named(build: Build) -> None:
    """What traces opvasm, and its children, is said to be there; yama has nothing to do with it."""
    build("attach", 335)
    words = [sys.executable, "-c", TRACER, sys.executable, "-m", "opvasm", "exec", "--", "true"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60)
    assert done.returncode == 4, done.stderr
    assert "this process is itself traced, by " in done.stderr
    assert "yama" not in done.stderr


def test_a_tracer_that_has_let_the_child_end_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a busy machine the other tracer has passed the child's stop by, and its end, before anybody looks."""
    if sys.platform != "linux":
        pytest.skip("what waits for a child of a tracer is Linux's")
    monkeypatch.setattr(
        host, "tracer_of", lambda pid: "strace (process 5)" if pid == "self" else ""
    )
    child = os.posix_spawn("/bin/true", ["true"], {})
    with pytest.raises(host.HostCannot, match="is itself traced, by strace"):
        host._watch(child, 335)


def test_a_tracer_of_children_is_named(build: Build) -> None:
    """gdb that follows children lets go of opvasm itself, and has the child that opvasm wants to trace."""
    build("attach", 335)
    if shutil.which("gdb") is None:
        pytest.skip("gdb is not installed")
    words = ["gdb", "-batch", "-ex", "set follow-fork-mode child", "-ex", "run", "--args"]
    words += [sys.executable, "-m", "opvasm", "exec", "--", "true"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=120)
    assert "a child can't be traced: gdb (process " in done.stdout + done.stderr
    assert "yama" not in done.stdout + done.stderr


def test_a_debugger_around_exec_disturbs_nothing(build: Build) -> None:
    """By default gdb stays with opvasm, whose program is opvasm's to trace."""
    program = build("attach", 335)
    if shutil.which("gdb") is None:
        pytest.skip("gdb is not installed")
    words = ["gdb", "-batch", "-ex", "run", "--args", sys.executable, "-m", "opvasm", "exec"]
    done = subprocess.run(
        [*words, "--summary", "--", program], capture_output=True, text=True, timeout=120
    )
    assert "exited normally" in done.stdout, done.stdout
    assert "error" not in done.stderr, done.stderr


def test_a_debugger_inside_exec_is_named(build: Build, opvasm: Opvasm) -> None:
    """It says that it can't trace its program; the warning says why."""
    build("attach", 335)
    if shutil.which("gdb") is None:
        pytest.skip("gdb is not installed")
    done = opvasm("exec", "--", "gdb", "-batch", "-ex", "run", shutil.which("true") or "true")
    assert "warning[OPV655]" in done.stderr, done.stderr
    assert "is gdb: it can't trace the program, which opvasm traces" in done.stderr


@pytest.mark.parametrize("name", ["valgrind", "qemu-x86_64"])
def test_an_emulator_is_named(name: str, build: Build, opvasm: Opvasm) -> None:
    """Its program's calls are its own: the person is told that they are not answered."""
    path = shutil.which(name) or shutil.which(f"{name}-static")
    if path is None:
        pytest.skip(f"{name} is not installed")
    done = opvasm("exec", "--", path, shutil.which("true") or "true")
    assert "warning[OPV655]" in done.stderr, done.stderr
    assert name[:4] in done.stderr
    assert "itself" in done.stderr or "translates" in done.stderr


def test_leak_sanitizer_is_named(opvasm: Opvasm, tmp_path: Path) -> None:
    """A program with AddressSanitizer fails under every tracer; the warning says how it does not."""
    require(335)
    if shutil.which("gcc") is None:
        pytest.skip("gcc is not installed")
    (tmp_path / "v.c").write_text("int main(void) { return 0; }\n")
    words = ["gcc", "-fsanitize=address", "-o", "v", "v.c"]
    if subprocess.run(words, cwd=tmp_path, capture_output=True).returncode:
        pytest.skip("gcc has no AddressSanitizer here")
    program = str(tmp_path / "v")
    done = opvasm("exec", "--", program)
    assert "is built with LeakSanitizer, which does not work under a tracer" in done.stderr
    done = opvasm("exec", "--", "env", "ASAN_OPTIONS=detect_leaks=0", program)
    assert (done.returncode, "LeakSanitizer" in done.stderr) == (0, False), done.stderr


AUXILIARY = """
#include <stdio.h>
#include <sys/auxv.h>
int main(int argc, char **argv)
{
	printf("%lu %lu %d %d %s\\n", getauxval(27), getauxval(28), getauxval(AT_RANDOM) != 0,
		getauxval(AT_SYSINFO_EHDR) != 0, argv[argc - 1]);
	return 0;
}
"""


def test_no_rseq_hides_what_the_kernel_says_of_it(opvasm: Opvasm, tmp_path: Path) -> None:
    """AT_RSEQ_FEATURE_SIZE and AT_RSEQ_ALIGN are gone, in the program and in what it executes."""
    require(335)
    if shutil.which("gcc") is None:
        pytest.skip("gcc is not installed")
    (tmp_path / "v.c").write_text(AUXILIARY)
    subprocess.run(["gcc", "-o", "v", "v.c"], cwd=tmp_path, check=True)
    program = str(tmp_path / "v")
    plain = subprocess.run([program, "x"], capture_output=True, text=True, check=True).stdout
    if plain.startswith("0 0"):
        pytest.skip("this kernel says nothing of rseq (Linux 6.3 does)")
    assert opvasm("exec", "--", program, "x").stdout == plain
    for words in ([program, "x"], ["sh", "-c", f"{program} x"]):
        assert opvasm("exec", "--no-rseq", "--", *words).stdout == "0 0 1 1 x\n"
