"""Barriers: advised in the words that a revision has, by edits that change nothing else."""

from __future__ import annotations

import pytest

from opvasm.abi.revisions import get_abi
from opvasm.binary import decode, encode
from opvasm.codes import advice
from opvasm.edits import edited
from opvasm.errors import Diagnostic
from opvasm.program import ArgumentValue, PoolAddress, SlotAddress, SymbolAddress
from opvasm.verifier.portability import portability
from opvasm.verifier.report import verify
from opvasm.verifier.wording import value_text

from .programs import codes, findings_of, program

PUSH = """shared index: u64
shared buffer: u64[8]
vector push(expect: u64, value: u64, next: u64) {
    cmpeq.u64 index, expect
    memcpy.u64 buffer[0], value
    memcpy.u64 index, next
}
"""


def barrier(text: str) -> Diagnostic:
    """The finding about a store that nothing orders."""
    (finding,) = (
        each for each in findings_of(program(text)) if each.code == advice.MISSING_BARRIER
    )
    return finding


@pytest.mark.parametrize(
    ("revision", "advised", "mended"),
    [
        ("2017-10", "2017-10 has no barrier: a later revision has mb", None),
        ("2017-11", "put mb before op 2", "    mb\n    memcpy.u64 index, next\n"),
        ("2019-04", "write memcpy.release", "    memcpy.release.u64 index, next\n"),
    ],
)
def test_a_store_that_publishes_is_ordered_by_what_the_revision_has(
    revision: str, advised: str, mended: str | None
) -> None:
    """abi.md section 1.2: no barrier in 2017-10, mb from 2017-11 on, release stores in 2019-04."""
    text = f"abi {revision}\n{PUSH}"
    finding = barrier(text)
    assert finding.help == advised
    changed = [new for _, new in edited([finding])]
    if mended is None:
        assert changed == []
        return
    assert changed == [text.replace("    memcpy.u64 index, next\n", mended)]
    assert advice.MISSING_BARRIER not in codes(findings_of(program(changed[0])))


def test_a_barrier_on_the_ops_own_line_goes_before_it() -> None:
    """Ops that share a line stay on it."""
    text = PUSH.replace("value\n    memcpy", "value; memcpy")
    ((_, changed),) = edited([barrier(text)])
    assert "buffer[0], value; mb; memcpy.u64 index, next" in changed


def test_a_full_vector_is_not_made_longer_than_it_may_be() -> None:
    """16 ops are the limit: the advice stands, without an edit."""
    filler = "    memcpy.u64 buffer[1], value\n" * 13
    finding = barrier(PUSH.replace("    memcpy.u64 index", f"{filler}    memcpy.u64 index"))
    assert finding.help == "put mb before op 15"
    assert finding.edits == ()


def test_ops_without_a_text_are_advised_without_an_edit() -> None:
    """Assembled bytes: there is nothing to change."""
    source = program(PUSH)
    vector = source.vectors["push"]
    blind = vector._replace(
        instructions=tuple(each._replace(place=None, parts=()) for each in vector.instructions)
    )
    found = [
        each
        for each in verify(blind, source.abi, data=source.data)
        if each.code == advice.MISSING_BARRIER
    ]
    assert [each.edits for each in found] == [()]


def test_barriers_with_nothing_between_them_go_where_no_result_changes() -> None:
    """A compare after them answers with its index, which leaving an op out would change."""
    head = "percpu a: u64\nvector v(x: u64) {\n    memcpy.u64 a, x\n    mb\n    mb\n"
    (finding,) = (
        each for each in findings_of(program(f"{head}}}")) if each.code == advice.REDUNDANT_BARRIER
    )
    ((_, changed),) = edited([finding])
    assert changed.count("mb") == 1
    for behind in ("    cmpeq.u64 a, x\n}", "}"):
        same_line = head.replace("    mb\n    mb\n", "    mb; mb\n") if behind == "}" else head
        (finding,) = (
            each
            for each in findings_of(program(f"{same_line}{behind}"))
            if each.code == advice.REDUNDANT_BARRIER
        )
        assert finding.edits == ()


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0x1000, "0x1000"),
        (SymbolAddress("head", 0), "head"),
        (SymbolAddress("head", 8, 3), "head@3 + 8"),
        (ArgumentValue("node", -8), "[node - 8]"),
        (SlotAddress("expect", 0), "expect"),
        (PoolAddress(16), "the constant at pool offset 16"),
    ],
)
def test_a_value_without_a_source_is_spelled_as_the_language_would(
    value: int | SymbolAddress | ArgumentValue | SlotAddress | PoolAddress, text: str
) -> None:
    """As messages about json input need it."""
    assert value_text(value) == text


@pytest.mark.parametrize(
    ("op", "reason"),
    [
        ("memcpy [&a], [&b], 5000", "refused: op 0, 5000 of 4096 bytes"),
        ("add [&a], 1, 3", "refused: op 0, a word of 3 bytes"),
        ("lshift.u16 [&a], 16", "refused: op 0, 16 bits"),
        ("memcpy [0xffffffffffffffff], [&b], 8", "refused: op 0, dst wraps"),
    ],
)
def test_what_another_revision_refuses_is_said_in_a_few_words(op: str, reason: str) -> None:
    """The table of 2018-10, whose rules are the strictest (abi.md section 1.4 and 2.3)."""
    source = program(
        f"shared a: u8[8192]\nshared b: u8[8192]\nunverified vector v() {{\n    {op}\n}}"
    )
    rows = {row.revision: row for row in portability(source.vectors["v"], source.abi).revisions}
    assert rows["2018-10"].assembled == reason


def test_bytes_of_no_op_are_portable_to_nowhere() -> None:
    """An unknown opcode stays unknown."""
    abi = get_abi("2017-11")
    ops = decode(encode(decode(b"\xff" * 32, abi, None), abi), abi, None)
    source = program("unverified vector v() { mb }")
    vector = source.vectors["v"]._replace(instructions=ops)
    rows = portability(vector, source.abi).revisions
    assert {row.assembled for row in rows} == {"refused: op 0, no op -1"}
