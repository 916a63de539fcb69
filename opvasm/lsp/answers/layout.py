"""The one layout of a text, and of some lines of it."""

from __future__ import annotations

from difflib import SequenceMatcher

from ...errors import ParseError
from ...source import SourceFile
from ...text.formatter import formatted
from ..document import Document
from .findings import Change


def layout(document: Document, start: int = 0, end: int | None = None) -> tuple[Change, ...] | None:
    """What changes whole lines to the one layout, of those that the characters are in.

    None where a text has mistakes: it is left as it is.
    """
    last = len(document.text) if end is None else end
    try:
        wanted = formatted(SourceFile(document.name, document.text))
    except ParseError:
        return None
    if 0 < document.text.count("\n") == document.text.count("\r\n"):
        wanted = wanted.replace("\n", "\r\n")  # how lines end is the editor's to say
    if wanted == document.text:
        return ()
    before, after = document.text.splitlines(True), wanted.splitlines(True)
    starts = [0]
    for each in before:
        starts.append(starts[-1] + len(each))
    found: list[Change] = []
    matcher = SequenceMatcher(None, before, after, autojunk=False)
    for tag, first, stop, new_first, new_stop in matcher.get_opcodes():
        if tag == "equal" or starts[stop] < start or starts[first] > last:
            continue
        if stop - first == new_stop - new_first:  # line by line: those outside stay as they are
            for offset in range(stop - first):
                line = first + offset
                if starts[line + 1] > start and starts[line] <= last:
                    text = after[new_first + offset]
                    if text != before[line]:
                        found.append(Change(starts[line], starts[line + 1], text))
        else:
            found.append(Change(starts[first], starts[stop], "".join(after[new_first:new_stop])))
    return tuple(found)
