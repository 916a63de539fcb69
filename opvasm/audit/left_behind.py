"""Sections that a rewriter of programs has left behind.

llvm-bolt writes functions anew at another place and keeps the old ones in sections named ``.bolt.org.…``.
Of a descriptor it follows some addresses: in a program that can lie anywhere ``start_ip`` stays that of
the old function (16.0.6, both architectures), so that the new one runs outside of every section.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator, Sequence

from ..codes import audit as codes
from ..elf.code_pieces import code_pieces
from ..elf.file import FileSection
from ..elf.symbols import names_covering
from .finding import Finding
from .outcomes import Fault
from .subject import Context, Subject

_OLD = ".bolt.org."
_PAGE = 1 << 12
_ADD_WITHIN = 8  # instructions after an adrp in which the lower bits of its address are added
_WORD, _DISTANCE = struct.Struct("<I"), struct.Struct("<i")
_LEA = re.compile(rb"[\x48\x4c]\x8d[\x05\x0d\x15\x1d\x25\x2d\x35\x3d]")
_ADRP = re.compile(rb"[\x90\xb0\xd0\xf0]")


def left_behind(context: Context, subjects: Sequence[Subject]) -> Iterator[tuple[Subject, Finding]]:
    """The sections whose descriptors are stored by code elsewhere than in the function around them."""
    old = [each for each in context.file.sections if each.name.startswith(_OLD)]
    behind = {each.descriptor.address: each for each in subjects if _within(old, each.start)}
    if not behind:
        return
    references = _x86 if context.machine == "x86-64" else _arm
    for data, first in code_pieces(context.file):
        for address, target in references(data, first):
            if target in behind and not _within(old, address):
                subject = behind.pop(target)
                yield subject, _finding(subject, address)


def _within(sections: Sequence[FileSection], address: int) -> bool:
    return any(each.address <= address < each.address + each.size for each in sections)


def _finding(subject: Subject, address: int) -> Finding:
    file = subject.context.file
    function = names_covering(file, [address]).covering(address)
    where = f"{file.place(address)} in {function.name}" if function else file.place(address)
    return Finding(
        codes.LEFT_BEHIND,
        "error",
        subject.start,
        f"the section is in the function that llvm-bolt moved, where it was before; the code that runs "
        f"takes the descriptor's address at {where} and goes on outside of the range",
        "use the program as it was linked, or let llvm-bolt rewrite other functions only (--funcs)",
        Fault.RANGE,
    )


def _x86(data: bytes, first: int) -> Iterator[tuple[int, int]]:
    """Each lea of an address relative to the next instruction, and the address."""
    for match in _LEA.finditer(data):
        at = match.end()
        if at + 4 <= len(data):
            yield first + match.start(), first + at + 4 + _DISTANCE.unpack_from(data, at)[0]


def _arm(data: bytes, first: int) -> Iterator[tuple[int, int]]:
    """Each adrp with the add of the lower bits that comes soon after it, and the address."""
    for match in _ADRP.finditer(data):
        at = match.start() - 3
        if at < 0 or (first + at) % 4:
            continue
        (word,) = _WORD.unpack_from(data, at)
        pages = (word >> 5 & 0x7FFFF) << 2 | word >> 29 & 3
        page = (first + at & -_PAGE) + (pages - ((pages & 1 << 20) << 1)) * _PAGE
        for after in range(at + 4, min(at + 4 + 4 * _ADD_WITHIN, len(data) - 3), 4):
            (add,) = _WORD.unpack_from(data, after)
            if add & 0xFFC0_0000 == 0x9100_0000 and add >> 5 & 31 == word & 31:
                yield first + at, page + (add >> 10 & 0xFFF)
                break
