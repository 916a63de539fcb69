"""Each rule has a program that breaks it and one that nearly does."""

from __future__ import annotations

from pathlib import Path

import pytest

from opvasm.audit.audit import audit_file
from opvasm.codes import all_codes, audit as code
from opvasm.elf import code_pieces
from opvasm.elf.file import open_elf
from tests.audit.sections import audited, codes, linked

STORE = "mov %rdx, (%rcx)"
ADD_EARLY = f"addq $1, (%r8)\n {STORE}"

# A code, what breaks the rule, and what nearly does: parts of the section on x86-64.
CASES: list[tuple[str, dict[str, str], dict[str, str]]] = [
    (code.DESCRIPTOR, {"version": "1"}, {"version": "0"}),
    (code.DESCRIPTOR, {"flags": "4"}, {"flags": "0"}),
    (
        code.SIGNATURE,
        {"handler": "ret\n .long 0x53053052\nabort: ret"},
        {"handler": "ret\n .long 0x53053053\nabort: ret"},
    ),
    (
        code.ABORT_INSIDE,
        {"body": f"jmp 1f\n.long 0x53053053\nabort: nop\n1: {STORE}", "handler": ""},
        {"after": "jmp 1f\n.long 0x53053053\nabort: nop\n1: ret", "handler": ""},
    ),
    (code.ABORT_NOT_CODE, {"abort": "cs"}, {"abort": "abort"}),
    (code.RANGE, {"length": "0"}, {"length": "end - start"}),
    (code.RANGE, {"length": "-4"}, {"length": "end - start"}),
    (code.RANGE, {"start": "cs"}, {"start": "start"}),
    (
        code.FUNCTION,
        {"after": "ret\n.cfi_endproc\ng: .cfi_startproc", "length": "after_g - start",
         "handler": "nop\nmov %rdx, (%rcx)\nafter_g: ret\n.long 0x53053053\nabort: ret"},
        {"after": "ret\n.cfi_endproc\ng: .cfi_startproc"},
    ),
    (code.DECODE, {"length": "end - start - 1"}, {"length": "end - start"}),
    (code.CALL, {"body": f"call out\n {STORE}"}, {"body": STORE, "after": "call out\n ret"}),
    (code.CALL, {"body": f"push %rdx\n {STORE}"}, {"body": STORE, "after": "push %rdx\n pop %rdx"}),
    (code.CALL, {"body": f"jmp *%rax\n {STORE}"}, {"body": f"jmp 1f\n1: {STORE}"}),
    (
        code.SYSTEM_CALL,
        {"body": f"syscall\n {STORE}"},
        {"body": STORE, "after": "syscall\n ret"},
    ),
    (code.COMMIT, {"body": f"{STORE}\n nop"}, {"body": STORE, "after": "nop\n ret"}),
    (code.COMMIT, {"body": "mov (%rcx), %rdx"}, {"body": "mov %rdx, 8(%rcx)"}),
    (
        code.EXIT_AFTER_STORE,
        {"body": f"mov %rdx, (%r8)\n cmp %esi, 4(%rdi)\n jne out\n {STORE}"},
        {"body": f"cmp %esi, 4(%rdi)\n jne out\n mov %rdx, (%r8)\n {STORE}"},
    ),
    (code.REPEATED_CHANGE, {"body": ADD_EARLY}, {"body": "addq $1, (%r8)"}),
    (
        code.REPEATED_CHANGE,
        {"body": f"mov (%r8), %rax\n inc %rax\n mov %rax, (%r8)\n {STORE}"},
        {"body": f"mov (%r8), %rax\n inc %rax\n mov %rax, (%r9)\n {STORE}"},
    ),
    (
        code.REPEATED_CHANGE,
        {"body": "mov (%rcx), %rax\n mov %r8, (%rcx)\n mov %rax, (%r8)"},
        {"body": "mov (%rcx), %rax\n mov %rax, (%r8)\n mov %r8, (%rcx)"},
    ),
    (
        code.ENTERED,
        {"before": "test %edx, %edx\n je 7f\n lea cs(%rip), %rax\n mov %rax, 8(%rdi)",
         "body": f"cmp %esi, 4(%rdi)\n jne out\n7: {STORE}"},
        {"before": "test %edx, %edx\n je out\n lea cs(%rip), %rax\n mov %rax, 8(%rdi)"},
    ),
    (
        code.AREA_WRITE,
        {"body": f"movl $0, 4(%rdi)\n {STORE}"},
        {"body": f"movq $0, 8(%rdi)\n {STORE}"},
    ),
    (
        code.AREA_WRITE,
        {"before": "lea cs(%rip), %rax\n mov %rax, 8(%rdi)\n movl $7, (%rdi)"},
        {"before": "lea cs(%rip), %rax\n mov %rax, 8(%rdi)\n movl $7, 64(%rdi)"},
    ),
    (code.ID_OVERLAP, {"body": f"mov -4(%rdi), %rax\n {STORE}"}, {"body": f"mov -8(%rdi), %rax\n {STORE}"}),
    (code.EARLY_STORE, {"body": f"mov %rdx, (%r8)\n {STORE}"}, {"body": f"mov %rdx, -8(%rsp)\n {STORE}"}),
    (code.LOOP, {"body": f"1: dec %eax\n jnz 1b\n {STORE}"}, {"body": f"dec %eax\n jnz 1f\n1: {STORE}"}),
    (
        code.EXCHANGE_COMMIT,
        {"body": "lock cmpxchg %rdx, (%rcx)"},
        {"body": "cmp %rdx, (%rcx)\n jne out\n mov %rdx, (%rcx)"},
    ),
    (
        code.READ_BACK,
        {"body": f"mov %rdx, (%r8)\n mov (%r8), %rax\n {STORE}"},
        {"body": f"mov %rdx, (%r8)\n mov 8(%r8), %rax\n {STORE}"},
    ),
    (
        code.EXIT_NOT_LISTED,
        {"more": '.section __rseq_exit_point_array, "aw"\n.quad start, end'},
        {"more": '.section __rseq_exit_point_array, "aw"\n.quad start, out'},
    ),
    (
        code.NOT_LISTED,
        {"more": '.section __rseq_cs_ptr_array, "aw"\n.quad cs + 32\n.section __rseq_cs\n.zero 32'},
        {"more": '.section __rseq_cs_ptr_array, "aw"\n.quad cs'},
    ),
    (
        code.STEPS_FOREVER,
        {"handler": "ret\n .long 0x53053053\nabort: jmp f"},
        {"handler": "ret\n .long 0x53053053\nabort: dec %r9\n jnz f\n ret"},
    ),
    (code.NO_CPU, {"body": STORE}, {"body": f"cmp %esi, 4(%rdi)\n jne out\n {STORE}"}),
    # The upper half of rseq_cs in place of cpu_id; mm_cid, and memory of the thread, say where it runs.
    (
        code.NO_CPU,
        {"body": f"cmp %esi, 12(%rdi)\n jne out\n {STORE}"},
        {"body": f"cmp %esi, 24(%rdi)\n jne out\n {STORE}"},
    ),
    # Perhaps the area's address, from somewhere else.
    (code.NO_CPU, {"body": STORE}, {"body": f"cmp %esi, 4(%r10)\n jne out\n {STORE}"}),
    (code.NO_CPU, {"body": f"mov 16(%rdi), %eax\n {STORE}"}, {"body": f"mov %fs:16, %rax\n {STORE}"}),
    (
        code.CPU_WRONG_WAY,
        {"body": f"cmp %esi, 4(%rdi)\n je out\n {STORE}"},
        {"body": f"cmp %esi, 4(%rdi)\n je 1f\n jmp out\n1: {STORE}"},
    ),
    (
        code.CPU_UNUSED,
        {"body": f"cmp %esi, 4(%rdi)\n jne 1f\n1: {STORE}"},
        {"body": f"cmp %esi, 4(%rdi)\n jne out\n1: {STORE}"},
    ),
]  # fmt: skip


