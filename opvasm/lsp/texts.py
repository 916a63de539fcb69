"""The documents of a session: those that are open, and files that these use."""

from __future__ import annotations

import os
from contextlib import suppress

from ..assembler import read_file
from .document import Document

_Stamp = tuple[int, int]  # when a file was written (nanoseconds), and its bytes


class Texts:
    """Documents by their paths.  An open one wins over the file."""

    def __init__(self) -> None:
        self.open: dict[str, Document] = {}
        # By path, what the editor calls the version of an open document.
        self.versions: dict[str, int | None] = {}
        self._files: dict[str, tuple[_Stamp, Document]] = {}

    def change(self, path: str, text: str, version: int | None = None) -> list[str]:
        """Open a document, or give it its next version; those that use it get a next version, too.

        Returns the paths of these.  One that was not read yet is not among them: it is a new version
        still, and will find this one when it is read.
        """
        self.open[path] = Document(path, text, self.of, self.open.get(path))
        self.versions[path] = version
        return self.renew(path)

    def close(self, path: str) -> list[str]:
        """Forget an open document: from now on the file counts.

        As with ``change``, those that use it get a next version, and their paths are returned.
        """
        self.open.pop(path, None)
        self.versions.pop(path, None)
        return self.renew(path)

    def renew(self, path: str) -> list[str]:
        """Give the open documents that use a changed text their next version; returns their paths."""
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
        stamp = _stamp(path)
        known = self._files.get(path)
        if known is not None and known[0] == stamp:
            return known[1]
        source = read_file(path)
        before = known[1] if known is not None else None
        document = Document(path, source.text, self.of, before)
        self._files[path] = (stamp, document)
        return document

    def current(self, path: str) -> Document:
        """``of`` a path, and what was found in it before only where all that it uses is the same.

        Raises OSError or ValueError where there is none.
        """
        document = self.of(path)
        if not self._holds(document):
            document = Document(document.name, document.text, self.of, document)
            if path in self.open:
                self.open[path] = document
            else:
                self._files[document.name] = (self._files[document.name][0], document)
        return document

    def _holds(self, document: Document) -> bool:
        """Whether the files that a document uses are those that it has found."""
        if "documents" not in document.__dict__:
            return True
        found = {each.name: each for each in document.documents}
        for path in document.used_paths:
            now: Document | None = None
            with suppress(OSError, ValueError):
                now = self.of(path)
            if now is not found.get(path):
                return False
        return True


def _stamp(path: str) -> _Stamp:
    status = os.stat(path)
    return status.st_mtime_ns, status.st_size
