"""The text of the page: assembled once for all that is asked of it, with the samples beside it."""

from __future__ import annotations

import os
from functools import lru_cache

from ..assembler import Assembly, assemble
from ..light_typing import NamedTuple
from ..source import SourceFile
from .samples import sample_text

LARGEST_TEXT = 1 << 20


class Text(NamedTuple):
    """A text and its name, by which it finds the samples that it takes in with ``use``."""

    name: str
    text: str


def assembled(text: Text) -> Assembly:
    """The text's program, tests and scenarios.  Raises ParseError with all that is wrong."""
    return _assembled(text)


@lru_cache(maxsize=2)
def _assembled(text: Text) -> Assembly:
    return assemble(SourceFile(text.name, text.text), loader=lambda path: SourceFile(*used(path)))


def used(path: str) -> Text:
    """A sample that a text takes in.  Raises ValueError where there is none of that path."""
    found = sample_text(os.path.normpath(path))
    if found is None:
        raise ValueError("there are no other files here than the samples")
    return Text(path, found)