@pytest.mark.parametrize(("name", "broken", "near"), CASES, ids=[case[0] for case in CASES])
def test_a_rule(name: str, broken: dict[str, str], near: dict[str, str], tmp_path: Path) -> None:
    """The program that breaks the rule has the finding at its row's level, the other has it not."""
    found = codes(audited(tmp_path, **broken))
    assert name in found
    if found[name] != "warning":  # a section that stores nothing is a warning of the same rule
        assert found[name] == all_codes()[name].level
    assert name not in codes(audited(tmp_path, **near))


def test_a_correct_section_has_nothing(tmp_path: Path) -> None:
    """The section that the others are made from breaks no rule, on either architecture."""
    for machine in ("x86-64", "aarch64"):
        assert codes(audited(tmp_path, machine)) == {}


ARM_STORE = "str x2, [x3]"
ARM_CASES = [
    (code.CALL, f"bl out\n {ARM_STORE}"),
    (code.CALL, f"stp x2, x4, [sp, #-16]!\n {ARM_STORE}"),
    (code.SYSTEM_CALL, f"svc #0\n {ARM_STORE}"),
    (code.COMMIT, f"{ARM_STORE}\n nop"),
    (code.EXIT_AFTER_STORE, f"str x2, [x4]\n cbz x5, out\n {ARM_STORE}"),
    (code.REPEATED_CHANGE, f"ldr x5, [x4]\n add x5, x5, #1\n str x5, [x4]\n {ARM_STORE}"),
    (code.REPEATED_CHANGE, "ldr x5, [x3]\n str x4, [x3]\n str x5, [x4]"),
    (code.AREA_WRITE, f"str wzr, [x0, #4]\n {ARM_STORE}"),
    (code.ID_OVERLAP, f"ldur x5, [x0, #-4]\n {ARM_STORE}"),
    (code.EARLY_STORE, f"str x2, [x4]\n {ARM_STORE}"),
    (code.LOOP, f"1: subs x5, x5, #1\n b.ne 1b\n {ARM_STORE}"),
    (code.READ_BACK, f"str x2, [x4]\n ldr x5, [x4]\n {ARM_STORE}"),
    (code.NO_CPU, f"ldr w10, [x0, #12]\n cmp w10, w1\n b.ne out\n {ARM_STORE}"),
]


