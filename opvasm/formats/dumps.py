"""What tools print of bytes: xxd, hexdump -C, od -tx1, C arrays, strings; recognised by their lines.

Each reader gives the bytes in the order of memory.  A line that does not fit the layout of the others
is an error with its place, as is an offset that skips bytes: nothing is guessed and nothing left out.
"""

from __future__ import annotations

import re

from ..abi.revisions import Abi
from ..errors import DecodeError
from ..source import SourceFile
from .dump_lines import PRINT_BYTES, Dump, problem, read_lines, words_without_order
from .escapes import LITERAL, unescaped
from .gdb_dumps import read_gdb

# What mails put before the lines that they answer.
_QUOTE = re.compile(r"^[ \t]*>(?:[ \t]?>)*", re.MULTILINE)
# After one colon it is a declaration of our own: `shared x: u64[2] = { 1, 2 }`.
_ARRAY = re.compile(
    r"(?<![\w\s*])(?<!(?<!:):)(?P<type>[\w\s*]*?)\b\w+\s*\[[^\]]*\](?:\s*__attribute__\s*\(\(.*?\)\))?\s*=\s*\{(?P<body>[^{}]*)\}"
)
# A line that begins a declaration of this language, which no dump and no C has.
_OURS = re.compile(
    r"^[ \t]*(?:(?:percpu|shared|const)[ \t]+\w+[ \t]*[:=]|(?:vector|section)[ \t]+\w+[ \t]*\("
    r"|test[ \t]+\"|scenario[ \t]+\w+|strategy[ \t]+\w+[ \t]*=|abi[ \t]+\d)",
    re.MULTILINE,
)
_NUMBER = re.compile(r"0[xX][0-9a-fA-F]+|0[bB][01]+|0[0-7]*|[1-9]\d*|'\\x[0-9a-fA-F]{1,2}'")
# Strings of C or Python one after the other, perhaps with a name and in brackets.
_LITERALS = re.compile(
    rf"(?:[\w\s*\[\]]*=)?[\s(]*(?P<all>{LITERAL}(?:\s*(?:\\\s+)?{LITERAL})*)[\s);]*"
)
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
    found = read_lines(file)
    if found is not None:
        return found
    found = read_gdb(file, abi)
    if found is not None:
        return found
    text = without_comments(file.text)
    arrays = list(_ARRAY.finditer(text))
    if len(arrays) > 1:
        second = arrays[1][0].lstrip()
        start = arrays[1].end() - len(second)
        raise problem(file, start, second, "a second array", "leave one array in the file")
    if arrays:
        width = _width(arrays[0]["type"], abi)
        return Dump(
            f"a C array of {width}-byte numbers",
            _numbers(file, arrays[0].start("body"), arrays[0]["body"], width, abi),
            width,
        )
    body = text.strip().strip("{};").strip()
    if re.match(r"0[xX][0-9a-fA-F]+[uUlL]*(?:[,\s]|$)", body):
        return _list(file, text.index(body), body, abi)
    literals = _LITERALS.fullmatch(file.text)
    if literals and "\\" in literals["all"]:
        return Dump("a string of escapes", unescaped(file, literals.start("all"), literals["all"]))
    return None


def looks_like_dump(text: str, abi: Abi) -> str | None:
    """The layout of a dump; None where the text is none, a broken one, or has declarations of ours."""
    if _OURS.search(without_comments(text)):
        return None
    try:
        found = read_dump(SourceFile("", without_quotes(text) or text), abi)
    except DecodeError:
        return None
    return None if found is None else found.layout


def looks_like_words(text: str) -> tuple[str, str] | None:
    """What plain ``hexdump`` or ``od`` prints, and the way out; None where the text is none of that."""
    lines = (without_quotes(text) or text).splitlines()
    first = next((line for line in lines if line.strip()), "")
    words = words_without_order(first.strip())
    return None if words is None else (words, PRINT_BYTES)


def _list(file: SourceFile, start: int, body: str, abi: Abi) -> Dump:
    """Numbers without a declaration, as debuggers and mails show them: the digits say how wide one is."""
    found = list(re.finditer(r"0[xX]([0-9a-fA-F]+)(?=[uUlL]*(?:[,\s]|$))", body))
    digits = {len(each[1]) for each in found}
    if max(digits) <= 2:
        return Dump("a list of bytes in C", _numbers(file, start, body, 1, abi))
    width = max(digits) // 2
    if len(digits) > 1 or width not in (2, 4, 8) or max(digits) % 2:
        first = len(found[0][1])
        odd = next((each for each in found if len(each[1]) != first), found[0])
        count, those = len(odd[1]), f", and those before it {first}" if len(digits) > 1 else ""
        raise problem(
            file,
            start + odd.start(),
            odd[0],
            f"{odd[0]} has {count} digit{'s'[: count != 1]}{those}: how wide are the words?",
            "write each in full: 2, 4, 8 or 16 digits, all alike; or name the type: uint32_t v[] = { … }",
        )
    order = f"{abi.model.byteorder}-endian, as --model {abi.model.name} is"
    return Dump(f"{width}-byte words ({order})", _numbers(file, start, body, width, abi), width)


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
                raise problem(file, place, text, f"{text!r} is not a number", None)
            value = int(plain[3:-1], 16) if plain.startswith("'") else _value(plain)
            if value >= 1 << (8 * width):
                raise problem(file, place, text, f"{text} does not fit {width} bytes", None)
            made += value.to_bytes(width, abi.model.byteorder)
        place += len(part)
    return bytes(made)


def _value(text: str) -> int:
    """A number of C: a leading 0 is octal."""
    if len(text) > 1 and text[0] == "0" and text[1] in "01234567":
        return int(text, 8)
    return int(text, 0)


def without_quotes(text: str) -> str | None:
    """A text that a mail quotes (``> ``, ``>> ``) with blanks for the marks; None where no line is quoted."""
    found = _QUOTE.sub(lambda marks: " " * len(marks[0]), text)
    return None if found == text else found


def without_comments(text: str) -> str:
    """The text with blanks where C's comments were, so that places stay."""

    def blank(found: re.Match[str]) -> str:
        return "".join(" " if each != "\n" else each for each in found[0])

    return re.sub(r"/\*.*?\*/|//[^\n]*|^[ \t]*#[^\n]*", blank, text, flags=re.DOTALL | re.MULTILINE)
