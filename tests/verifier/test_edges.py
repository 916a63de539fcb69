"""Rules at their edges: misaligned words by revision, barriers and commits of sections, budgets."""

from __future__ import annotations

import pytest

from opvasm.codes import advice, rseq
from opvasm.errors import Diagnostic
from opvasm.verifier.budget import Traffic, budget, budget_text
from opvasm.verifier.rseq_rules import findings
from opvasm.verifier.rules import RseqFinding

from .programs import codes, findings_of, program

DATA = "percpu a: u64[4]\npercpu b: u64[4]\n"


def misaligned(op: str, revision: str = "2017-11", parameters: str = "") -> Diagnostic:
    text = f"abi {revision}\n{DATA}vector v({parameters}) {{ {op} }}"
    (finding,) = (each for each in findings_of(program(text)) if each.code == "OPV220")
    return finding


@pytest.mark.parametrize(
    ("revision", "op", "effect"),
    [
        # abi.md section 3.3: what a revision does with a word that is not aligned
        ("2017-11", "memcpy.u64 [&a + 1], b[0]", "2017-11 makes one unaligned access"),
        ("2018-04", "memcpy.u64 [&a + 1], b[0]", "silently moves both operands byte by byte"),
        ("2018-10", "memcpy.u64 [&a + 1], b[0]", "byte by byte, as far as is known"),
        ("2018-10", "add.u64 [&a + 1], 1", "loads and stores it unaligned, without a check"),
    ],
)
def test_a_misaligned_word_is_told_with_what_the_revision_does(
    revision: str, op: str, effect: str
) -> None:
    """1 byte after, so 7 to the next; an inferred revision says that it is."""
    finding = misaligned(op, revision)
    assert finding.message.startswith("[&a + 1] is 1 byte after a multiple of 8")
    assert finding.help == "use the word 1 byte before it or 7 after it, or move the data"
    assert effect in finding.notes[0].message


def test_two_misaligned_operands_are_one_finding() -> None:
    """The second is a note with its own distance."""
    finding = misaligned("memcpy.u64 [&a + 1], [&b + 3]")
    assert finding.notes[0].message == "[&b + 3] is 3 bytes after a multiple of 8, too"


def test_what_a_pointer_points_to_is_taken_to_be_aligned_as_its_type() -> None:
    """A ptr<u64> to 8 bytes, which the finding says; a ptr<u16> proves nothing about 8."""
    finding = misaligned("memcpy.u64 a[0], [p + 4]", parameters="p: ptr<u64>")
    assert "if `p` is 8-byte aligned" in finding.message
    text = f"{DATA}vector v(p: ptr<u16>) {{ memcpy.u64 a[0], [p + 4] }}"
    assert "OPV220" not in codes(findings_of(program(text)))


def test_the_same_difference_is_not_found_twice() -> None:
    """A second cmpne of the same words can never stop the vector: the first one would have."""
    text = f"{DATA}vector v() {{\n cmpne.u64 a[0], b[0]\n cmpne.u64 b[0], a[0]\n}}"
    (finding,) = findings_of(program(text))
    assert finding.message == "this cmpne never stops the vector: the bytes differ"
    assert finding.notes[0].message == "op 0 compared them"


def section(ops: str, parameters: str = "") -> list[RseqFinding]:
    text = f"{DATA}vector v({parameters}) {{\n{ops}\n}}"
    source = program(text)
    return list(findings(source.vectors["v"], source.data))


def test_a_commit_has_to_be_aligned() -> None:
    """R3: half of a word that lies in two lines could be seen."""
    (finding,) = section("memcpy.u64 [&a + 4], b[0]")
    assert (finding.rule, finding.code, finding.refuses) == ("R3", rseq.NO_COMMIT, True)
    assert finding.message == "the last store, op 0, is not aligned to its 8 bytes"


def test_a_barrier_before_stores_that_are_no_commit_is_advice() -> None:
    """R6: the release belongs to the last store; directly before it it is fine."""
    ops = "memcpy.u64 a[0], x\n{}memcpy.u64 a[1], x\n{}memcpy.u64 a[2], x"
    (finding,) = section(ops.format("mb\n", ""), "x: u64")
    assert (finding.rule, finding.op, finding.refuses) == ("R6", 1, False)
    assert section(ops.format("", "mb\n"), "x: u64") == []


def test_a_word_at_an_absolute_address_is_one_that_was_written() -> None:
    """R5: 0x1004 to 0x100b overlaps 0x1000 to 0x1007; 0x1008 does not."""
    ops = "memcpy.u64 @0x1000, a[0]\nmemcpy.u64 a[1], @{:#x}"
    (finding,) = section(ops.format(0x1004))
    assert (finding.rule, finding.op) == ("R5", 1)
    assert section(ops.format(0x1008)) == []


def test_a_budget_tells_constants_and_absolute_addresses_apart() -> None:
    """Two copies of 8 bytes: from a constant to the own CPU's data, and from there out."""
    source = program(f"{DATA}vector v() {{\n memcpy.u64 a[0], =5\n memcpy.u64 @0x1000, a[0]\n}}")
    found = budget(source.vectors["v"], source.abi, source.data)
    assert set(found.traffic) == {
        Traffic("own CPU", 8, 8),
        Traffic("constants", 8, 0),
        Traffic("absolute addresses", 0, 8),
    }
    assert (found.pages_least, found.pages_most) == (4, 4)


def test_a_budget_says_what_has_no_limit_and_what_is_too_much() -> None:
    """Two copies of 4096 bytes: 8192 - 4216 bytes too many in 2017-11, none in 2017-10."""
    text = (
        "abi {}\nshared c: u8[4096]\nshared d: u8[4096]\n"
        "unverified vector v() {{\n memcpy c, d\n memcpy d, c\n}}"
    )
    for revision, line in (
        ("2017-11", "bytes    8192/4216, 3976 too many"),
        ("2017-10", "bytes    8192/no limit"),
    ):
        source = program(text.format(revision))
        shown = budget_text(budget(source.vectors["v"], source.abi, source.data)).splitlines()
        assert line in [each.strip() for each in shown]


def test_torn_and_split_words_are_different_things() -> None:
    """Three bytes are not a word anywhere; eight are two words of a 32-bit kernel."""
    text = "percpu a: u8[8]\npercpu b: u8[8]\nvector v() {{\n memcpy [&a], [&b], {}\n}}"
    assert advice.TORN_ACCESS in codes(findings_of(program(text.format(3))))
    wide = program("abi 2017-11 32le\n" + text.format(8))
    assert advice.SPLIT_WORD in codes(findings_of(wide))
    assert advice.SPLIT_WORD not in codes(findings_of(program(text.format(8))))
