"""opvasm steptest: sections of every kind of program are found, stepped, aborted and counted."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from .conftest import PROGRAMS, Build, Opvasm


def test_stepping_never_completes_a_section(build: Build, opvasm: Opvasm) -> None:
    """Of a thousand entries under single-stepping none is completed, and the answer is 1."""
    done = opvasm("steptest", "--bound", "1000", "--", build("counter", 335), "10")
    assert done.returncode == 1, done.stderr
    assert "no progress: 0 of 1000 sections were completed" in done.stderr
    assert "not tried: more than these 1000 entries. In 64 further ones" in done.stderr
    assert "what to do: count the aborts" in done.stderr
    assert (
        "more than 1064 aborts, or each entry is another piece of work, raise --bound"
        in done.stderr
    )


def test_with_the_fallback_stepping_ends(build: Build, opvasm: Opvasm) -> None:
    """The same program with cpu_opv as its fallback comes to its end, one call a count."""
    done = opvasm("steptest", "--", build("counter", 335), "25", "2", "--fallback", "3")
    assert done.returncode == 0, done.stderr
    assert "sections 0, calls 50, aborted 150" in done.stdout
    assert "0 of 150 sections were completed" in done.stderr


def test_aborts_are_injected_at_full_speed(build: Build, opvasm: Opvasm) -> None:
    """Every Nth section is aborted, the fallback runs, and the sum is right."""
    words = ("--", build("counter", 335), "10000", "2", "--fallback", "1")
    done = opvasm("steptest", "--inject-abort", "1/100", *words)
    if done.returncode == 4:
        pytest.skip(done.stderr)
    assert done.returncode == 0, done.stderr
    calls = int(done.stdout.split("calls ")[1].split(",")[0])
    # Less than one in a hundred of 20,000: while another instruction gets its turn nothing is aborted.
    assert calls >= 50


def _compile(folder: Path, source: str, name: str, *options: str) -> str:
    """Build a program in a way of its own; skips where the compiler can't."""
    path = folder / name
    words = ["gcc", "-O2", "-pthread", "-o", str(path), str(PROGRAMS / source), *options]
    done = subprocess.run(words, capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"gcc {' '.join(options)} does not work here: {done.stderr[-200:]}")
    return str(path)


@pytest.mark.parametrize(
    ("options", "place"),
    [
        (("-fpie", "-pie"), r"work\+\d+"),
        (("-no-pie",), r"work\+\d+"),
        (("-static",), r"work\+\d+"),
        (("-static-pie",), r"work\+\d+"),
        (("-s",), r"0x[0-9a-f]+"),
    ],
)
def test_sections_are_found_however_a_program_is_linked(
    options: tuple[str, ...], place: str, build: Build, opvasm: Opvasm, tmp_path: Path
) -> None:
    """Position-independent, static, both, neither, and stripped."""
    build("counter", 335)
    program = _compile(tmp_path, "counter.c", "program", *options)
    done = opvasm("steptest", "--", program, "10", "2", "--fallback", "2")
    assert done.returncode == 0, done.stderr
    assert "sections 0, calls 20, aborted 40" in done.stdout
    assert re.search(
        rf"section {place} \(program, descriptor 0x[0-9a-f]+\): entered 40, completed 0, "
        "aborted 40, left otherwise 0",
        done.stderr,
    )


def test_a_library_and_a_forked_child(build: Build, opvasm: Opvasm, tmp_path: Path) -> None:
    """The section of a shared library, in the program and in a child that shares nothing with it."""
    build("counter", 335)
    library = _compile(tmp_path, "apart.c", "libapart.so", "-DLIBRARY", "-shared", "-fPIC")
    program = _compile(tmp_path, "apart.c", "apart", library)
    done = opvasm("steptest", "--summary", "--", program)
    assert (done.returncode, done.stdout) == (0, "parent: 10 calls\nchild: 10 calls\n"), done.stderr
    assert "(libapart.so, descriptor " in done.stderr
    assert "entered 20, completed 0, aborted 20" in done.stderr
    assert "20 calls of 2 thread(s)" in done.stderr
    for symbol, entries in (("count_here", 20), ("main", 0)):
        done = opvasm("steptest", "--section", symbol, "--", program)
        assert f"0 of {entries} sections" in done.stderr or "no restartable section" in done.stderr
    done = opvasm("steptest", "--inject-abort", "1/5", "--", program)
    if done.returncode != 4:
        # A busy machine aborts sections of its own accord, also one whose turn it was.
        calls = re.findall(r"(parent|child): (\d+) calls\n", done.stdout)
        assert [name for name, _ in calls] == ["parent", "child"]
        assert all(2 <= int(count) <= 10 for _, count in calls), done.stdout
        assert re.search(r"aborted [2-4] of 20 entries", done.stderr), done.stderr


def test_programs_that_a_program_executes(build: Build, opvasm: Opvasm) -> None:
    """A shell's children are stepped like the program itself; its exit code is passed on."""
    program = build("counter", 335)
    script = f"{program} 5 --fallback 1 && {program} 6 --fallback 1 | cat; exit 9"
    done = opvasm("steptest", "--", "sh", "-c", script)
    assert done.returncode == 9
    assert "entered 11, completed 0, aborted 11" in done.stderr


def test_nothing_to_step(build: Build, opvasm: Opvasm) -> None:
    """A program without sections runs to its end and proves nothing: exit 3; a wrong name: 2."""
    done = opvasm("steptest", "--", build("attach", 335), "counts", "2")
    assert (done.returncode, "count 2" in done.stdout) == (3, True), done.stderr
    assert "no restartable section was found" in done.stderr
    done = opvasm("steptest", "--section", "nothing", "--", build("counter", 335), "2")
    assert done.returncode == 2
    assert "descriptor or function nothing" in done.stderr
