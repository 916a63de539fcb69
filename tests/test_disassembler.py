"""Disassembly is text that assembles to the same bytes, for every byte string of whole ops."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given, settings, strategies as st

from opvasm.abi.layout import DATA_MODELS
from opvasm.abi.revisions import REVISIONS, Abi, get_abi
from opvasm.assembler import assemble
from opvasm.binary import decode, encode
from opvasm.disassembler import disassemble
from opvasm.errors import DecodeError
from opvasm.source import SourceFile
from opvasm.verifier.kernel_rules import violations

from .binary.strategies import abis_and_ops

ABI = get_abi()
ALL = [get_abi(revision.name, model.name) for revision in REVISIONS for model in DATA_MODELS]


def assembled(text: str, page_size: int = 4096) -> tuple[Abi, bytes, bool]:
    """The Abi that the text itself names, the bytes of its one vector, and whether it verifies."""
    program = assemble(SourceFile("disassembly", text), page_size=page_size).program
    vector = program.vectors["main"]
    assert vector.parameters == ()
    return program.abi, encode(vector.instructions, program.abi), vector.verified


@settings(max_examples=300)
@given(abis_and_ops)
def test_assembling_the_disassembly_gives_the_bytes_again(case: tuple[Abi, bytes]) -> None:
    abi, data = case
    again, image, verified = assembled(disassemble(data, abi))
    assert again == abi
    assert image == data
    assert verified is (next(violations(decode(data, abi), abi), None) is None)


@settings(max_examples=200)
@given(st.binary(min_size=50 * 64, max_size=50 * 64))
def test_64_bytes_of_pure_chance_survive_ten_thousand_times(data: bytes) -> None:
    """200 examples of 50 inputs each; their disassemblies are the vectors of one text."""
    inputs = [data[start : start + 64] for start in range(0, len(data), 64)]
    texts = [
        disassemble(each, ABI).replace("vector main()", f"vector v{index}()")
        for index, each in enumerate(inputs)
    ]
    program = assemble(SourceFile("disassemblies", "\n".join(texts))).program
    assert [encode(each.instructions, ABI) for each in program.vectors.values()] == inputs


@pytest.mark.parametrize("abi", ALL, ids=str)
def test_every_single_byte_of_every_op_survives(abi: Abi) -> None:
    """Each offset of each op, known and unknown, holding 0xa5: 12 opcodes of 32 bytes."""
    chunks = []
    for opcode in range(12):
        for offset in range(32):
            image = bytearray(opcode.to_bytes(4, abi.model.byteorder) + bytes(28))
            image[offset] = 0xA5
            chunks.append(bytes(image))
    data = b"".join(chunks)
    assert assembled(disassemble(data, abi))[1] == data


def test_a_vector_reads_like_one_that_a_person_wrote() -> None:
    data = bytes.fromhex(
        "00000000 08000000 000000000070 0000 000200000060 0000 0001000000000000"
        "02000000 80000000 0010000000000000 0020000000000000 0000000000000000"
        "03000000 04000000 0030000000000000 feffffffffffffff 0200000000000000"
        "05000000 08000000 0030000000000000 00ff000000000000 0000000000000000"
        "07000000 04000000 0030000000000000 05000000 01000000 00000000000000aa"
        "09000000 00000000 0000000000000000 0000000000000000 0000000000000000"
    )
    assert disassemble(data, ABI) == (
        "abi 2017-11 64le\n"
        "\n"
        "vector main() {\n"
        "    cmpeq.u64   @0x700000000000, @0x600000000200?  // op 0\n"
        "    memcpy      @0x1000, @0x2000, 128              // op 1\n"
        "    add.u32     @0x3000, -2 { 24: 0x02 }           // op 2\n"
        "    and.u64     @0x3000, 0xff00                    // op 3\n"
        "    lshift.u32  @0x3000?, 5 { 31: 0xaa }           // op 4\n"
        "    mb                                             // op 5\n"
        "}\n"
    )


def test_what_the_kernel_refuses_is_marked_and_says_why() -> None:
    """An unknown op, arithmetic on 3 bytes: the reasons stand above, their codes at the ops."""
    data = bytes.fromhex("ffffffff" + "00" * 28 + "0300000003000000" + "00" * 24)
    text = disassemble(data, ABI)
    assert "// The kernel refuses this vector with EINVAL:\n" in text
    assert "//   op 0, op = -1: " in text
    assert "unverified vector main() {\n" in text
    lines = text.splitlines()
    assert lines[-3].startswith("    .raw ")
    assert lines[-3].endswith("// op 0: OPV201")
    assert lines[-2].endswith("// op 1: OPV203")


def test_many_reasons_are_counted_not_listed() -> None:
    text = disassemble(b"\xff" * 32 * 20, ABI)
    assert "//   and 13 more\n" in text
    assert text.count("\n//   ") == 9


def test_no_bytes_are_a_vector_without_ops() -> None:
    text = disassemble(b"", ABI)
    assert text == "abi 2017-11 64le\n\nvector main() {\n}\n"
    assert assembled(text)[1] == b""


def test_a_large_page_is_said_since_it_decides_what_the_kernel_refuses() -> None:
    """A memcpy of 4200 bytes: within one page of 64 KiB, not within one of 4 KiB."""
    data = bytes.fromhex("02000000 68100000" + "00" * 24)
    large = get_abi("2017-11", page_size=65536)
    text = disassemble(data, large)
    assert "// with pages of 65536 bytes\n" in text
    assert assembled(text, 65536) == (large, data, True)
    assert "unverified" in disassemble(data, ABI)


@given(st.integers(0, 3), st.integers(1, 31))
def test_half_an_op_is_an_error_with_its_bytes(count: int, rest: int) -> None:
    with pytest.raises(DecodeError) as caught:
        disassemble(bytes(32 * count + rest), ABI, "x.bin")
    assert str(caught.value).startswith(f"x.bin: bytes {32 * count}..{32 * count + rest - 1}: ")


def test_disassembling_loads_no_parser() -> None:
    """Cold start: neither lark nor dataclasses nor the language's reader is imported."""
    code = (
        "import sys; before = set(sys.modules); from opvasm.disassembler import disassemble; "
        "from opvasm.abi.revisions import get_abi; disassemble(bytes(64), get_abi()); "
        "heavy = {'lark', 'dataclasses', 'opvasm.text.parser', 'json', 'difflib'}; "
        "print(*sorted(heavy & set(sys.modules) - before))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "\n"
