"""Branches from anywhere in a program into the middle of its sections.

A regular expression finds what looks like a branch that leads there, by the upper bytes of its
distance; most of that is the inside of other instructions, so each is confirmed by decoding the
function that it is in from its first instruction.
"""

from __future__ import annotations

import re
import struct
from bisect import bisect_right
from collections.abc import Iterator, Sequence

from ..elf.code_pieces import code_pieces
from ..elf.file import ElfFile
from ..elf.problems import ElfError
from ..lift.code import Decoder
from .subject import Context, Subject

_FUNCTION_MAX = 1 << 20
_WORD, _DISTANCE = struct.Struct("<I"), struct.Struct("<i")


def branches_into(context: Context, subjects: Sequence[Subject]) -> list[tuple[int, int, Subject]]:
    """The branches from outside into the middle of these sections: address, target, section.

    Of code that no unwind table describes nothing is confirmed, and so nothing is said.
    """
    engine = context.decoder
    known = sorted((each for each in subjects if each.decodes), key=lambda each: each.start)
    if engine is None or not known:
        return []
    starts = [each.start for each in known]
    found: dict[int, tuple[int, int, Subject]] = {}  # by the address: pieces of code overlap
    for address, target in _suspects(context.file, context.machine, known):
        subject = known[max(0, bisect_right(starts, target) - 1)]
        if not subject.start < target < subject.end or subject.inside(address):
            continue
        if address not in found and _is_branch(context, engine, address, target):
            found[address] = (address, target, subject)
    return list(found.values())


def _suspects(
    file: ElfFile, machine: str, subjects: Sequence[Subject]
) -> Iterator[tuple[int, int]]:
    branches = _x86 if machine == "x86-64" else _arm
    for data, first in code_pieces(file):
        yield from branches(data, first, subjects)


def _x86(data: bytes, first: int, subjects: Sequence[Subject]) -> Iterator[tuple[int, int]]:
    """jmp, call and jcc with a distance of four bytes."""
    last = first + len(data)
    third, fourth = set(), set()
    for each in subjects:
        # The upper half of a distance from somewhere in this piece to somewhere in that section.
        low, high = each.start - last - 6 >> 16, each.end - first >> 16
        for upper in range(low, high + 1):
            third.add(upper & 0xFF)
            fourth.add(upper >> 8 & 0xFF)
    pattern = re.compile(
        rb"(?:[\xe8\xe9]|\x0f[\x80-\x8f])(?=..%s%s)" % (_any_of(third), _any_of(fourth)), re.DOTALL
    )
    for match in pattern.finditer(data):
        at = match.end()
        if at + 4 <= len(data):
            yield first + match.start(), first + at + 4 + _DISTANCE.unpack_from(data, at)[0]


def _arm(data: bytes, first: int, subjects: Sequence[Subject]) -> Iterator[tuple[int, int]]:
    """b and bl, the branches of aarch64 that leave a function."""
    last = first + len(data)
    third = set()
    for each in subjects:
        low, high = each.start - last >> 18, each.end - first >> 18
        third |= {upper & 0xFF for upper in range(low, high + 1)}
    pattern = re.compile(rb"(?<=%s)[\x14-\x17\x94-\x97]" % _any_of(third), re.DOTALL)
    for match in pattern.finditer(data):
        at = match.start() - 3
        if at >= 0 and not (first + at) % 4:
            (word,) = _WORD.unpack_from(data, at)
            distance = (word & 0x3FF_FFFF) - ((word & 0x200_0000) << 1)
            yield first + at, first + at + 4 * distance


def _any_of(values: set[int]) -> bytes:
    return b"[%s]" % b"".join(b"\\x%02x" % each for each in sorted(values))


def _is_branch(context: Context, engine: Decoder, address: int, target: int) -> bool:
    """Whether an instruction of the function around an address begins there and leads to the target."""
    try:
        extent = context.frames.around(address)
        if extent is None or extent.end - extent.start > _FUNCTION_MAX:
            return False
        data = context.code(extent.start, extent.end - extent.start)
    except ElfError:
        return False
    at = extent.start
    while at <= address:
        for each in engine.steps(data[at - extent.start :], at):
            if each.address == address:
                return each.target == target
            if each.address > address:
                return False
            at = each.end
        at += 1  # data between instructions: go on after it
    return False
