"""What is refused, what the head says, and whether --check sees a change."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from opvasm.cli.main import main
from opvasm.emit import ARCHITECTURES, Naming, Request, header
from opvasm.emit.refusals import refusals
from opvasm.emit.sections import WithSections, with_sections
from opvasm.program import section as ir
from opvasm.text.scenario_tree import BUILTIN_STRATEGIES, Strategy

from .conftest import ELIDE, SAMPLES, WARNINGS, assembled, header_of, need, run, write_headers

COUNTER = "percpu counter: u64\nvector bump(n: i64) { add counter, n }\n"


def codes_of(text: str, strategy: Strategy = ELIDE) -> set[str]:
    """The errors for all vectors of a text."""
    program = assembled(text).program
    found = refusals(program, tuple(program.vectors.values()), strategy, Naming("t", {}))
    return {each.code for each in found if each.level == "error"}


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (COUNTER, ""),
        ("page gone: unmapped\npercpu h: ptr\nvector v() { cmpeq.ptr h, gone }", "OPV751"),
        ("percpu c: u64\nvector v(n: u64) { memcpy n, c }", "OPV753"),
        ("percpu c: u64\nunverified vector v() { .raw \"63000000 00000000 0000000000000000 0000000000000000 0000000000000000\" }", "OPV753"),
        ("percpu c: u64\nvector create() { add c, 1 }", "OPV754"),
        ("percpu c: u64\nvector v() { add c, 1 }\nvector v_here() { add c, 2 }", "OPV754"),
        ("percpu c: u64\nvector v(opv_m: u64) { cmpeq c, opv_m }", "OPV754"),
        ("shared c: u64\nvector v() { add c, 1 }", "OPV401"),
        ("percpu c: u64\npercpu d: u64\nvector v(n: u64) { add c, 1; cmpeq d, n }", "OPV402"),
        ("percpu c: u8[9]\nvector v() { memcpy c, =\"123456789\" }", "OPV403"),
        ("percpu c: u64\npercpu d: u64\nvector v() { add c, 1; add d, 1 }", "OPV404"),
        ("percpu c: u64\nvector v(n: ptr) { memcpy c, [n]? }", "OPV407"),
    ],
)  # fmt: skip
def test_what_can_not_be_a_section_is_refused_by_its_rule(text: str, code: str) -> None:
    """The verifier's own codes for sections, and emit's for what C can't say."""
    assert codes_of(text) == ({code} if code else set())


@pytest.mark.parametrize(
    "strategy",
    [
        ELIDE._replace(subscription="none"),
        ELIDE._replace(subscription="lazy"),
        ELIDE._replace(fence="none"),
        Strategy("s", "rseq", "opv", subscription="lazy"),
        Strategy("s", "lock", None, fence="none"),
    ],
)
def test_a_strategy_that_loses_updates_is_refused(strategy: Strategy) -> None:
    """What samples/races/locks.opv shows to lose an update is not written as C."""
    assert codes_of(COUNTER, strategy) == {"OPV752"}


def test_the_call_alone_may_do_what_a_section_may_not() -> None:
    """Rules of sections do not bind a strategy without any."""
    text = "shared c: u64\nvector v(n: u64) { add c, 1; cmpeq c, n }"
    assert codes_of(text, BUILTIN_STRATEGIES["opv"]) == set()


def test_a_big_endian_program_is_refused() -> None:
    """Emitted code is for little-endian machines with 64-bit words."""
    from opvasm.assembler import assemble
    from opvasm.source import SourceFile

    program = assemble(SourceFile("t.opv", COUNTER), model="64be").program
    found = refusals(program, tuple(program.vectors.values()), ELIDE, Naming("t", {}))
    assert [each.code for each in found] == ["OPV750"]


def emit(*words: str | Path) -> int:
    """The exit code of the command."""
    return main(["emit", *(str(each) for each in words)])


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """The header of the counter, beside its source."""
    source = tmp_path / "counter.opv"
    source.write_text((SAMPLES / "counter.opv").read_text())
    target = tmp_path / "counter.h"
    assert emit(source, "--strategy", "elide", "-o", target) == 0
    return target


