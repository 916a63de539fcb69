"""Restartable sections are found where they are, whatever the architecture, linker or options."""

from __future__ import annotations

import re
import shutil
import struct
import subprocess
from itertools import pairwise
from pathlib import Path

import pytest

from opvasm.audit.audit import audit_file
from opvasm.elf.descriptors import find_descriptors
from opvasm.elf.file import elf_from_bytes, open_elf
from opvasm.elf.machines import MACHINES
from opvasm.elf.problems import ElfError
from opvasm.elf.signatures import find_by_signature, signature_bytes
from tests.elf.programs import TARGETS, build

LINKED = [each for each in TARGETS if each not in ("s390",)]  # lld 14 links no s390


@pytest.mark.parametrize("target", TARGETS)
def test_an_object_of_every_architecture(target: str, tmp_path: Path) -> None:
    """Three sections of one, two and three nops are found in an object file of each architecture."""
    _expect(target, build(target, tmp_path, linked=False))


@pytest.mark.parametrize("target", LINKED)
def test_a_library_of_every_architecture(target: str, tmp_path: Path) -> None:
    """The same three in a shared library, whose words are relocated by the loader."""
    _expect(target, build(target, tmp_path, True, "-z", "notext"))


def test_a_library_for_loongarch(tmp_path: Path) -> None:
    """LoongArch, whose relocations of words have the numbers of RISC-V's (psABI of both): the same three."""
    data = bytearray(build("riscv", tmp_path, True, "-z", "notext").read_bytes())
    assert data[18:20] == (243).to_bytes(2, "little")
    data[18:20] = (258).to_bytes(2, "little")
    found = find_descriptors(elf_from_bytes(bytes(data), "loongarch.so"))
    assert [each.length for each in found.descriptors] == [4, 8, 12]
    assert found.pointers == tuple(each.address for each in found.descriptors)
    assert all(each.abort == each.end + 4 for each in found.descriptors)
    for linked in (True, False):
        audit = audit_file(elf_from_bytes(bytes(data), "loongarch.so"), deep=not linked)
        assert audit.machine == "loongarch"
        assert len(audit.sections) == 3
        assert audit.undecoded  # its instructions are not decoded, and the audit says so


@pytest.mark.parametrize("machine", ["riscv", "loongarch"])
@pytest.mark.parametrize("bits", [64, 32])
def test_an_object_whose_code_the_linker_may_shorten(
    machine: str, bits: int, tmp_path: Path
) -> None:
    """The length of a section is then two relocations, of which one adds and one subtracts (psABI of both)."""
    build("riscv", tmp_path, linked=False)  # skips without the tool
    if bits == 32:
        text = (tmp_path / "code.s").read_text()
        (tmp_path / "code.s").write_text(re.sub(r"\.quad (\S+)", r".long \1, 0", text))
    command = ["llvm-mc", f"-triple=riscv{bits}", "-mattr=+relax", "-filetype=obj"]
    subprocess.run([*command, "-o", tmp_path / "o.o", tmp_path / "code.s"], check=True)
    data = bytearray((tmp_path / "o.o").read_bytes())
    if machine == "loongarch":
        data[18:20] = (258).to_bytes(2, "little")
        numbers = {35: 50, 36: 51, 39: 55, 40: 56}
        layout = struct.Struct("<QIIq" if bits == 64 else "<III")
        with_kinds = elf_from_bytes(bytes(data), "o.o")
        for table in (each for each in with_kinds.sections if each.kind == 4):
            for at in range(table.offset, table.offset + table.size, layout.size):
                fields = list(layout.unpack_from(data, at))
                kind = fields[1] & 0xFF
                fields[1] += numbers.get(kind, kind) - kind
                layout.pack_into(data, at, *fields)
    found = find_descriptors(elf_from_bytes(bytes(data), "o.o"))
    assert [each.length for each in found.descriptors] == [4, 8, 12]
    assert all(each.abort == each.end + 4 for each in found.descriptors)


@pytest.mark.parametrize("target", ["x86-64", "aarch64"])
def test_a_library_with_packed_relocations(target: str, tmp_path: Path) -> None:
    """RELR relocations, which name addresses and leave the words in place, are followed."""
    _expect(target, build(target, tmp_path, True, "--pack-dyn-relocs=relr"))


