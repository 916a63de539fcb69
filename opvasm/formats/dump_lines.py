"""Dumps whose lines are an offset, bytes in groups of digits, and perhaps the characters beside them.

The characters are a second account of the bytes: they say whether a group of several bytes stands in
the order of memory (xxd) or is a word of a machine (xxd -e, the kernel's print_hex_dump).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator

from ..errors import DecodeError, Diagnostic
from ..light_typing import NamedTuple
from ..source import SourceFile, Span

_MOST_PROBLEMS = 20
_SURE_BYTES = (
    2  # groups up to this are bytes in the order of memory unless the characters say otherwise
)


class Dump(NamedTuple):
    """The bytes of a dump, and the layout that was recognised, as a person would call it.

    ``width`` is that of words in bytes whose order is the data model's; 1 where bytes are shown.
    """

    layout: str
    data: bytes
    width: int = 1


class _Layout(NamedTuple):
    """A layout of lines.  ``base`` is that of the offset; ``head`` what may stand above a section's lines,
    after which groups are bytes in the order of memory."""

    name: str
    pattern: re.Pattern[str]
    base: int
    head: re.Pattern[str] | None = None


_LAYOUTS = (
    _Layout(
        "xxd",
        re.compile(
            r"(?P<at>[0-9a-fA-F]{4,16}): +(?P<hex>(?:[0-9a-fA-F]{2,32} )*[0-9a-fA-F]{2,32})"
            r"(?:  (?P<shown>.*))?"
        ),
        16,
    ),
    _Layout(
        "hexdump -C",
        re.compile(
            r"(?P<at>[0-9a-fA-F]{8,16})  (?P<hex>[0-9a-fA-F]{2}(?: {1,2}[0-9a-fA-F]{2})*) +\|.*\|?"
        ),
        16,
    ),
    _Layout(
        "od -tx1",
        re.compile(r"(?P<at>[0-7]{7,22}) +(?P<hex>[0-9a-fA-F]{2}(?: [0-9a-fA-F]{2})*)( +>.*<)?"),
        8,
    ),
    _Layout(
        "od -Ax -tx1",
        re.compile(
            r"(?P<at>[0-9a-fA-F]{6,16}) +(?P<hex>[0-9a-fA-F]{2}(?: [0-9a-fA-F]{2})*)( +>.*<)?"
        ),
        16,
    ),
    # Tools that name the section above its lines; the digits fill 35 columns, also on a last line of fewer.
    _Layout(
        "objdump -s",
        re.compile(
            r"(?P<at>[0-9a-fA-F]{4,16}) (?P<hex>[0-9a-fA-F][0-9a-fA-F ]{34})  (?P<shown>.*)"
        ),
        16,
        re.compile(r".*:\s+file format \S+|Contents of section .*:"),
    ),
    _Layout(
        "readelf -x",
        re.compile(
            r"0x(?P<at>[0-9a-fA-F]{8,16}) (?P<hex>[0-9a-fA-F][0-9a-fA-F ]{34}) (?P<shown>.*)"
        ),
        16,
        re.compile(r"Hex dump of section '.*':|\s*NOTE: This section has relocations.*"),
    ),
)
_END = re.compile(r"[0-9a-fA-F]{6,22}")
# What dmesg and journalctl put before a line: anything that ends in ": " or "] ".
_LOG = re.compile(r".*?[\]:] +(?=[0-9a-fA-F]{8,16}: +[0-9a-fA-F]{2})")
PRINT_BYTES = "print bytes: hexdump -C, od -tx1 or xxd"
_WORDS = (
    (re.compile(r"[0-9a-fA-F]{7,22}(:?)( +[0-9a-fA-F]{4}){1,8} *"), "16-bit words"),
    (re.compile(r"[0-9a-fA-F]{7,22}( +[0-9a-fA-F]{8}){1,4} *"), "32-bit words"),
    (re.compile(r"[0-9a-fA-F]{7,22}( +[0-9a-fA-F]{16}){1,2} *"), "64-bit words"),
    (re.compile(r"[0-7]{7,22}( +[0-7]{6}){1,8} *"), "octal 16-bit words"),
)


class _Line(NamedTuple):
    """A line with bytes.  ``shown`` are the characters beside them; None where it has none."""

    at: int
    text: str
    groups: list[str]
    shown: str | None


def read_lines(file: SourceFile) -> Dump | None:
    """The bytes of such a dump; None where the first line is none of those.

    Raises DecodeError with every line that does not fit the first one's layout, and where the text
    does not say in which order the bytes of a group stand.
    """
    lines = (line.strip() for line in file.text.splitlines())
    heads = [layout.head for layout in _LAYOUTS if layout.head is not None]
    first = next((each for each in lines if each and not any(h.fullmatch(each) for h in heads)), "")
    if is_plain(first):
        return None
    for log in ("", " in a log"):
        if log and not _LOG.match(first):
            break
        text = _LOG.sub("", first, count=1) if log else first
        for layout in _LAYOUTS:
            if layout.pattern.fullmatch(text):
                pieces = list(_pieces(file, layout, bool(log)))
                name, order = _order(
                    file, layout, [each for each in pieces if isinstance(each, _Line)]
                )
                return Dump(name + log, b"".join(_bytes(pieces, order)))
    words = words_without_order(first)
    if words is not None:
        raise problem(file, file.text.index(first), first, words, PRINT_BYTES)
    return None


def words_without_order(line: str) -> str | None:
    """What is to be said of a line of plain ``hexdump`` or ``od``; None where it is none.

    They print words of the machine that they ran on, and nothing that says which machine that was.
    """
    if is_plain(line):
        return None
    found = (words for pattern, words in _WORDS if pattern.fullmatch(line))
    return next((f"{words}, whose byte order the text does not say" for words in found), None)


def is_plain(line: str) -> bool:
    """Whether a line is whole ops of digits alone, which has no offset."""
    digits = "".join(line.split())
    return len(digits) % 64 == 0 and not digits.strip("0123456789abcdefABCDEF")


def problem(file: SourceFile, at: int, text: str, message: str, help: str | None) -> DecodeError:
    """The error about the first line of ``text``, which begins at ``at`` (characters)."""
    return DecodeError([_diagnostic(file, at, text, message, help)])


def _diagnostic(file: SourceFile, at: int, text: str, message: str, help: str | None) -> Diagnostic:
    span = Span(file, at, at + len(text.splitlines()[0]))
    return Diagnostic("error", "OPV121", message, span, help=help)


def _pieces(file: SourceFile, layout: _Layout, log: bool) -> Iterator[_Line | int]:
    """The lines with bytes, and for ``*`` how many lines like the last one it stands for."""
    problems: list[Diagnostic] = []
    start: int | None = None
    count, repeated, unsure, place = 0, False, False, 0
    before: _Line | None = None
    width = 0
    for line in file.text.splitlines(keepends=True):
        text, at = line.strip(), place + len(line) - len(line.lstrip())
        place += len(line)
        if log:
            whole, text = text, _LOG.sub("", text, count=1)
            at += len(whole) - len(text)
        if layout.head is not None and layout.head.fullmatch(text):
            if count or "relocations" in text:
                problems.append(_head_problem(file, at, text))
                break
            continue
        found = layout.pattern.fullmatch(text)
        if not text or (found is None and text == "*"):
            repeated = repeated or bool(text)
            continue
        end = found is None and _END.fullmatch(text) is not None and start is not None
        wrong = None if end else _misfit(file, at, text, layout)
        if wrong is not None:
            problems.append(wrong)
            unsure = True  # how many bytes it stands for; the next offset says it
        else:
            offset = int(text if found is None else found["at"], layout.base)
            start = offset if start is None else start
            missing = offset - start - count
            last = _length(before) if before is not None else 0
            if repeated and last and missing > 0 and missing % last == 0:
                yield missing // last
                count, missing = count + missing, 0
            made = None if found is None else _line(at, text, found)
            if missing and not unsure:
                here = _Line(at, text, [], None) if made is None else made
                problems.append(_gap(file, here, before, width, offset, start, count))
            count += missing
            if made is not None:
                before, width = made, width or _length(made)
                count += _length(made)
                yield made
            repeated = unsure = False
        if len(problems) == _MOST_PROBLEMS:
            break
    if problems:
        raise DecodeError(problems)


def _line(at: int, text: str, found: re.Match[str]) -> _Line:
    return _Line(at, text, found["hex"].split(), found.groupdict().get("shown"))


def _gap(
    file: SourceFile,
    here: _Line,
    before: _Line | None,
    width: int,
    offset: int,
    start: int,
    count: int,
) -> Diagnostic:
    """An offset that does not follow the bytes before it.

    Where the line before would be as wide as the first (``width``) had it the bytes that the offset
    gives it, the fault is that line's.
    """
    last = _length(before) if before is not None else 0
    between = offset - start - count + last
    if before is not None and last != width == between:
        message = f"{last} bytes, and the offset of the next line makes them {width}"
        help = "a byte was left out" if last < width else "a byte is there twice"
        return _diagnostic(file, before.at, before.text, message, help)
    message = f"offset {offset:#x} comes after {count} bytes from {start:#x} on"
    help = "lines are missing, or stand in another order"
    return _diagnostic(file, here.at, here.text, message, help)


def _misfit(file: SourceFile, at: int, text: str, layout: _Layout) -> Diagnostic | None:
    """Why a line is not one of the layout: the digit that is wrong or missing, where one is."""
    found = layout.pattern.fullmatch(text)
    if found is not None:
        odd = next((each for each in re.finditer(r"\S+", found["hex"]) if len(each[0]) % 2), None)
        if odd is None:
            return None
        return _half_a_byte(file, at + found.start("hex") + odd.start(), odd[0])
    for digit in re.finditer(r"[^0-9a-fA-F\s]", text):
        if layout.pattern.fullmatch(f"{text[:digit.start()]}0{text[digit.end():]}"):
            message = f"{digit[0]!r} is not a hexadecimal digit"
            return _diagnostic(file, at + digit.start(), digit[0], message, None)
    for half in re.finditer(r"(?<=\s)[0-9a-fA-F](?=\s|$)", text):
        # A digit that was taken out leaves its blank, or has drawn the columns after it up.
        if layout.pattern.fullmatch(f"{text[:half.end()]}0{text[half.end():]}"):
            return _half_a_byte(file, at + half.start(), half[0])
    return _diagnostic(file, at, text, f"not a line of {layout.name}", None)


def _half_a_byte(file: SourceFile, at: int, group: str) -> Diagnostic:
    count = "1 digit is" if len(group) == 1 else f"{len(group)} digits are"
    return _diagnostic(file, at, group, f"{count} not whole bytes: a byte takes two", None)


def _head_problem(file: SourceFile, at: int, text: str) -> Diagnostic:
    """A line above a section's bytes, of which they are not all that is needed."""
    if "relocations" in text:
        message = "the addresses in these bytes are not what they will be: relocations change them"
        return _diagnostic(file, at, text, message, "give the file itself: opvasm disasm FILE.o")
    help = "print one: objdump -s -j SECTION, readelf -x SECTION"
    return _diagnostic(file, at, text, "a second section", help)


