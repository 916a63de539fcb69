"""Each op computes what C computes; ctypes and loops over bytes are the second implementation."""

from __future__ import annotations

import ctypes

import pytest
from hypothesis import given, strategies as st

from opvasm.abi.ops import OPERATIONS
from opvasm.abi.revisions import REVISIONS, get_abi
from opvasm.interpreter.semantics import SEMANTICS

from .build import BASE, machine, op, run

UNSIGNED = {1: ctypes.c_uint8, 2: ctypes.c_uint16, 4: ctypes.c_uint32, 8: ctypes.c_uint64}
MODELS = ("64le", "64be", "32le", "32be")

words = st.sampled_from((1, 2, 4, 8))
numbers = st.integers(0, 2**64 - 1)


def test_every_row_of_the_op_table_has_its_function() -> None:
    """Adding an op without its semantics fails here, by name."""
    assert [each.mnemonic for each in OPERATIONS if each not in SEMANTICS] == []


@given(words, numbers, numbers, st.sampled_from(MODELS))
def test_arithmetic_wraps_as_unsigned_words_of_c_do(
    length: int, value: int, operand: int, model: str
) -> None:
    """add, or, and, xor use only the low bytes of the operand, modulo 2 ** (8 * length)."""
    word = UNSIGNED[length]
    expected = {
        "add": word(word(value).value + word(operand).value).value,
        "or": word(value).value | word(operand).value,
        "and": word(value).value & word(operand).value,
        "xor": word(value).value ^ word(operand).value,
    }
    order = get_abi(model=model).model.byteorder
    for mnemonic, result in expected.items():
        for immediate in {operand, ctypes.c_int64(operand).value}:
            target = machine(model=model, data=word(value).value.to_bytes(length, order) + b"\x5a")
            assert run(target, op(target.abi, mnemonic, length, BASE, immediate=immediate)) == 0
            assert int.from_bytes(target.memory.read(BASE, length), order) == result
            assert target.memory.read(BASE + length, 1) == b"\x5a"


@given(words, numbers, st.data())
def test_shifts_lose_what_leaves_the_word_and_fill_with_zeros(
    length: int, value: int, data: st.DataObject
) -> None:
    """Left modulo the word, right logical, for every legal number of bits."""
    bits = data.draw(st.integers(0, 8 * length - 1))
    word = UNSIGNED[length](value).value
    expected = {"lshift": UNSIGNED[length](word << bits).value, "rshift": word >> bits}
    for mnemonic, result in expected.items():
        target = machine(data=word.to_bytes(length, "little"))
        assert run(target, op(target.abi, mnemonic, length, BASE, immediate=bits)) == 0
        assert int.from_bytes(target.memory.read(BASE, length), "little") == result


@given(st.binary(max_size=200), st.binary(max_size=200), st.booleans())
def test_compares_stop_with_index_plus_one(a: bytes, b: bytes, make_equal: bool) -> None:
    """cmpeq stops on any different byte, cmpne on none; no bytes are equal (section 3.1)."""
    length = min(len(a), len(b))
    a, b = a[:length], (a if make_equal else b)[:length]
    target = machine(data=a + bytes(256 - length) + b)
    assert run(target, op(target.abi, "cmpeq", length, BASE, BASE + 256)) == (0 if a == b else 1)
    nothing = op(target.abi, "mb", 0)
    result = run(target, nothing, op(target.abi, "cmpne", length, BASE, BASE + 256))
    assert result == (2 if a == b else 0)


@given(st.integers(0, 300), st.integers(0, 300), st.integers(0, 300))
def test_2017_copies_go_forwards_in_pieces_of_64(source: int, target_at: int, length: int) -> None:
    """Section 3.4: each piece is read whole before it is written; words are one piece."""
    content = bytes(i * 7 % 251 for i in range(700))
    expected = bytearray(content)
    size = length if length in (1, 2, 4, 8) else 64
    for start in range(0, length, size or 1):
        piece = bytes(expected[source + start : source + min(start + size, length)])
        expected[target_at + start : target_at + start + len(piece)] = piece
    target = machine(data=content)
    memcpy = op(target.abi, "memcpy", length, BASE + target_at, BASE + source)
    assert run(target, memcpy) == 0
    assert target.memory.read(BASE, 700) == bytes(expected)


@given(st.integers(0, 3000), st.integers(0, 3000), st.integers(0, 4096))
def test_from_2018_a_copy_that_does_not_overlap_is_exact(src: int, dst: int, length: int) -> None:
    """Overlap is undefined there; everything else is an exact copy, pages crossed or not."""
    content = bytes(i * 13 % 253 for i in range(4 * 4096))
    dst += src + length
    dst = min(dst, 4 * 4096 - length)
    if src + length > dst:
        return
    target = machine("2018-04", data=content)
    assert run(target, op(target.abi, "memcpy", length, BASE + dst, BASE + src)) == 0
    after = target.memory.read(BASE, 4 * 4096)
    assert after == content[:dst] + content[src : src + length] + content[dst + length :]


@pytest.mark.parametrize("mnemonic", ["memcpy.release", "add.release"])
def test_release_stores_store_what_plain_ones_do(mnemonic: str) -> None:
    """2019-04: the ordering is for other CPUs; the bytes are the same (section 3.5)."""
    target = machine("2019-04", data=(41).to_bytes(8, "little") + (7).to_bytes(8, "little"))
    if mnemonic == "add.release":
        assert run(target, op(target.abi, mnemonic, 8, BASE, immediate=1)) == 0
        assert target.memory.read(BASE, 8) == (42).to_bytes(8, "little")
    else:
        assert run(target, op(target.abi, mnemonic, 8, BASE, BASE + 8)) == 0
        assert target.memory.read(BASE, 8) == (7).to_bytes(8, "little")


def test_mb_ignores_its_length() -> None:
    """Section 1.4: neither validated nor summed."""
    target = machine()
    assert run(target, *[op(target.abi, "mb", 0xFFFF_FFFF)] * 16) == 0


def test_earlier_ops_keep_their_effect_when_a_compare_stops() -> None:
    """Section 2.7: no rollback; and nothing after the compare runs."""
    target = machine(data=bytes([1, 2]))
    result = run(
        target,
        op(target.abi, "add", 1, BASE, immediate=4),
        op(target.abi, "cmpeq", 1, BASE, BASE + 1),
        op(target.abi, "add", 1, BASE + 1, immediate=9),
    )
    assert result == 2
    assert target.memory.read(BASE, 2) == bytes([5, 2])


def test_a_vector_that_overwrites_itself_was_already_copied_in() -> None:
    """Section 2.9, point 7."""
    from opvasm.binary import encode

    for revision in REVISIONS:
        target = machine(revision.name)
        vector = BASE + 4096
        wipe = op(target.abi, "memcpy", 64, vector, BASE)
        count = op(target.abi, "add", 1, BASE + 2048, immediate=1)
        target.memory.write(vector, encode((wipe, count), target.abi))
        assert target.cpu_opv(vector, 2, 0) == 0
        assert target.memory.read(BASE + 2048, 1) == b"\x01"
        assert target.memory.read(vector, 64) == bytes(64)
