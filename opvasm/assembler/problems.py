"""Collects what is wrong, without cascades."""

from __future__ import annotations

from collections.abc import Iterable

from ..errors import Diagnostic, Note
from ..source import Place, Span
from ..suggestion import did_you_mean

# A number, character or string that is malformed: what is then said of its value is beside the point.
_TOKEN_CODES = ("OPV004", "OPV005")


class Problems:
    """Everything wrong with a text, in the order of finding.

    ``unreadable`` are names that stand where the text could not be read.  They may well have been
    declared there, so that nobody complains that they are unknown; nor does anybody when a used
    file is not there (``names_are_missing``).  ``doubts`` counts how often that was asked: where it
    was, more than the declaration at hand decides on what is said.
    """

    def __init__(self) -> None:
        self.found: list[Diagnostic] = []
        self.unreadable: set[str] = set()
        self.skipped: list[Span] = []
        self.names_are_missing = False
        self.doubts = 0

    def something_is_unreadable(self) -> bool:
        """Whether names stand where the text could not be read."""
        self.doubts += 1
        return bool(self.unreadable)

    def could_be_read(self, span: Span) -> bool:
        """Whether nothing in a stretch of text was given up."""
        return not any(
            each.file is span.file and each.start < span.end and span.start < each.end
            for each in self.skipped
        )

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

    def without_cascades(self) -> list[Diagnostic]:
        """The findings, less those about something whose very token is wrong already."""
        tokens = [each.place for each in self.found if each.code in _TOKEN_CODES]
        return [
            each
            for each in self.found
            if each.code in _TOKEN_CODES or not any(_covers(each.place, token) for token in tokens)
        ]

    def unknown(
        self,
        code: str,
        message: str,
        name: str,
        span: Span,
        known: Iterable[str],
        help: str | None = None,
    ) -> None:
        """A name that nobody declared, with the nearest that somebody did, else with ``help``."""
        self.doubts += 1
        if name not in self.unreadable and not self.names_are_missing:
            near = did_you_mean(name, known)
            self.error(code, message, span, help=near or help)


def _covers(place: Place | None, token: Place | None) -> bool:
    return (
        isinstance(place, Span)
        and isinstance(token, Span)
        and place.file is token.file
        and place.start <= token.start
        and token.end <= place.end
    )
