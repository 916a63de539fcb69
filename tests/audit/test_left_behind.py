"""Sections of functions that llvm-bolt has moved."""

from __future__ import annotations

import platform
import shutil
import subprocess
from pathlib import Path

import pytest

from opvasm.audit.audit import audit_file
from opvasm.audit.outcomes import Outcome
from opvasm.codes import audit as code
from opvasm.elf.file import open_elf
from tests.audit.sections import audited, codes

OLD = ".bolt.org.text"
# The function as it is after it was moved: it stores the same descriptor, and goes on where it is now.
MOVED = {
    "x86-64": ".text\nmoved: lea cs(%rip), %r10\n mov %r10, 8(%rdi)\n mov %rdx, (%rcx)\n ret",
    "aarch64": ".text\nmoved: adrp x9, cs\n mov x5, x6\n add x9, x9, :lo12:cs\n str x9, [x0, #8]\n"
    " str x2, [x3]\n ret",
}


@pytest.mark.parametrize("machine", MOVED)
def test_code_that_was_moved_out_of_its_section_is_unprotected(
    tmp_path: Path, machine: str
) -> None:
    """Where the code that stores a descriptor is elsewhere now, every kernel leaves it alone."""
    found = audited(tmp_path, machine, code=OLD, more=MOVED[machine])
    assert codes(found) == {code.LEFT_BEHIND: "error"}
    (shape,) = found.shapes
    assert {outcome for _, outcome in shape.matrix} == {Outcome.UNPROTECTED}
    (finding,) = shape.sections[0].findings
    assert "moved" in finding.message


@pytest.mark.parametrize("machine", MOVED)
def test_a_function_that_stayed_where_it_was_is_left_alone(tmp_path: Path, machine: str) -> None:
    """llvm-bolt keeps what it does not rewrite in the same place: such a section is right."""
    assert not codes(audited(tmp_path, machine, code=OLD))


@pytest.mark.parametrize("machine", MOVED)
def test_two_functions_with_one_descriptor_are_no_rewriting(tmp_path: Path, machine: str) -> None:
    """A descriptor that other code stores, too, is no sign of it in a program that was not rewritten."""
    assert not codes(audited(tmp_path, machine, more=MOVED[machine]))


PROGRAM = """
__attribute__((noinline)) int add(unsigned long *area, long *place)
{
	__asm__ goto(".pushsection __rseq_cs, \\"aw\\"\\n.balign 32\\n3: .long 0, 0\\n.quad 1f, 2f - 1f, 4f\\n"
		".popsection\\n lea 3b(%%rip), %%rax\\n mov %%rax, 8(%[area])\\n1: incq (%[place])\\n2:\\n"
		".pushsection __rseq_failure, \\"ax\\"\\n.byte 0x0f, 0xb9, 0x3d\\n.long 0x53053053\\n"
		"4: jmp %l[aborted]\\n.popsection"
		: : [area] "r"(area), [place] "r"(place) : "rax", "memory", "cc" : aborted);
	return 1;
aborted:
	return 0;
}
int main(void) { static unsigned long area[4]; static long count; return !add(area, &count); }
"""


@pytest.mark.parametrize("kind", ["-pie", "-no-pie"])
def test_llvm_bolt_itself(tmp_path: Path, kind: str) -> None:
    """What the real tool makes of a program with a section is not called fine."""
    bolt, gcc = shutil.which("llvm-bolt-16"), shutil.which("gcc")
    if platform.machine() != "x86_64":
        pytest.skip("the program is for x86-64")
    if bolt is None:
        pytest.skip("llvm-bolt-16 is not installed")
    if gcc is None:
        pytest.skip("gcc is not installed")
    source, before, after = tmp_path / "section.c", tmp_path / "before", tmp_path / "after"
    source.write_text(PROGRAM)
    build = [gcc, "-O2", f"-f{kind[1:]}", kind, "-Wl,--emit-relocs", str(source), "-o", str(before)]
    for command in (build, [bolt, str(before), "-o", str(after)]):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    with open_elf(str(before)) as file:
        assert not {code.LEFT_BEHIND, code.SIGNATURE} & set(codes(audit_file(file)))
    with open_elf(str(after)) as file:
        found = set(codes(audit_file(file)))
    assert (code.LEFT_BEHIND if kind == "-pie" else code.SIGNATURE) in found
