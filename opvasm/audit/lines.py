"""Source lines of code addresses, by pyelftools where debug information and it are there."""

from __future__ import annotations

from collections.abc import Iterable

from ..elf.file import ElfFile
from ..elf.source import Source

_SIZE_MAX = 256 << 20  # bytes of debug information that are read for a few lines


def source_lines(file: ElfFile, addresses: Iterable[int]) -> dict[int, str]:
    """``file.c:12`` for the addresses that debug information covers.

    Compressed, split or broken debug information, and an object file's, gives no lines.
    """
    wanted = sorted(set(addresses))
    sections = {each.name: each for each in file.sections if each.name.startswith(".debug_")}
    if not wanted or ".debug_line" not in sections or file.relocatable:
        return {}
    if sum(each.size for each in sections.values()) > _SIZE_MAX:
        return {}
    try:
        from elftools.elf.elffile import ELFFile
    except ImportError:
        return {}
    from io import BytesIO

    try:
        dwarf = ELFFile(BytesIO(_whole(file.source))).get_dwarf_info()
        found: dict[int, str] = {}
        for unit in dwarf.iter_CUs():
            program = dwarf.line_program_for_CU(unit)
            if program is not None:
                _lines_of(program, wanted, found)
        return found
    except (
        Exception
    ):  # what pyelftools raises for broken debug information is not a fault of the program
        return {}


def _whole(source: Source) -> bytes:
    return source.read(0, source.size)


def _lines_of(program: object, wanted: list[int], found: dict[int, str]) -> None:
    header = program.header  # type: ignore[attr-defined]
    names = header["file_entry"]
    first = 0 if header["version"] >= 5 else 1
    before = None
    for entry in program.get_entries():  # type: ignore[attr-defined]
        state = entry.state
        if state is None:
            continue
        if before is not None and before.address < state.address:
            for address in wanted:
                if before.address <= address < state.address and address not in found:
                    name = names[before.file - first].name.decode("utf-8", "replace")
                    found[address] = f"{name}:{before.line}"
        before = None if state.end_sequence else state
