"""Sections of the same instructions are lifted once, and each is what it would be alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from opvasm.audit.audit import audit_file
from opvasm.audit.lifted_subject import lift_subject
from opvasm.elf.file import open_elf
from opvasm.lift.alike import Lifter
from opvasm.lift.state import Area
from tests.audit.sections import linked_bodies

LOOP = "1: mov (%r8), %rax\n dec %rdx\n jne 1b\n cmp %rax, %rdx\n jne out\n"
BODIES = {
    "x86-64": [
        "cmp %esi, 4(%rdi)\n jne out\n mov %rdx, (%rcx)",
        "cmp %esi, 4(%rdi)\n je out\n mov %rdx, (%rcx)",
        "cmp %esi, 4(%rdi)\n jne out\n mov %rdx, 8(%rcx)",
        "mov cs(%rip), %rax\n cmp %rax, %rdx\n jne out\n mov %rdx, (%rcx)",
        f"{LOOP} mov %rdx, (%rcx)",
        # What stands before, the descriptor's address in rax, is no more of the section's business.
        "mov (%rdx), %rax\n test %rax, %rax\n je end\n mov %rax, (%rcx)",
        # Here it is: rax is read first.
        "mov %rax, %rdx\n mov %rdx, (%rcx)",
    ],
    "aarch64": [
        "ldr w10, [x0, #4]\n cmp w10, w1\n b.ne out\n str x2, [x3]",
        "ldr w10, [x0, #4]\n cbz w10, out\n str x2, [x3]",
        "ldr w10, [x0, #4]\n cbz w10, end\n str x2, [x3]",
        "1: ldr x10, [x4]\n sub x2, x2, #1\n cbnz x2, 1b\n str x10, [x3]",
        "movk x9, #1, lsl #48\n str x9, [x3]",
    ],
}


@pytest.mark.parametrize("machine", BODIES)
def test_equal_sections(machine: str, tmp_path: Path) -> None:
    """Three of each kind: every one is what it is when it is lifted by itself, with its own addresses."""
    bodies = BODIES[machine]
    with open_elf(str(linked_bodies(tmp_path, machine, bodies * 3))) as file:
        subjects = [each.subject for each in audit_file(file).sections]
        assert len(subjects) == 3 * len(bodies)
        lifter = Lifter()
        firsts = []
        for subject in subjects:
            shared, first = lift_subject(subject, lifter)
            alone, _ = lift_subject(subject, Lifter())
            assert shared == alone
            assert list(shared.exits) == list(alone.exits)
            firsts.append(id(first))
        count = len(set(firsts[: len(bodies)]))
        assert count == len(bodies)
        # Of those that use an address of their own none is like another.
        own = {"x86-64": 2, "aarch64": 1}[machine]
        assert len(set(firsts)) == count + 2 * own


def test_another_area_is_another_section(tmp_path: Path) -> None:
    """The same instructions with struct rseq elsewhere read memory, not the CPU's number."""
    body = BODIES["x86-64"][0]
    with open_elf(str(linked_bodies(tmp_path, "x86-64", [body]))) as file:
        (section,) = audit_file(file).sections
        subject = section.subject
        lead = subject.lead
        assert lead is not None
        lifter = Lifter()
        texts = [
            lifter.lift("x86-64", subject.codes, subject.end, Area(lead.codes, lead.area.plus(by)))
            for by in (0, 256, 0)
        ]
        assert texts[0].lifted == texts[2].lifted
        assert texts[0].lifted.section.body != texts[1].lifted.section.body
