"""A lifted section's start is found, its test passes, and its scenarios explore."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from opvasm.audit.audit import audit_file
from opvasm.audit.lifting import document, lift_audit
from opvasm.audit.scenario import PEERS
from opvasm.audit.solve import solve
from opvasm.elf.file import open_elf
from tests.audit.sections import linked
from tests.audit.test_command import run

# A pop in the shape of a cache: its address lies in eight bytes that end with cpu_id_start.
CACHED = """mov -4(%rdi), %rax
 btr $63, %rax
 jnc out
 movzwl (%rax), %edx
 mov -8(%rax,%rdx,8), %rcx
 test $1, %cl
 jnz out
 dec %edx
 mov %dx, (%rax)"""


def text_of(library: Path, peers: tuple[str, ...]) -> str:
    """The lifted file of a library."""
    with open_elf(str(library)) as file:
        audit = audit_file(file)
        return document(audit, lift_audit(audit), peers)


def opvasm(*words: str | Path) -> tuple[int, str]:
    """Exit code and output of the command."""
    import subprocess
    import sys

    command = [sys.executable, "-m", "opvasm", *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


def test_a_start_is_found_and_tested(tmp_path: Path) -> None:
    """The file's own test runs the section from the start to its commit."""
    library = linked(
        tmp_path, body="cmp %esi, 4(%rdi)\n jne out\n cmp %r8, (%rcx)\n jne out\n mov %rdx, (%rcx)"
    )
    path = tmp_path / "lifted.opv"
    path.write_text(text_of(library, ("self",)))
    code, out = opvasm("run", path)
    assert code == 0, out
    assert "1 passed" in out


EXCHANGED = {
    "x86-64": "cmp %esi, 4(%rdi)\n jne out\n mov (%r8), %rax\n cmpxchg %rdx, 0x40(%rcx)",
    "aarch64": ".arch armv8.1-a\n ldr w10, [x0, #4]\n cmp w10, w1\n b.ne out\n casal x4, x2, [x3]",
}


@pytest.mark.parametrize("peer", PEERS)
@pytest.mark.parametrize("machine", EXCHANGED)
def test_an_exchange_that_commits_writes(machine: str, peer: str, tmp_path: Path) -> None:
    """A start is one from which the exchange at the section's end finds what it expects, and writes."""
    library = linked(tmp_path, machine, body=EXCHANGED[machine])
    path = tmp_path / "lifted.opv"
    code, _, errors = run("--lift", path, "--peer", peer, library)
    assert code in (0, 1), errors
    code, out = opvasm("run", path)
    assert (code, "1 passed" in out) == (0, True), out
    with open_elf(str(library)) as file:
        (lifted,) = (each.lifted for each in lift_audit(audit_file(file)))
    assert lifted is not None
    start = solve(lifted.section)
    assert start is not None
    assert start.accesses[-1].writes


def test_no_start_from_which_an_exchange_never_writes(tmp_path: Path) -> None:
    """An exchange that cannot find what it expects commits nothing: no start, said in the page too."""
    library = linked(
        tmp_path,
        body="cmp %esi, 4(%rdi)\n jne out\n mov (%rcx), %rax\n not %rax\n cmpxchg %rdx, (%rcx)",
    )
    assert "No start was found" in text_of(library, ("resizer",))
    code, _, errors = run("-f", "html", "-o", tmp_path / "page.html", library)
    assert code in (0, 1), errors


def test_no_start_is_said(tmp_path: Path) -> None:
    """A section that no start lets commit has a remark instead of a scenario."""
    library = linked(tmp_path, body="cmp %rdx, %rdx\n jne 1f\n jmp out\n1: mov %rdx, (%rcx)")
    assert "No start was found" in text_of(library, ("self",))
    code, out = opvasm("audit", "--lift", tmp_path / "lifted.opv", "--peer", "self", library)
    assert code == 0, out
    assert re.search(r"no scenario for \w+: no start was found", out)


