"""Programs with restartable sections, in assembly, for every architecture that can be built here."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

# What differs: the triple, a word of an address, how the signature is written, nops of one size.
TARGETS = {
    "x86-64": ("x86_64-linux-gnu", ".quad {}", ".long 0x53053053", ".byte 0x90", 1),
    "i386": ("i386-linux-gnu", ".long {}, 0", ".long 0x53053053", ".byte 0x90", 1),
    "aarch64": ("aarch64-linux-gnu", ".quad {}", ".inst 0xd428bc00", "nop", 4),
    "aarch64_be": ("aarch64_be-linux-gnu", ".quad {}", ".inst 0xd428bc00", "nop", 4),
    "arm": ("armv7-linux-gnueabihf", ".long {}, 0", ".inst 0xe7f5def3", "nop", 4),
    "mips": ("mips-linux-gnu", ".long 0, {}", ".long 0x0350000d", "nop", 4),
    "mipsel": ("mipsel-linux-gnu", ".long {}, 0", ".long 0x0350000d", "nop", 4),
    "mips64": ("mips64-linux-gnuabi64", ".quad {}", ".long 0x0350000d", "nop", 4),
    "mips64el": ("mips64el-linux-gnuabi64", ".quad {}", ".long 0x0350000d", "nop", 4),
    "powerpc": ("powerpc-linux-gnu", ".long 0, {}", ".long 0x0fe5000b", "nop", 4),
    "powerpc64": ("powerpc64-linux-gnu", ".quad {}", ".long 0x0fe5000b", "nop", 4),
    "powerpc64le": ("powerpc64le-linux-gnu", ".quad {}", ".long 0x0fe5000b", "nop", 4),
    "s390": ("s390x-linux-gnu", ".quad {}", ".long 0xb2ff0fff", "nopr %r7", 2),
    "riscv": ("riscv64-linux-gnu", ".quad {}", ".long 0xf1401073", ".long 0x00000013", 4),
}


def sections_in_assembly(target: str, count: int = 3) -> str:
    """``count`` sections of 1, 2, … nops each, with an abort handler and a pointer to each."""
    _, word, signature, nop, _ = TARGETS[target]
    lines = [".text", ".globl code", ".type code, %function", "code:"]
    for index in range(count):
        lines += [f"start{index}:", *[nop] * (index + 1), f"end{index}:"]
        lines += [signature, f"abort{index}:", nop]
        lines += ['.section __rseq_cs, "aw"', ".balign 32", f"cs{index}: .long 0, 0"]
        lines += [word.format(each) for each in (f"start{index}", _length(word, index))]
        lines += [word.format(f"abort{index}")]
        lines += ['.section __rseq_cs_ptr_array, "aw"', word.format(f"cs{index}")]
        lines += ['.section __rseq_exit_point_array, "aw"']
        lines += [word.format(f"start{index}"), word.format(f"abort{index}"), ".text"]
    return "\n".join([*lines, ".size code, .-code", ""])


def _length(word: str, index: int) -> str:
    return f"end{index}-start{index}"


def build(target: str, folder: Path, linked: bool, *options: str) -> Path:
    """The assembled object, or the shared library linked from it; skips where a tool is missing."""
    triple = TARGETS[target][0]
    tools = ["llvm-mc", "ld.lld"] if linked else ["llvm-mc"]
    for tool in tools:
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not installed")
    source = folder / "code.s"
    source.write_text(sections_in_assembly(target))
    object_file = folder / "code.o"
    command = ["llvm-mc", f"-triple={triple}", "-filetype=obj", "-o", str(object_file)]
    _run([*command, str(source)])
    if not linked:
        return object_file
    library = folder / "code.so"
    # Text relocations are not what is tested: lld refuses them only where a section is read-only.
    _run(["ld.lld", "-shared", *options, "-o", str(library), str(object_file)])
    return library


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, f"{command}\n{done.stderr}"
