"""Files that are cut, garbled or made to mislead: an error or a result, soon, and nothing else."""

from __future__ import annotations

import random
import struct
import tracemalloc
from contextlib import suppress
from pathlib import Path

import pytest

from opvasm.elf.descriptors import find_descriptors
from opvasm.elf.file import ElfFile, elf_from_bytes
from opvasm.elf.problems import ElfError
from opvasm.elf.signatures import find_by_signature
from opvasm.elf.symbols import names_covering, symbol_tables, symbols
from tests.elf.programs import build


def _everything(file: ElfFile) -> None:
    """Read all that the room offers."""
    find_descriptors(file)
    find_by_signature(file)
    for table in symbol_tables(file):
        list(symbols(file, table))
    names_covering(file, [file.header.entry])
    for section in file.sections:
        file.place(section.address)


def _try(data: bytes) -> None:
    """Anything but a result or an ElfError fails the test."""
    with suppress(ElfError):
        _everything(elf_from_bytes(data, "hostile"))


@pytest.fixture(scope="module", params=["x86-64", "mips"])
def library(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A small shared library with three sections."""
    folder: Path = tmp_path_factory.mktemp("library")
    return build(request.param, folder, True, "-z", "notext").read_bytes()


def test_cut_anywhere(library: bytes) -> None:
    """A file that ends too early, at whatever byte, is read or is an ElfError."""
    for end in range(0, len(library), 7):
        _try(library[:end])


def test_garbled_headers(library: bytes) -> None:
    """Bytes of headers and tables that were changed at random never end in another exception."""
    generator = random.Random(16)
    file = elf_from_bytes(library, "whole")
    tables = [
        (0, 64),
        (file._phoff, 56 * len(file.segments)),
        (file._shoff, 64 * len(file.sections)),
    ]
    tables += [(each.offset, each.size) for each in file.sections if each.size < 2000]
    values = (0, 1, 0x7F, 0x80, 0xFF)
    for _ in range(300):
        data = bytearray(library)
        for _ in range(generator.randint(1, 4)):
            start, size = generator.choice(tables)
            at = min(start + generator.randrange(max(size, 1)), len(data) - 8)
            if generator.random() < 0.3:
                data[at : at + 8] = struct.pack("<Q", generator.choice((2**64 - 1, 2**63, 2**32)))
            else:
                data[at] = generator.choice(values)
        tracemalloc.start()
        _try(bytes(data))
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert most < 64 << 20, "a small file asked for much memory"


def _header(**changes: int) -> bytes:
    fields = {
        "kind": 3, "machine": 62, "version": 1, "entry": 0, "phoff": 0, "shoff": 64, "flags": 0,
        "ehsize": 64, "phentsize": 56, "phnum": 0, "shentsize": 64, "shnum": 1, "shstrndx": 0,
    } | changes  # fmt: skip
    return b"\x7fELF\2\1\1".ljust(16, b"\0") + struct.pack("<HHIQQQIHHHHHH", *fields.values())


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x7fELF",
        b"\x7fELF\3\1" + bytes(100),
        _header(shoff=2**64 - 1),
        _header(shnum=0) + struct.pack("<IIQQQQIIQQ", 0, 0, 0, 0, 0, 2**63, 0, 0, 0, 0),
        _header(shentsize=1) + bytes(64),
        _header(phoff=2**63, phnum=9) + bytes(64),
        _header(phnum=0xFFFF) + bytes(64),
    ],
)
def test_headers_that_can_t_be(data: bytes) -> None:
    """Offsets beyond the file, counts of 2^63 and headers of the wrong size are refused or empty."""
    _try(data)


def test_names_that_overlap() -> None:
    """A million symbols that share one long name end in an error, not in gigabytes."""
    strings = b"\0" + b"x" * 20_000 + b"\0"
    count = 50_000
    table = struct.pack("<IBBHQQ", 1, 2, 0, 1, 0, 0) * count
    offsets = [64 + 64 * 3, 64 + 64 * 3 + len(strings)]
    sections = struct.pack("<IIQQQQIIQQ", *[0] * 10)
    sections += struct.pack("<IIQQQQIIQQ", 0, 3, 0, 0, offsets[0], len(strings), 0, 0, 1, 0)
    sections += struct.pack("<IIQQQQIIQQ", 0, 2, 0, 0, offsets[1], len(table), 1, 0, 8, 24)
    file = elf_from_bytes(_header(shnum=3) + sections + strings + table, "names")
    with pytest.raises(ElfError, match="overlap"):
        list(symbols(file, symbol_tables(file)[0]))