@pytest.mark.parametrize("peer", PEERS)
def test_each_peer_explores(peer: str, tmp_path: Path) -> None:
    """Every template is a scenario that the explorer takes, and whose section commits in it."""
    library = linked(
        tmp_path,
        body="cmp %esi, 4(%rdi)\n jne out\n mov (%rcx), %rax\n add %rdx, %rax\n mov %rax, (%rcx)",
    )
    path = tmp_path / "lifted.opv"
    path.write_text(text_of(library, (peer,)))
    code, out = opvasm("explore", path)
    assert "Verdict" in out, out
    assert "a.committed=1" in out
    assert code in (0, 1), out  # a template's claim need not hold


def test_the_outage_is_found_from_the_binary(tmp_path: Path) -> None:
    """A cached pointer over cpu_id_start holds on legacy and hands out twice on 6.19.

    So it does on 7.0.10 with a large area, until a migration, at which the process is killed.
    """
    library = linked(tmp_path, body=CACHED)
    path = tmp_path / "lifted.opv"
    code, _, errors = run("--lift", path, "--peer", "resizer", library)
    assert code == 1, errors
    expected = {
        "legacy": "holds",
        "v6_19_x86": "fails",
        "v7_x86_size32": "holds",
        "v7_x86_size33": "fails",
    }
    for kernel, verdict in expected.items():
        _, out = opvasm("explore", "--kernel", kernel, path)
        assert f"Verdict {verdict}" in out, out
    assert (
        "what was taken from the old object is not in the new one  violated"
        in opvasm("explore", "--kernel", "v6_19_x86", path)[1]
    )
    moved = tmp_path / "moved.opv"
    text = path.read_text()
    moved.write_text(text.replace("    cpus 2\n", "    cpus 2\n    environment migrate <= 1\n"))
    killed = opvasm("explore", "-f", "json", "--kernel", "v7_x86_size33", moved)[1]
    assert "kills the process" in killed
    assert (
        "kills the process" not in opvasm("explore", "-f", "json", "--kernel", "legacy", moved)[1]
    )


GLOBALS = {
    "x86-64": "cmp %esi, 4(%rdi)\n jne out\n mov slots+8(%rip), %rax\n cmp %rdx, %rax\n jne out\n"
    "lea slots(%rip), %r9\n mov (%r9,%r8,8), %r10\n mov 8(%rcx), %r11\n mov %r11, counts(%rip)\n"
    "mov %r10, (%rcx)\n mov %rdx, slots+16(%rip)",
    "aarch64": "ldr w10, [x0, #4]\n cmp w10, w1\n b.ne out\n adrp x9, slots\n"
    "add x9, x9, :lo12:slots\n ldr x10, [x9, #8]\n cmp x10, x2\n b.ne out\n"
    "ldr x10, [x9, x4, lsl #3]\n ldr x11, [x3, #8]\n adrp x12, counts\n"
    "str x11, [x12, :lo12:counts]\n str x10, [x3]\n str x2, [x9, #16]",
}
DATA = """
    .bss
    .balign 64
    .type slots, %object
slots: .zero 512
    .size slots, 512
    .skip 640
counts: .zero 8"""


@pytest.mark.parametrize("machine", GLOBALS)
def test_globals_are_variables(machine: str, tmp_path: Path) -> None:
    """Addresses in the file are fields of variables, by the symbol where there is one; a start is found."""
    library = linked(tmp_path, machine, body=GLOBALS[machine], more=DATA)
    text = text_of(library, tuple(PEERS))
    assert "= load slots.at_8 " in text
    assert "commit slots.at_10, " in text
    assert re.search(r"= load \[&slots \+ index_\w+ \* 8\]\.u64", text)
    assert re.search(r"store global_[0-9a-f]+\.at_0, ", text)
    path = tmp_path / "lifted.opv"
    path.write_text(text)
    code, out = opvasm("run", path)
    assert (code, "1 passed" in out) == (0, True), out
    code, out = opvasm("explore", path)
    assert code == 0, out


OVERLAPPING = {
    "a byte inside of a word": "mov 8(%rcx), %rax\n cmp %rdx, %rax\n jne out\n movb $1, 9(%rcx)",
    "a byte that is read, inside of a word": "cmpb $3, 9(%rcx)\n jne out\n mov 8(%rcx), %rax\n"
    "mov %rdx, 16(%rcx)",
    "sixteen bytes": "movups (%rcx), %xmm0\n movups %xmm0, 32(%rcx)\n mov %rdx, 8(%rcx)",
    "off the border of a word": "mov 3(%rcx), %eax\n mov %edx, 7(%rcx)",
}