def _are_bits(line: _Line) -> bool:
    """Whether the groups are bytes of eight binary digits (xxd -b): as many as characters."""
    if line.shown is None or any(len(each) != 8 or each.strip("01") for each in line.groups):
        return False
    return len(line.shown.strip()) <= len(line.groups)


def _length(line: _Line) -> int:
    """How many bytes a line has."""
    return len(line.groups) if _are_bits(line) else sum(len(each) for each in line.groups) // 2


def _in_memory(groups: list[str]) -> bytes:
    return b"".join(map(bytes.fromhex, groups))


def _as_words(groups: list[str]) -> bytes:
    return b"".join(bytes.fromhex(each)[::-1] for each in groups)


def _as_bits(groups: list[str]) -> bytes:
    return bytes(int(each, 2) for each in groups)


def _order(
    file: SourceFile, layout: _Layout, lines: list[_Line]
) -> tuple[str, Callable[[list[str]], bytes]]:
    """How groups of digits become bytes, and the layout's name; by the characters beside them."""
    if lines and all(map(_are_bits, lines)):
        return f"{layout.name} -b", _as_bits
    if layout.head is not None and any(
        map(layout.head.fullmatch, map(str.strip, file.text.splitlines()))
    ):
        return layout.name, _in_memory
    votes: Counter[bool] = Counter()
    undecided: _Line | None = None
    for line in lines:
        memory, words = _in_memory(line.groups), _as_words(line.groups)
        if memory == words:
            continue
        fits = [line.shown is not None and _fits(line.shown, each) for each in (memory, words)]
        if fits[0] != fits[1]:
            votes[fits[1]] += 1
        elif undecided is None and max(map(len, line.groups)) > 2 * _SURE_BYTES:
            undecided = line
    if (votes[True] and votes[False]) or (not votes and undecided is not None):
        line = undecided or lines[0]
        raise problem(
            file,
            line.at,
            line.text,
            "bytes in the order of memory, or words of a little-endian machine? The characters beside "
            "them fit both",
            "print groups of one byte: xxd -g1, hexdump -C",
        )
    return (f"{layout.name} -e", _as_words) if votes[True] else (layout.name, _in_memory)


def _fits(shown: str, data: bytes) -> bool:
    """Whether these bytes look like that: a dot for each that is not printed."""
    expected = "".join(chr(each) if 32 <= each < 127 else "." for each in data)
    return shown.strip() == expected.strip()


def _bytes(pieces: list[_Line | int], order: Callable[[list[str]], bytes]) -> Iterator[bytes]:
    last = b""
    for piece in pieces:
        if isinstance(piece, int):
            yield last * piece
        else:
            last = order(piece.groups)
            yield last
