"""Restartable sections where no section is named for them: by the signature in the code.

Each place of the signature's bytes in an executable segment may stand before an abort handler.  Words
that hold such an address, written in the file or by a relocation, may be the last of a descriptor;
one is accepted when all of it can be true.  Descriptors that a program makes as it runs (on its
stack, in code that it compiles) are not in the file and are not found.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Set as AbstractSet
from struct import Struct

from ..light_typing import NamedTuple
from .descriptors import Descriptor, executable, read_descriptor
from .file import PF_X, SHF_ALLOC, SHF_EXECINSTR, SHT_REL, SHT_RELA, ElfFile, Segment
from .packed import android_entries
from .problems import ElfError, unreadable
from .relocations import dynamic_tables, object_relocations, target, words_in
from .source import chunks
from .symbols import Symbol, dynamic_symbol

LENGTH_MAX = 4096  # bytes of a section that is found this way
_CANDIDATES_MAX = 1 << 20


class Deep(NamedTuple):
    """What the signature led to: the descriptors, and how many places of the signature there are."""

    descriptors: tuple[Descriptor, ...]
    places: int


def signature_bytes(file: ElfFile) -> bytes | None:
    """The signature as it stands in code; None for an architecture without a known one."""
    known = file.machine
    if known.signature is None:
        return None
    little = known.code_little or file.order == "<"
    return known.signature.to_bytes(4, "little" if little else "big")


def signature_stands(file: ElfFile) -> bool:
    """Whether the signature is anywhere in the code."""
    return next(_places(file), None) is not None


def find_by_signature(file: ElfFile) -> Deep:
    """Every descriptor whose abort handler has the architecture's signature.  Raises ElfError."""
    aborts = set()
    for place in _places(file):
        aborts.add(place)
        if len(aborts) > _CANDIDATES_MAX:
            raise unreadable(file.name, f"the signature stands at over {_CANDIDATES_MAX:,} places")
    if not aborts:
        return Deep((), 0)
    words = sorted({each - 24 for each in _pointing(file, aborts) if each >= 24})
    relocated = words_in(file, [(each, 32) for each in words])
    found = []
    for address in words:
        try:
            each = read_descriptor(file, address, relocated, "signature", "")
        except ElfError:
            continue
        if each.abort in aborts and _credible(file, each):
            found.append(each)
    return Deep(tuple(found), len(aborts))


def _credible(file: ElfFile, each: Descriptor) -> bool:
    return (
        (each.version, each.flags) == (0, 0)
        and 0 < each.length < LENGTH_MAX
        and executable(file, each.start)
        and executable(file, each.end - 1)
        and not each.start <= each.abort < each.end
    )


def _places(file: ElfFile) -> Iterator[int]:
    """The addresses after the signature's bytes in executable segments."""
    wanted = signature_bytes(file)
    if wanted is None:
        return
    for segment in file.loaded:
        if not segment.flags & PF_X:
            continue
        tail = b""
        at = segment.address
        for chunk in chunks(file.source, segment.offset, _there(file, segment)):
            data = tail + chunk
            start = data.find(wanted)
            while start >= 0:
                yield at - len(tail) + start + 4
                start = data.find(wanted, start + 1)
            tail = data[-3:]
            at += len(chunk)


def _pointing(file: ElfFile, aborts: AbstractSet[int]) -> Iterator[int]:
    """The addresses of words that hold one of these addresses, as stored or as relocated."""
    # In 32-bit big-endian files the number is the second half of the field of eight bytes.
    half = 4 if file.order == ">" and not file.wide else 0
    for address in _stored(file, aborts):
        yield address - half
    relocated = _of_object(file, aborts) if file.relocatable else _of_loader(file, aborts)
    for address in relocated:
        yield address - half


def _stored(file: ElfFile, aborts: AbstractSet[int]) -> Iterator[int]:
    """Words that stand in the file as they will be, also those that are relocated in place."""
    word = file.word_bytes
    for segment in file.loaded:
        skew = -segment.address % word
        at = segment.address + skew
        size = max(0, _there(file, segment) - skew)
        for chunk in chunks(file.source, segment.offset + skew, size, word):
            values = array("Q" if file.wide else "I", chunk)
            if file.order == ">":
                values.byteswap()
            if not aborts.isdisjoint(values):
                for index, value in enumerate(values):
                    if value in aborts:
                        yield at + index * word
            at += len(chunk)


def _of_loader(file: ElfFile, aborts: AbstractSet[int]) -> Iterator[int]:
    """Words that the loader sets to symbol or load address + addend; those in place are stored."""
    shift = 32 if file.wide else 8
    absolute = file.machine.absolute
    symbols: dict[int, Symbol | None] = {}
    for address, info, addend in _entries(file):
        if info >> shift:
            if info & (1 << shift) - 1 not in absolute:
                continue
            if info >> shift not in symbols:
                symbols[info >> shift] = dynamic_symbol(file, info >> shift)
            symbol = symbols[info >> shift]
            if symbol is None or not symbol.section:
                continue
            addend += symbol.address
        if addend in aborts:
            yield address


def _entries(file: ElfFile) -> Iterator[tuple[int, ...]]:
    """The loader's relocations with addends: address, info, addend."""
    layout = Struct(file.order + ("QQq" if file.wide else "IIi"))
    for addends, offset, size in dynamic_tables(file):
        if addends:
            for chunk in chunks(file.source, offset, size, layout.size):
                yield from layout.iter_unpack(chunk)
    for entry in android_entries(file):
        if len(entry) == 3:
            yield entry


def _of_object(file: ElfFile, aborts: AbstractSet[int]) -> Iterator[int]:
    """Words of an object file that its own relocations set."""
    for table in file.sections:
        if table.kind not in (SHT_REL, SHT_RELA) or not 0 < table.info < len(file.sections):
            continue
        section = file.sections[table.info]
        if not section.flags & SHF_ALLOC or section.flags & SHF_EXECINSTR:
            continue
        for each in object_relocations(file, table, section.address):
            if each.kind not in file.machine.absolute:
                continue
            stored = 0
            if each.addend is None:
                data = file.at(each.address, file.word_bytes)
                stored = int.from_bytes(data, "little" if file.order == "<" else "big")
            reached = target(file, each, stored)
            if reached is not None and reached.address in aborts:
                yield each.address


def _there(file: ElfFile, segment: Segment) -> int:
    """Bytes of a segment that the file has."""
    return max(0, min(segment.file_size, file.source.size - segment.offset))