@pytest.mark.parametrize(("name", "body"), ARM_CASES, ids=[case[0] for case in ARM_CASES])
def test_a_rule_on_aarch64(name: str, body: str, tmp_path: Path) -> None:
    """The rules about instructions hold for aarch64 code too."""
    assert name in codes(audited(tmp_path, "aarch64", body=body))


# How compilers find the area in one register for rseq_cs and in another for what a section reads: both
# from the thread pointer, long before, and with a jump on the way.  {} is where the second one points.
APART = {
    "x86-64": {
        "before": "mov %fs:0, %r8\n lea {}(%r8), %r9\n jmp 7f\n nop\n"
        + "6: ret\n7: lea 0x98(%r8), %r10\n"
        + "mov %rsi, %r11\n" * 60
        + "lea cs(%rip), %rax\n mov %rax, 0x10(%r10)",
        "body": "mov 36(%r9), %r11\n bt $63, %r11\n jnc out\n mov %rdx, (%rcx)",
    },
    "aarch64": {
        "before": "mrs x8, tpidr_el0\n movz x9, #0, lsl #16\n movk x9, #{}\n add x9, x8, x9\n"
        + "b 7f\n6: ret\n7: movz x10, #0xa0\n add x8, x8, x10\n add x13, x8, #8\n"
        + "mov x12, x2\n" * 60
        + "adrp x11, cs\n add x11, x11, :lo12:cs\n str x11, [x13]",
        "body": "ldur x14, [x9, #36]\n tbz x14, #63, out\n str x2, [x3]",
    },
}


