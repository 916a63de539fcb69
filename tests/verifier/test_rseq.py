"""Which vectors may also be restartable sequences, and which librseq pair they are (abi.md section 4.3)."""

from __future__ import annotations

from pathlib import Path

import pytest

from opvasm.assembler import assemble, read_file
from opvasm.codes import rseq as codes
from opvasm.errors import Diagnostic
from opvasm.program import Program
from opvasm.verifier.rseq_report import rseq_report

from .programs import program

IDIOMS = Path(__file__).parents[2] / "samples" / "idioms"

# The table of section 4.3: the helper, the file that has its vector, the primitive of the fast path.
PAIRS = [
    ("librseq.opv", "cpu_op_cmpeqv_storev", "rseq_cmpeqv_storev"),
    ("librseq.opv", "cpu_op_cmpnev_storeoffp_load", "rseq_cmpnev_storeoffp_load"),
    ("librseq.opv", "cpu_op_addv", "rseq_addv"),
    ("librseq.opv", "cpu_op_cmpeqv_storev_storev", "rseq_cmpeqv_trystorev_storev"),
    ("librseq.opv", "cpu_op_cmpeqv_storev_mb_storev", "rseq_cmpeqv_trystorev_storev_release"),
    (
        "librseq_release.opv",
        "cpu_op_cmpeqv_storev_storev_release",
        "rseq_cmpeqv_trystorev_storev_release",
    ),
    ("librseq.opv", "cpu_op_cmpeqv_cmpeqv_storev", "rseq_cmpeqv_cmpeqv_storev"),
    ("librseq.opv", "cpu_op_cmpeqv_memcpy_storev", "rseq_cmpeqv_trymemcpy_storev"),
    ("librseq.opv", "cpu_op_cmpeqv_memcpy_mb_storev", "rseq_cmpeqv_trymemcpy_storev_release"),
    (
        "librseq_release.opv",
        "cpu_op_cmpeqv_memcpy_storev_release",
        "rseq_cmpeqv_trymemcpy_storev_release",
    ),
]


def idioms(file: str) -> Program:
    """A sample's program."""
    return assemble(read_file(str(IDIOMS / file))).program


def report(source: Program, vector: str) -> tuple[Diagnostic, tuple[Diagnostic, ...]]:
    """The outcome, and the rules that are broken."""
    found = rseq_report(source.vectors[vector], source.abi, source.data)
    (outcome,) = (each for each in found if each.code == codes.SECTION_SHAPE)
    return outcome, tuple(each for each in found if each is not outcome)


@pytest.mark.parametrize(("file", "helper", "primitive"), PAIRS, ids=[pair[1] for pair in PAIRS])
def test_each_primitive_of_librseq_has_its_shape(file: str, helper: str, primitive: str) -> None:
    outcome, broken = report(idioms(file), helper)
    assert broken == ()
    assert outcome.message == f"{helper} may also be a restartable section"
    notes = " ".join(note.message for note in outcome.notes)
    assert f"the ops of {helper}" in notes
    assert f"fast path is {primitive}," in notes


def test_cmpxchg_is_refused_because_it_stores_before_it_compares() -> None:
    outcome, broken = report(idioms("librseq.opv"), "cpu_op_cmpxchg")
    assert [each.code for each in broken] == [codes.COMPARE_AFTER_STORE]
    assert "breaks R2" in outcome.message
    assert next(note.message for note in outcome.notes).endswith("cpu_op_cmpxchg")


@pytest.mark.parametrize(
    ("helper", "rules"),
    [
        ("cpu_op_1cmp2store", [codes.EARLY_COMMIT]),
        ("cpu_op_cmpstorememcpy", [codes.EARLY_COMMIT, codes.NO_COMMIT]),
        ("cpu_op_cmpxchg", [codes.COMPARE_AFTER_STORE]),
    ],
)
def test_the_helpers_of_2017_10_that_commit_first_are_refused(
    helper: str, rules: list[str]
) -> None:
    _, broken = report(idioms("first_generation.opv"), helper)
    assert [each.code for each in broken] == rules


@pytest.mark.parametrize("helper", ["cpu_op_cmpstore", "cpu_op_2cmp1store", "cpu_op_add"])
def test_the_other_helpers_of_2017_10_may_be_sections(helper: str) -> None:
    outcome, broken = report(idioms("first_generation.opv"), helper)
    assert broken == ()
    assert "may also be" in outcome.message