@pytest.mark.parametrize("target", ["x86-64", "aarch64", "i386", "arm"])
@pytest.mark.parametrize("kind", ["android", "android+relr"])
def test_a_library_for_the_loader_of_android(target: str, kind: str, tmp_path: Path) -> None:
    """Relocations in groups of numbers of variable length, as Android's linker packs them, are followed."""
    options = ["-z", "notext", f"--pack-dyn-relocs={kind}", "--use-android-relr-tags"]
    library = build(target, tmp_path, True, *options)
    assert b"APS2" in library.read_bytes()
    _expect(target, library)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (
            b"APS2\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
            "with a number of over ten bytes|are more than",
        ),
        (b"APS2\xff\xff\xff\xff\xff\xff\x01\0\x01\x0f\0\0\0", "are more than the file has words"),
        (b"APS2\x05" + b"\x80" * 11, "with a number of over ten bytes"),
        (b"APS2\x05\0" + b"\0" * 64, "are cut off"),
        (b"APS3", "do not begin with APS2"),
        (b"APS2\x7f\0\0\0", "-1 packed relocations"),
        # Five; one group of -2**62, and one of 2**62 that are all alike.
        (
            b"APS2\x05\0" + b"\x80" * 8 + b"\x40\x03\0\0" + b"\x80" * 8 + b"\xc0\0\x03\0\0",
            "a group of -4611686018427387904 packed relocations",
        ),
    ],
)
def test_damaged_packed_relocations(table: bytes, message: str, tmp_path: Path) -> None:
    """Counts and numbers that can't be, and a table that ends too early, are named; nothing is endless."""
    options = ["-z", "notext", "--pack-dyn-relocs=android"]
    data = build("x86-64", tmp_path, True, *options).read_bytes()
    at = data.index(b"APS2")
    damaged = data[:at] + table + data[at + len(table) :]
    with pytest.raises(ElfError, match=message):
        find_descriptors(elf_from_bytes(damaged, "damaged.so"))


def _expect(target: str, path: Path) -> None:
    size = TARGETS[target][4]
    with open_elf(str(path)) as file:
        found = find_descriptors(file)
        deep = find_by_signature(file)
        code = signature_bytes(file)
        starts = sorted(each.start for each in found.descriptors)
        assert [each.length for each in found.descriptors] == [size, 2 * size, 3 * size]
        # Worked out from the assembly: a section, its signature of four bytes, one nop.
        gaps = [2 * size + 4, 3 * size + 4]
        assert [b - a for a, b in pairwise(starts)] == gaps
        for each in found.descriptors:
            assert each.abort == each.end + 4
            assert each.signature == file.machine.signature
            assert file.at(each.abort - 4, 4) == code
            assert found.exits[each.start] == (each.abort,)
        assert found.pointers == tuple(each.address for each in found.descriptors)
        assert [each[1:7] for each in deep.descriptors] == [each[1:7] for each in found.descriptors]
        assert [each.address for each in deep.descriptors] == [
            each.address for each in found.descriptors
        ]


SYMBOLIC = """
    .globl start0, abort0
    .text
    start0: nop
    end0: ret
    .long 0x53053053
    abort0: ret
    .section {section}, "aw"
    .balign 32
    cs: .long 0, 0
    .quad start0, end0 - start0, abort0
    {more}
"""