@pytest.mark.parametrize("what", OVERLAPPING)
def test_what_is_no_field_has_its_address(what: str, tmp_path: Path) -> None:
    """Where no field is exactly what was read or written the scenarios name its address."""
    library = linked(tmp_path, body=f"cmp %esi, 4(%rdi)\n jne out\n {OVERLAPPING[what]}", more=DATA)
    path = tmp_path / "lifted.opv"
    path.write_text(text_of(library, tuple(PEERS)))
    code, out = opvasm("run", path)
    assert (code, "1 passed" in out) == (0, True), out
    code, out = opvasm("explore", path)
    assert code in (0, 1), out  # a template's claim need not hold
    assert out.count("Verdict") == len(PEERS), out


WORDS = ("shared", "sizeof", "cpu_rsi", "loaded", "slab", "more", "f_base_rcx", "f_base_rcx_type")
NAMED = """
    .data
    .balign 64
    .type NAME, %object
    .local NAME
NAME: .zero 64
    .size NAME, 64"""


@pytest.mark.parametrize(("name", "word"), [*(("f", word) for word in WORDS), ("shared", "f")])
def test_names_that_mean_something_else(name: str, word: str, tmp_path: Path) -> None:
    """What is called like a word, a local or an object that was made up has another name."""
    library = linked(
        tmp_path,
        body=f"cmp %esi, 4(%rdi)\n jne out\n mov {word}+8(%rip), %rax\n mov 8(%rcx), %r9\n"
        f"mov %rax, 16(%rcx)\n mov %r9, {word}+16(%rip)",
        more=NAMED.replace("NAME", word),
        name=name,
    )
    path = tmp_path / "lifted.opv"
    path.write_text(text_of(library, tuple(PEERS)))
    code, out = opvasm("run", path)
    assert (code, "1 passed" in out) == (0, True), out
    code, out = opvasm("explore", path)
    assert code in (0, 1), out


READ_ONLY = """
    .section .rodata, "a"
    .balign 64
    .type table, %object
table: .zero 64
    .size table, 64"""


def test_what_is_no_variable(tmp_path: Path) -> None:
    """A number is a variable's address where a symbol says so, or where it can be written."""
    offsets = "mov 0x1010(,%r8,8), %rax\n mov 0x2010(,%r8,8), %r9\n mov %r9, 0x2018(,%r8,8)"
    library = linked(
        tmp_path,
        body=f"cmp %esi, 4(%rdi)\n jne out\n {offsets}\n mov table+8(%rip), %r10\n mov %rdx, (%rcx)",
        more=READ_ONLY,
    )
    with open_elf(str(library)) as file:
        flags = {at: segment.flags for at in (0x1010, 0x2010) if (segment := file.segment_at(at))}
    assert flags == {0x1010: 5, 0x2010: 4}  # code, and what is only read
    text = text_of(library, ())
    assert "load table.at_8" in text
    assert "global_" not in text
    assert "[index_r8 * 8 + 0x2018].u64" in text


@pytest.mark.parametrize("peers", [(), ("self",)])
def test_a_base_register_has_one_struct(peers: tuple[str, ...], tmp_path: Path) -> None:
    """Its fields stand at the offsets of what is read and written, with and without a scenario."""
    import opvasm as library_

    library = linked(
        tmp_path,
        body="cmp %esi, 4(%rdi)\n jne out\n mov 8(%rcx), %rax\n movzwl 2(%rcx), %r9d\n"
        "mov (%rcx,%r9,8), %r10\n mov %r10, 24(%rax)\n mov %dx, 2(%rcx)",
    )
    text = text_of(library, peers)
    program = library_.assemble(library_.SourceFile("lifted.opv", text)).program
    fields = {
        (each.name, each.offset, each.type.size)
        for each in program.data.structs["f_base_rcx_type"].members
        if each.name.startswith("at_")
    }
    assert {("at_2", 2, 2), ("at_8", 8, 8)} <= fields
    assert "load base_rcx->at_8 " in text
    assert "commit base_rcx->at_2, " in text
