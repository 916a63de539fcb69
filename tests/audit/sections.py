"""One section in assembly, whose parts a test replaces; assembled and linked on this machine."""

from __future__ import annotations

import platform
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from opvasm.audit.audit import FileAudit, audit_file
from opvasm.elf.file import open_elf
from tests.command import run_here

# The area is in rdi, the CPU that is expected in esi, a value in rdx, where it goes in rcx.
X86 = {
    "before": "lea cs(%rip), %rax\n mov %rax, 8(%rdi)",
    "body": "cmp %esi, 4(%rdi)\n jne out\n mov %rdx, (%rcx)",
    "handler": "ret\n.byte 0x0f, 0xb9, 0x3d\n .long 0x53053053\nabort: mov $1, %eax\n ret",
    "after": "ret",
    "out": "mov $2, %eax\n ret",
    "version": "0",
    "flags": "0",
    "start": "start",
    "length": "end - start",
    "abort": "abort",
    "more": "",
    "code": ".text",
    "name": "f",
}
# The same: the area in x0, the CPU in w1, a value in x2, where it goes in x3.
ARM = X86 | {
    "before": "adrp x9, cs\n add x9, x9, :lo12:cs\n str x9, [x0, #8]",
    "body": "ldr w10, [x0, #4]\n cmp w10, w1\n b.ne out\n str x2, [x3]",
    "handler": "ret\n .inst 0xd428bc00\nabort: mov w0, #1\n ret",
    "out": "mov w0, #2\n ret",
}
TEXT = """
    .section {code}, "ax"
    .globl {name}
    .hidden {name}
    .type {name}, %function
{name}:
    .cfi_startproc
    {before}
start:
    {body}
end:
    {after}
    {handler}
out:
    {out}
    .cfi_endproc
    .size {name}, .-{name}
    .section __rseq_cs, "aw"
    .balign 32
cs: .long {version}, {flags}
    .quad {start}, {length}, {abort}
    {more}
"""
TOOLS = {"x86-64": "gcc", "aarch64": "aarch64-linux-gnu-gcc"}


def _need(machine: str) -> None:
    pytest.importorskip("capstone")
    tool = TOOLS[machine]
    other = machine == "x86-64" and platform.machine() != "x86_64"
    if shutil.which(tool) is None or other:
        pytest.skip(f"{tool} for {machine} is not installed")


def linked(folder: Path, machine: str = "x86-64", **parts: str) -> Path:
    """A shared library with one section, parts of which are replaced; skips without the tools."""
    _need(machine)
    tool = TOOLS[machine]
    return _link(folder, tool, section_source(machine, **parts))


def linked_bodies(folder: Path, machine: str, bodies: list[str]) -> Path:
    """A shared library with one section for each of these bodies, in their order."""
    texts = []
    for number, body in enumerate(bodies):
        text = section_source(machine, body=body)
        texts.append(re.sub(r"\b(f|start|end|abort|out|cs)\b", rf"\1_{number}", text))
    _need(machine)
    return _link(folder, TOOLS[machine], "\n".join(texts))


def section_source(machine: str, **parts: str) -> str:
    """The assembly of one section, parts of which are replaced."""
    return TEXT.format(**{**(X86 if machine == "x86-64" else ARM), **parts})


def _link(folder: Path, tool: str, text: str) -> Path:
    (folder / "code.s").write_text(text)
    out = folder / "code.so"
    command = [tool, "-shared", "-nostdlib", "-o", str(out), str(folder / "code.s")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return out


def audited(folder: Path, machine: str = "x86-64", **parts: str) -> FileAudit:
    """The audit of such a library."""
    with open_elf(str(linked(folder, machine, **parts))) as file:
        return audit_file(file)


def codes(audit: FileAudit) -> dict[str, str]:
    """The findings' codes with their levels."""
    return {each.code: each.level for one in audit.sections for each in one.findings}


def opvasm(*words: str | Path) -> tuple[int, str, str]:
    """Exit code, output and messages of a command, run in this process."""
    ran = run_here(*words)
    assert "fault of opvasm" not in ran.errors
    return ran
