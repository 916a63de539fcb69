"""One version of a text, and what follows from it: pieces, names, the program.

A document never changes; ``Document(name, text, files, before)`` is the next version and takes over
what did not change.  Everything is worked out when it is first asked for, and once.
"""

from __future__ import annotations

import os
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress

from ..assembler import Assembly, Resolved, resolve
from ..assembler.memory import Memory, nothing
from ..light_typing import NamedTuple
from ..source import SourceFile, Span
from ..text.parser import Parsed, parse_file
from ..text.scenario_tree import Scenario
from ..text.tree import File, Test, Use
from .names import Occurrence, names_in
from .once import once
from .pieces import Piece, Placed, pieces_of

# So many pieces are read between two looks at what else is to be done.
_PIECES = 32
Files = Callable[[str], "Document"]
"""The document of a path, for ``use``.  Raises OSError or ValueError where there is none."""


class Extent(NamedTuple):
    """The characters ``start`` up to ``end`` of a document."""

    document: Document
    start: int
    end: int


def no_files(path: str) -> Document:
    """For a text that stands alone: nothing can be used."""
    raise FileNotFoundError(2, "No such file or directory", path)


class Document(SourceFile):
    """A text with its name, which is the path that ``use`` in it starts from.

    ``files(path)`` gives the documents that it uses; ``before`` is the version before it.
    """

    def __init__(
        self, name: str, text: str, files: Files = no_files, before: Document | None = None
    ) -> None:
        super().__init__(name, text)
        self.files = files
        self.memory: Memory = before.memory if before is not None else Memory()
        # The newest version whose pieces somebody began to read; this one's reading takes over from it.
        self._before = before
        if before is not None and before._before is not None:
            self._before = before._before
        self._read: list[Placed] = []
        self._left: Sequence[Placed] = ()

    # ---- pieces ---------------------------------------------------------------------------------

    @once
    def pieces(self) -> tuple[Placed, ...]:
        """The pieces in the order of the text; what is between declarations belongs to one."""
        return tuple(self._reading())

    def read(self, check: Callable[[], None]) -> None:
        """Make the pieces, and ask ``check`` now and then, which may raise; what was read is kept."""
        read: list[Placed] = []
        if self.is_read:
            return
        for each in self._reading():
            read.append(each)
            if len(read) % _PIECES == 0:
                check()
                if "pieces" in self.__dict__:  # somebody asked for all of them meanwhile
                    return
        self.__dict__["pieces"] = tuple(read)

    def read_all(self, check: Callable[[], None]) -> None:
        """``read`` it and the files that it uses, also through others."""
        seen = {os.path.normpath(self.name)}
        waiting: list[Document] = [self]
        while waiting:
            document = waiting.pop()
            document.read(check)
            for path in map(document.path_of, document.uses):
                if path not in seen:
                    seen.add(path)
                    with suppress(OSError, ValueError):
                        waiting.append(document.files(path))

    @property
    def is_read(self) -> bool:
        """Whether its pieces are known."""
        return "pieces" in self.__dict__

    def _reading(self) -> Iterator[Placed]:
        read: list[Placed] = []
        self._left = self._known()
        self._before, self._read = None, read
        for each in pieces_of(self.name, self.text, self._left):
            read.append(each)
            yield each
        self._left = ()

    def _known(self) -> Sequence[Placed]:
        """The pieces that the next reading of this text or of the next version can take over.

        Those of a text that is read in part are what was read, and what it has not reached yet of
        the version before; those of one that nobody read are that version's.
        """
        if self.is_read:
            return self.pieces
        if self._before is not None:
            return self._before._known()
        read = {id(each.piece) for each in self._read}
        return [*self._read, *(each for each in self._left if id(each.piece) not in read)]

    @once
    def _positions(self) -> dict[int, int]:
        return {id(placed.piece): placed.start for placed in self.pieces}

    def piece_at(self, offset: int) -> Placed | None:
        """The piece that an offset is in; at the very end, the last one."""
        pieces = self.pieces
        index = bisect_right(pieces, offset, key=lambda placed: placed.start) - 1
        return pieces[index] if index >= 0 else None

    def start_of(self, piece: SourceFile) -> int | None:
        """The offset at which a piece begins; None where it is not of this version."""
        return self._positions.get(id(piece))

    @once
    def parsed(self) -> Parsed:
        """The declarations of all pieces, and what is wrong with their text."""
        all_parsed = [placed.piece.parsed for placed in self.pieces]
        if not all_parsed:
            return parse_file(SourceFile(self.name, ""))
        return Parsed(
            File(self, tuple(each for one in all_parsed for each in one.file.declarations)),
            tuple(each for one in all_parsed for each in one.problems),
            frozenset(each for one in all_parsed for each in one.skipped_names),
            tuple(each for one in all_parsed for each in one.skipped),
            any(one.given_up for one in all_parsed),
        )

    # ---- names ----------------------------------------------------------------------------------

    def names(self) -> Iterator[tuple[Placed, Occurrence]]:
        """Every name of the text, with the piece from whose beginning its offsets count."""
        for placed in self.pieces:
            for each in names_of(placed.piece):
                yield placed, each

    def name_at(self, offset: int) -> tuple[Placed, Occurrence] | None:
        """The name that an offset is in or at the end of; the later one where two meet."""
        placed = self.piece_at(offset)
        if placed is None:
            return None
        found: tuple[Placed, Occurrence] | None = None
        for each in names_of(placed.piece):
            if each.start <= offset - placed.start <= each.end:
                found = (placed, each)
        return found

    # ---- the program ----------------------------------------------------------------------------

    @once
    def resolved(self) -> Resolved:
        """The program as far as it could be made, and what is wrong with it."""
        return resolve(self, loader=self.files, reader=_read, memory=self.memory)

    def resolve(self, check: Callable[[], None]) -> None:
        """Work out ``resolved``, and ask ``check`` now and then, which may raise."""
        self.memory.check = check
        try:
            _ = self.resolved
        finally:
            self.memory.check = nothing

    @property
    def assembly(self) -> Assembly:
        """The program, tests and scenarios, without what could not be understood."""
        return self.resolved.assembly

    @once
    def documents(self) -> tuple[Document, ...]:
        """This document and all that it uses, also through others, each once."""
        found: dict[str, Document] = {os.path.normpath(self.name): self}
        waiting = [self]
        while waiting:
            document = waiting.pop()
            for use in document.uses:
                path = document.path_of(use)
                if path in found:
                    continue
                with suppress(OSError, ValueError):
                    found[path] = document.files(path)
                    waiting.append(found[path])
        return tuple(found.values())

    @once
    def used_paths(self) -> frozenset[str]:
        """The paths of all files that it uses, also through others, and whether they can be read or not."""
        return frozenset(
            document.path_of(use) for document in self.documents for use in document.uses
        )

    @once
    def uses(self) -> tuple[Use, ...]:
        """The declarations that name other files."""
        return tuple(each for each in self.parsed.file.declarations if isinstance(each, Use))

    def path_of(self, use: Use) -> str:
        """The path of a file that this one uses."""
        return os.path.normpath(os.path.join(os.path.dirname(self.name), use.path))

    @once
    def basis(self) -> tuple[Piece, ...]:
        """The pieces that say what runs: all but those that hold only tests and scenarios."""
        return tuple(
            placed.piece
            for document in self.documents
            for placed in document.pieces
            if not placed.piece.parsed.file.declarations
            or not all(
                isinstance(each, Test | Scenario) for each in placed.piece.parsed.file.declarations
            )
        )

    def locate(self, span: Span) -> Extent | None:
        """Where a place of a piece is, in this document or in one that it uses."""
        if isinstance(span.file, Document):
            return Extent(span.file, span.start, span.end)
        for document in self.documents:
            start = document.start_of(span.file)
            if start is not None:
                length = len(document.text)
                return Extent(
                    document, min(start + span.start, length), min(start + span.end, length)
                )
        return None

    def own(self, span: Span) -> tuple[int, int] | None:
        """The characters of a place, where it is in this document itself."""
        start = self.start_of(span.file)
        return None if start is None else (start + span.start, start + span.end)


def names_of(piece: Piece) -> tuple[Occurrence, ...]:
    """The names of a piece, found once."""
    known: tuple[Occurrence, ...] | None = piece.__dict__.get("names")
    if known is None:
        known = piece.__dict__["names"] = names_in(piece.syntax)
    return known


def _read(source: SourceFile) -> Parsed:
    return source.parsed if isinstance(source, Document) else parse_file(source)
