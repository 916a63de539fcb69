"""A compare with the CPU that is the wrong way round, or without effect: by a rule, and by exploring.

The rule reads the lifted section; the explorer, which judges beside it, runs it and knows no rule.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from opvasm import SourceFile, assemble, explore
from opvasm.audit.audit import audit_file
from opvasm.audit.lifting import document, lift_audit
from opvasm.codes import audit as code
from opvasm.elf.file import open_elf
from opvasm.explorer_reports.audit_html import AuditPage
from tests.audit.sections import linked_bodies

WRONG, UNUSED, FAILS, HOLDS = code.CPU_WRONG_WAY, code.CPU_UNUSED, "fails", "holds"
COUNT = "mov (%rcx), %rax\n inc %rax\n mov %rax, (%rcx)"
STORE = "mov %rdx, (%rcx)"
PUSH = "cmp %r8, (%rcx)\n jne out\n mov %r8, (%r9)\n mov %r9, (%rcx)"
ARM_COUNT = "ldr x11, [x3]\n add x11, x11, #1\n str x11, [x3]"
ARM_STORE = "str x2, [x3]"
ARM_HEAD = "ldr w10, [x0, #4]\n ldr x11, [x3]\n cmp x11, x4"

# A body; the finding above a note, and the instruction that it names; what exploring it says with the
# peer `moved` ("" where that was not asked, None where there is no such scenario).
Row = tuple[str, str, str, str | None]
ROWS: dict[str, list[Row]] = {
    "x86-64": [
        # right
        (f"cmp %esi, 4(%rdi)\n jne out\n {COUNT}", "", "", HOLDS),
        (f"cmp %esi, 4(%rdi)\n je 1f\n jmp out\n1: {PUSH}", "", "", ""),
        (f"mov 4(%rdi), %eax\n xor %esi, %eax\n jnz out\n {STORE}", "", "", ""),
        (f"cmp %esi, 4(%rdi)\n jne out\n cmp %esi, 4(%rdi)\n jne out\n {STORE}", "", "", ""),
        (f"mov (%rdi), %eax\n cmp %esi, %eax\n jne out\n cmp 4(%rdi), %eax\n jne out\n {COUNT}", "", "", HOLDS),
        # the wrong way round
        (f"cmp %esi, 4(%rdi)\n je out\n {COUNT}", WRONG, "je", ""),
        (f"cmp %esi, 24(%rdi)\n je out\n {PUSH}", WRONG, "je", FAILS),
        (f"mov 4(%rdi), %eax\n cmp (%r8), %eax\n je out\n {STORE}", WRONG, "je", ""),
        (f"mov 4(%rdi), %eax\n cmp %rax, %rsi\n jne 1f\n jmp out\n1: {STORE}", WRONG, "jne", FAILS),
        (f"mov 4(%rdi), %eax\n xor %esi, %eax\n jz out\n {STORE}", WRONG, "je", ""),
        (f"mov 4(%rdi), %eax\n sub %esi, %eax\n test %eax, %eax\n jz out\n {STORE}", WRONG, "je", ""),
        (f"mov 4(%rdi), %eax\n cmp %eax, %esi\n sete %al\n test %al, %al\n jnz out\n {STORE}", WRONG, "jne", ""),
        (f"1: cmp %esi, 4(%rdi)\n je out\n dec %edx\n jnz 1b\n {STORE}", WRONG, "je", ""),
        # compared for nothing
        (f"cmp %esi, 4(%rdi)\n {COUNT}", UNUSED, "cmp", FAILS),
        (f"cmp %esi, 4(%rdi)\n jne 1f\n1: {PUSH}", UNUSED, "jne", ""),
        (f"mov 4(%rdi), %eax\n cmp %eax, %esi\n {STORE}", UNUSED, "cmp", ""),
        # nothing is said: the id is an index, is stored, is compared with a number that is no CPU's or
        # with what the section writes; the commit is one step for every CPU; it is left for a third time
        ("mov 4(%rdi), %eax\n cmp %eax, %esi\n mov (%r8,%rax,8), %r9\n mov %r9, (%rcx)", "", "", None),
        ("mov 4(%rdi), %eax\n cmp %eax, %esi\n mov $0, %r9d\n cmove %rdx, %r9\n mov %r9, (%rcx)", "", "", None),
        (f"cmpl $-1, 4(%rdi)\n je out\n {STORE}", "", "", ""),
        ("mov 4(%rdi), %eax\n cmp (%rcx), %eax\n je out\n mov %esi, (%rcx)", "", "", ""),
        (f"mov 4(%rdi), %eax\n cmp (%rdi), %eax\n je out\n {STORE}", "", "", ""),
        ("cmp %esi, 4(%rdi)\n je out\n lock xadd %rdx, (%rcx)", "", "", ""),
        (f"cmp %esi, 4(%rdi)\n je 1f\n mov %rdx, (%r8)\n1: {STORE}", "", "", ""),
    ],
    "aarch64": [
        (f"ldr w10, [x0, #4]\n sub w10, w10, w1\n cbnz w10, out\n {ARM_COUNT}", "", "", ""),
        (f"{ARM_HEAD}\n ccmp w10, w1, #0, eq\n b.ne out\n {ARM_STORE}", "", "", HOLDS),
        (f"ldr w10, [x0, #4]\n sub w10, w10, w1\n cbz w10, out\n {ARM_COUNT}", WRONG, "cbz", FAILS),
        (f"ldr w10, [x0, #4]\n cmp w10, w1\n b.eq out\n {ARM_STORE}", WRONG, "b.eq", ""),
        (f"ldr w10, [x0, #4]\n eor w10, w10, w1\n cbz w10, out\n {ARM_STORE}", WRONG, "cbz", ""),
        (f"{ARM_HEAD}\n ccmp w10, w1, #4, eq\n b.eq out\n {ARM_STORE}", WRONG, "b.eq", ""),
        (f"ldr w10, [x0, #4]\n cmp w10, w1\n cset w5, eq\n cbnz w5, out\n {ARM_STORE}", WRONG, "cbnz", ""),
        (f"ldp w9, w10, [x0]\n cmp w10, w1\n b.eq out\n {ARM_COUNT}", WRONG, "b.eq", FAILS),
        (f"ldr w10, [x0, #4]\n cmp w10, w1\n {ARM_COUNT}", UNUSED, "cmp", ""),
        ("ldr w10, [x0, #4]\n cmp w10, w1\n csel x5, x2, x4, eq\n str x5, [x3]", "", "", None),
    ],
}  # fmt: skip


@pytest.mark.parametrize("machine", ROWS)
def test_each_way_to_compare(machine: str, tmp_path: Path) -> None:
    """Each body has its finding at its instruction or none, and threads that are moved say the same."""
    rows = ROWS[machine]
    with open_elf(str(linked_bodies(tmp_path, machine, [each[0] for each in rows]))) as file:
        audit = audit_file(file)
        for section, (body, finding, mnemonic, verdict) in zip(audit.sections, rows, strict=True):
            found = {
                each.code: each.instruction.split()[0]
                for each in section.findings
                if each.level != "note"
            }
            assert found == ({finding: mnemonic} if finding else {}), body
            if verdict == "":
                continue
            texts = lift_audit(audit, [hex(section.subject.start)])
            text = document(audit, texts, ("moved",))
            assert ("scenario " in text) == (verdict is not None), text
            if verdict is not None:
                (report,) = explore(assemble(SourceFile("moved.opv", text)))
                (explored,) = report.runs
                assert explored.verdict == verdict, text


def test_a_page_says_why_nothing_was_explored(tmp_path: Path) -> None:
    """Where the peer has nothing to do the page says that, and not that no start was found."""
    body = "mov 4(%rdi), %eax\n mov (%r8,%rax,8), %r9\n mov %r9, (%rcx)"
    page = AuditPage(("moved",))
    with open_elf(str(linked_bodies(tmp_path, "x86-64", [body]))) as file:
        page.add(audit_file(file), file)
    text = page.text()
    assert "No moved for f_0: the id that it reads is a part of an address" in text
    assert "No start was found" not in text


def test_what_the_finding_says(tmp_path: Path) -> None:
    """It names both ways of the branch, the commit, and the instruction to take instead."""
    body = f"cmp %esi, 4(%rdi)\n je out\n {STORE}"
    with open_elf(str(linked_bodies(tmp_path, "x86-64", [body]))) as file:
        (section,) = audit_file(file).sections
        subject = section.subject
        (finding,) = [each for each in section.findings if each.code == WRONG]
    _, branch, commit = subject.codes
    assert branch.target is not None
    assert (
        f"leads to {subject.function_at(branch.target)} and never to the commit" in finding.message
    )
    assert f"to {subject.function_at(commit.address)} and on to it" in finding.message
    assert "(`jne` in place of `je`)" in finding.help
    assert "--peer moved" in finding.help
