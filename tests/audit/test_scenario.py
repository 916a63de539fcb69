"""A lifted section's start is found, its test passes, and its scenarios explore."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from opvasm.assembler import assemble
from opvasm.audit.audit import audit_file
from opvasm.audit.lifting import document, lift_audit
from opvasm.audit.scenario import PEERS
from opvasm.audit.solve import solve
from opvasm.elf.file import open_elf
from opvasm.source import SourceFile
from tests.audit.sections import TOOLS, linked, linked_bodies, opvasm as run_here, section_source
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
    """Exit code and everything that a command says."""
    code, out, errors = run_here(*words)
    return code, out + errors


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


POPS = {
    "x86-64": "cmp %esi, 4(%rdi)\n jne out\n mov (%rcx), %rax\n test %rax, %rax\n jz out\n"
    " mov (%rax), %rdx\n mov %rdx, (%rcx)",
    "aarch64": "ldr w10, [x0, #4]\n cmp w10, w1\n b.ne out\n ldr x11, [x3]\n cbz x11, out\n"
    " ldr x12, [x11]\n str x12, [x3]",
}
CHECKS = {"x86-64": " test %rax, %rax\n jz out\n", "aarch64": " cbz x11, out\n"}


@pytest.mark.parametrize("machine", POPS)
def test_a_list_ends_where_the_second_thread_comes_to(machine: str, tmp_path: Path) -> None:
    """Two pops from one list: the second finds it empty, and touches no memory that is not there."""
    path = tmp_path / "lifted.opv"
    path.write_text(text_of(linked(tmp_path, machine, body=POPS[machine]), ("self",)))
    code, out = opvasm("explore", path)
    assert (code, "Verdict holds" in out) == (0, True), out
    assert opvasm("run", path)[0] == 0
    unchecked = POPS[machine].replace(CHECKS[machine].lstrip(), "")
    assert unchecked != POPS[machine]
    path.write_text(text_of(linked(tmp_path, machine, body=unchecked), ("self",)))
    code, out = opvasm("explore", path)
    assert (code, "SIGSEGV" in out) == (1, True), out


def test_a_counter_starts_as_a_number(tmp_path: Path) -> None:
    """Memory that leads nowhere is no address at the start, whatever was tried first; what is followed is one."""
    bodies = ["mov (%rcx), %rax\n inc %rax\n mov %rax, (%rcx)", "mov (%rcx), %rax\n incq (%rax)"]
    with open_elf(str(linked_bodies(tmp_path, "x86-64", bodies))) as file:
        counts, follows = (each.lifted for each in lift_audit(audit_file(file)))
    assert counts is not None
    assert follows is not None
    for seed in range(20):
        start = solve(counts.section, seed=seed)
        assert start is not None
        assert 0 <= start.memory["base_rcx", 0, 8] < 0x2001
        start = solve(follows.section, seed=seed)
        assert start is not None
        spots = [each.pointer for each in start.places.values()]
        assert start.memory["base_rcx", 0, 8] in spots


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
    assert re.search(r"\w+: no scenario: no start was found", out)


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


ELSEWHERE = {
    "x86-64": "cmp %esi, 4(%rdi)\n jne out\n mov other+8(%rip), %rax\n mov slots(,%r8,8), %r9\n"
    "mov far@GOTPCREL(%rip), %r10\n mov counts(%rip), %r11\n mov %r9, common-8(%rip)",
    "aarch64": "ldr w10, [x0, #4]\n cmp w10, w1\n b.ne out\n adrp x9, other+8\n ldr x9, [x9, :lo12:other+8]\n"
    "adrp x10, slots\n add x10, x10, :lo12:slots\n ldr x10, [x10, x4, lsl #3]\n"
    "adrp x11, :got:far\n ldr x11, [x11, :got_lo12:far]\n adrp x12, counts\n ldr x12, [x12, :lo12:counts]\n"
    "adrp x13, common-8\n str x10, [x13, :lo12:common-8]",
}


@pytest.mark.parametrize("machine", ELSEWHERE)
def test_variables_of_an_object_file(machine: str, tmp_path: Path) -> None:
    """Its relocations name them: its own, those of another file, and words of the global offset table."""
    linked(tmp_path, machine)  # or skipped
    source, out = tmp_path / "code.s", tmp_path / "code.o"
    more = f"{DATA}\n .comm common, 64, 8"
    source.write_text(section_source(machine, body=ELSEWHERE[machine], more=more))
    subprocess.run([TOOLS[machine], "-c", "-o", str(out), str(source)], check=True)
    text = text_of(out, tuple(PEERS))
    assert "load other.at_8 " in text
    assert re.search(r"load \[&slots \+ index_\w+ \* 8\]\.u64", text)
    assert "load far_got.at_0 " in text
    assert "load bss_0x480.at_0 " in text  # no symbol says that it is data
    assert re.search(r"commit common\.at_0,", text)
    path = tmp_path / "lifted.opv"
    path.write_text(text)
    code, out_ = opvasm("run", path)
    assert (code, "1 passed" in out_) == (0, True), out_


def test_numbers_that_no_symbol_of_an_object_file_is(tmp_path: Path) -> None:
    """What the code itself names stays a number, also where symbols of other files are thought to lie."""
    source, out = tmp_path / "code.s", tmp_path / "code.o"
    body = "cmp %esi, 4(%rdi)\n jne out\n mov 0x5fff0000(,%r8,8), %rax\n mov 0x40018000, %r9\n mov %rax, (%rcx)"
    linked(tmp_path)  # or skipped
    source.write_text(section_source("x86-64", body=body))
    subprocess.run([TOOLS["x86-64"], "-c", "-o", str(out), str(source)], check=True)
    text = text_of(out, ())
    assert re.search(r"load \[index_\w+ \* 8 \+ 0x5fff0000\]\.u64", text)
    assert "load [0x40018000].u64" in text


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


FAR = {
    "x86-64": "cmp %esi, 4(%rdi)\n jne out\n mov 0x300(%rcx), %rax\n cmp %rax, -0x18(%rcx)\n jne out\n"
    "test %rax, %rax\n jz out\n mov -0x40(%rax), %r9\n mov 0x400(%rax), %r10\n mov %r9, 0x8008(%rcx)",
    "aarch64": "ldr w10, [x0, #4]\n cmp w10, w1\n b.ne out\n ldr x9, [x3, #0x300]\n ldur x10, [x3, #-0x18]\n"
    "cmp x9, x10\n b.ne out\n cbz x9, out\n ldur x11, [x9, #-0x40]\n ldr x12, [x9, #0x400]\n"
    "str x11, [x3, #0x7f0]",
}


@pytest.mark.parametrize("machine", FAR)
def test_fields_far_from_a_pointer(machine: str, tmp_path: Path) -> None:
    """An object is as large as its accesses ask for, also in front of the address that points to it."""
    path = tmp_path / "lifted.opv"
    path.write_text(text_of(linked(tmp_path, machine, body=FAR[machine]), tuple(PEERS)))
    code, out = opvasm("run", path)
    assert (code, "1 passed" in out) == (0, True), out
    code, out = opvasm("explore", path)
    assert out.count("Verdict") == len(PEERS), out


def test_a_section_that_breaks_a_rule_of_the_language(tmp_path: Path) -> None:
    """It says which, is unverified, and its scenario explores beside that of another."""
    counted = "cmp %esi, 4(%rdi)\n jne out\n addq $1, 8(%rcx)\n mov %rdx, (%rcx)"
    bodies = [counted, "cmp %esi, 4(%rdi)\n jne out\n mov %rdx, (%rcx)"]
    text = text_of(linked_bodies(tmp_path, "x86-64", bodies), ("self",))
    assert re.search(r"// unverified: .* changes its old value, .*\(R4\)", text)
    assert text.count("unverified section") == 1
    path = tmp_path / "lifted.opv"
    path.write_text(text)
    _, out = opvasm("explore", path)
    assert out.count("Verdict") == 2, out


def test_no_resizer_for_a_variable(tmp_path: Path) -> None:
    """A variable of the program is where it is: that nobody replaces it is said, and nothing alarms."""
    library = linked(
        tmp_path,
        body="cmp %esi, 4(%rdi)\n jne out\n mov slots+8(%rip), %rax\n mov %rax, slots+16(%rip)",
        more=DATA,
    )
    text = text_of(library, ("resizer", "reader"))
    assert "// No resizer for f: " in text
    assert re.findall(r"^scenario (\w+)", text, re.MULTILINE) == ["f_reader"]
    # Who does not open the file is told, too.
    _, _, errors = run("--lift", tmp_path / "lifted.opv", "--peer", "resizer", library)
    assert "f: no peer resizer: no pointer to what it changes is handed to it" in errors
    code, _, errors = run("-f", "html", "-o", tmp_path / "page.html", library)
    assert code in (0, 1), errors


def test_an_exchange_without_lock(tmp_path: Path) -> None:
    """Another CPU can write between its read and its write, and that is lost; with lock it is not."""
    body = "cmp %esi, 4(%rdi)\n jne out\n mov (%rcx), %rax\n LOCK cmpxchg %rdx, (%rcx)"
    seen = {}
    for lock in ("", "lock"):
        path = tmp_path / f"lifted{lock}.opv"
        path.write_text(text_of(linked(tmp_path, body=body.replace("LOCK", lock)), ("self",)))
        lines = path.read_text().splitlines()
        scenario = lines[: lines.index("    thread b @0 {")]
        scenario += [
            "    thread b @1 {",
            "        store f_base_rcx.at_0, 0x1000",
            "    }",
        ]
        scenario += ["    forall f_base_rcx.at_0 == 0x1000 || a.rax_out == 0x1000", "}"]
        text = "\n".join(scenario).replace("    cpus 1", "    cpus 2")
        path.write_text(text)
        _, out = opvasm("explore", path)
        seen[lock] = re.findall(r"Verdict \w+", out) or out
    assert seen == {"": ["Verdict fails"], "lock": ["Verdict holds"]}


SHAPED = {
    "x86-64": [
        "mov 4(%rdi), %eax\n shl $12, %rax\n add %rcx, %rax\n incq 8(%rax)",
        "cmp %esi, 4(%rdi)\n jne out\n mov (%rcx,%r8), %rax\n mov %rax, -8(%rsp)\n mov %rdx, (%rcx,%r8)",
        "movups %xmm0, 16(%rcx)\n movq %xmm1, (%rcx)",
        "mov (%rcx), %rax\n tzcnt %rax, %rax\n jc out\n bts %rax, 8(%rcx)",
    ],
    "aarch64": [
        "ldr w9, [x0, #4]\n add x9, x3, x9, lsl #12\n ldr x10, [x9, #8]\n add x10, x10, #1\n str x10, [x9, #8]",
        "ldr w10, [x0, #4]\n cmp w10, w1\n b.ne out\n ldr x9, [x3, x4]\n str x9, [sp, #-8]\n str x2, [x3, x4]",
        "str q0, [x3, #16]\n str d1, [x3]",
        "ldr x9, [x3]\n cbz x9, out\n rbit x9, x9\n clz x9, x9\n str x9, [x3, #8]",
    ],
}


@pytest.mark.parametrize("machine", SHAPED)
def test_a_start_for_each_shape(machine: str, tmp_path: Path) -> None:
    """A stride times the CPU, two registers that are added, the stack, halves of vectors, counted bits."""
    bodies = [re.sub(r"\bout\b", f"out_{at}", body) for at, body in enumerate(SHAPED[machine])]
    text = text_of(linked_bodies(tmp_path, machine, bodies), ("self",))
    path = tmp_path / "lifted.opv"
    path.write_text(text)
    code, out = opvasm("run", path)
    assert (code, f"{len(bodies)} passed" in out) == (0, True), out
    code, out = opvasm("explore", path)
    assert out.count("Verdict") == len(bodies), out
    # Each thread has its own stack.
    assert re.search(r"^shared f_1_base_r?sp_of_b: f_1_base_r?sp_around$", text, re.MULTILINE)


def test_a_number_that_is_added_is_not_0() -> None:
    """An allocator that hands 0 bytes out shows nothing; where another number leads elsewhere 0 stays."""
    text = """
unverified section bump(base_rdx: ptr, value_rdi: u64) {{
    loaded = load [base_rdx].u64
    exit full if {condition}
    store [base_rdx].u64, loaded + value_rdi
    commit [base_rdx + 8].u64 += 1
}}
"""
    arguments = {}
    for condition in ("loaded + value_rdi > 0x100000", "value_rdi != 0"):
        source = SourceFile("bump.opv", text.format(condition=condition))
        start = solve(assemble(source).program.sections["bump"])
        assert start is not None
        arguments[condition] = start.arguments["value_rdi"]
    assert list(arguments.values()) == [1, 0]