@pytest.mark.parametrize("machine", APART)
def test_an_area_in_two_registers(machine: str, tmp_path: Path) -> None:
    """A read over cpu_id_start is found though its register is not the one that rseq_cs is stored by."""

    def found(second: str) -> set[str]:
        parts = APART[machine]
        before = parts["before"].format(second)
        return set(codes(audited(tmp_path, machine, before=before, body=parts["body"])))

    # The area is at the thread pointer + 0xa0, and 0x78 + 36 is four bytes before it.
    assert code.ID_OVERLAP in found("0x78")
    assert found("0x58") == set()


# The area, and then {} in the register that the section copies before it reads by it.
COPIED = {
    "x86-64": {
        "before": "mov %rdi, %r12\n mov %r12, %r10\n mov {}, %r12\n lea cs(%rip), %rax\n mov %rax, 8(%r10)",
        "body": "mov %r12, %r11\n mov -4(%r11), %r11\n bt $63, %r11\n jnc out\n mov %rdx, (%rcx)",
        "area": "%rdi",
        "other": "%rdx",
    },
    "aarch64": {
        "before": "mov x12, x0\n mov x10, x12\n mov x12, {}\n"
        + "adrp x11, cs\n add x11, x11, :lo12:cs\n str x11, [x10, #8]",
        "body": "mov x13, x12\n ldur x14, [x13, #-4]\n tbz x14, #63, out\n str x2, [x3]",
        "area": "x0",
        "other": "x2",
    },
}


@pytest.mark.parametrize("machine", COPIED)
def test_a_register_that_held_the_area(machine: str, tmp_path: Path) -> None:
    """A read by a register that held the area's address before is none of the area, and tells no CPU."""
    parts = COPIED[machine]

    def found(held: str) -> set[str]:
        before = parts["before"].format(held)
        return set(codes(audited(tmp_path, machine, before=before, body=parts["body"])))

    assert code.ID_OVERLAP in found(parts["area"])
    assert found(parts["other"]) == {code.NO_CPU}


# Sections that begin before their descriptor is stored.
ARMED_INSIDE = {
    "x86-64": f"lea {{}}(%rip), %rax\n mov %rax, 8(%rdi)\n cmp %esi, 4(%rdi)\n jne out\n {STORE}",
    "aarch64": "adrp x11, {0}\n add x11, x11, :lo12:{0}\n str x11, [x0, #8]\n ldr w5, [x0, #4]\n"
    + f"cmp w5, w1\n b.ne out\n {ARM_STORE}",
}


@pytest.mark.parametrize("machine", ARMED_INSIDE)
def test_a_section_that_stores_its_own_descriptor(machine: str, tmp_path: Path) -> None:
    """To put the descriptor into rseq_cs is no store that stays; to put another address there is."""

    def found(stored: str) -> dict[str, str]:
        return codes(
            audited(tmp_path, machine, before="nop", body=ARMED_INSIDE[machine].format(stored))
        )

    assert found("cs") == {}
    assert code.EXIT_AFTER_STORE in found("cs+8")


def test_every_rule_has_a_case() -> None:
    """No finding of the audit is without a program that has it."""
    tried = {case[0] for case in CASES}
    elsewhere = {code.LEFT_BEHIND, code.UNRESOLVED, code.NOT_LIFTED, code.NOT_DECODED}
    assert {each.code for each in code.CODES} == tried | elsewhere


