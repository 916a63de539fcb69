"""opvasm steptest on sections with a fault in them: it fails, or says what it could not find out."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from opvasm.live.launch import Ended
from opvasm.live.step_report import none_entered

from .conftest import PROGRAMS, Opvasm, require

Made = dict[tuple[str, ...], str]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """The programs that were built, by their compiler options."""
    return {("folder",): str(tmp_path_factory.mktemp("faulty"))}


@pytest.fixture
def faulty(made: Made, request: pytest.FixtureRequest) -> Made:
    """As ``made``; skips where no program can be run or compiled."""
    import shutil

    if shutil.which("gcc") is None:
        pytest.skip("gcc is needed to build the C programs of tests/live")
    require(335)
    return made


def build(made: Made, *options: str) -> str:
    """The program compiled with these options; skips where its libc knows no rseq."""
    if options not in made:
        folder = made[("folder",)]
        path = f"{folder}/faulty{len(made)}"
        words = ["gcc", "-O2", "-pthread", "-w", "-o", path, str(PROGRAMS / "faulty.c"), *options]
        done = subprocess.run(words, capture_output=True, text=True)
        if "__rseq_offset" in done.stderr:
            pytest.skip("the C library registers no rseq (glibc does since 2.35)")
        assert done.returncode == 0, done.stderr
        made[options] = path
    return made[options]


def inject(opvasm: Opvasm, share: str, *words: str) -> subprocess.CompletedProcess[str]:
    """steptest --inject-abort; skips where the kernel gives no breakpoint counter."""
    done = opvasm("steptest", "--inject-abort", share, *words)
    if done.returncode == 4:
        pytest.skip(done.stderr)
    return done


def test_a_signal_ends_the_search_for_the_instruction(
    faulty: Made, opvasm: Opvasm, tmp_path: Path
) -> None:
    """SIGTERM in the first run ends steptest: the program, failed by it, is not run again."""
    program = build(faulty, '-DTAIL="nop"')
    script = tmp_path / "ended"
    script.write_text(
        f"#!/bin/sh\necho once >> {tmp_path}/runs\n{program} 400 2\nkill -TERM $PPID\nexec sleep 600\n"
    )
    script.chmod(0o755)
    done = inject(opvasm, "1/5", "--", str(script))
    assert done.returncode in (143, -15), done.stderr
    assert (tmp_path / "runs").read_text() == "once\n"
    assert "to find the instruction" not in done.stderr


def test_an_abort_after_the_commit_is_found(faulty: Made, opvasm: Opvasm) -> None:
    """The program fails when its section is aborted at the instruction after its last store."""
    pytest.importorskip("capstone")
    program = build(faulty, '-DTAIL="nop"')
    done = inject(opvasm, "1/5", "--", program, "400", "2")
    assert done.returncode == 1, done.stderr
    assert re.search(r"aborted at \+0xe  nop, after its last store \(\+0xb  movq", done.stderr)
    assert re.search(r"aborted only at \+0xe  nop, after movq .*, the program failed", done.stderr)
    assert "aborted only at +0x5" not in done.stderr


def test_each_instruction_is_aborted_in_turn(faulty: Made, opvasm: Opvasm) -> None:
    """A sound section is aborted at each of its instructions, and the program's sum is right."""
    pytest.importorskip("capstone")
    done = inject(opvasm, "1/5", "--", build(faulty), "400", "2")
    assert done.returncode == 0, done.stdout + done.stderr
    counts = [int(each) for each in re.findall(r"aborted (\d+) of \d+$", done.stderr, re.MULTILINE)]
    assert len(counts) == 5
    assert min(counts) > 0
    assert re.search(r"aborted \d+ of \d+ entries, in 1 of 1 sections", done.stderr)


def test_more_sections_than_a_processor_watches(faulty: Made, opvasm: Opvasm) -> None:
    """Six sections take turns at the processor's four breakpoints; all of them are aborted."""
    done = inject(opvasm, "1/5", "--", build(faulty, "-DCOPIES=6"), "3000", "2")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "in 6 of 6 sections" in done.stderr


