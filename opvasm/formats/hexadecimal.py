"""Ops as hexadecimal digits: bytes in the order of memory, one op a line.

A line's groups are the words of the struct: op, len, and three of eight bytes for the union.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice, pairwise

from ..abi.layout import OP_BYTES
from ..abi.revisions import Abi
from ..errors import DecodeError, Diagnostic
from ..source import BytePlace, SourceFile, Span
from . import Listing, raw
from .byte_order import other_model

_GROUPS = (0, 4, 8, 16, 24, 32)
_DIGITS = frozenset("0123456789abcdefABCDEF")
# A file with every character wrong should not fill the screen.
_MOST_PROBLEMS = 20


def write(listing: Listing) -> bytes:
    """The ops of the listing's vectors, a line each.  Raises BindError as ``raw`` does."""
    return hex_lines(raw.write(listing)).encode()


def hex_lines(data: bytes) -> str:
    """Whole ops as lines of hexadecimal digits, each ending in a newline."""
    return "".join(
        " ".join(data[start + low : start + high].hex() for low, high in pairwise(_GROUPS)) + "\n"
        for start in range(0, len(data), OP_BYTES)
    )


def read(
    data: bytes, source_name: str, abi: Abi, told: Callable[[str], None] | None = None
) -> bytes:
    """The bytes that a text of hexadecimal digits stands for.

    Digits may have spaces anywhere, ``//`` and ``#`` begin a comment, and an op may go over several
    lines.  What xxd, hexdump -C, od -tx1, objdump -s, gdb's x and print and C arrays look like is recognised, also
    quoted in a mail, and ``told`` is called with the name of that layout.
    Raises DecodeError with every wrong character and every line that ends within an op.
    """
    from .dumps import read_dump, without_quotes  # what writes hex does not read it

    written = SourceFile(source_name, _text(data, source_name))
    text = without_quotes(written.text)
    file = written if text is None else SourceFile(source_name, text)
    quoted = "" if text is None else " in a quote"
    try:
        if quoted:
            _all_quoted(file, written.text)
        dump = read_dump(file, abi)
        layout = "hexadecimal digits" if dump is None else dump.layout
        found = _digits(file) if dump is None else dump.data
    except DecodeError as error:
        raise DecodeError([_in_file(each, written) for each in error.diagnostics]) from None
    if told is not None and (quoted or dump is not None):
        told(f"{source_name} is read as {layout}{quoted}: {len(found)} bytes")
    model = None if told is None else other_model(found, abi, 1 if dump is None else dump.width)
    if told is not None and model is not None:
        told(
            f"warning: {source_name} makes no sense as ops of a {abi.model.byteorder}-endian machine, "
            f"but of one of the other byte order: give --model {model}"
        )
    return found


def _all_quoted(file: SourceFile, text: str) -> None:
    """Raise DecodeError for a line outside of the quote, which may be the end of one that a mailer cut."""
    at = 0
    for line, blanked in zip(text.splitlines(True), file.text.splitlines(True), strict=True):
        if line.strip() and line == blanked:
            body = line.strip()
            start = at + line.index(body)
            message = "this line is not quoted, and others are"
            help = "leave the quoted lines alone, each whole"
            place = Span(file, start, start + len(body))
            raise DecodeError([Diagnostic("error", "OPV121", message, place, help=help)])
        at += len(line)


def _in_file(found: Diagnostic, file: SourceFile) -> Diagnostic:
    """The same, in the text as it was before the marks of quotes were taken away."""
    place = found.place
    return found._replace(place=place._replace(file=file)) if isinstance(place, Span) else found


def _digits(file: SourceFile) -> bytes:
    """The bytes of digits alone.  Raises DecodeError."""
    lines: list[tuple[int, str]] = []
    offset = 0
    for line in file.text.splitlines(keepends=True):
        lines.append((offset, line.partition("#")[0].partition("//")[0]))
        offset += len(line)
    digits = "".join("".join(line.split()) for _, line in lines)
    if len(digits) % (2 * OP_BYTES) == 0 and not digits.strip("0123456789abcdefABCDEF"):
        return bytes.fromhex(digits)
    found = (_line_problem(file, start, line) for start, line in lines)
    problems = list(islice((each for each in found if each is not None), _MOST_PROBLEMS))
    raise DecodeError(problems)


def _text(data: bytes, source_name: str) -> str:
    try:
        text = data.decode("utf-8-sig")
        position = data.find(0)
    except UnicodeDecodeError as error:
        text, position = "", error.start
    if position < 0:
        return text
    place = BytePlace(source_name, position, position + 1)
    message = f"{data[position]:#04x} is not a character, so this is not hexadecimal input"
    help = "raw ops are read with --from raw"
    raise DecodeError([Diagnostic("error", "OPV121", message, place, help=help)])


def _line_problem(file: SourceFile, offset: int, digits: str) -> Diagnostic | None:
    """What is wrong with a line that begins at ``offset`` (characters), without its comment."""
    for index, character in enumerate(digits):
        if character not in _DIGITS and not character.isspace():
            span = Span(file, offset + index, offset + index + 1)
            return Diagnostic("error", "OPV121", f"{character!r} is not a hexadecimal digit", span)
    count = sum(not character.isspace() for character in digits)
    if count % (2 * OP_BYTES):
        body = digits.strip()
        start = offset + digits.index(body)
        ops, rest = divmod(count, 2 * OP_BYTES)
        return Diagnostic(
            "error",
            "OPV122",
            f"{count} digits are not whole ops: an op takes {2 * OP_BYTES}, two a byte",
            Span(file, start, start + len(body)),
            help=f"{2 * OP_BYTES - rest} more digits would make {ops + 1}",
        )
    return None
