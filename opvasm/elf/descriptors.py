"""The restartable sections that a file holds: ``struct rseq_cs``, by the names of their sections.

``__rseq_cs`` (older: ``__rseq_table``) has the descriptors, ``__rseq_cs_ptr_array`` pointers to them
and ``__rseq_exit_point_array`` pairs of a section's start and an exit from it.  A linker may drop
the pointers and keep the descriptors, or write neither's words into the file but into relocations.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Mapping

from ..light_typing import NamedTuple
from .file import PF_X, SHF_ALLOC, ElfFile, FileSection
from .problems import ElfError, unreadable
from .relocations import Target, words_in

DESCRIPTOR_BYTES = 32
DESCRIPTOR_SECTIONS = ("__rseq_cs", "__rseq_table")
POINTER_SECTION = "__rseq_cs_ptr_array"
EXIT_SECTION = "__rseq_exit_point_array"
SIGNATURE_BYTES = 4
DESCRIPTORS_MAX = 1 << 16
_EXIT_BYTES = 16
_WORDS = (8, 16, 24)  # start_ip, post_commit_offset, abort_ip


class Descriptor(NamedTuple):
    """A ``struct rseq_cs`` of a file.  Addresses are the file's; ``length`` is in bytes.

    ``signature`` is the number before the abort handler in the byte order of the code, None where
    the file has no bytes there.  ``origin`` says how the descriptor was found: ``named`` (by its
    section), ``pointer`` (by a word in the pointer array), ``signature`` (by the bytes before its
    abort handler).  ``unresolved`` names a symbol that another file defines.
    """

    address: int
    version: int
    flags: int
    start: int
    length: int
    abort: int
    signature: int | None
    origin: str
    section: str
    unresolved: str = ""

    @property
    def end(self) -> int:
        """The first address after the section: where it goes on once it has committed."""
        return self.start + self.length & (1 << 64) - 1


class Found(NamedTuple):
    """What a file holds.  ``pointers`` are the words of the pointer array, None without one.

    ``exits`` are the exits that the exit-point array lists, by the start of their section;
    ``repeated`` counts descriptors that are there twice, word for word.
    """

    descriptors: tuple[Descriptor, ...]
    pointers: tuple[int, ...] | None
    exits: Mapping[int, tuple[int, ...]]
    repeated: int = 0


def find_descriptors(file: ElfFile) -> Found:
    """The descriptors in sections that are named for them, by address.  Raises ElfError."""
    if not file.mentions(b"__rseq_"):
        return Found((), None, {})
    held = file.named(*DESCRIPTOR_SECTIONS)
    arrays = file.named(POINTER_SECTION)
    exit_sections = file.named(EXIT_SECTION)
    if not held and not arrays:
        return Found((), None, {})
    for section in (*held, *arrays, *exit_sections):
        _check(file, section)
    ranges = [(each.address, each.size) for each in (*held, *arrays, *exit_sections)]
    words = words_in(file, ranges)
    found = {
        address: read_descriptor(file, address, words, "named", section.name)
        for section in held
        for address in _places(section)
    }
    pointers = [
        _word(file, address, words)
        for section in arrays
        for address in range(section.address, section.address + section.size // 8 * 8, 8)
    ]
    elsewhere = sorted({each for each in pointers if each and each not in found})
    more = words_in(file, [(each, DESCRIPTOR_BYTES) for each in elsewhere])
    for address in elsewhere:
        try:
            found[address] = read_descriptor(file, address, more, "pointer", "")
        except ElfError:
            continue  # what it points at is not in the file
    kept: dict[tuple[int, ...], Descriptor] = {}
    repeated = 0
    for address in sorted(found):
        each = found[address]
        if not (each.start or each.length or each.abort or each.unresolved):
            continue  # the padding between descriptors
        key = (each.version, each.flags, each.start, each.length, each.abort)
        if key in kept and not each.unresolved:
            repeated += 1
        else:
            kept[key if not each.unresolved else (address,)] = each
    return Found(
        tuple(kept.values()),
        tuple(pointers) if arrays else None,
        _exits(file, exit_sections, words),
        repeated,
    )


def read_descriptor(
    file: ElfFile, address: int, words: Mapping[int, Target], origin: str, section: str
) -> Descriptor:
    """The descriptor at an address, its words relocated.  Raises ElfError."""
    data = file.at(address, DESCRIPTOR_BYTES)
    version, flags, *values = struct.unpack(file.order + "IIQQQ", data)
    unresolved = ""
    for index, offset in enumerate(_WORDS):
        value, symbol = _relocated(file, address + offset, values[index], words)
        values[index] = value
        unresolved = unresolved or symbol
    start, length, abort = values
    if file.machine.number == 40 and abort & 1:
        abort &= ~1  # a Thumb address
    signature = read_signature(file, abort)
    return Descriptor(
        *(address, version, flags, start, length, abort),
        *(signature, origin, section, unresolved),
    )


def read_signature(file: ElfFile, abort: int) -> int | None:
    """The four bytes before an abort handler as a number; None where the file has none there."""
    if abort < SIGNATURE_BYTES:
        return None
    data = file.available(abort - SIGNATURE_BYTES, SIGNATURE_BYTES)
    little = file.machine.code_little or file.order == "<"
    return int.from_bytes(data, "little" if little else "big") if len(data) == 4 else None


def executable(file: ElfFile, address: int) -> bool:
    """Whether an address is in a segment that can be executed."""
    segment = file.segment_at(address)
    return segment is not None and bool(segment.flags & PF_X)


def _check(file: ElfFile, section: FileSection) -> None:
    """Refuse what no real file has, before anything is read of it."""
    if not section.flags & SHF_ALLOC:
        message = f"section {section.name} is not loaded: its flags are {section.flags:#x}"
        raise unreadable(file.name, message, section.offset, section.offset + section.size)
    unit = DESCRIPTOR_BYTES if section.name in DESCRIPTOR_SECTIONS else 8
    count = section.size // unit
    if count > DESCRIPTORS_MAX:
        message = f"section {section.name} has room for {count:,}; the most is {DESCRIPTORS_MAX:,}"
        raise unreadable(
            *(file.name, message, section.offset, section.offset + section.size),
            "a program has some hundreds of sections: is this file what it seems to be?",
        )


def _places(section: FileSection) -> Iterable[int]:
    size = section.size // DESCRIPTOR_BYTES * DESCRIPTOR_BYTES
    return range(section.address, section.address + size, DESCRIPTOR_BYTES)


def _word(file: ElfFile, address: int, words: Mapping[int, Target]) -> int:
    """A pointer of eight bytes, whatever the size of the file's addresses."""
    stored = int.from_bytes(file.at(address, 8), "little" if file.order == "<" else "big")
    return _relocated(file, address, stored, words)[0]


def _relocated(
    file: ElfFile, address: int, stored: int, words: Mapping[int, Target]
) -> tuple[int, str]:
    """A field of eight bytes after relocation, and the symbol that kept it from being known.

    Where addresses have four bytes they are the low half; the other is zero.
    """
    if not file.wide and file.order == ">":
        address += 4
    reached = words.get(address)
    if reached is None:
        return stored, ""
    if reached.address is None:
        return 0, reached.symbol.name if reached.symbol is not None else "?"
    return reached.address, ""


def _exits(
    file: ElfFile, sections: list[FileSection], words: Mapping[int, Target]
) -> dict[int, tuple[int, ...]]:
    found: dict[int, list[int]] = {}
    for start, exit in _pairs(file, sections, words):
        found.setdefault(start, []).append(exit)
    return {start: tuple(exits) for start, exits in found.items()}


def _pairs(
    file: ElfFile, sections: list[FileSection], words: Mapping[int, Target]
) -> Iterator[tuple[int, int]]:
    for section in sections:
        size = section.size // _EXIT_BYTES * _EXIT_BYTES
        for address in range(section.address, section.address + size, _EXIT_BYTES):
            start, exit = _word(file, address, words), _word(file, address + 8, words)
            if start or exit:
                yield start, exit