# One vector for each rule of model.md section 2.4, and the code that must say it.
RULES = {
    codes.OTHER_CPU: "percpu a: u64\nvector v(x: u64) { memcpy.u64 a@1, x }",
    codes.COMPARE_AFTER_STORE: (
        "percpu a: u64\npercpu b: u64\nvector v(x: u64) {\nmemcpy.u64 a, x\ncmpeq.u64 b, x\n"
        "memcpy.u64 b, x\n}"
    ),
    codes.NO_COMMIT: "percpu a: u8[16]\nvector v(p: ptr) { memcpy a, [p], 16 }",
    codes.REPEATED_CHANGE: (
        "percpu a: u64\npercpu b: u64\nvector v() {\nadd.u64 a, 1\nadd.u64 b, 1\n}"
    ),
    codes.EARLY_COMMIT: (
        "percpu a: u64\npercpu b: u64\nvector v(x: u64) {\ncmpeq.u64 a, x\nmemcpy.u64 a, x\n"
        "memcpy.u64 b, x\n}"
    ),
    codes.READ_BACK: (
        "percpu a: u64\npercpu b: u64\nvector v(x: u64) {\nmemcpy.u64 a, x\nmemcpy.u64 b, a\n}"
    ),
    codes.EARLY_RELEASE: (
        "abi 2019-04\npercpu a: u64\npercpu b: u64\nvector v(x: u64) {\n"
        "memcpy.release.u64 a, x\nmemcpy.u64 b, x\n}"
    ),
    codes.EXPECTED_FAULT: "percpu a: u64\nvector v(p: ptr) { memcpy.u64 a, [p]? }",
}


def test_a_copy_of_what_is_overwritten_before_the_commit_refuses() -> None:
    """R4: after an abort the copy is one of the new value; a copy onto itself does no harm."""
    text = "percpu a: u64\npercpu b: u64\npercpu c: u64\nvector v(x: u64) {{ {}; memcpy.u64 c, x }}"
    _, broken = report(program(text.format("memcpy.u64 b, a; memcpy.u64 a, x")), "v")
    assert [(each.code, each.level) for each in broken] == [(codes.REPEATED_CHANGE, "error")]
    for harmless in ("memcpy.u64 a, x; memcpy.u64 b, x", "memcpy.u64 a, a"):
        assert report(program(text.format(harmless)), "v")[1] == ()


@pytest.mark.parametrize("code", RULES)
def test_each_rule_is_said_and_refuses(code: str) -> None:
    outcome, broken = report(program(RULES[code]), "v")
    assert code in [each.code for each in broken]
    assert all(each.level == "error" and each.help for each in broken)
    assert "can't be a restartable section" in outcome.message


TAGGED = """
struct node {{ next: ptr<node>, value: u64 }}
percpu head: ptr<node>
percpu tag: u64
vector pop(old: ptr<node>, next: ptr<node>, seen: u64, more: u64) {{
    cmpeq.ptr head, old
    cmpeq.u64 tag, seen
    {}
    {}
}}
"""
TAG, HEAD = "memcpy.u64 tag, more", "memcpy.ptr head, next"


@pytest.mark.parametrize("stores", [(TAG, HEAD), (HEAD, TAG)])
def test_a_pop_that_advances_a_version_tag_is_left_to_the_explorer(stores: tuple[str, str]) -> None:
    """Both stores go to compared bytes: no order is advised, nothing is refused."""
    outcome, broken = report(program(TAGGED.format(*stores)), "pop")
    assert [(each.code, each.level) for each in broken] == [(codes.EARLY_COMMIT, "warning")]
    assert "no order" in str(broken[0].help)
    assert "explore" in str(broken[0].help)
    assert "may also be" in outcome.message


def test_the_order_that_is_advised_can_be_followed() -> None:
    """The store that the help says to put last is no longer a finding there."""
    text = RULES[codes.EARLY_COMMIT]
    first, second = "memcpy.u64 a, x", "memcpy.u64 b, x"
    _, broken = report(program(text), "v")
    assert "make op 1 the last store" in str(broken[0].help)
    swapped = text.replace(first, "~").replace(second, first).replace("~", second)
    _, broken = report(program(swapped), "v")
    assert broken == ()


def test_a_pointer_that_nothing_proves_is_a_warning_only() -> None:
    outcome, broken = report(program("percpu a: u64\nvector v(p: ptr) { memcpy.u64 a, [p] }"), "v")
    assert [(each.code, each.level) for each in broken] == [(codes.STALE_POINTER, "warning")]
    assert "may also be" in outcome.message
