"""Headers, symbols, words and bytes, held against pyelftools on files of this machine."""

from __future__ import annotations

import random
import shutil
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from opvasm.elf.file import ElfFile, elf_from_bytes, open_elf
from opvasm.elf.relocations import words_in
from opvasm.elf.symbols import FUNCTION, OBJECT, names_covering, symbol_tables, symbols
from tests.elf.programs import build

SOURCE = """
int counter = 5; static int hidden[4]; __thread int mine = 3;
int *pointers[3] = { &counter, hidden + 2, 0 };
extern int elsewhere; int *far = &elsewhere;
int work(int n) { return n + counter + mine; }
static int inner(int n) { return n * hidden[0]; }
int (*table[2])(int) = { work, inner };
"""


def _reader(path: Path) -> Any:
    elffile = pytest.importorskip("elftools.elf.elffile")
    from io import BytesIO

    return elffile.ELFFile(BytesIO(path.read_bytes()))


def _compiled(folder: Path, *options: str) -> Path:
    if shutil.which("gcc") is None:
        pytest.skip("gcc is not installed")
    (folder / "code.c").write_text(SOURCE)
    out = folder / "out"
    command = ["gcc", *options, "-nostdlib", "-o", str(out), str(folder / "code.c")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return out


def _files(tmp_path: Path) -> list[Path]:
    found = [Path(sys.executable).resolve()]
    for options in (("-c",), ("-shared", "-fPIC"), ("-c", "-ffunction-sections", "-g")):
        folder = tmp_path / str(len(found))
        folder.mkdir()
        found.append(_compiled(folder, *options))
    return found


def test_headers_and_sections(tmp_path: Path) -> None:
    """Segments and sections are those that pyelftools reads, also of 32-bit big-endian files."""
    (tmp_path / "mips").mkdir()
    paths = _files(tmp_path)
    if shutil.which("llvm-mc") and shutil.which("ld.lld"):
        paths.append(build("mips", tmp_path / "mips", True, "-z", "notext"))
    for path in paths:
        other = _reader(path)
        with open_elf(str(path)) as file:
            assert [each.name for each in file.sections] == [
                each.name for each in other.iter_sections()
            ]
            for mine, each in zip(file.sections, other.iter_sections(), strict=True):
                assert (mine.offset, mine.size, mine.link, mine.info) == (
                    *(each["sh_offset"], each["sh_size"]),
                    *(each["sh_link"], each["sh_info"]),
                )
                if not file.relocatable:
                    assert mine.address == each["sh_addr"]
                assert mine.kind == 8 or file.data(mine) == each.data()
            for segment, each in zip(file.segments, other.iter_segments(), strict=True):
                names = ("p_offset", "p_vaddr", "p_filesz", "p_memsz", "p_flags", "p_align")
                assert tuple(each[name] for name in names) == (
                    *(segment.offset, segment.address, segment.file_size),
                    *(segment.memory_size, segment.flags, segment.alignment),
                )


def test_symbols(tmp_path: Path) -> None:
    """Symbols have the names, values, sizes and sections that pyelftools reads."""
    for path in _files(tmp_path):
        other = _reader(path)
        with open_elf(str(path)) as file:
            for table in symbol_tables(file):
                expected = other.get_section(table.number)
                for mine, each in zip(symbols(file, table), expected.iter_symbols(), strict=True):
                    assert (mine.value, mine.size) == (each["st_value"], each["st_size"])
                    index = each["st_shndx"]
                    if isinstance(index, int):
                        assert mine.section == index
                    if each["st_info"]["type"] != "STT_SECTION":
                        assert mine.name == each.name


def test_names_of_addresses(tmp_path: Path) -> None:
    """An address is named by the function around it; one between functions has no name."""
    with open_elf(str(_compiled(tmp_path, "-shared", "-fPIC"))) as file:
        table = symbol_tables(file)[0]
        work = next(each for each in symbols(file, table, (FUNCTION,)) if each.name == "work")
        names = names_covering(file, [work.address, work.address + 3, 0])
        assert names.covering(work.address + 3) == work
        assert names.covering(0) is None
        assert {each.name for each in symbols(file, table, (OBJECT,))} >= {"counter", "hidden"}


@pytest.mark.parametrize("options", [("-shared", "-fPIC"), ("-c",)])
def test_words_that_are_relocated(options: tuple[str, ...], tmp_path: Path) -> None:
    """Pointers in data are addresses of the file; one to another file names its symbol."""
    with open_elf(str(_compiled(tmp_path, *options))) as file:
        table = symbol_tables(file)[0]
        by_name = {each.name: each for each in symbols(file, table)}
        pointers = by_name["pointers"]
        words = words_in(file, [(pointers.address, 24), (by_name["far"].address, 8)])
        assert words[pointers.address].address == by_name["counter"].address
        assert words[pointers.address + 8].address == by_name["hidden"].address + 8
        assert pointers.address + 16 not in words
        far = words[by_name["far"].address]
        assert far.address is None
        assert far.symbol is not None
        assert far.symbol.name == "elsewhere"
        code = words_in(file, [(by_name["table"].address, 16)])
        assert [code[each].address for each in sorted(code)] == [
            *(by_name["work"].address, by_name["inner"].address)
        ]


def test_words_equal_those_of_pyelftools() -> None:
    """Every relative relocation of the Python that runs this is read with its addend."""
    path = Path(sys.executable).resolve()
    other = _reader(path)
    expected = {
        each["r_offset"]: each["r_addend"]
        for section in other.iter_sections("SHT_RELA")
        for each in section.iter_relocations()
        if each["r_info_type"] in (8, 1027)
    }
    with open_elf(str(path)) as file:
        low, high = min(expected, default=0), max(expected, default=0)
        words = words_in(file, [(low, high - low + 8)]) if expected else {}
        mine = {address: word.addend for address, word in words.items() if word.symbol is None}
        assert mine == expected


def test_places_of_an_object_file(tmp_path: Path) -> None:
    """In a file without addresses a place is a section and an offset, and sections do not overlap."""
    with open_elf(str(_compiled(tmp_path, "-c", "-ffunction-sections"))) as file:
        table = symbol_tables(file)[0]
        work = next(each for each in symbols(file, table) if each.name == "work")
        assert file.place(work.address + 2) == ".text.work+0x2"
        ends = 0
        for segment in file.loaded:
            assert segment.address >= ends
            ends = segment.address + segment.memory_size


def test_memory_after_the_bytes_of_a_segment() -> None:
    """Bytes that a segment has in memory alone are zeros; those of no segment are an error."""
    from opvasm.elf.problems import ElfError

    with open_elf(str(Path(sys.executable).resolve())) as file:
        last = next(each for each in file.loaded if each.memory_size > each.file_size)
        end = last.address + last.memory_size
        assert file.at(end - 8, 8) == bytes(8)
        assert file.available(end - 8, 8) == b""
        with pytest.raises(ElfError, match="not in a loaded segment"):
            file.at(end - 4, 8)


def test_from_memory(tmp_path: Path) -> None:
    """A file that is read from memory is the same file."""
    data = Path(sys.executable).resolve().read_bytes()
    file: ElfFile = elf_from_bytes(data, "memory")
    with open_elf(str(Path(sys.executable).resolve())) as other:
        assert (file.header, file.sections, file.segments) == (
            *(other.header, other.sections),
            other.segments,
        )


@pytest.mark.parametrize("order", ["little", "big"])
def test_names_in_a_large_table(order: str, tmp_path: Path) -> None:
    """The symbols that cover addresses are the same as those found by looking at every one."""
    generator = random.Random(5)
    base = generator.choice([0, 0xFFFF_FFFF_8000_0000])
    found = [
        (base + generator.randrange(1 << 26), generator.choice([0, 8, 300, 5000, 70_000]))
        for _ in range(3000)
    ]
    mark = "<" if order == "little" else ">"
    entries = [
        struct.pack(f"{mark}IBBHQQ", 1 + 8 * at, 2, 0, 1, *pair) for at, pair in enumerate(found)
    ]
    names = b"\0" + b"".join(b"f%06d\0" % at for at in range(len(found)))
    path = tmp_path / "many"
    path.write_bytes(_with_symbols(order == "little", b"".join(entries), names))
    with open_elf(str(path)) as file:
        for address in [first + generator.randrange(400) for first, _ in found[:300]]:
            covering = {
                f"f{at:06d}"
                for at, (first, size) in enumerate(found)
                if first <= address < first + max(size, 1)
            }
            symbol = names_covering(file, [address]).covering(address)
            assert (symbol is None) == (not covering)
            assert symbol is None or symbol.name in covering


def _with_symbols(little: bool, entries: bytes, names: bytes) -> bytes:
    """A file of 64 bits with nothing but a table of symbols and its names."""
    mark = "<" if little else ">"
    strings = b"\0.symtab\0.strtab\0"
    at = 64
    headers = [(0,) * 10]
    for name, kind, data, link in ((1, 2, entries, 2), (9, 3, names, 0), (9, 3, strings, 0)):
        headers.append((name, kind, 0, 0, at, len(data), link, 0, 8, 24 if kind == 2 else 0))
        at += len(data)
    table = b"".join(struct.pack(f"{mark}IIQQQQIIQQ", *each) for each in headers)
    machine = 62 if little else 22
    head = b"\x7fELF" + bytes([2, 1 if little else 2, 1]) + bytes(9)
    head += struct.pack(f"{mark}HHIQQQIHHHHHH", 3, machine, 1, 0, 0, at, 0, 64, 56, 0, 64, 4, 3)
    return head + entries + names + strings + table
