"""Sections as C programs have them: found, checked, lifted, and the same under unicorn."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from opvasm.audit.audit import audit_file
from opvasm.audit.lifting import document, lift_audit
from opvasm.elf.file import open_elf
from tests.lift.oracle import compare
from tests.lift.vex import VexMachine

SOURCE = Path(__file__).with_name("corpus.c")
COMPILERS = {
    "gcc x86-64": ["gcc"],
    "clang x86-64": ["clang", "--target=x86_64-linux-gnu"],
    "gcc aarch64": ["aarch64-linux-gnu-gcc"],
    "clang aarch64": ["clang", "--target=aarch64-linux-gnu", "-fuse-ld=lld"],
}


def library(folder: Path, compiler: str, level: str) -> Path:
    """The corpus as a shared library; skips where the compiler is missing."""
    pytest.importorskip("capstone")
    command = COMPILERS[compiler]
    wanted = [command[0], "ld.lld"] if "-fuse-ld=lld" in command else [command[0]]
    for tool in wanted:
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not installed")
    out = folder / "corpus.so"
    options = [level, "-w", "-shared", "-fPIC", "-fomit-frame-pointer", "-nostdlib"]
    done = subprocess.run(
        [*command, *options, "-o", str(out), str(SOURCE)], capture_output=True, text=True
    )
    if done.returncode and command[0] == "gcc":
        pytest.skip(f"this gcc makes no such code: {done.stderr[:100]}")
    assert done.returncode == 0, done.stderr
    return out


@pytest.mark.parametrize("level", ["-O0", "-O2"])
@pytest.mark.parametrize("compiler", COMPILERS)
def test_the_corpus(compiler: str, level: str, tmp_path: Path) -> None:
    """All 16 sections are found and lifted, none breaks a rule, and each does what its code does.

    What the code does say unicorn and VEX.
    """
    pytest.importorskip("unicorn")
    import opvasm

    with open_elf(str(library(tmp_path, compiler, level))) as file:
        audit = audit_file(file)
        assert len(audit.sections) == 16
        worse = [
            finding
            for each in audit.sections
            for finding in each.findings
            if finding.level != "note"
        ]
        assert worse == []
        texts = lift_audit(audit)
        assert [each.reason for each in texts if each.lifted is None] == []
        text = document(audit, texts)
        program = opvasm.assemble(opvasm.SourceFile("corpus.opv", text)).program
        assert len(program.sections) == 16
        vex = VexMachine(audit.machine)
        ran = committed = 0
        for each in audit.sections:
            assert compare(each.subject, 4, machine=vex)[0] == 4
            counts = compare(each.subject, 8)
            ran += counts[0]
            committed += counts[1]
        assert ran == 16 * 8
        assert committed >= 0.3 * ran


@pytest.mark.parametrize("level", ["-O0", "-O2"])
@pytest.mark.parametrize("compiler", ["gcc x86-64", "gcc aarch64"])
def test_exact_vectors(compiler: str, level: str, tmp_path: Path) -> None:
    """Ten of the sixteen are vectors, and the lifted file has them beside the sections.

    At -O0 gcc makes the area's address twice for aarch64, in a register for each use.
    """
    import opvasm

    with open_elf(str(library(tmp_path, compiler, level))) as file:
        audit = audit_file(file)
        text = document(audit, lift_audit(audit))
    program = opvasm.assemble(opvasm.SourceFile("corpus.opv", text)).program
    shapes = ("store", "add", "store_two", "store_two_release", "compare_two")
    wanted = {f"{kind}_{shape}_vector" for kind in ("cpu", "cid") for shape in shapes}
    assert set(program.vectors) == wanted
    pair = program.vectors["cpu_compare_two_vector"]
    assert [each.operation.mnemonic for each in pair.instructions if each.operation] == [
        *("cmpeq", "cmpeq"),
        "memcpy",
    ]
