"""What ``use`` declarations become when files get other paths."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping

from ..document import Document
from ..kinds import FILE
from .findings import Change


class Moves:
    """Files and folders that get other paths."""

    def __init__(self, paths: Mapping[str, str]) -> None:
        self._paths = {os.path.normpath(old): os.path.normpath(new) for old, new in paths.items()}

    def after(self, path: str) -> str:
        """The path of a file after the moves; with a folder moves what is in it."""
        for old, new in self._paths.items():
            if path == old or path.startswith(f"{old}{os.sep}"):
                return new + path[len(old) :]
        return path


def uses_after(document: Document, moves: Moves) -> Iterator[Change]:
    """The changes after which a document, at its own new path, uses the same files as before."""
    own = os.path.normpath(document.name)
    start = os.path.dirname(moves.after(own))
    uses = {each.path: document.path_of(each) for each in document.uses}
    for placed, each in document.names():
        written = each.name.strip('"')
        target = uses.get(written) if each.kind == FILE else None
        if target is None:
            continue
        after, absolute = moves.after(target), os.path.isabs(written)
        if after == target and (absolute or start == os.path.dirname(own)):
            continue
        text = after if absolute else os.path.relpath(after, start)
        if text != os.path.normpath(written) and '"' not in text:
            begin = placed.start + each.start
            yield Change(begin, placed.start + each.end, f'"{text}"')
