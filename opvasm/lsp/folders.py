"""The texts in an editor's folders that are not open: found by the names that they have in them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress

from ..light_typing import NamedTuple

SUFFIX = ".opv"
# Files and folders that are looked at for one question: a home or root folder may be open.
ENTRIES_MAX = 100_000
_PIECE = 1 << 20  # bytes
_SKIPPED = frozenset({"node_modules", "__pycache__"})


class Listing(NamedTuple):
    """The paths of texts, and the folder that was not gone through to its end; None where all were."""

    paths: tuple[str, ...]
    unfinished: str | None


class Folder(NamedTuple):
    """A folder in which texts are looked for; ``deep`` also in those in it, but for hidden ones."""

    path: str
    deep: bool


def listing(folders: Iterable[Folder], limit: int = ENTRIES_MAX) -> Listing:
    """The paths of all texts in some folders, each once, at most ``limit`` entries of folders looked at."""
    found: dict[str, None] = {}
    left = limit
    for folder in folders:
        for entries, paths in _walked(folder):
            found.update(dict.fromkeys(paths))
            left -= entries
            if left < 0:
                return Listing(tuple(found), folder.path)
    return Listing(tuple(found), None)


def _walked(folder: Folder) -> Iterator[tuple[int, list[str]]]:
    """The number of entries and the texts of each folder; one that can't be read is empty."""
    for path, inner, files in os.walk(folder.path):
        inner[:] = sorted(e for e in inner if folder.deep and e[0] != "." and e not in _SKIPPED)
        texts = [os.path.join(path, each) for each in sorted(files) if each.endswith(SUFFIX)]
        yield len(inner) + len(files), texts


def with_words(paths: Iterable[str], words: Iterable[str]) -> list[str]:
    """The files that have one of some words in them, in whatever case; those that can't be read have none."""
    wanted = [each.lower().encode("utf-8", "replace") for each in words]
    found: list[str] = []
    for path in paths:
        with suppress(OSError, ValueError):
            # A FIFO or a device would be waited for.
            if os.path.isfile(path) and _has(path, wanted):
                found.append(path)
    return found


def _has(path: str, wanted: list[bytes]) -> bool:
    """Whether a file has one of some words; of a file of any size a piece at a time is in memory."""
    longest = max(map(len, wanted), default=1)
    before = b""
    with open(path, "rb") as file:
        while piece := file.read(_PIECE):
            content = before + piece.lower()
            if any(each in content for each in wanted):
                return True
            before = content[-longest:]
    return False


def each_once(paths: Iterable[str], others: Iterable[str]) -> list[str]:
    """The paths of files that are not among ``others``, also under another name, each file once.

    Of the names of a file one that is no link is taken: a change of each of two would be made twice.
    """
    known = {os.path.realpath(each) for each in others}
    found: list[str] = []
    for path in sorted(paths, key=os.path.islink):
        real = os.path.realpath(path)
        if real not in known:
            known.add(real)
            found.append(path)
    return found
