"""Collects what is wrong, without cascades."""

from __future__ import annotations

from collections.abc import Iterable

from ..errors import Diagnostic, Note
from ..source import Span
from ..suggestion import did_you_mean


class Problems:
    """Everything wrong with a text, in the order of finding.

    ``unreadable`` are names that stand where the text could not be read.  They may well have been
    declared there, so that nobody complains that they are unknown; nor does anybody when a used
    file is not there (``names_are_missing``).
    """

    def __init__(self) -> None:
        self.found: list[Diagnostic] = []
        self.unreadable: set[str] = set()
        self.names_are_missing = False

    def error(
        self,
        code: str,
        message: str,
        span: Span,
        notes: tuple[Note, ...] = (),
        help: str | None = None,
    ) -> None:
        """One error."""
        self.found.append(Diagnostic("error", code, message, span, notes, help))

    def unknown(
        self, code: str, what: str, name: str, span: Span, known: Iterable[str], help: str | None
    ) -> None:
        """A name that nobody declared, with the nearest that somebody did."""
        if name not in self.unreadable and not self.names_are_missing:
            near = did_you_mean(name, known)
            self.error(code, f"{what} `{name}` is unknown", span, help=near or help)
