"""The offsets of struct cpu_op, typed a second time from abi.md section 1.5, against the table."""

from __future__ import annotations

import pytest

from opvasm.abi.layout import DATA_MODELS, FieldKind
from opvasm.abi.revisions import REVISIONS, Abi, get_abi
from opvasm.binary import decode, encode

# (member, field): (offset, bytes); pointers as the eight bytes they take on a 64-bit machine.
LAYOUT = {
    ("compare_op", "a"): (8, 8),
    ("compare_op", "b"): (16, 8),
    ("compare_op", "expect_fault_a"): (24, 1),
    ("compare_op", "expect_fault_b"): (25, 1),
    ("memcpy_op", "dst"): (8, 8),
    ("memcpy_op", "src"): (16, 8),
    ("memcpy_op", "expect_fault_dst"): (24, 1),
    ("memcpy_op", "expect_fault_src"): (25, 1),
    ("arithmetic_op", "p"): (8, 8),
    ("arithmetic_op", "count"): (16, 8),
    ("arithmetic_op", "expect_fault_p"): (24, 1),
    ("bitwise_op", "p"): (8, 8),
    ("bitwise_op", "mask"): (16, 8),
    ("bitwise_op", "expect_fault_p"): (24, 1),
    ("shift_op", "p"): (8, 8),
    ("shift_op", "bits"): (16, 4),
    ("shift_op", "expect_fault_p"): (20, 1),
}
POINTERS = ("a", "b", "dst", "src", "p")
# Where the value word of a 32-bit pointer begins, counted from the start of the eight bytes.
VALUE_WORD = {"32le": 0, "32be": 4}
OPCODES = {
    "2017-10": "EQ NE MEMCPY ADD OR AND XOR LSHIFT RSHIFT",
    "2017-11": "EQ NE MEMCPY ADD OR AND XOR LSHIFT RSHIFT MB",
    "2017-12": "EQ NE MEMCPY ADD OR AND XOR LSHIFT RSHIFT MB",
    "2018-03": "EQ NE MEMCPY ADD OR AND XOR LSHIFT RSHIFT MB",
    "2018-04": "EQ NE MEMCPY ADD OR AND XOR LSHIFT RSHIFT MB",
    "2018-10": "EQ NE MEMCPY ADD OR AND XOR LSHIFT RSHIFT MB",
    "2019-04": "EQ NE MEMCPY MEMCPY_RELEASE ADD ADD_RELEASE",
}
ALL = [get_abi(revision.name, model.name) for revision in REVISIONS for model in DATA_MODELS]


@pytest.mark.parametrize("revision", OPCODES)
def test_opcodes_are_those_of_section_1_2(revision: str) -> None:
    operations = get_abi(revision).revision.operations
    names = [each.c_name.removeprefix("CPU_").removesuffix("_OP") for each in operations]
    assert [name.removeprefix("COMPARE_") for name in names] == OPCODES[revision].split()


@pytest.mark.parametrize("abi", ALL, ids=str)
def test_every_field_stands_where_section_1_5_says(abi: Abi) -> None:
    for operation in abi.revision.operations:
        if operation.member is None:
            continue
        expected = {}
        for (member, name), (offset, size) in LAYOUT.items():
            if member != operation.member:
                continue
            if name.startswith("expect_fault") and abi.revision.name == "2017-10":
                continue
            if name in POINTERS and abi.model.name in VALUE_WORD:
                offset, size = offset + VALUE_WORD[abi.model.name], 4
            expected[name] = (offset, size)
        found = {
            field.name: (field.offset, field.size)
            for field in abi.fields(operation)
            if field.kind is not FieldKind.PADDING and field.name not in ("op", "len")
        }
        assert found == expected, operation.c_name


@pytest.mark.parametrize("abi", ALL, ids=str)
def test_a_byte_changes_the_field_it_belongs_to_and_nothing_else(abi: Abi) -> None:
    """Each of the 24 bytes of the union is a field's or an unused one, and is read as such."""
    for opcode, operation in enumerate(abi.revision.operations):
        head = opcode.to_bytes(4, abi.model.byteorder) + (8).to_bytes(4, abi.model.byteorder)
        base = decode(head + bytes(24), abi)[0]
        for offset in range(8, 32):
            image = bytearray(head + bytes(24))
            image[offset] = 0x5A
            changed = decode(bytes(image), abi)[0]
            differing = [
                name
                for name in changed._fields
                if getattr(changed, name) != getattr(base, name) and name != "place"
            ]
            assert len(differing) == 1, (operation.c_name, offset, differing)
            if offset in abi.unused(operation):
                assert changed.extra == ((offset, 0x5A),)
            assert encode([changed], abi) == bytes(image)


def test_the_shift_ops_flag_byte_is_at_20_not_24() -> None:
    """The trap of section 1.5, by hand: lshift u64 at 0x1000 by 3 bits, expected to fault."""
    image = bytes.fromhex("07000000 08000000 0010000000000000 03000000 01000000 0000000000000000")
    instruction = decode(image, get_abi("2017-11"))[0]
    assert instruction.expect_fault == (1,)
    assert instruction.immediate == 3
    assert instruction.addresses == (0x1000,)
    assert instruction.extra == ()


def test_a_big_endian_pointer_of_32_bits_has_its_value_behind_the_padding() -> None:
    image = bytes.fromhex("00000002 00000010 aabbccdd 00001000 00000000 00002000 0001000000000000")
    instruction = decode(image, get_abi("2018-04", "32be"))[0]
    assert instruction.length == 16
    assert instruction.addresses == (0x1000, 0x2000)
    assert instruction.expect_fault == (0, 1)
    assert instruction.extra == ((8, 0xAA), (9, 0xBB), (10, 0xCC), (11, 0xDD))


def test_opcode_4_is_or_in_2018_10_and_add_in_2019_04() -> None:
    image = (4).to_bytes(4, "little") + (8).to_bytes(4, "little") + b"\xff" * 16 + bytes(8)
    before, after = (decode(image, get_abi(name))[0] for name in ("2018-10", "2019-04"))
    assert before.operation is not None
    assert after.operation is not None
    assert (before.operation.mnemonic, before.immediate) == ("or", (1 << 64) - 1)
    assert (after.operation.mnemonic, after.immediate) == ("add", -1)
