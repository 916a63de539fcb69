"""The documents of a session: those that are open, and files that these use."""

from __future__ import annotations

import os

from ..assembler import read_file
from .document import Document


class Texts:
    """Documents by their paths.  An open one wins over the file."""

    def __init__(self) -> None:
        self.open: dict[str, Document] = {}
        self._files: dict[str, tuple[tuple[int, int], Document]] = {}

    def change(self, path: str, text: str) -> list[str]:
        """Open a document, or give it its next version; those that use it get a next version, too.

        Returns the paths of these.  One that was not read yet is not among them: it is a new version
        still, and will find this one when it is read.
        """
        self.open[path] = Document(path, text, self.of, self.open.get(path))
        return self._renewed(path)

    def close(self, path: str) -> list[str]:
        """Forget an open document: from now on the file counts.

        As with ``change``, those that use it get a next version, and their paths are returned.
        """
        self.open.pop(path, None)
        return self._renewed(path)

    def _renewed(self, path: str) -> list[str]:
        users = [
            other
            for other, old in self.open.items()
            if other != path and old.is_read and path in old.used_paths
        ]
        for other in users:
            old = self.open[other]
            self.open[other] = Document(other, old.text, self.of, old)
        return users

    def of(self, path: str) -> Document:
        """The document of a path.  Raises OSError or ValueError where there is none."""
        path = os.path.normpath(path)
        if path in self.open:
            return self.open[path]
        status = os.stat(path)
        stamp = (status.st_mtime_ns, status.st_size)
        known = self._files.get(path)
        if known is not None and known[0] == stamp:
            return known[1]
        source = read_file(path)
        before = known[1] if known is not None else None
        document = Document(path, source.text, self.of, before)
        self._files[path] = (stamp, document)
        return document
