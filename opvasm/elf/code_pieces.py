"""The code of a file in pieces, for those who look through all of it."""

from __future__ import annotations

from collections.abc import Iterator

from .file import PF_X, PT_LOAD, ElfFile

_PIECE = 1 << 20
_LAST = 40  # bytes that the next piece has again: what is looked for may lie across


def code_pieces(file: ElfFile) -> Iterator[tuple[bytes, int]]:
    """The code of a file in pieces that overlap a little, each with the address of its first byte."""
    for segment in file.segments:
        if segment.kind != PT_LOAD or not segment.flags & PF_X:
            continue
        for at in range(0, segment.file_size, _PIECE):
            size = min(_PIECE + _LAST, segment.file_size - at)
            yield file.source.read(segment.offset + at, size), segment.address + at