def test_the_head_states_the_proof(made: Path) -> None:
    """Source and hash, strategy, scenarios with verdict, kernels and states."""
    head = made.read_text().partition("*/")[0]
    assert "strategy  elide = rseq then lock after 2 { subscribe eager, fence membarrier }" in head
    assert "scenario on_one_cpu: two threads of one CPU" in head
    assert "holds on legacy, v6_19_x86, v7_x86_size33; 3 configurations, " in head
    assert "sha256 " in head


def test_check_sees_each_change(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Unchanged: 0. The source, the code or the proof changed: 1, and it says which."""
    assert emit("--check", made) == 0
    source = made.with_suffix(".opv")
    text, kept = source.read_text(), made.read_text()
    source.write_text(text + "\n// more\n")
    assert emit("--check", made) == 1
    assert "the source has changed" in capsys.readouterr().err
    source.write_text(text)
    made.write_text(kept.replace("addq %q", "subq %q", 1))
    assert emit("--check", made) == 1
    made.write_text(kept.replace(" states", "0 states", 1))
    assert emit("--check", made) == 1
    assert "the proof has changed" in capsys.readouterr().err
    made.write_text(kept)
    assert emit("--check", made, "--no-explore") == 0
    assert emit("--check", source) == 2
    assert emit("--check", made.with_name("absent.h")) == 2


def test_a_scenario_that_fails_prevents_the_header(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """No header where the strategy loses an update; --no-explore writes it and says so."""
    source, target = tmp_path / "t.opv", tmp_path / "t.h"
    source.write_text(
        "percpu c: u64\nvector v() { add c, 1 }\n"
        "strategy s = rseq then lock after 2 { subscribe eager }\n"
        "scenario wrong { cpus 1\nstrategy s\nthread t x2 @0 { run v() { aborted -> retry } }\n"
        "forall c == 3 }\n"
    )
    assert emit(source, "-o", target) == 1
    assert "OPV755" in capsys.readouterr().err
    assert not target.exists()
    source.write_text(source.read_text().replace("c == 3", "c == 3\nexpect fails"))
    assert emit(source, "-o", target) == 1, "a text that expects the loss does not make it right"
    assert emit(source, "-o", target, "--no-explore") == 0
    assert "proof     none: --no-explore" in target.read_text()


@pytest.mark.parametrize(
    "words",
    [
        ("--strategy", "elid"),
        ("--vector", "bumb"),
        ("--arch", "riscv"),
        ("--prefix", "1st"),
        ("--prefix", "int"),
        ("--type", "node=struct mine"),
        ("--type", "node"),
        (),
    ],
)
def test_wrong_options_are_named(words: tuple[str, ...]) -> None:
    """Each is a usage error; so is a file with two strategies and none chosen."""
    assert emit(SAMPLES / "counter.opv", "--no-explore", *words) == 2


def test_structs_of_the_users_own(tmp_path: Path) -> None:
    """--type and --include use a struct of the user's, and its layout is checked by the compiler."""
    need("gcc")
    target = tmp_path / "list.h"
    options = ("--type", "node=struct item", "--include", "item.h", "--strategy", "elide")
    assert emit(SAMPLES / "list.opv", *options, "--no-explore", "-o", target) == 0
    item = tmp_path / "item.h"
    program = tmp_path / "p.c"
    program.write_text(
        '#include "list.h"\n'
        "int push(struct list *l, struct item *i) { return list_push_here(l, i, 0); }\n"
    )
    item.write_text(
        "#pragma once\n#include <stdint.h>\nstruct item { struct item *next; uint64_t value; };\n"
    )
    assert run("gcc", "-Wall", "-Werror", "-c", program, "-o", tmp_path / "p.o").returncode == 0
    item.write_text(
        "#pragma once\n#include <stdint.h>\nstruct item { uint64_t value; struct item *next; };\n"
    )
    done = run("gcc", "-c", program, "-o", tmp_path / "p.o")
    assert done.returncode != 0
    assert "node as declared" in done.stderr


def test_bits_that_are_too_many_are_refused_at_run_time(tmp_path: Path) -> None:
    """A shift by a word's width is OPV_INVALID as the kernel's EINVAL, and nothing happens."""
    need("gcc")
    text = "percpu w: u32\nvector left(n: u64) { lshift w, n }\n"
    (tmp_path / "t.h").write_text(header_of(text))
    (tmp_path / "t.c").write_text(
        '#include "t.h"\nint main(void) { struct t m; t_create(&m); m.percpu[0].w = m.percpu[1].w = 1;\n'
        "return !(t_left_here(&m, 32) == OPV_INVALID && t_left(&m, 0, 99) == OPV_INVALID\n"
        "&& t_left(&m, 4000000000u, 1) == OPV_INVALID && m.percpu[0].w == 1\n"
        "&& t_left(&m, 0, 31) == 0 && m.percpu[0].w == 0x80000000u); }\n"
    )
    assert run("gcc", "-O2", tmp_path / "t.c", "-o", tmp_path / "t").returncode == 0
    assert run(tmp_path / "t").returncode == 0


@pytest.mark.parametrize("compiler", ["gcc", "clang", "musl-gcc"])
def test_strict_c(made: Path, compiler: str) -> None:
    """A header compiles without a warning as C11 in which no extension of GNU or POSIX is declared."""
    need(compiler)
    source = made.with_name("strict.c")
    call = "struct counter m; return counter_create(&m) < 0;"
    source.write_text(f'#include "counter.h"\nint main(void) {{ {call} }}\n')
    target = made.with_name("counter.h")
    if target != made:
        target.write_text(made.read_text())
    words = (compiler, "-std=c11", "-pedantic", *WARNINGS, "-fsyntax-only", source)
    done = run(*words)
    assert done.returncode == 0, done.stderr


def test_an_analyzer_reads_on_after_a_call(tmp_path: Path) -> None:
    """clang's analyzer, which leaves out what comes after an asm goto, sees the caller's mistake."""
    need("clang")
    (tmp_path / "t.h").write_text(header_of(COUNTER))
    (tmp_path / "t.c").write_text(
        '#include "t.h"\nint reads_null(const struct t *m, int *p)\n'
        "{ t_bump_here(m, 1); t_bump(m, 0, 1); p = 0; return *p; }\n"
    )
    # The mistake is found in the first fifth of these steps; by itself it goes on for ten times as many.
    steps = ("-Xclang", "-analyzer-config", "-Xclang", "max-nodes=20000")
    done = run("clang", "--analyze", *steps, "t.c", cwd=tmp_path)
    assert "t.c:3:" in done.stderr
    assert "Dereference of null pointer" in done.stderr


SECTIONS = """percpu n: u64
section put(want: u64, v: u64) { seen = load n; exit full if seen != want; commit n, v }
section take(by: u64) -> old { old = load n; exit none if old < by; commit n, old - by }
strategy called = rseq then opv after 2
vector bump(by: i64) { add n, by }
"""


def test_sections_that_load(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One that is exactly a vector gets the functions of that; another hands its results out by pointers."""
    source, target = tmp_path / "t.opv", tmp_path / "t.h"
    source.write_text(SECTIONS)
    lock = ("--strategy", "lock", "--no-explore", "-o", target)
    assert emit(source, *lock) == 0
    text = target.read_text()
    assert " * functions t_bump, t_put, t_take\n *           after t_create(&memory); on" in text
    assert "int t_put(const struct t *opv_m, unsigned opv_cpu, uint64_t want, uint64_t v)" in text
    assert "int t_take_here(const struct t *opv_m, uint64_t by, uint64_t *old)" in text
    assert "enum t_take_exit { T_TAKE_NONE = 1 };" in text
    target.unlink()
    # cpu_opv gives nothing back: all is refused, until the others are named.
    called = ("--strategy", "called", "--no-explore", "-o", target)
    assert emit(source, *called) == 1
    said = capsys.readouterr().err
    assert "OPV756" in said
    assert "cpu_opv, which strategy called calls, runs vectors, and it gives old to" in said
    assert not target.exists()
    assert emit(source, *called, "--vector", "put", "--vector", "bump") == 0
    assert "t_take" not in target.read_text()


@pytest.mark.parametrize(
    ("section", "why"),
    [
        ("section s() { x = load n; if x == 1 { commit n, 2 } else { commit n, 3 } }", "2 commits"),
        ("section s() -> x { x: u128 = load [&n].u128; commit n, 1 }", "x is two registers"),
        ("section s() -> x { x = load n; y = mm_cid; commit n, u64(y) }", "mm_cid is not in every"),
        ("section s(c: u32) -> x { x = load n@c; commit n, x }", "the CPU of n is a value"),
        ("unverified section s() -> x { x = load n; syscall; commit n, 1 }", "a system call"),
        ("section s() -> x { x = load n; o = commit cmpxchg n, x, 1 }", "cmpxchg"),
        ("section s(a: u64, b: u64, c: u64, d: u64, e: u64, f: u64, g: u64, h: u64, i: u64, j: u64)"
         " -> x { x = load n; commit n, a + b + c + d + e + f + g + h + i + j }", "registers"),
    ],
)  # fmt: skip
def test_a_section_without_code_is_refused_by_its_reason(section: str, why: str) -> None:
    """What C has no instruction, register or check for is an error that says so."""
    program = assembled(f"percpu n: u64\n{section}\n").program
    (finding,) = with_sections(program, (), ELIDE, ARCHITECTURES).findings
    assert (finding.level, finding.code) == ("error", "OPV756")
    assert why in finding.message


def test_compilers_have_the_registers_that_a_section_may_take(tmp_path: Path) -> None:
    """The largest section that is not refused compiles where a compiler keeps most for itself, at -O0."""
    need("gcc")

    def made(count: int) -> WithSections:
        names = [f"p{each}" for each in range(count)]
        parameters = ", ".join(f"{each}: u64" for each in names)
        text = f"percpu n: u64\nsection s({parameters}) -> x {{ x = load n; commit n, x + ({' + '.join(names)}) }}\n"
        return with_sections(assembled(text).program, (), ELIDE, ARCHITECTURES)

    largest = next(count for count in range(12, 0, -1) if not made(count).findings)
    found = made(largest)
    request = Request(found.program, found.vectors, ELIDE, Naming("t", {}), loading=found.loading)
    (tmp_path / "t.h").write_text(header(request))
    given = ", ".join("1" * largest)
    (tmp_path / "t.c").write_text(
        '#include "t.h"\nint full(const struct t *m, uint64_t *x)\n'
        f"{{ return t_s(m, 0, {given}, x) + t_s_here(m, {given}, x); }}\n"
    )
    words = ("-O0", "-fPIC", "-S", tmp_path / "t.c", "-o", tmp_path / "t.s")
    done = run("gcc", *words)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("section", "code"),
    [
        ("section s() -> x { x = load n; exit e if x == 1; exit E if x == 2; commit n, 1 }", "OPV754"),
        ("section s() -> x { x = load n; store n, 1; exit e if x == 1; commit n, 2 }", "OPV402"),
        ("section create() -> x { x = load n; commit n, 2 }", "OPV754"),
    ],
)  # fmt: skip
def test_rules_and_names_hold_for_sections_that_load(section: str, code: str) -> None:
    """The rules of sections refuse one as `verify` does, and names of C are one's own."""
    program = assembled(f"percpu n: u64\n{section}\n").program
    found = with_sections(program, (), ELIDE, ARCHITECTURES)
    refused = refusals(program, found.vectors, ELIDE, Naming("t", {}), (), found.loading)
    assert code in {each.code for each in refused if each.level == "error"}


def test_a_result_with_a_name_of_the_header_is_called_a_result() -> None:
    """It has no place of its own: its section's is shown."""
    program = assembled(
        "percpu n: u64\nsection s() -> opv_x { opv_x = load n; commit n, 2 }\n"
    ).program
    found = with_sections(program, (), ELIDE, ARCHITECTURES)
    (refused,) = refusals(program, found.vectors, ELIDE, Naming("t", {}), (), found.loading)
    assert (refused.code, refused.help) == ("OPV754", "rename the result")
    assert refused.message.startswith("result opv_x: ")
    assert refused.place == found.vectors[0].place
    assert refused.place is not None


def test_a_section_that_is_handed_its_cpu_takes_that_of_the_function() -> None:
    """`exit moved if cpu_id != cpu` is what each function does: it has no second number of a CPU."""
    text = "percpu n: u64\nsection s(cpu: u32, by: u64) -> x {\n"
    text += "exit moved if cpu_id != cpu; x = load n@cpu; commit n@cpu, x + by }\n"
    found = with_sections(assembled(text).program, (), ELIDE, ARCHITECTURES)
    assert [each.name for each in found.vectors[0].parameters] == ["by", "x"]
    assert ir.labels(found.loading["s"]) == ()


def test_headers_of_two_versions_do_not_share_what_differs(tmp_path: Path) -> None:
    """Two headers by one version make a program; one whose shared part is another's ends in an error that says so."""
    need("gcc")
    text = header_of(COUNTER)
    (tmp_path / "t.h").write_text(text)
    (tmp_path / "u.h").write_text(header_of(COUNTER, prefix="u"))
    source = tmp_path / "two.c"
    source.write_text('#include "t.h"\n#include "u.h"\n')
    words = ("gcc", "-std=c11", *WARNINGS, "-fsyntax-only", source)
    assert run(*words).returncode == 0
    (tmp_path / "t.h").write_text(re.sub(r"OPV_RUNTIME 0x\w+", "OPV_RUNTIME 1", text))
    done = run(*words)
    assert done.returncode != 0
    assert "two versions of opvasm" in done.stderr


@pytest.mark.parametrize("compiler", ["gcc", "g++", "clang", "clang++", "aarch64-linux-gnu-g++"])
def test_warnings_that_projects_ask_for(compiler: str, tmp_path: Path) -> None:
    """No header warns under the strict sets of options of C and C++, in whichever namespace of POSIX or GNU."""
    need(compiler)
    cpp = compiler.endswith("++")
    write_headers(tmp_path, "elide")
    source = tmp_path / ("strict.cpp" if cpp else "strict.c")
    source.write_text(
        '#include "counter.h"\n#include "list.h"\n#include "results.h"\n'
        "int push(struct list *, struct list_node *); int bump(struct counter *);\n"
        "uint64_t got(struct results *); uint64_t got(struct results *r)\n"
        "{ uint64_t v; struct results_node *n;\n"
        "return results_get_here(r, &v) == 0 && results_pop(r, 0, &n) == 0 ? v + n->value : 0; }\n"
        "int push(struct list *l, struct list_node *n) { return list_push(l, opv_current_cpu(), n, n); }\n"
        "int bump(struct counter *c) { return counter_bump_here(c, 1) + counter_bump_fenced(c, 0, 2); }\n"
    )
    words = ["-Wconversion", "-Wsign-conversion", "-pedantic", "-Wshadow", "-Wundef", "-Wcast-qual"]
    words += ["-Wredundant-decls", "-Wmissing-declarations", "-Wdouble-promotion", "-Wformat=2"]
    if cpp:
        words += [
            "-std=c++17",
            "-Wold-style-cast",
            "-Wextra-semi",
            "-Wzero-as-null-pointer-constant",
        ]
        words += [] if "clang" in compiler else ["-Wuseless-cast"]
    else:
        words += [
            "-std=c11",
            "-Wdeclaration-after-statement",
            "-Wstrict-prototypes",
            "-Wmissing-prototypes",
        ]
    # What a namespace declares is the front end's business, what the optimizer sees is not the namespace's.
    target = ("-o", tmp_path / "o")
    ways: list[tuple[str | Path, ...]] = [("-D_GNU_SOURCE", "-O0", "-c", *target)]
    ways += [("-D_GNU_SOURCE", "-O2", "-c", *target)]
    if not cpp:  # compilers of C++ define _GNU_SOURCE themselves
        ways += [("-U_GNU_SOURCE", "-fsyntax-only")]
        ways += [("-D_POSIX_C_SOURCE=200809L", "-fsyntax-only")]
    for way in ways:
        done = run(compiler, *WARNINGS, *words, *way, source)
        assert done.returncode == 0, done.stderr


def test_pointers_in_the_data_ask_for_64_bits() -> None:
    """A 32-bit compiler says so in words; data without pointers is for every machine."""
    words = "the data has pointers: for 64-bit machines"
    assert words in header_of((SAMPLES / "list.opv").read_text())
    assert words in header_of("percpu a: ptr[4]\nvector v() { add.u64 a[1], 1 }\n")
    assert words not in header_of(COUNTER)