@pytest.mark.parametrize(
    ("options", "environment", "reason"),
    [
        (("-DUNKNOWN",), {}, "rseq_cs of the thread's registered area does not point to"),
        ((), {"GLIBC_TUNABLES": "glibc.pthread.rseq=0"}, "the thread has registered no rseq"),
    ],
)
def test_what_the_kernel_does_not_protect_is_not_counted_as_aborted(
    options: tuple[str, ...],
    environment: dict[str, str],
    reason: str,
    faulty: Made,
    opvasm: Opvasm,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A section that completes because nobody would abort it proves nothing, stepped or injected."""
    program = build(faulty, *options)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    stepped = opvasm("steptest", "--", program, "20")
    assert stepped.returncode == 3, stepped.stderr
    assert "entered 20, completed 20, aborted 0" in stepped.stderr
    assert f"entered 20 times in a section that the kernel does not protect: {reason}" in (
        stepped.stderr
    )
    injected = inject(opvasm, "1/2", "--", program, "20")
    assert injected.returncode == 3, injected.stderr
    assert "aborted 0 of " in injected.stderr
    assert reason in injected.stderr


def test_a_section_that_is_never_entered_is_no_pass(faulty: Made, opvasm: Opvasm) -> None:
    """0 of 0 is exit 3, stepped and injected."""
    stepped = opvasm("steptest", "--", build(faulty), "0")
    assert (stepped.returncode, "entered no section: nothing was stepped" in stepped.stderr) == (
        3,
        True,
    )
    injected = inject(opvasm, "1/2", "--", build(faulty), "0")
    assert injected.returncode == 3
    assert "entered no section: nothing was aborted" in injected.stderr


def test_sections_that_were_not_watched_are_not_called_never_entered() -> None:
    """A processor has four counters: a short program may be over before its section had one."""
    ended = Ended(0, 0)
    assert list(none_entered(ended, 4, 4)) == [
        "the program came to its end, and entered no section: nothing was aborted"
    ]
    told, help = none_entered(ended, 26, 8)
    assert "8 of 26 sections were watched, 4 at a time" in told
    assert "entered no section" not in told
    assert "--section" in help


@pytest.mark.parametrize(("way", "options"), [("lock", ()), ("leave", ("-DUNKNOWN",))])
def test_a_program_that_goes_on_is_not_called_stuck(
    way: str, options: tuple[str, ...], faulty: Made, opvasm: Opvasm
) -> None:
    """A fallback without the call, and side exits, are progress: the bound is reached, exit 3."""
    program = build(faulty, *options)
    done = opvasm("steptest", "--bound", "100", "--", program, "100000", "1", way)
    assert done.returncode == 3, done.stderr
    assert "bound reached: 0 of 100 sections were completed" in done.stderr


def test_aborting_every_entry_ends_by_itself(faulty: Made, opvasm: Opvasm) -> None:
    """A program that tries again until its section commits gets nowhere under 1/1: no progress."""
    done = inject(opvasm, "1/1", "--bound", "1000", "--", build(faulty), "400", "2")
    assert done.returncode == 1, done.stderr
    assert "no progress while every entry is aborted: aborted " in done.stderr


def test_a_small_bound_shows_no_lack_of_progress(faulty: Made, opvasm: Opvasm) -> None:
    """After one abort the bound is reached, and that is all: exit 3."""
    done = inject(opvasm, "1/1", "--bound", "1", "--", build(faulty), "400", "2")
    assert done.returncode == 3, done.stderr
    assert "bound reached: aborted " in done.stderr


def test_aborts_need_no_number(faulty: Made, opvasm: Opvasm) -> None:
    """--inject-abort alone aborts one in ten, at every instruction, and branches stand as offsets."""
    pytest.importorskip("capstone")
    done = opvasm("steptest", "--inject-abort", "--", build(faulty), "400", "2")
    if done.returncode == 4:
        pytest.skip(done.stderr)
    assert done.returncode == 0, done.stderr
    assert re.search(r"\+0x3  jne [+-]0x[0-9a-f]{1,5}: aborted [1-9]", done.stderr)


def test_without_capstone_aborts_prove_nothing(
    faulty: Made, opvasm: Opvasm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where instructions are not known each byte has its turn: the report says so, and exit code is 3."""
    (tmp_path / "capstone.py").write_text("raise ImportError('not here')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    done = inject(opvasm, "1/5", "--", build(faulty), "400", "2")
    assert done.returncode == 3, done.stderr
    assert "pip install 'opvasm[audit]'" in done.stderr


def test_a_program_that_comes_to_its_section_late(
    faulty: Made, opvasm: Opvasm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A section that nothing came to for 0.3 s is met at its first instruction, not passed over."""
    (tmp_path / "capstone.py").write_text("raise ImportError('not here')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    done = inject(opvasm, "1/5", "--", build(faulty, "-DLATE=300000"), "400", "2")
    assert "entered no section" not in done.stderr
    assert "pip install 'opvasm[audit]'" in done.stderr


def test_injecting_ends_at_the_bound(faulty: Made, opvasm: Opvasm) -> None:
    """--bound ends a program that is aborted at full speed, too."""
    done = inject(opvasm, "1/5", "--bound", "500", "--", build(faulty), "100000000")
    assert done.returncode == 3, done.stderr
    assert "bound reached: aborted " in done.stderr


@pytest.mark.parametrize(
    ("option", "reason"),
    [
        ("-DSIGNATURE=0x53053054", "are 0x53053054, and the signature that was registered is 0x53"),
        ("-DINSIDE", "its abort handler lies inside of it"),
    ],
)
def test_the_kernels_kill_is_named(option: str, reason: str, faulty: Made, opvasm: Opvasm) -> None:
    """A thread that the kernel can't abort dies of SIGSEGV, the descriptor says why, and no abort is counted."""
    program = build(faulty, option)
    for words in ((), ("--inject-abort", "1/2")):
        done = opvasm("steptest", *words, "--", program, "50")
        if done.returncode == 4:
            continue
        assert done.returncode == -11, done.stderr
        assert "the program was killed by SIGSEGV" in done.stderr
        assert reason in done.stderr
        assert "came to its end" not in done.stderr
        assert set(re.findall(r"aborted (\d+)", done.stderr)) == {"0"}, done.stderr


@pytest.mark.parametrize(
    "options",
    [
        ('-DHOME=".data.rel.ro"',),
        ('-DHOME=".data.rel.ro"', "-DPOINTERS=0"),
        ('-DHOME=".data.rel.ro"', "-DPOINTERS=0", "-s"),
        ("-no-pie", '-DHOME=".data"', "-DPOINTERS=0"),
        ('-DHOME="__rseq_table"',),
    ],
)
def test_a_descriptor_may_stand_anywhere(
    options: tuple[str, ...], faulty: Made, opvasm: Opvasm
) -> None:
    """Found by pointers to it, or by the signature before its abort handler."""
    done = opvasm("steptest", "--", build(faulty, *options), "20", "1", "lock")
    assert done.returncode == 0, done.stderr
    assert "entered 60, completed 0, aborted 60" in done.stderr


def test_a_section_is_chosen_by_what_the_report_calls_it(faulty: Made, opvasm: Opvasm) -> None:
    """The address of the descriptor, and the place of the code."""
    program = build(faulty, "-DCOPIES=6")
    words = ("--", program, "12", "1", "lock")
    report = opvasm("steptest", *words).stderr
    places = re.findall(r"section (\S+) \(\w+, descriptor (0x[0-9a-f]+)\): entered 6,", report)
    assert len(places) == 6, report
    for word in places[2]:
        done = opvasm("steptest", "--section", word, *words)
        assert done.returncode == 0, done.stderr
        assert "0 of 6 sections were completed" in done.stderr
        assert f"section {places[2][0]} " in done.stderr


SYMBOLIC = """
struct descriptor { unsigned version, flags; unsigned long start, length, abort; };
extern char section_start[], section_abort[];
extern long section(long *);
struct descriptor here __attribute__((section("__rseq_cs"), aligned(32))) = {
	0, 0, (unsigned long)section_start, 9, (unsigned long)section_abort };
__asm__(".text\\n.globl section, section_start, section_abort\\nsection:\\nsection_start:\\n"
	"movq (%rdi), %rax\\naddq $1, %rax\\nnop\\nnop\\nmovq %rax, (%rdi)\\nret\\n"
	".byte 0x0f, 0xb9, 0x3d\\n.long 0x53053053\\nsection_abort:\\nret\\n");
int run(void) { long count = 0; for (int i = 0; i < 7; i++) section(&count); return count != 7; }
"""


def test_descriptors_of_symbols_in_a_library(faulty: Made, opvasm: Opvasm, tmp_path: Path) -> None:
    """Relocations that name symbols, as -shared makes them, are followed."""
    build(faulty)
    (tmp_path / "part.c").write_text(SYMBOLIC)
    (tmp_path / "main.c").write_text("int run(void); int main(void) { return run(); }\n")
    for words in (
        ["-shared", "-fPIC", "part.c", "-o", "libpart.so"],
        ["main.c", "-L.", "-lpart", "-Wl,-rpath,$ORIGIN", "-o", "main"],
    ):
        subprocess.run(["gcc", "-O1", *words], cwd=tmp_path, check=True)
    done = opvasm("steptest", "--", str(tmp_path / "main"))
    assert done.returncode == 3, done.stderr
    assert "(libpart.so, descriptor " in done.stderr
    assert "entered 7, completed 7" in done.stderr
    os.remove(tmp_path / "libpart.so")
    done = opvasm("steptest", "--", str(tmp_path / "main"))
    assert done.returncode == 127
    assert "the dynamic loader could not start it" in done.stderr
