"""What can go wrong, as values: a Diagnostic is one finding, an OpvasmError carries all of a run."""

from __future__ import annotations

from collections.abc import Iterable

from .light_typing import Literal, NamedTuple
from .source import Place, Span

Level = Literal["error", "warning", "note"]


class Note(NamedTuple):
    """A remark that belongs to a finding, with the place it speaks of (``first written here``)."""

    message: str
    place: Place | None = None


class Edit(NamedTuple):
    """A change of the source that would mend a finding: replace the span's text by another."""

    span: Span
    replacement: str


class Diagnostic(NamedTuple):
    """One finding.  ``code`` (``OPV012``) names a row of opvasm.codes, where it is explained.

    ``help`` says what to do, in words; ``edits`` are the same as changes of the source.
    """

    level: Level
    code: str
    message: str
    place: Place | None = None
    notes: tuple[Note, ...] = ()
    help: str | None = None
    edits: tuple[Edit, ...] = ()

    def __str__(self) -> str:
        where = f"{self.place}: " if self.place is not None else ""
        return f"{where}{self.level}[{self.code}]: {self.message}"


def in_order(diagnostics: Iterable[Diagnostic]) -> tuple[Diagnostic, ...]:
    """The findings sorted by place; those without a place come first, equal ones are said once."""

    def key(diagnostic: Diagnostic) -> tuple[str, int, int, str]:
        place = diagnostic.place
        return (*(place.sort_key() if place is not None else ("", 0, 0)), diagnostic.code)

    unique = {(key(each), each.message): each for each in diagnostics}
    return tuple(sorted(unique.values(), key=key))


class OpvasmError(Exception):
    """Input that can't be used.  ``diagnostics`` holds every finding of the run, in order."""

    def __init__(self, diagnostics: Iterable[Diagnostic]) -> None:
        self.diagnostics = in_order(diagnostics)
        super().__init__("\n".join(str(each) for each in self.diagnostics))

    def __reduce__(self) -> tuple[type[OpvasmError], tuple[tuple[Diagnostic, ...]]]:
        """What pickle makes it of again, for whom another process has met it."""
        return type(self), (self.diagnostics,)


class ParseError(OpvasmError):
    """A text that is not in the language: characters, structure, names, types, values."""


class BindError(OpvasmError):
    """A vector that can't be bound to addresses: arguments missing, unknown, or out of range."""


class DecodeError(OpvasmError):
    """Bytes that hold no whole ops, or a file format that can't be read."""


class VerifyError(OpvasmError):
    """A vector that the kernel of the chosen revision would refuse."""


class Crash(Exception):
    """The impossible happened: a fault of opvasm, never of its input."""
