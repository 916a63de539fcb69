"""What tools print of bytes: xxd, hexdump -C, od -tx1, gdb's x, C arrays; recognised by their lines.

Each reader gives the bytes in the order of memory.  A line that does not fit the layout of the others
is an error with its place, as is an offset that skips bytes: nothing is guessed and nothing left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ..abi.revisions import Abi
from ..errors import DecodeError, Diagnostic
from ..light_typing import NamedTuple
from ..source import SourceFile, Span

_MOST_PROBLEMS = 20


class Dump(NamedTuple):
    """The bytes of a dump, and the layout that was recognised, as a person would call it."""

    layout: str
    data: bytes


class _Lines(NamedTuple):
    """A layout of lines: an offset, bytes as groups of digits, and perhaps the characters.

    ``base`` is that of the offset.
    """

    name: str
    pattern: re.Pattern[str]
    base: int


_LAYOUTS = (
    _Lines(
        "xxd",
        re.compile(
            r"(?P<at>[0-9a-fA-F]{4,16}): +(?P<hex>(?:[0-9a-fA-F]{2,32} )*[0-9a-fA-F]{2,32})(  .*)?"
        ),
        16,
    ),
    _Lines(
        "hexdump -C",
        re.compile(
            r"(?P<at>[0-9a-fA-F]{8,16})  (?P<hex>[0-9a-fA-F]{2}(?: {1,2}[0-9a-fA-F]{2})*) +\|.*\|?"
        ),
        16,
    ),
    _Lines(
        "od -tx1",
        re.compile(r"(?P<at>[0-7]{7,22}) +(?P<hex>[0-9a-fA-F]{2}(?: [0-9a-fA-F]{2})*)( +>.*<)?"),
        8,
    ),
    _Lines(
        "od -Ax -tx1",
        re.compile(
            r"(?P<at>[0-9a-fA-F]{6,16}) +(?P<hex>[0-9a-fA-F]{2}(?: [0-9a-fA-F]{2})*)( +>.*<)?"
        ),
        16,
    ),
)
_END = re.compile(r"[0-9a-fA-F]{6,22}")
_WORDS = re.compile(r"[0-9a-fA-F]{7,22}(:?)( +[0-9a-fA-F]{4}){1,8} *")
_GDB = re.compile(r"(?P<at>0x[0-9a-fA-F]+)(?: <[^>]*>)?:(?P<hex>(?:\s+0x[0-9a-fA-F]+)+)")
_ARRAY = re.compile(
    r"(?P<type>[\w\s*]*?)\b\w+\s*\[[^\]]*\](?:\s*__attribute__\s*\(\(.*?\)\))?\s*=\s*\{(?P<body>[^{}]*)\}"
)
_NUMBER = re.compile(r"0[xX][0-9a-fA-F]+|0[bB][01]+|\d+|'\\x[0-9a-fA-F]{1,2}'")
_ESCAPES = re.compile(r"(?:\\x[0-9a-fA-F]{2})+")
_TYPES = (
    (re.compile(r"\b(u?int64_t|__u64|u64|uint64|long\s+long|unsigned\s+long|long)\b"), 8),
    (re.compile(r"\b(u?int16_t|__u16|u16|short)\b"), 2),
    (re.compile(r"\b(u?int8_t|__u8|u8|char|byte)\b"), 1),
    (re.compile(r"\b(u?int32_t|__u32|__s32|u32|int|unsigned)\b"), 4),
)


def read_dump(file: SourceFile, abi: Abi) -> Dump | None:
    """The bytes of a dump; None where the text is none of those that are known.

    ``abi`` gives the byte order and the size of words in C arrays.  Raises DecodeError with every
    line that does not fit.
    """
    first = next((line for line in file.text.splitlines() if line.strip()), "").strip()
    for layout in _LAYOUTS:
        if layout.pattern.fullmatch(first) and not _is_plain(first):
            return Dump(layout.name, b"".join(_lines(file, layout)))
    if _WORDS.fullmatch(first) and not _is_plain(first):
        raise _problem(
            file,
            file.text.index(first),
            first,
            "16-bit words, whose byte order the text does not say",
            "print bytes: od -An -v -tx1, hexdump -C or xxd",
        )
    if _GDB.fullmatch(first):
        return Dump("gdb's x", b"".join(_gdb(file, abi)))
    text = _without_comments(file.text)
    arrays = list(_ARRAY.finditer(text))
    if len(arrays) > 1:
        second = arrays[1][0].lstrip()
        start = arrays[1].end() - len(second)
        raise _problem(file, start, second, "a second array", "leave one array in the file")
    if arrays:
        width = _width(arrays[0]["type"], abi)
        return Dump(
            f"a C array of {width}-byte numbers",
            _numbers(file, arrays[0].start("body"), arrays[0]["body"], width, abi),
        )
    body = text.strip().strip("{};").strip()
    if re.match(r"0[xX][0-9a-fA-F]{1,2}\b", body) and ("," in body or re.search(r"\s", body)):
        start = text.index(body)
        return Dump("a list of bytes in C", _numbers(file, start, body, 1, abi))
    if r"\x" in body and not _ESCAPES.sub("", body).strip("\"'; \t\r\n\\b=("):
        escapes = "".join(_ESCAPES.findall(body)).replace("\\x", "")
        return Dump("a string of escapes", bytes.fromhex(escapes))
    return None


def looks_like_dump(text: str, abi: Abi) -> str | None:
    """The layout of a dump; None where the text is none, or a broken one."""
    try:
        found = read_dump(SourceFile("", text), abi)
    except DecodeError:
        return None
    return None if found is None else found.layout


def _is_plain(line: str) -> bool:
    """Whether a line is whole ops of digits alone, which has no offset."""
    digits = "".join(line.split())
    return len(digits) % 64 == 0 and not digits.strip("0123456789abcdefABCDEF")


def _lines(file: SourceFile, layout: _Lines) -> Iterator[bytes]:
    """The bytes of lines with offsets; ``*`` stands for lines like the last one."""
    problems: list[Diagnostic] = []
    start: int | None = None
    count, repeated, last, place = 0, False, b"", 0
    for line in file.text.splitlines(keepends=True):
        text, at = line.strip(), place + len(line) - len(line.lstrip())
        place += len(line)
        found = layout.pattern.fullmatch(text)
        if not text or (found is None and text == "*"):
            repeated = repeated or bool(text)
            continue
        end = found is None and _END.fullmatch(text) is not None and start is not None
        if found is None and not end:
            problems.append(_diagnostic(file, at, text, f"not a line of {layout.name}", None))
        else:
            offset = int(text if found is None else found["at"], layout.base)
            start = offset if start is None else start
            missing = offset - start - count
            if repeated and last and missing > 0 and missing % len(last) == 0:
                yield last * (missing // len(last))
                count, missing = count + missing, 0
            if missing:
                message = f"offset {offset:#x} comes after {count} bytes from {start:#x} on"
                help = "lines are missing, or stand in another order"
                problems.append(_diagnostic(file, at, text, message, help))
                count += missing
            if found is not None:
                last = bytes.fromhex("".join(found["hex"].split()))
                count += len(last)
                yield last
            repeated = False
        if len(problems) == _MOST_PROBLEMS:
            break
    if problems:
        raise DecodeError(problems)


def _gdb(file: SourceFile, abi: Abi) -> Iterator[bytes]:
    """``x/32xb``, ``xh``, ``xw`` and ``xg``: the digits say how wide a number is."""
    place = 0
    for line in file.text.splitlines(keepends=True):
        text, at = line.strip(), place + len(line) - len(line.lstrip())
        place += len(line)
        if not text:
            continue
        found = _GDB.fullmatch(text)
        if found is None:
            raise _problem(file, at, text, "not a line of gdb's x", None)
        for number in found["hex"].split():
            width = (len(number) - 2) // 2
            if width not in (1, 2, 4, 8) or len(number) % 2:
                help = "print numbers in full: x/32xb"
                raise _problem(file, at, text, f"{number} has no width of 1, 2, 4 or 8 bytes", help)
            yield int(number, 16).to_bytes(width, abi.model.byteorder)


def _width(declared: str, abi: Abi) -> int:
    for pattern, width in _TYPES:
        found = pattern.search(declared)
        if found:
            return abi.model.word if found[0].split() in (["unsigned", "long"], ["long"]) else width
    return 1


def _numbers(file: SourceFile, start: int, body: str, width: int, abi: Abi) -> bytes:
    """Numbers between commas, each of so many bytes."""
    made = bytearray()
    place = start
    for part in re.split(r"([,\s]+)", body):
        text = part.strip(" \t\r\n,")
        if text:
            plain = text.rstrip("uUlL") if not text.startswith("'") else text
            if not _NUMBER.fullmatch(plain):
                raise _problem(file, place, text, f"{text!r} is not a number", None)
            value = int(plain[3:-1], 16) if plain.startswith("'") else _value(plain)
            if value >= 1 << (8 * width):
                raise _problem(file, place, text, f"{text} does not fit {width} bytes", None)
            made += value.to_bytes(width, abi.model.byteorder)
        place += len(part)
    return bytes(made)


def _value(text: str) -> int:
    """A number of C: a leading 0 is octal."""
    if len(text) > 1 and text[0] == "0" and text[1] in "01234567":
        return int(text, 8)
    return int(text, 0)


def _without_comments(text: str) -> str:
    """The text with blanks where C's comments were, so that places stay."""

    def blank(found: re.Match[str]) -> str:
        return "".join(" " if each != "\n" else each for each in found[0])

    return re.sub(r"/\*.*?\*/|//[^\n]*|^[ \t]*#[^\n]*", blank, text, flags=re.DOTALL | re.MULTILINE)


def _problem(file: SourceFile, at: int, text: str, message: str, help: str | None) -> DecodeError:
    return DecodeError([_diagnostic(file, at, text, message, help)])


def _diagnostic(file: SourceFile, at: int, text: str, message: str, help: str | None) -> Diagnostic:
    span = Span(file, at, at + len(text.splitlines()[0]))
    return Diagnostic("error", "OPV121", message, span, help=help)
