"""What other revisions and data models make of a vector, and what it costs."""

from __future__ import annotations

from opvasm.abi.revisions import get_abi
from opvasm.codes import advice
from opvasm.verifier.budget import Limit, Traffic, budget, budget_text
from opvasm.verifier.portability import portability, portability_findings, portability_text

from .programs import program


def test_an_add_is_another_op_in_2019_04() -> None:
    """abi.md section 1.2: opcode 3 is add up to 2018-10 and memcpy.release in 2019-04."""
    source = program("percpu a: u64\nvector v(n: i64) { add.u64 a, n }")
    vector = source.vectors["v"]
    rows = {row.revision: row for row in portability(vector, source.abi).revisions}
    assert rows["2019-04"].same_bytes == "other: op 0 is memcpy.release"
    assert rows["2019-04"].assembled == "runs"
    assert {row.same_bytes for name, row in rows.items() if name != "2019-04"} == {"runs"}
    (found,) = portability_findings(vector, source.abi)
    assert (found.code, found.message) == (
        advice.OTHER_OPERATION,
        "opcode 3 is memcpy.release in 2019-04",
    )


def test_mb_came_with_2017_11_and_left_with_2019_04() -> None:
    source = program("vector v() { mb }")
    rows = {row.revision: row for row in portability(source.vectors["v"], source.abi).revisions}
    assert [name for name, row in rows.items() if row.assembled == "refused: no mb"] == [
        "2017-10",
        "2019-04",
    ]
    assert rows["2017-10"].same_bytes == rows["2019-04"].same_bytes == "refused: op 0, no op 9"
    (found,) = portability_findings(source.vectors["v"], source.abi)
    assert found.message == "2017-10 and 2019-04 have no mb"


def test_lengths_that_only_2017_10_takes() -> None:
    """Two copies of 4096 bytes: only 2017-10 has no limit of the sum (section 1.4)."""
    source = program(
        "abi 2017-10\nshared a: u8[4096]\nshared b: u8[4096]\n"
        "vector v() {\nmemcpy a, b\nmemcpy b, a\n}"
    )
    rows = portability(source.vectors["v"], source.abi).revisions
    assert [row.assembled for row in rows] == ["runs", *["refused: 8192 of 4216 bytes"] * 6]
    found = portability_findings(source.vectors["v"], source.abi)
    assert [each.code for each in found] == [advice.NOT_PORTABLE] * 6


def test_expect_fault_is_ignored_by_2017_10_and_can_not_be_written_for_it() -> None:
    source = program("percpu a: u64\nvector v(p: ptr) { memcpy.u64 a, [p]? }")
    first = portability(source.vectors["v"], source.abi).revisions[0]
    assert first.same_bytes == "runs, but expect_fault is ignored"
    assert first.assembled == "refused: no expect_fault"


def test_data_models_differ_in_byte_order_in_words_and_in_addresses() -> None:
    source = program("vector v() { memcpy.u64 @0x7f00_0000_0000, @0x1000 }")
    models = {row.model: row.remarks for row in portability(source.vectors["v"], source.abi).models}
    assert models["64le"] == ()
    assert models["64be"] == ("other byte order: assemble it again",)
    assert models["32le"] == (
        "the same bytes, with zero padding beside pointers",
        "op 0: 8 bytes are two accesses",
        "op 0: an address does not fit 32 bits",
    )


def test_the_table_has_every_revision_and_model() -> None:
    source = program("vector v() { mb }")
    text = portability_text(portability(source.vectors["v"], source.abi))
    for name in ("2017-10", "2018-10*", "2019-04*", "64le", "64be", "32le", "32be", "inferred"):
        assert name in text


def test_a_budget_counts_ops_bytes_pages_and_words() -> None:
    """By hand: 8 + 100 + 8 bytes; mb counts nothing; buffer + 4090 lies in two pages."""
    source = program(
        "percpu a: u64\nshared buffer: u8[8192]\nvector v(x: u64, p: ptr) {\n"
        "    cmpeq.u64 a, x\n    memcpy [p], [&buffer + 4090], 100\n    mb\n"
        "    memcpy.u64 [&a], x\n}"
    )
    found = budget(source.vectors["v"], source.abi, source.data)
    assert found.own.ops == Limit(4, 16)
    assert found.own.bytes == Limit(116, 4216)
    assert found.own.bytes.left == 4100
    assert (found.own.longest, found.longest_op) == (Limit(100, 4096), 1)
    # a, x, a, x lie in one page each; buffer in two; p in one or two.
    assert (found.pages_least, found.pages_most) == (7, 8)
    assert (found.aligned, found.misaligned, found.unknown) == (4, 0, 0)
    assert found.traffic == (
        Traffic("own CPU", 8, 8),
        Traffic("arguments", 16, 0),
        Traffic("memory at p", 0, 100),
        Traffic("shared", 100, 0),
    )
    assert [str(row.bytes) for row in found.limits] == ["116/no limit", *["116/4216"] * 6]


def test_a_budget_that_is_exceeded_says_by_how_much() -> None:
    source = program(
        "shared a: u8[4096]\nshared b: u8[4096]\n"
        "unverified vector v() {\nmemcpy a, b\nmemcpy b, a\n}"
    )
    text = budget_text(budget(source.vectors["v"], source.abi, source.data))
    assert "8192/4216, 3976 too many" in text


def test_the_longest_op_may_be_a_page_where_the_revision_says_so() -> None:
    source = program("vector v() { mb }")
    found = budget(source.vectors["v"], get_abi(page_size=65536), source.data)
    assert [row.longest.most for row in found.limits] == [65536, 65536, *[4096] * 5]
    assert found.longest_op is None
