"""A field of struct rseq that the program chooses as it runs: an id where it is one, else memory."""

from __future__ import annotations

from pathlib import Path

import pytest

from opvasm.audit.audit import audit_file
from opvasm.audit.lifting import document, lift_audit
from opvasm.elf.file import open_elf
from tests.audit.sections import linked
from tests.lift.oracle import compare

# The offset is loaded and made one of 0, 4 … 28, of which four are ids.
BODIES = {
    ("x86-64", "movswq"): "mov (%r8), %rdx\n and $0x1c, %rdx\n movswq (%rdi, %rdx), %rdx\n"
    "cmp %rsi, %rdx\n jae out\n mov %rdx, (%rcx)",
    ("x86-64", "mov"): "mov (%r8), %rdx\n and $0x1c, %rdx\n mov (%rdi, %rdx), %edx\n"
    "cmp %rsi, %rdx\n ja out\n mov %rdx, (%rcx)",
    ("x86-64", "scaled"): "mov (%r8), %rdx\n and $7, %rdx\n movzwl (%rdi, %rdx, 4), %edx\n"
    "mov %rdx, (%rcx)",
    ("aarch64", "ldrsh"): "ldr x10, [x4]\n and x10, x10, #0x1c\n ldrsh x10, [x0, x10]\n"
    "cmp x10, x1\n b.hs out\n str x10, [x3]",
}


@pytest.mark.parametrize(("machine", "kind"), BODIES)
def test_an_id_by_an_offset(machine: str, kind: str, tmp_path: Path) -> None:
    """It is lifted, its text is read back, and the code does the same under unicorn."""
    pytest.importorskip("unicorn")
    import opvasm

    with open_elf(str(linked(tmp_path, machine, body=BODIES[machine, kind]))) as file:
        audit = audit_file(file)
        (text,) = lift_audit(audit)
        assert text.reason == ""
        (section,) = audit.sections
        program = opvasm.assemble(opvasm.SourceFile("s.opv", document(audit, [text]))).program
        assert len(program.sections) == 1
        assert "cpu_id" in text.text
        assert compare(section.subject, 60)[0] == 60


def test_what_is_written_there_is_no_guess(tmp_path: Path) -> None:
    """A store by an index into struct rseq, and a read of eight bytes, are not lifted."""
    for body in (
        "mov (%r8), %rdx\n mov %rsi, (%rdi, %rdx)",
        "mov (%r8), %rdx\n mov (%rdi, %rdx), %rdx\n mov %rdx, (%rcx)",
    ):
        with open_elf(str(linked(tmp_path, body=body))) as file:
            (text,) = lift_audit(audit_file(file))
        assert "an index leads to some place in or near struct rseq" in text.reason