def _gcc(folder: Path, text: str, *options: str) -> Path:
    if shutil.which("gcc") is None or signature_bytes_unknown():
        pytest.skip("gcc for x86-64 is not installed")
    (folder / "code.s").write_text(text)
    out = folder / "out"
    command = ["gcc", "-nostdlib", "-w", *options, "-o", str(out), str(folder / "code.s")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return out


def signature_bytes_unknown() -> bool:
    """Whether this machine's gcc makes other code than these tests are written in."""
    import platform

    return platform.machine() != "x86_64"


@pytest.mark.parametrize(
    "options", [("-shared",), ("-shared", "-Wl,-Bsymbolic"), ("-pie",), ("-static",), ("-c",)]
)
def test_symbols_in_a_descriptor(options: tuple[str, ...], tmp_path: Path) -> None:
    """A descriptor whose words are symbols is read in a library (R_X86_64_64), program or object."""
    text = SYMBOLIC.format(section="__rseq_cs", more=".globl _start\n_start = start0")
    with open_elf(str(_gcc(tmp_path, text, *options))) as file:
        (each,) = find_descriptors(file).descriptors
        assert (each.length, each.abort - each.start, each.signature) == (1, 6, 0x53053053)
        assert not each.unresolved
        assert file.at(each.start, 2) == b"\x90\xc3"


def test_a_descriptor_that_only_a_pointer_names(tmp_path: Path) -> None:
    """A descriptor outside of __rseq_cs is found by the pointer array, and by its signature."""
    more = '.section __rseq_cs_ptr_array, "aw"\n.quad cs'
    text = SYMBOLIC.format(section=".data.rel", more=more)
    with open_elf(str(_gcc(tmp_path, text, "-shared"))) as file:
        (each,) = find_descriptors(file).descriptors
        (deep,) = find_by_signature(file).descriptors
        assert (each.origin, deep.origin) == ("pointer", "signature")
        assert each[:7] == deep[:7]


def test_a_descriptor_that_nothing_names(tmp_path: Path) -> None:
    """A descriptor in ordinary data is found by its signature alone."""
    path = _gcc(tmp_path, SYMBOLIC.format(section=".data.rel.ro", more=""), "-shared")
    with open_elf(str(path)) as file:
        assert find_descriptors(file).descriptors == ()
        assert len(find_by_signature(file).descriptors) == 1


def test_the_same_descriptor_twice(tmp_path: Path) -> None:
    """Two equal descriptors, as old librseq's tests have, are one section, counted as repeated."""
    more = ".balign 32\n.long 0, 0\n.quad start0, end0 - start0, abort0"
    path = _gcc(tmp_path, SYMBOLIC.format(section="__rseq_cs", more=more), "-shared")
    with open_elf(str(path)) as file:
        found = find_descriptors(file)
        assert (len(found.descriptors), found.repeated) == (1, 1)


def test_several_sections_of_one_name(tmp_path: Path) -> None:
    """A C++ object has one __rseq_cs for each COMDAT group: all of them are read."""
    group = """
    .section .text.f{0}, "axG", @progbits, f{0}, comdat
    s{0}: nop
    e{0}: ret
    .long 0x53053053
    a{0}: ret
    .section __rseq_cs, "awG", @progbits, f{0}, comdat
    .balign 32
    .long 0, 0
    .quad s{0}, e{0} - s{0}, a{0}
    """
    path = _gcc(tmp_path, "".join(group.format(each) for each in range(3)), "-c")
    with open_elf(str(path)) as file:
        assert len(file.named("__rseq_cs")) == 3
        found = find_descriptors(file).descriptors
        assert len({each.start for each in found}) == 3
        assert all(file.at(each.start, 2) == b"\x90\xc3" for each in found)


def test_a_symbol_of_another_file(tmp_path: Path) -> None:
    """A descriptor whose abort handler is in another object says so instead of guessing."""
    text = (
        SYMBOLIC.format(section="__rseq_cs", more="")
        .replace("abort0: ret", "")
        .replace(".globl start0, abort0", "")
    )
    with open_elf(str(_gcc(tmp_path, text, "-c"))) as file:
        (each,) = find_descriptors(file).descriptors
        assert each.unresolved == "abort0"


def test_more_descriptors_than_any_program_has(tmp_path: Path) -> None:
    """A section with room for a million descriptors is an error that gives the limit."""
    text = '.section __rseq_cs, "aw"\n.zero 32000000\n'
    with open_elf(str(_gcc(tmp_path, text, "-shared"))) as file, pytest.raises(ElfError) as error:
        find_descriptors(file)
    assert "1,000,000" in error.value.message
    assert "65,536" in error.value.message


def test_signatures_of_the_headers() -> None:
    """Each architecture's signature, from glibc's and librseq's headers, as bytes of its code."""
    expected = {"x86-64": "53300553", "aarch64": "00bc28d4", "arm": "f3def5e7", "s390": "b2ff0fff"}
    order = {"s390": "big"}
    for known in MACHINES.values():
        if known.name in expected and known.signature is not None:
            data = known.signature.to_bytes(4, order.get(known.name, "little"))  # type: ignore[arg-type]
            assert data.hex() == expected[known.name]
