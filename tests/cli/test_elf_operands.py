"""Arrays of ops in linked programs: operands are names, whoever linked them; nothing false is found."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from opvasm.cli.main import main

STRUCT = """
#include <stdint.h>
struct cpu_op {
    int32_t op;
    uint32_t len;
    union {
        struct { uint64_t dst, src; uint8_t expect_fault_dst, expect_fault_src; } memcpy_op;
        struct { uint64_t p; int64_t count; uint8_t expect_fault_p; } arithmetic_op;
        char padding[24];
    } u;
};
"""
PUSH = """
static uint64_t head, next_node;
uint64_t shown;
const struct cpu_op push_ops[2] = {
    { 2, 8, { .memcpy_op = { (uint64_t)&next_node, (uint64_t)&head } } },
    { 3, 8, { .arithmetic_op = { (uint64_t)&shown, 1 } } },
};
int main(void) { return push_ops[head].op == 7; }
"""
WAYS = {
    "pie": ["gcc", "-pie", "-fPIE"],
    "lld": ["gcc", "-pie", "-fPIE", "-fuse-ld=lld"],
    "lld-relr": ["gcc", "-pie", "-fPIE", "-fuse-ld=lld", "-Wl,--pack-dyn-relocs=relr"],
    "no-pie": ["gcc", "-no-pie", "-fno-PIE"],
    "shared": ["gcc", "-shared", "-fPIC"],
    "object": ["gcc", "-c"],
    "aarch64": ["aarch64-linux-gnu-gcc", "-pie", "-fPIE"],
    "i386": ["gcc", "-m32", "-shared", "-fPIC", "-w"],
}


def built(folder: Path, text: str, *command: str) -> Path:
    """What a compiler makes of a text; skips where it, or its linker, is not installed."""
    if shutil.which(command[0]) is None:
        pytest.skip(f"{command[0]} is not installed")
    (folder / "v.c").write_text(text)
    words = [*command, "-O1", "-o", str(folder / "v"), str(folder / "v.c")]
    done = subprocess.run(words, capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"{' '.join(command)} does not work here: {done.stderr[-200:]}")
    return folder / "v"


@pytest.mark.parametrize("way", WAYS)
def test_operands_are_names_however_a_program_is_linked(
    way: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The words stand in the file, in .rela.dyn or .rel.dyn, as addresses or as symbols."""
    text = STRUCT + PUSH
    if way == "i386":
        for field in ("dst", "src", "p"):
            text = text.replace(f"uint64_t {field}", f"uint32_t {field}, {field}_padding")
        text = text.replace("dst, src;", "dst, dst_padding, src, src_padding;")
        text = text.replace(
            "(uint64_t)&next_node, (uint64_t)&head", "(uint32_t)&next_node, 0, (uint32_t)&head"
        )
        text = text.replace("(uint64_t)&shown, 1", "(uint32_t)&shown, 0, 1")
    program = built(tmp_path, text, *WAYS[way])
    assert main(["disasm", str(program)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[2:5] == ["shared next_node: u64", "shared head:      u64", "shared shown:     u64"]
    assert [line.split("//")[0].split() for line in lines[-3:-1]] == [
        ["memcpy.u64", "next_node,", "head"],
        ["add.u64", "shown,", "1"],
    ]
    assert main(["verify", str(program)]) == 0
    output = "".join(capsys.readouterr())
    assert "1 vector" in output
    assert "warning" not in output


@pytest.mark.parametrize("options", [(), ("-static",)])
def test_a_program_without_ops_has_none(
    options: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Neither the note of glibc nor the tables of a static program are taken for ops."""
    program = built(
        tmp_path, '#include <stdio.h>\nint main(void) { return puts("x"); }\n', "gcc", *options
    )
    assert main(["disasm", str(program)]) == 2
    assert "has no object that can be an array of struct cpu_op" in capsys.readouterr().err


def test_what_has_restartable_sections_is_for_audit(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A program without ops but with rseq is told what reads it."""
    section = """__asm__(".pushsection __rseq_cs, \\"aw\\"\\n.balign 32\\n.long 0, 0\\n"
        ".quad 1f, 4, 3f\\n.popsection\\n"
        ".text\\n1: nop\\nnop\\nnop\\nnop\\n.long 0x53053053\\n3: nop\\n");
    int main(void) { return 0; }"""
    program = built(tmp_path, section, "gcc")
    assert main(["verify", str(program)]) == 2
    output = "".join(capsys.readouterr())
    assert "it has 1 restartable section (rseq)" in output
    assert "help: opvasm audit" in output


def test_arrays_and_variables_of_one_name_are_told_apart(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two static arrays called ops, asked for or not: the text has ops and ops_2, assembles, and is laid out."""
    part = STRUCT + """
    static uint64_t percpu;
    static const struct cpu_op ops[] = { { 3, 8, { .arithmetic_op = { (uint64_t)&percpu, 1 } } } };
    const void *NAME(void) { return ops; }
    """
    (tmp_path / "part.c").write_text(part)
    for name in ("one", "two"):
        built(tmp_path, part, "gcc", "-c", f"-DNAME={name}").rename(tmp_path / f"{name}.o")
    text = "void *one(void), *two(void); int main(void) { return one() == two(); }"
    program = built(tmp_path, text, "gcc", str(tmp_path / "one.o"), str(tmp_path / "two.o"))
    again = tmp_path / "again.opv"
    assert main(["disasm", str(program)]) == 0
    unasked = capsys.readouterr().out
    assert main(["disasm", str(program), "--symbol", "ops", "-o", str(again)]) == 0
    assert again.read_text() == unasked
    assert "vector ops()" in again.read_text()
    assert "vector ops_2()" in again.read_text()
    assert main(["fmt", "--check", str(again)]) == 0
    capsys.readouterr()
    assert main(["asm", str(again), "--vector", "ops_2", "-f", "hex"]) == 0
    assert capsys.readouterr().out.startswith("03000000 08000000 08")
