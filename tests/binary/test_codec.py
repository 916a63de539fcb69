"""Bytes to ops and back, exact for everything; what does not fit is refused in words."""

from __future__ import annotations

import pytest
from hypothesis import given, settings, strategies as st

from opvasm.abi.ops import ADD, CMPEQ, MB, MEMCPY
from opvasm.abi.revisions import Abi, get_abi
from opvasm.binary import decode, encode
from opvasm.errors import BindError, DecodeError
from opvasm.program import Instruction, SymbolAddress
from opvasm.source import BytePlace

from .strategies import abis, abis_and_ops, ops

ABI = get_abi()


@settings(max_examples=300)
@given(abis_and_ops)
def test_encoding_what_was_decoded_gives_the_same_bytes(case: tuple[Abi, bytes]) -> None:
    abi, data = case
    assert encode(decode(data, abi), abi) == data


@given(abis, st.integers(0, 3), st.integers(1, 31))
def test_bytes_behind_the_last_whole_op_are_an_error(abi: Abi, count: int, rest: int) -> None:
    with pytest.raises(DecodeError) as caught:
        decode(bytes(32 * count + rest), abi, "x.bin")
    (diagnostic,) = caught.value.diagnostics
    assert diagnostic.place == BytePlace("x.bin", 32 * count, 32 * count + rest)
    assert diagnostic.code == "OPV120"
    assert f"{rest} byte" in diagnostic.message
    assert "32 bytes" in diagnostic.message


@given(abis)
def test_no_bytes_are_no_ops(abi: Abi) -> None:
    assert decode(b"", abi) == ()
    assert encode((), abi) == b""


@given(abis.flatmap(lambda abi: st.tuples(st.just(abi), ops(abi, 4))))
def test_every_op_knows_its_place_in_the_input(case: tuple[Abi, bytes]) -> None:
    abi, data = case
    for index, instruction in enumerate(decode(data, abi, "x.bin")):
        assert instruction.place == BytePlace("x.bin", 32 * index, 32 * index + 32, index)


@given(abis_and_ops)
def test_places_can_be_left_out(case: tuple[Abi, bytes]) -> None:
    abi, data = case
    without = decode(data, abi, None)
    assert all(each.place is None for each in without)
    assert [each._replace(place=None) for each in decode(data, abi)] == list(without)


def test_bytearrays_and_memoryviews_decode_like_bytes() -> None:
    data = bytes(range(64))
    assert decode(memoryview(data), ABI) == decode(data, ABI) == decode(bytearray(data), ABI)


@given(st.binary(min_size=28, max_size=28), abis)
def test_an_unknown_opcode_keeps_its_whole_union(rest: bytes, abi: Abi) -> None:
    data = b"\xff" * 4 + rest
    (instruction,) = decode(data, abi)
    assert instruction.operation is None
    assert instruction.opcode == -1
    assert instruction.length == int.from_bytes(rest[:4], abi.model.byteorder)
    assert instruction.extra == tuple(
        (offset, byte) for offset, byte in enumerate(data) if offset >= 8 and byte
    )


def add(**changes: object) -> Instruction:
    """A correct add of 2017-11, with changes."""
    return Instruction(3, ADD, 8, (0x1000,), (0,), 1)._replace(**changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "code", "words"),
    [
        ({"addresses": (1 << 64,)}, "OPV103", "field p can't hold 0x10000000000000000"),
        ({"addresses": (-1,)}, "OPV103", "field p can't hold -0x1"),
        ({"immediate": 1 << 63}, "OPV103", "field count can't hold 0x8000000000000000"),
        ({"length": 1 << 32}, "OPV103", "field len"),
        ({"length": -1}, "OPV103", "field len"),
        ({"expect_fault": (256,)}, "OPV103", "field expect_fault_p"),
        ({"addresses": (SymbolAddress("head"),)}, "OPV104", "field p is not bound"),
        ({"immediate": None}, "OPV105", "needs a value"),
        ({"addresses": (1, 2)}, "OPV105", "takes 1 operands"),
        ({"expect_fault": ()}, "OPV105", "takes 1 operands"),
        ({"opcode": 4}, "OPV105", "add is not op 4 of 2017-11"),
        ({"opcode": -7}, "OPV105", "add is not op -7 of 2017-11"),
        ({"operation": None}, "OPV105", "opcode 3 is add in 2017-11"),
        ({"extra": ((16, 1),)}, "OPV107", "byte 16 is in use"),
        ({"extra": ((31, 256),)}, "OPV103", "byte 31 can't hold 256"),
    ],
)
def test_what_does_not_fit_is_never_cut_off(
    changes: dict[str, object], code: str, words: str
) -> None:
    with pytest.raises(BindError) as caught:
        encode([add(**changes)], ABI)
    assert [each.code for each in caught.value.diagnostics] == [code]
    assert words in caught.value.diagnostics[0].message


def test_a_32_bit_machine_takes_no_address_above_its_word() -> None:
    with pytest.raises(BindError, match="field p can't hold 0x100000000"):
        encode([add(addresses=(1 << 32,))], get_abi("2017-11", "32le"))
    with pytest.raises(BindError, match="field p can't hold 0x100000000"):
        encode([add(addresses=(1 << 32,))], get_abi("2018-10", "32be"))


def test_an_expect_fault_flag_where_the_revision_has_none_is_an_error() -> None:
    with pytest.raises(BindError) as caught:
        encode([add(expect_fault=(1,))], get_abi("2017-10"))
    assert caught.value.diagnostics[0].code == "OPV106"


def test_all_problems_of_all_ops_are_told_at_once() -> None:
    broken = [
        add(addresses=(-1,), immediate=1 << 64),
        add(),
        Instruction(0, CMPEQ, 8, (SymbolAddress("a"), 1 << 64), (0, 0)),
        Instruction(9, MB, 1 << 40),
    ]
    with pytest.raises(BindError) as caught:
        encode(broken, ABI)
    assert len(caught.value.diagnostics) == 5


def test_an_equal_row_of_the_table_is_as_good_as_the_same() -> None:
    """Ops that were copied, as by a process boundary, still encode."""
    copy = MEMCPY._replace()
    assert copy is not MEMCPY
    image = encode([Instruction(2, copy, 8, (1, 2), (0, 1))], ABI)
    assert image == encode([Instruction(2, MEMCPY, 8, (1, 2), (0, 1))], ABI)


def test_a_known_vector_has_the_bytes_that_a_hand_writes() -> None:
    """cmpeq 8 bytes at 0x1000 and 0x2000 (which may fault), add -2 to the u32 at 0x3000."""
    data = encode(
        [
            Instruction(0, CMPEQ, 8, (0x1000, 0x2000), (0, 1)),
            Instruction(3, ADD, 4, (0x3000,), (0,), -2),
        ],
        ABI,
    )
    assert data == bytes.fromhex(
        "00000000 08000000 0010000000000000 0020000000000000 0001000000000000"
        "03000000 04000000 0030000000000000 feffffffffffffff 0000000000000000"
    )
