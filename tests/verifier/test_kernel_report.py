"""The kernel's refusals in words: where, what, the limit, what to write instead."""

from __future__ import annotations

from struct import pack

import pytest

from opvasm.abi.revisions import get_abi
from opvasm.binary import decode
from opvasm.codes import kernel
from opvasm.errors import Diagnostic
from opvasm.source import BytePlace, Span
from opvasm.verifier.report import denied, verify

from .programs import codes, findings_of, program


def op(number: int, length: int, *words: int) -> bytes:
    """The 32 bytes of an op on a 64-bit little-endian machine (abi.md section 1.5)."""
    return pack("<iIQQQ", number, length, *(*words, 0, 0, 0)[:3])


def refusals(data: bytes, revision: str = "2017-11") -> tuple[Diagnostic, ...]:
    """What is said of raw ops, without advice."""
    abi = get_abi(revision)
    return verify(decode(data, abi, "v.bin"), abi, name="v.bin", advice=False)


COMPARE_EQ, COMPARE_NE, MEMCPY, ADD, LSHIFT, MB = 0, 1, 2, 3, 7, 9


@pytest.mark.parametrize(
    ("data", "code", "place"),
    [
        (op(-1, 0), kernel.UNKNOWN_OPERATION, BytePlace("v.bin", 0, 4, 0, "op")),
        (op(MEMCPY, 4097, 8, 8), kernel.DATA_LENGTH, BytePlace("v.bin", 4, 8, 0, "len")),
        (op(MB, 0) + op(ADD, 3, 8), kernel.WORD_LENGTH, BytePlace("v.bin", 36, 40, 1, "len")),
        (op(LSHIFT, 1, 8, 8), kernel.SHIFT_BITS, BytePlace("v.bin", 16, 20, 0, "bits")),
        (op(MB, 0) * 17, kernel.VECTOR_TOO_LONG, BytePlace("v.bin", 512, 544)),
        (
            op(MEMCPY, 4096, 8, 8) + op(COMPARE_EQ, 121, 8, 8),
            kernel.LENGTH_SUM,
            BytePlace("v.bin", 36, 40, 1, "len"),
        ),
    ],
)
def test_a_refusal_of_raw_ops_names_op_field_and_bytes(
    data: bytes, code: str, place: BytePlace
) -> None:
    (found,) = refusals(data)
    assert (found.level, found.code, found.place) == ("error", code, place)


def test_a_range_that_wraps_is_refused_from_2017_12_on() -> None:
    data = op(MEMCPY, 8, 8, 2**64 - 7)
    assert refusals(data) == ()
    (found,) = refusals(data, "2017-12")
    assert found.code == kernel.RANGE_WRAPS
    assert found.place == BytePlace("v.bin", 16, 24, 0, "src")
    # Up to the very last address is fine: 2**64 - 8 + 8 is 2**64.
    assert refusals(op(MEMCPY, 8, 8, 2**64 - 8), "2017-12") == ()


def test_a_caret_stands_under_the_length_that_is_wrong() -> None:
    (found,) = findings_of(
        program("shared a: u8[8]\nunverified vector v() {\n    add [&a], 1, 3\n}")
    )[:1]
    assert isinstance(found.place, Span)
    assert (found.place.line, found.place.text) == (3, "3")


def test_the_first_of_several_says_that_the_kernel_stops_there() -> None:
    # An op without a number in the revision (op 1) comes before a shift that is too wide (op 2);
    # the number of ops is asked before any op, the sum of the lengths after all of them.
    found = refusals(op(MB, 0) + op(12, 0) + op(LSHIFT, 1, 8, 8))
    assert codes(found) == [kernel.UNKNOWN_OPERATION, kernel.SHIFT_BITS]
    assert [any("looks no further" in note.message for note in each.notes) for each in found] == [
        True,
        False,
    ]


def test_a_sum_that_is_too_large_only_through_a_refused_op_is_not_said() -> None:
    found = refusals(op(MEMCPY, 8192, 8, 8) + op(MEMCPY, 4096, 8, 8))
    assert codes(found) == [kernel.DATA_LENGTH]
    found = refusals(op(MEMCPY, 8192, 8, 8) + op(MEMCPY, 4096, 8, 8) + op(MEMCPY, 4096, 8, 8))
    assert codes(found) == [kernel.DATA_LENGTH, kernel.LENGTH_SUM]


def test_advice_is_not_given_about_an_op_that_is_refused() -> None:
    abi = get_abi()
    data = op(MEMCPY, 5000, 8, 2**63)  # too long, and outside user space
    assert codes(verify(decode(data, abi, "v"), abi)) == [kernel.DATA_LENGTH]


def test_the_limit_of_an_op_follows_the_page_size_where_the_revision_says_so() -> None:
    # abi.md section 1.4: 2017-10 takes a page and has no limit of the sum.
    abi = get_abi("2017-10", page_size=65536)
    assert verify(decode(op(MEMCPY, 65536, 0, 2**20), abi, "v"), abi, advice=False) == ()
    (found,) = verify(decode(op(MEMCPY, 65537, 0, 2**20), abi, "v"), abi, advice=False)
    assert "65536" in found.message
    assert "pages of 65536 bytes" in found.message


def test_ops_without_a_place_are_named_by_their_bytes() -> None:
    abi = get_abi()
    (found,) = verify(decode(op(MB, 0) + op(ADD, 3, 8), abi, None), abi, advice=False)
    assert str(found.place) == "<ops>: op 1, field len, bytes 36..39"


@pytest.mark.parametrize("name", ["OPV220", "misaligned", "warning", "note"])
def test_a_denied_finding_is_an_error(name: str) -> None:
    found = findings_of(program("percpu a: u8[16]\nvector v(x: u64) { memcpy.u64 [&a[1]], x }"))
    assert [each.level for each in found] == ["warning"]
    assert [each.level for each in denied(found, [name])] == ["error"]
    assert denied(found, ["page-crossing"]) == found


def test_denying_notes_denies_warnings_but_not_the_other_way_round() -> None:
    found = findings_of(program("percpu a: u8\nvector v() { add.u8 a, 0 }"))
    assert [each.level for each in found] == ["note"]
    assert [each.level for each in denied(found, ["warning"])] == ["note"]
    assert [each.level for each in denied(found, ["note"])] == ["error"]
