"""Reads a file and all that it names with ``use``, each once."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable

from ..errors import Note
from ..light_typing import TYPE_CHECKING, NamedTuple
from ..source import SourceFile, Span
from ..text.parser import Parsed, parse_file
from ..text.tree import Use
from .problems import Problems

if TYPE_CHECKING:
    from typing import BinaryIO

    from ..text.tree import Declaration

Loader = Callable[[str], SourceFile]
Reader = Callable[[SourceFile], Parsed]
# How long a chain of files that use each other may be.
_DEPTH_MAX = 64


class Loaded(NamedTuple):
    """All declarations, those of a used file in place of its ``use``; all files, the first first.

    ``own`` are the declarations of the first file itself.
    """

    declarations: tuple[Declaration, ...]
    sources: tuple[SourceFile, ...]
    own: tuple[Declaration, ...]


def read_file(path: str) -> SourceFile:
    """A text file.  Raises OSError, and ValueError with the place where it is not UTF-8."""
    with open_regular(path) as file:
        return decode(path, file.read())


def open_regular(path: str) -> BinaryIO:
    """Open a file for reading.  Raises OSError, and ValueError for a FIFO or a device.

    What a file uses must be there to be read again.
    """
    kind = stat.S_IFMT(os.stat(path).st_mode)
    if kind not in (stat.S_IFREG, stat.S_IFDIR):  # opening a folder says what is wrong itself
        raise ValueError("it is not a regular file")
    return open(path, "rb")


def decode(name: str, data: bytes) -> SourceFile:
    """The text of some bytes; a byte order mark is dropped.  Raises ValueError if not UTF-8."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ValueError(
            f"line {line} holds the byte {data[error.start]:#04x}, which is not UTF-8"
        ) from None
    return SourceFile(name, text.removeprefix("\ufeff"))


def load(
    source: SourceFile, loader: Loader, problems: Problems, reader: Reader = parse_file
) -> Loaded:
    """The declarations of a file and of those it uses; ``reader`` makes the tree of each."""
    reading = _Reading(loader, problems, reader)
    own = reading.read(source, ())
    return Loaded(tuple(reading.declarations), tuple(reading.sources.values()), own)


class _Reading:
    def __init__(self, loader: Loader, problems: Problems, reader: Reader) -> None:
        self.loader = loader
        self.reader = reader
        self.problems = problems
        self.declarations: list[Declaration] = []
        self.sources: dict[str, SourceFile] = {}

    def read(
        self, source: SourceFile, using: tuple[tuple[str, Span], ...]
    ) -> tuple[Declaration, ...]:
        """One file; ``using`` is the chain of files that led to it, each with its ``use``."""
        self.sources[_identity(source.name)] = source
        parsed = self.reader(source)
        self.problems.found += parsed.problems
        self.problems.unreadable |= parsed.skipped_names
        self.problems.skipped += parsed.skipped
        self.problems.names_are_missing |= parsed.given_up
        for declaration in parsed.file.declarations:
            if isinstance(declaration, Use):
                self._use(declaration, source, using)
            else:
                self.declarations.append(declaration)
        return parsed.file.declarations

    def _use(self, use: Use, source: SourceFile, using: tuple[tuple[str, Span], ...]) -> None:
        path = os.path.normpath(os.path.join(os.path.dirname(source.name), use.path))
        if "\0" in path:
            self._unreadable(use, f"can't read {path!r}: a path has no zero byte")
            return
        identity = _identity(path)
        chain = (*using, (_identity(source.name), use.span))
        if any(name == identity for name, _ in chain):
            notes = tuple(
                Note("it is used from here", span) for name, span in chain[:-1] if name != identity
            )
            self.problems.error(
                "OPV027",
                f"{use.path} uses itself",
                use.span,
                notes,
                help="move what both need into a third file",
            )
            return
        if identity in self.sources:
            return
        if len(chain) > _DEPTH_MAX:
            self.problems.error(
                "OPV027", f"more than {_DEPTH_MAX} files use each other in a row", use.span
            )
            return
        try:
            used = self.loader(path)
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) and error.strerror else error
            self._unreadable(use, f"can't read {path}: {reason}")
            return
        self.read(used, chain)

    def _unreadable(self, use: Use, message: str) -> None:
        """A used file that is not there: the names that it declares are not asked for."""
        help = "a path is relative to the file that names it"
        self.problems.error("OPV026", message, use.span, help=help)
        self.problems.names_are_missing = True


def _identity(name: str) -> str:
    """One name for a file however its path is written."""
    return os.path.normpath(name) if name.startswith("<") else os.path.realpath(name)
