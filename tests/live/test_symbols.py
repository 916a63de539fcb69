"""Addresses have the program's names in traces, however it was linked."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from opvasm.cli.main import main

from .conftest import PROGRAMS, Build, Opvasm

OWN = ["add.u64 of_cpu+256, 1", "add.u64 of_thread+16, 1"]
LIBRARY = ["add.u64 library_word, 1", "add.u64 library_zeros+400, 1"]
UNNAMED = r"@0x[0-9a-f]+"


@pytest.mark.parametrize("options", ["-pie -fpie", "-no-pie", "-static", "-static-pie", "-s"])
def test_each_kind_of_variable(options: str, build: Build, opvasm: Opvasm, tmp_path: Path) -> None:
    """Arrays, a thread's own, a library's, static ones; heap and stack by address; what was saved
    assembles and repeats."""
    build("placement", 335)
    source, library, program = PROGRAMS / "names.c", tmp_path / "libnames.so", tmp_path / "names"
    words = ["gcc", "-O1", "-pthread", *options.split(), "-o", str(program), str(source)]
    if "-static" in options:
        part = tmp_path / "library.o"
        make = ["gcc", "-O1", "-c", "-DLIBRARY", "-o", str(part), str(source)]
    else:
        part = library
        make = ["gcc", "-O1", "-shared", "-fPIC", "-DLIBRARY", "-o", str(part), str(source)]
    for command in (make, [*words, str(part)]):
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            pytest.skip(f"{' '.join(command)} does not work here: {done.stderr[-200:]}")
    trace, saved = tmp_path / "trace", tmp_path / "saved"
    run = opvasm("exec", "--trace", "-o", str(trace), "--save", str(saved), "--", str(program))
    assert run.returncode == 0, run.stderr
    ops = re.findall(r"cpu_opv\((.*)\) on CPU", trace.read_text())
    if options == "-s":  # its dynamic symbols are left, and the library's
        own, inside = [rf"add\.u64 {UNNAMED}, 1"] * 2, UNNAMED
    else:
        own, inside = [re.escape(each) for each in OWN], r"inside\.0"
    expected = [
        *own,
        *map(re.escape, LIBRARY),
        rf"add\.u64 {UNNAMED}, 1",
        rf"memcpy\.u64 {UNNAMED}, {inside}",
    ]
    assert len(ops) == len(expected)
    for found, pattern in zip(ops, expected, strict=True):
        assert re.fullmatch(pattern, found), (found, pattern)
    assert main(["test", str(saved)]) == 0
