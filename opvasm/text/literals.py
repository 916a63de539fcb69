"""The values of numbers, characters and strings."""

from __future__ import annotations

from ..errors import Diagnostic
from ..source import SourceFile, Span
from .lalr import Token

_BASES = {"0x": 16, "0b": 2, "0o": 8}
_BASE_NAMES = {16: "hexadecimal", 2: "binary", 8: "octal", 10: "decimal"}
_ESCAPES = {
    "n": 10,
    "t": 9,
    "r": 13,
    "0": 0,
    "\\": 92,
    '"': 34,
    "'": 39,
}
# Longer than any 64-bit number in any base, with room for zeros and underlines in front.
DIGITS_MAX = 200


def number_value(token: Token, source: SourceFile, problems: list[Diagnostic]) -> int:
    """The value of a number; 0, with a problem, of one that is malformed."""
    text, start, end = token
    plain = text.isdecimal() and (text[0] != "0" or text == "0")
    if plain and end - start <= DIGITS_MAX:
        return int(text)
    base = _BASES.get(text[:2].lower(), 10)
    digits = text[2:] if base != 10 else text
    bare = digits.replace("_", "")
    if end - start > DIGITS_MAX:
        message, help = f"a number of {end - start} characters is too long", None
    elif not bare or digits.endswith("_") or "__" in digits or digits.startswith("_"):
        message = f"`{text}` is not a number: `_` may stand between two digits only"
        if not bare:
            message = f"`{text}` is not a number: there are no digits"
        help = None
    elif base == 10 and len(bare) > 1 and bare[0] == "0" and bare.isdecimal():
        message = f"`{text}` begins with 0, which means octal in some languages"
        help = f"write `{bare.lstrip('0') or '0'}` or `0o{bare.lstrip('0') or '0'}`"
    else:
        try:
            return int(bare, base)
        except ValueError:
            message = f"`{text}` is not a {_BASE_NAMES[base]} number"
            help = "numbers are written 10, 0x1f, 0b101, 0o17, 1_000 or 'c'"
    problems.append(Diagnostic("error", "OPV004", message, Span(source, start, end), help=help))
    return 0


def string_value(token: Token, source: SourceFile, problems: list[Diagnostic]) -> bytes:
    """The bytes of a string in double quotes: UTF-8, with its escapes replaced."""
    text, start, _ = token
    value = bytearray()
    position = 1
    while position < len(text) - 1:
        end = text.find("\\", position, len(text) - 1)
        if end < 0:
            end = len(text) - 1
        value += text[position:end].encode("utf-8", "surrogatepass")
        position = end
        if position < len(text) - 1:
            byte, length = _escape(text, position, start, source, problems)
            value.append(byte)
            position += length
    return bytes(value)


def character_value(token: Token, source: SourceFile, problems: list[Diagnostic]) -> int:
    """The number of a character in single quotes, as in ASCII."""
    text, start, end = token
    if text[1] == "\\":
        value, length = _escape(text, 1, start, source, problems)
    else:
        value, length = ord(text[1]), 1
    if length != len(text) - 2 or (value > 127 and text[1] != "\\"):
        problems.append(
            Diagnostic(
                "error",
                "OPV005",
                f"{text} is not one ASCII character",
                Span(source, start, end),
                help='text of several bytes is written "text"',
            )
        )
        return 0
    return value


def _escape(
    text: str, position: int, start: int, source: SourceFile, problems: list[Diagnostic]
) -> tuple[int, int]:
    """The byte and the length of the escape whose backslash is at ``position``."""
    letter = text[position + 1]
    if letter in _ESCAPES:
        return _ESCAPES[letter], 2
    digits = text[position + 2 : position + 4]
    if (
        letter == "x"
        and len(digits) == 2
        and all(each in "0123456789abcdefABCDEF" for each in digits)
    ):
        return int(digits, 16), 4
    place = Span(source, start + position, start + position + 2)
    problems.append(
        Diagnostic(
            "error",
            "OPV005",
            f"`\\{letter}` is not an escape",
            place,
            help=r"the escapes are \n \t \r \0 \\ \" \' and \x with two hexadecimal digits",
        )
    )
    return 0, 2
