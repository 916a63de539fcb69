"""The tables survive compilers and linkers: a few rows here, all of them by ``python -m tests.emit.matrix``."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from opvasm.elf.descriptors import find_descriptors
from opvasm.elf.file import open_elf

from .conftest import need, run, write_headers
from .matrix import QUICK, Outcome, Row, build_and_look, lacks

pytest.importorskip("capstone")

Look = Callable[[Row], Outcome]


@pytest.fixture(scope="module")
def headers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The headers of the strategy with a lock."""
    folder = tmp_path_factory.mktemp("headers")
    write_headers(folder, "elide")
    return folder


@pytest.fixture(scope="module")
def look(headers: Path, tmp_path_factory: pytest.TempPathFactory) -> Look:
    """What becomes of a row, which is built once."""
    return cache(lambda row: build_and_look(row, headers, tmp_path_factory.mktemp("row")))


@pytest.mark.parametrize("row", QUICK, ids=str)
def test_a_program_runs_and_its_tables_are_whole(row: Row, look: Look) -> None:
    """It answers right with and without its fast path, and audit finds nothing wrong in it."""
    tool = lacks(row)
    if tool:
        pytest.skip(f"{tool} is not installed")
    outcome = look(row)
    assert outcome.trouble == ""
    assert outcome.sections > 0


def test_without_the_relocation_the_pointer_array_is_dropped(headers: Path, tmp_path: Path) -> None:
    """--gc-sections sees no use of the array: what OPV_KEEP is for, and that the test would see it."""
    need("gcc")
    for name in ("counter.h", "list.h", "results.h"):
        text = (headers / name).read_text()
        (tmp_path / name).write_text(re.sub(r"(# +define OPV_KEEP\(label\)) .*", r'\1 ""', text))
    outcome = build_and_look(Row("gcc", QUICK[0].options), tmp_path, tmp_path)
    assert "pointer array" in outcome.trouble


def test_without_the_group_a_discarded_function_leaves_its_tables(
    look: Look, headers: Path, tmp_path: Path
) -> None:
    """The "?" of a table joins an inline function's group; without it the link fails or keeps more."""
    need("g++")
    for name in ("counter.h", "list.h", "results.h"):
        (tmp_path / name).write_text((headers / name).read_text().replace('\\"aw?\\"', '\\"aw\\"'))
    outcome = build_and_look(Row("g++", ("-O0",)), tmp_path, tmp_path)
    whole = look(Row("g++", ("-O0",)))
    assert outcome.trouble or outcome.sections > whole.sections


LIBRARY = """
#include "counter.h"
static struct counter memory;
__attribute__((constructor)) static void start(void) { counter_create(&memory); }
int add(long n) { return counter_bump_here(&memory, n); }
"""
LOADER = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <sched.h>
#include <stdio.h>
#include "counter.h"
int main(int count, char **words)
{
    int round;
    (void)count;
    for (round = 0; round < 200; round++) {
        void *library = dlopen(words[1], RTLD_NOW);
        int (*add)(long);
        int i;
        if (!library)
            return 2;
        *(void **)&add = dlsym(library, "add");
        for (i = 0; i < 100; i++)
            if (add(i) != 0)
                return 3;
        LEAVE;
        dlclose(library);
        sched_yield();
    }
    puts("closed");
    return 0;
}
"""


def test_a_library_can_be_closed_after_its_sections_are_left(headers: Path, tmp_path: Path) -> None:
    """dlclose after opv_leave() in each thread: no stale descriptor is left for the kernel to read."""
    need("gcc")
    (tmp_path / "library.c").write_text(LIBRARY)
    (tmp_path / "loader.c").write_text(LOADER.replace("LEAVE", "opv_leave()"))
    options = ("-O2", f"-I{headers}")
    library, loader = tmp_path / "library.so", tmp_path / "loader"
    command = ("gcc", *options, "-fPIC", "-shared", tmp_path / "library.c", "-o", library)
    assert run(*command).returncode == 0
    assert run("gcc", *options, tmp_path / "loader.c", "-o", loader, "-ldl").returncode == 0
    done = run(loader, library)
    assert (done.returncode, done.stdout) == (0, "closed\n"), done.stderr
    with open_elf(str(library)) as file:
        assert find_descriptors(file).pointers


def test_perf_and_debuggers_read_names(headers: Path, tmp_path: Path) -> None:
    """The abort code of each section has a symbol with the vector's name, the rare path a function."""
    need("gcc", "nm")
    target = tmp_path / "program"
    source = Path(__file__).parent / "link" / "main.c"
    assert run("gcc", "-O2", f"-I{headers}", source, "-o", target).returncode == 0
    names = run("nm", target).stdout
    assert re.search(r" t counter_bump_here\.abort\.\d+\n", names)
    assert re.search(r" t list_push_slow", names)
