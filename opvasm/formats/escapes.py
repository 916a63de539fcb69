"""Strings of C and Python with escapes: the bytes that they are."""

from __future__ import annotations

import re

from ..source import SourceFile
from .dump_lines import problem

# One string, of C or of Python.
LITERAL = r"""[bB]?(?:"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')"""
_ESCAPE = re.compile(
    r"\\(?:x(?P<hex>[0-9a-fA-F]+)|(?P<octal>[0-7]{1,3})|(?P<other>.))|(?P<plain>.)", re.DOTALL
)
_NAMED = {
    "a": 7,
    "b": 8,
    "t": 9,
    "n": 10,
    "v": 11,
    "f": 12,
    "r": 13,
    "\\": 92,
    "'": 39,
    '"': 34,
    "?": 63,
}


def unescaped(file: SourceFile, start: int, body: str) -> bytes:
    """The bytes of string literals; two digits after x, of which C may take more and Python does not."""
    made = bytearray()
    for literal in re.finditer(LITERAL, body):
        python = literal[0][0] in "bB"
        text, place = literal[0][1 + python : -1], start + literal.start() + 1 + python
        at = 0
        while found := _ESCAPE.match(text, at):
            here, at = found[0], found.end()
            if found["hex"] is not None:
                if python:
                    here, at = here[:4], found.start() + len(here[:4])
                elif len(here) > 4:
                    message = f"C reads more than two digits in {here!r}"
                    help = 'two a byte, and the string ended where a digit follows: "\\x08" "0"'
                    raise problem(file, place + found.start(), here, message, help)
                value = int(here[2:], 16)
            elif found["octal"] is not None:
                value = int(found["octal"], 8)
            else:
                value = ord(found["plain"]) if found["plain"] else _NAMED.get(found["other"], 256)
            if value > 255:
                raise problem(file, place + found.start(), here, f"{here!r} is not a byte", None)
            made.append(value)
    return bytes(made)
