"""Literals in the pool, and vectors as wholes: parameters, order, size."""

from __future__ import annotations

from typing import Any

import pytest

from opvasm.program import (
    PoolAddress,
    PoolItem,
    SlotAddress,
    SymbolAddress,
)

from .checking import assembled, errors, instructions, op_errors
from .test_ops import DATA, PARAMETERS


def pool_of(statements: str, **options: str) -> tuple[PoolItem, ...]:
    text = f"{DATA}\nvector v({PARAMETERS}) {{\n{statements}\n}}"
    return assembled(text, **options).program.data.pool


@pytest.mark.parametrize(
    ("statement", "size", "value"),
    [
        ("cmpeq word, =5", 8, (5).to_bytes(8, "little")),
        ("cmpeq.u16 [p], =0x102", 2, b"\2\1"),
        ("cmpeq.u16 [p], =-1", 2, b"\xff\xff"),
        ("cmpeq.u16 [p], =0xffff", 2, b"\xff\xff"),
        ("cmpeq [p], =\"ab\"", 2, b"ab"),
        ("cmpeq [p], =\"ab\", 4", 4, b"ab\0\0"),
        ("cmpeq.u32 [p], =\"ab\"", 4, b"ab\0\0"),
        ("cmpeq [p], ={1, 2, 255}", 3, b"\1\2\xff"),
        ("cmpeq.u32 [p], ={1, 2}", 4, b"\1\2\0\0"),
        ("cmpeq nodes[0].pair[0], ={ .b = 7 }", 8, b"\0\0\0\0\7\0\0\0"),
        ("cmpeq nodes[0].pair, ={ {1}, {2, 3} }", 16, b"\1" + bytes(7) + b"\2\0\0\0\3\0\0\0"),
        ("cmpeq head, &nodes[1]", 8, SymbolAddress("nodes", 32)),
        ("cmpeq head, &head@1", 8, SymbolAddress("head", 0, 1)),
        ("cmpeq head, &nodes + 8", 8, SymbolAddress("nodes", 8)),
        ("cmpeq head, &@0x1000 + 1", 8, (0x1001).to_bytes(8, "little")),
        ("cmpeq [p], =N, 1", 1, b"\3"),
        ("cmpeq [p], =0, 0", 0, b""),
    ],
)  # fmt: skip
def test_a_literal_lies_in_the_pool(statement: str, size: int, value: Any) -> None:
    assert pool_of(statement) == (PoolItem(0, size, value),)


def test_a_literal_is_in_the_byte_order_of_the_machine() -> None:
    (item,) = pool_of("cmpeq.u32 [p], =0x01020304", model="64be")
    assert item.value == b"\1\2\3\4"


def test_equal_literals_lie_in_one_place_and_others_at_multiples_of_their_size() -> None:
    text = f"""\
{DATA}
vector v({PARAMETERS}) {{
    cmpeq.u8 tiny, =5
    cmpeq.u64 word, =5
    memcpy word, =5
    cmpeq.u16 [p], =5
    cmpeq head, &nodes
    memcpy head, &nodes
}}
vector w() {{ memcpy word, =5; memcpy narrow, =5 }}
"""
    program = assembled(text).program
    assert [(item.offset, item.size) for item in program.data.pool] == [
        *((0, 1), (8, 8), (16, 2), (24, 8), (32, 4)),
    ]
    sources = [each.addresses[1] for each in program.vectors["v"].instructions]
    assert sources == [PoolAddress(each) for each in (0, 8, 8, 16, 24, 24)]
    assert program.vectors["w"].instructions[0].addresses[1] == PoolAddress(8)


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("cmpeq.u8 [p], =256", "OPV019 '=256': 256 does not fit into 1 bytes"),
        ("cmpeq.u8 [p], =-129", "OPV019 '=-129': -129 does not fit into 1 bytes"),
        ("cmpeq word, =-1", "OPV019 '=-1': -1 does not fit into u64"),
        ("cmpeq [p], =1, 0", "OPV019 '=1': 1 does not fit into 0 bytes"),
        ('cmpeq.u8 [p], ="ab"', "OPV021 '=\"ab\"': the literal has 2 bytes, the op 1"),
        ("cmpeq.u8 [p], ={1, 2}", "OPV021 '={1, 2}': the literal has 2 bytes, the op 1"),
        ("cmpeq [p], ={256}", "OPV019 '256': 256 does not fit into u8"),
        ("cmpeq word, =&word", "OPV015 '=&word': `=&word`: an address is a value already"),
        ("cmpeq nodes[0], ={ &nodes[1] }", "OPV022 '={ &nodes[1] }': an address can't stand among the parts of a literal"),
        ("cmpeq nodes[0], ={ 1, 2, { }, 4 }", "OPV032 '4': node has only 3 members"),
        ("cmpeq [p], =1, 70000", "OPV033 '=1': a literal of 70000 bytes is too large"),
        ("cmpeq word, =m", "OPV022 'm': `m` is a parameter, where a constant must stand"),
    ],
)  # fmt: skip
def test_a_literal_that_does_not_fit_is_one_error(statement: str, message: str) -> None:
    assert op_errors(statement, DATA, PARAMETERS) == [message]


# ---- vectors ----------------------------------------------------------------------------------


def test_the_slots_of_parameters_lie_like_locals() -> None:
    (vector,) = assembled("vector v(a: u8, b: u32, c: ptr, d: u16) { mb }").program.vectors.values()
    assert [(each.name, each.offset) for each in vector.parameters] == [
        *(("a", 0), ("b", 4), ("c", 8), ("d", 16)),
    ]


def test_a_parameter_hides_a_variable_inside_its_vector_only() -> None:
    text = "shared x: u64\nvector v(x: u64) { add [&x], x, 8 }\nvector w() { add x, 1 }"
    v, w = assembled(text).program.vectors.values()
    assert v.instructions[0].addresses == (SlotAddress("x"),)
    assert w.instructions[0].addresses == (SymbolAddress("x"),)


def test_a_vector_may_be_empty_and_says_whether_it_is_verified() -> None:
    empty, other = assembled("vector v() { }\nunverified vector w() { }").program.vectors.values()
    assert empty.instructions == ()
    assert (empty.verified, other.verified) == (True, False)


def test_vectors_keep_the_order_of_the_text_and_their_places() -> None:
    vectors = assembled("vector b() { mb }\nvector a() { mb; mb }").program.vectors
    assert list(vectors) == ["b", "a"]
    assert [str(each.place) for each in vectors["a"].instructions] == ["t.opv:2:14", "t.opv:2:18"]
    assert str(vectors["a"].place) == "t.opv:2:8"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("vector v(a: u8, a: u8) { mb }", "1:17 OPV011 'a': `a` is defined twice"),
        ("vector v() { mb }\nvector v() { mb }", "2:8 OPV011 'v': `v` is defined twice"),
        ("vector v(a: u8[2]) { mb }", "1:13 OPV016 'u8[2]': a parameter can't be a u8[2]"),
    ],
)
def test_wrong_parameters_are_one_error(text: str, expected: str) -> None:
    assert errors(text) == [expected]


def test_many_ops_are_no_matter_for_the_assembler() -> None:
    """How many ops a vector may have is a rule of the kernel, which the verifier knows."""
    assert len(instructions("vector v() {" + "mb;" * 40 + "}")) == 40