def test_what_kernels_do(tmp_path: Path) -> None:
    """Outcomes by kernel are those that were seen on booted kernels (docs/kernels.md)."""

    def matrix(**parts: str) -> dict[str, str]:
        audit = audited(tmp_path, **parts)
        return {kernel.name: result.words for kernel, result in audit.shapes[0].matrix}

    assert matrix(version="1") == {
        "legacy": "killed at a switch", "v6_19_x86": "fine",
        "v7_x86_size32": "fine", "v7_x86_size33": "fine",
    }  # fmt: skip
    assert matrix(body=f"mov -4(%rdi), %rax\n {STORE}") == {
        "legacy": "fine", "v6_19_x86": "corrupts",
        "v7_x86_size32": "fine", "v7_x86_size33": "killed at a switch",
    }  # fmt: skip
    # Rows outside-empty and outside-wraps, inside-empty and inside-wraps.
    assert set(matrix(length="0").values()) == {"silently unprotected"}
    assert matrix(length="-4") == {
        "legacy": "killed at a switch", "v6_19_x86": "corrupts",
        "v7_x86_size32": "corrupts", "v7_x86_size33": "corrupts",
    }  # fmt: skip
    assert matrix(body=f"syscall\n {STORE}")["v6_19_x86"] == "silently unprotected"
    assert matrix(body=f"syscall\n {STORE}")["legacy"] == "fine"


def test_no_kernel_protects_arm64_from_6_19_to_7_0(tmp_path: Path) -> None:
    """A correct aarch64 section is silently unprotected where kernels abort nothing."""
    audit = audited(tmp_path, "aarch64")
    matrix = {kernel.name: result.words for kernel, result in audit.shapes[0].matrix}
    assert matrix["v6_19_arm64"] == "silently unprotected"
    assert (matrix["legacy"], matrix["v7_1_arm64_size33"]) == ("fine", "fine")


ELSEWHERE = """
    .text
    .type g, %function
g:  .cfi_startproc
    {branch}
    {end}
    .cfi_endproc
    .size g, .-g
"""


@pytest.mark.parametrize("machine", ["x86-64", "aarch64"])
@pytest.mark.parametrize(("target", "count"), [("middle", 1), ("start", 0), ("end", 0)])
def test_a_branch_from_another_function(
    machine: str, target: str, count: int, tmp_path: Path
) -> None:
    """Found where all of the code is looked at: into the middle, not to the start or the end."""
    branch = "jne {}" if machine == "x86-64" else "b {}"
    body = (
        "cmp %esi, 4(%rdi)\n jne out\nmiddle: mov %rdx, (%rcx)"
        if machine == "x86-64"
        else "ldr w10, [x0, #4]\n cmp w10, w1\n b.ne out\nmiddle: str x2, [x3]"
    )
    # Far away, so that the distance has four bytes.
    text = ELSEWHERE.format(branch=f".skip 4096, 0x90\n {branch.format(target)}", end="ret")
    if machine == "aarch64":
        text = text.replace(".skip 4096, 0x90", ".fill 1024, 4, 0xd503201f")
    path = linked(tmp_path, machine, body=body, more=text)
    with open_elf(str(path)) as file:
        plain = audit_file(file).sections[0].findings
        assert code.ENTERED not in {each.code for each in plain}
        (section,) = audit_file(file, all_code=True).sections
        entered = [each for each in section.findings if each.code == code.ENTERED]
    assert len(entered) == count
    assert all(each.level == "error" for each in entered)


@pytest.mark.parametrize("machine", ["x86-64", "aarch64"])
def test_a_branch_where_the_code_is_cut(
    machine: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The code is looked at in pieces that overlap: a branch in two of them is reported once."""
    monkeypatch.setattr(code_pieces, "_PIECE", 64)
    jump, body = {
        "x86-64": ("jmp middle", "cmp %esi, 4(%rdi)\n jne out\nmiddle: mov %rdx, (%rcx)"),
        "aarch64": ("b middle", "ldr w10, [x0, #4]\n cmp w10, w1\n b.ne out\nmiddle: str x2, [x3]"),
    }[machine]
    skipped = ".skip 4096, 0x90" if machine == "x86-64" else ".fill 1024, 4, 0xd503201f"
    text = ELSEWHERE.format(branch="\n ".join([skipped, *[jump] * 30]), end="ret")
    with open_elf(str(linked(tmp_path, machine, body=body, more=text))) as file:
        (section,) = audit_file(file, all_code=True).sections
    assert [each.code for each in section.findings].count(code.ENTERED) == 30
