"""Faults planted in correct sections are found: by a rule, or by exploring what was lifted."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.audit.sections import audited, codes, linked
from tests.audit.test_command import run
from tests.audit.test_scenario import opvasm

# A correct section, with what each fault changes.  The area is rdi, the CPU esi, head (rcx),
# the expected head r8, a new node r9 (its link at 0), a length at 8(%rcx).
GOOD = """cmp %esi, 4(%rdi)
 jne out
 cmp %r8, (%rcx)
 jne out
 mov %r8, (%r9)
 mov %r9, (%rcx)"""

# By a rule: what is replaced, by what, and the code that must be reported.
BY_RULE = {
    "commit is not last": ("mov %r9, (%rcx)", "mov %r9, (%rcx)\n nop", "OPV709"),
    "commit before the link": ("mov %r8, (%r9)\n mov %r9, (%rcx)", "mov %r9, (%rcx)\n lea 8(%r9), %rax", "OPV709"),
    "compare after the store": ("cmp %r8, (%rcx)\n jne out\n mov %r8, (%r9)", "mov %r8, (%r9)\n cmp %r8, (%rcx)\n jne out", "OPV710"),
    "exit between stores": ("mov %r9, (%rcx)", "test %rdx, %rdx\n jz out\n mov %r9, (%rcx)", "OPV710"),
    "counted before the commit": ("mov %r9, (%rcx)", "incq 8(%rcx)\n mov %r9, (%rcx)", "OPV711"),
    "added before the commit": ("mov %r9, (%rcx)", "mov 8(%rcx), %rax\n add $1, %rax\n mov %rax, 8(%rcx)\n mov %r9, (%rcx)", "OPV711"),
    "published before the link": ("mov %r8, (%r9)\n mov %r9, (%rcx)", "mov (%rcx), %rax\n mov %r9, (%rcx)\n mov %rax, (%r9)", "OPV711"),
    "published before a count": ("mov %r8, (%r9)\n mov %r9, (%rcx)", "mov (%rcx), %rax\n mov %rax, (%r9)\n mov %r9, (%rcx)\n incq 8(%rcx)", "OPV711"),
    "taken before a count": ("mov %r8, (%r9)\n mov %r9, (%rcx)", "mov (%rcx), %rax\n mov %rax, (%r9)\n movq $0, (%rcx)\n decq 8(%rcx)", "OPV711"),
    "a call inside": ("mov %r8, (%r9)", "call out\n mov %r8, (%r9)", "OPV707"),
    "a saved register": ("mov %r8, (%r9)", "push %rbx\n mov %r8, (%r9)", "OPV707"),
    "a system call inside": ("mov %r8, (%r9)", "syscall\n mov %r8, (%r9)", "OPV708"),
    "the id is written": ("mov %r8, (%r9)", "movl %esi, 4(%rdi)\n mov %r8, (%r9)", "OPV713"),
    "rseq_cs at the wrong offset": ("mov %r8, (%r9)", "movq $0, 12(%rdi)\n mov %r8, (%r9)", "OPV713"),
    "read at the wrong offset": ("cmp %esi, 4(%rdi)", "mov -4(%rdi), %rax\n cmp %esi, 4(%rdi)", "OPV714"),
    "reads its own store": ("mov %r9, (%rcx)", "mov (%r9), %rax\n mov %r9, (%rcx)", "OPV723"),
}  # fmt: skip
# By the descriptor: parts of the text and the code.
BY_DESCRIPTOR = {
    "too long by one": ({"length": "end - start + 1"}, "OPV709"),
    "too short by one": ({"length": "end - start - 1"}, "OPV706"),
    "an address for a length": ({"length": "end - start + 0x7fff0000"}, "OPV704"),
    "abort at the start": ({"abort": "start"}, "OPV702"),
    "abort one byte early": ({"abort": "abort - 1"}, "OPV701"),
}


@pytest.mark.parametrize("fault", BY_RULE)
def test_found_by_a_rule(fault: str, tmp_path: Path) -> None:
    """The audit reports the fault, and nothing above a note of the section without it."""
    old, new, code = BY_RULE[fault]
    assert old in GOOD
    assert code in codes(audited(tmp_path, body=GOOD.replace(old, new)))


@pytest.mark.parametrize("fault", BY_DESCRIPTOR)
def test_found_in_the_descriptor(fault: str, tmp_path: Path) -> None:
    """The audit reports a descriptor that does not fit its code."""
    parts, code = BY_DESCRIPTOR[fault]
    assert code in codes(audited(tmp_path, body=GOOD, **parts))


def test_the_good_one(tmp_path: Path) -> None:
    """The section without a fault has notes alone."""
    assert set(codes(audited(tmp_path, body=GOOD)).values()) <= {"note"}


# By exploring: no rule can know that a compare is missing or looks at the wrong width.  The claim:
# two threads that push a node each on the same old head can't both commit.
BY_EXPLORING = {
    "missing compare": ("cmp %r8, (%rcx)\n jne out\n", ""),
    "wrong width": ("cmp %r8, (%rcx)", "cmp %r8b, (%rcx)"),
    "wrong place": ("cmp %r8, (%rcx)", "cmp %r8, 16(%rcx)"),
    "wrong way": ("cmp %r8, (%rcx)\n jne out", "cmp %r8, (%rcx)\n jb out"),
}
SCENARIO = """
struct list { head: u64, gap: u64, other: u64, rest: u64[29] }
shared list: list            // 256 bytes each: all addresses end in the same byte
shared mine:  u64[32]
shared yours: u64[32]
scenario push_twice "two threads push on the head that both have seen" {
    cpus 1
    init { list.head = 0x100; list.other = 0x100 }
    thread a @0 { run NAME(ARGUMENTS_A) { LABELS -> return }; done = 1 }
    thread b @0 { run NAME(ARGUMENTS_B) { LABELS -> return }; done = 1 }
    forall "one of two pushes on one head commits": a.done + b.done < 2
    expect holds
}
"""


@pytest.mark.parametrize("fault", [None, *BY_EXPLORING])
def test_found_by_exploring(fault: str | None, tmp_path: Path) -> None:
    """The lifted section fails a claim with the fault, and holds without it."""
    body = GOOD
    if fault is not None:
        old, new = BY_EXPLORING[fault]
        assert old in body
        body = body.replace(old, new)
    path = tmp_path / "lifted.opv"
    run("--lift", path, linked(tmp_path, body=body))
    text = path.read_text()
    head = next(line for line in text.splitlines() if line.startswith("section "))
    parameters = [
        each.split(":")[0].strip() for each in head.split("(")[1].split(")")[0].split(",")
    ]
    values = {"rsi": "0", "rcx": "&list", "r8": "0x100", "r9": "&mine"}

    def arguments(node: str) -> str:
        given = values | {"r9": node}
        return ", ".join(given[name.rpartition("_")[2]] for name in parameters)

    labels = sorted(
        {line.split()[2].rstrip(":") for line in text.splitlines() if "// exit" in line}
    )
    scenario = (
        SCENARIO.replace("NAME", head.split()[1].partition("(")[0])
        .replace("ARGUMENTS_A", arguments("&mine"))
        .replace("ARGUMENTS_B", arguments("&yours"))
        .replace("LABELS", ", ".join([*labels, "aborted"]))
    )
    path.write_text(text + scenario)
    code, out = opvasm("explore", path)
    assert f"Verdict {'holds' if fault is None else 'fails'}" in out, out
    assert code == (0 if fault is None else 1)


def test_twenty_faults() -> None:
    """Twenty and more faults are planted."""
    assert len(BY_RULE) + len(BY_DESCRIPTOR) + len(BY_EXPLORING) >= 20
