"""raw, hex, table and the registries."""

from __future__ import annotations

import pytest
from hypothesis import given

from opvasm.abi.revisions import Abi, get_abi
from opvasm.binary import encode
from opvasm.binding import bind
from opvasm.disassembler import disassemble
from opvasm.errors import BindError, DecodeError
from opvasm.formats import DISASSEMBLIES, INPUTS, OUTPUTS, Listing, disassembly, read_ops, write
from opvasm.formats.hexadecimal import hex_lines
from opvasm.program import default_layout

from ..binary.strategies import abis_and_ops
from .programs import arguments_of, program_of

ABI = get_abi()


def bound_listing(abi: Abi, name: str) -> Listing:
    """A vector of the common program with arguments, on CPU 1."""
    program = program_of(abi)
    vector = program.vectors[name]
    layout = default_layout(abi, program.data)
    return Listing(program, (vector,), layout, 1, arguments_of(vector))


def expected_bytes(listing: Listing) -> bytes:
    """What binding and encoding make of it."""
    (vector,) = listing.vectors
    bound = bind(vector, listing.program, listing.layout, listing.cpu, listing.arguments or {})
    return encode(bound, listing.program.abi)


def test_every_format_that_is_registered_writes(abi: Abi) -> None:
    for name in OUTPUTS:
        assert write(name, bound_listing(abi, "every")), name


def test_formats_that_need_no_binding_write_all_vectors_at_once(abi: Abi) -> None:
    program = program_of(abi)
    listing = Listing(program, tuple(program.vectors.values()), default_layout(abi, program.data))
    for name, each in OUTPUTS.items():
        if each.bound:
            with pytest.raises(BindError):
                write(name, listing)
        elif abi.model.word == 8 or name != "gas":
            text = write(name, listing).decode()
            assert all(vector in text for vector in program.vectors)


def test_raw_is_the_array_as_it_lies_in_memory(abi: Abi) -> None:
    listing = bound_listing(abi, "every")
    assert write("raw", listing) == expected_bytes(listing)
    assert write("raw", bound_listing(abi, "empty")) == b""


def test_hex_of_a_known_op_is_what_a_hand_writes() -> None:
    data = bytes.fromhex("02000000" "08000000") + bytes(range(24))
    assert hex_lines(data) == (
        "02000000 08000000 0001020304050607 08090a0b0c0d0e0f 1011121314151617\n"
    )


def test_hex_written_is_hex_read(abi: Abi) -> None:
    listing = bound_listing(abi, "every")
    text = write("hex", listing)
    assert text.count(b"\n") == len(listing.vectors[0].instructions)
    assert read_ops("hex", text, "x.hex", abi) == expected_bytes(listing)


@pytest.mark.parametrize(
    "text",
    [
        "00" * 32,
        "00 " * 32,
        "\n\n  // a vector\n" + "00" * 32 + " # op 0\n\n",
        "\t" + "0" * 64 + "\r\n",
    ],
)
def test_hex_may_hold_spaces_blank_lines_and_comments(text: str) -> None:
    assert read_ops("hex", text.encode(), "x.hex", ABI) == bytes(32)


def test_every_wrong_line_of_hex_is_told_with_its_place() -> None:
    text = "00" * 32 + "\n0x00\n" + "00" * 31 + "\n" + "AB" * 64 + "\n  12 3\n"
    with pytest.raises(DecodeError) as caught:
        read_ops("hex", text.encode(), "x.hex", ABI)
    found = [(str(each.place), each.code) for each in caught.value.diagnostics]
    assert found == [("x.hex:2:2", "OPV121"), ("x.hex:3:1", "OPV122"), ("x.hex:5:3", "OPV122")]
    assert caught.value.diagnostics[1].help == "2 more digits would make 1"


def test_raw_bytes_read_as_hex_are_named_for_what_they_are() -> None:
    with pytest.raises(DecodeError, match="is not a character") as caught:
        read_ops("hex", b"\xff\xfe" * 16, "x.bin", ABI)
    assert caught.value.diagnostics[0].help == "raw ops are read with --from raw"


def test_a_file_of_nonsense_does_not_print_a_finding_for_each_line() -> None:
    with pytest.raises(DecodeError) as caught:
        read_ops("hex", b"zz\n" * 1000, "x.hex", ABI)
    assert len(caught.value.diagnostics) == 20


def test_raw_is_read_as_it_is() -> None:
    assert set(INPUTS) == {"raw", "hex"}
    assert read_ops("raw", b"abc", "x", ABI) == b"abc"


def test_table_shows_every_field_by_the_headers_name() -> None:
    data = bytes.fromhex(
        "02000000 80000000 0010000000000000 0020000000000000 0001 0000 0aff 0001"
        "03000000 08000000 0030000000000000 feffffffffffffff 0000000000000000"
        "07000000 04000000 0030000000000000 05000000 01000000 0000000000000000"
        "05000000 04000000 0030000000000000 00ff000000000000 0000000000000000"
        "63000000 00000000 0000000000000000 0000000000000000 0000000000000000"
    )
    assert disassembly("table", data, "x", ABI) == (
        "op  offset  name           len  fields\n"
        " 0   0x000  CPU_MEMCPY_OP  128  dst=0x1000  src=0x2000  expect_fault_src=1"
        "  bytes 28..29=0aff  byte 31=01\n"
        " 1   0x020  CPU_ADD_OP       8  p=0x3000  count=-2\n"
        " 2   0x040  CPU_LSHIFT_OP    4  p=0x3000  bits=5  expect_fault_p=1\n"
        " 3   0x060  CPU_AND_OP       4  p=0x3000  mask=0xff00\n"
        " 4   0x080  unknown op 99    0\n"
    )


@given(abis_and_ops)
def test_every_disassembly_takes_every_byte_string(case: tuple[Abi, bytes]) -> None:
    abi, data = case
    for name in DISASSEMBLIES:
        text = disassembly(name, data, "x", abi)
        assert text.endswith("\n")
    assert disassembly("opv", data, "x", abi) == disassemble(data, abi, "x")


def test_every_disassembly_refuses_half_an_op() -> None:
    for name in DISASSEMBLIES:
        with pytest.raises(DecodeError, match="makes no op"):
            disassembly(name, bytes(33), "x", ABI)
