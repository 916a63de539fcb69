"""Members of archives (``ar``): GNU and BSD names; nothing is unpacked to disk."""

from __future__ import annotations

from collections.abc import Iterator

from .problems import unreadable
from .source import PartSource, Source

MAGIC = b"!<arch>\n"
THIN_MAGIC = b"!<thin>\n"
_HEADER = 60
_TABLES = ("/", "//", "/SYM64/", "__.SYMDEF", "__.SYMDEF SORTED")
_NAME_MAX = 1 << 12


def members(source: Source) -> Iterator[PartSource]:
    """The members of an archive, each a source of its own, in order.  Raises ElfError.

    A member's name is ``archive(member)``.  Tables of symbols and names are not members.
    """
    start = source.read(0, min(8, source.size))
    if start == THIN_MAGIC:
        raise unreadable(
            source.name, "a thin archive holds no members", 0, 8, "give its object files instead"
        )
    if start != MAGIC:
        raise unreadable(source.name, "not an archive", 0, 8)
    offset = 8
    names = b""
    while offset < source.size:
        header = source.read(offset, _HEADER)
        if header[58:] != b"`\n":
            raise unreadable(source.name, "no member of an archive", offset, offset + _HEADER)
        name = header[:16].rstrip(b" ").decode("utf-8", "replace")
        size = _number(source, header[48:58], offset)
        start_of = offset + _HEADER
        offset = start_of + size + size % 2
        if name == "//":
            names = source.read(start_of, size)
        if name in _TABLES:
            continue
        if name.startswith("#1/"):
            length = min(_number(source, name[3:].encode(), start_of), size, _NAME_MAX)
            name = source.read(start_of, length).rstrip(b"\0").decode("utf-8", "replace")
            start_of, size = start_of + length, size - length
            if name in _TABLES:
                continue
        elif name.startswith("/") and name[1:].isdigit():
            at = int(name[1:])
            end = names.find(b"\n", at, at + _NAME_MAX)
            name = names[at : end if end >= 0 else at].decode("utf-8", "replace")
        yield PartSource(source, start_of, size, f"{source.name}({name.rstrip('/')})")


def _number(source: Source, text: bytes, offset: int) -> int:
    digits = text.strip(b" ")
    if not digits.isdigit():
        message = f"a member's size is {text.decode('utf-8', 'replace')!r}"
        raise unreadable(source.name, message, offset, offset + _HEADER)
    return int(digits)
