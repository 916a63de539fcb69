"""What can be done with a test, a vector or a scenario, and how it came out."""

from __future__ import annotations

from ...light_typing import NamedTuple
from .. import kinds
from ..document import Document
from .outline import Part, outline

RUN, DEBUG, EXPLORE = "run", "debug", "explore"


class Lens(NamedTuple):
    """Something to do with the declaration whose name is at the characters: run, debug, explore."""

    start: int
    end: int
    action: str
    kind: str
    name: str


class Result(NamedTuple):
    """How a test or a scenario came out; ``text`` is its line, ``details`` the whole report."""

    good: bool
    text: str
    details: str


def lenses(document: Document) -> tuple[Lens, ...]:
    """The lenses in the order of the text."""
    actions = {
        kinds.TEST: (RUN, DEBUG),
        kinds.SCENARIO: (EXPLORE, DEBUG),
        "vector": (DEBUG,),
    }
    return tuple(
        Lens(part.name_start, part.name_end, action, part.kind, part.name)
        for part in outline(document)
        for action in actions.get(part.kind, ())
    )


def text_of(document: Document, kind: str, name: str) -> str | None:
    """All of the text that a result follows from; the result holds as long as it is the same."""
    part = part_of(document, kind, name)
    if part is None:
        return None
    basis = "".join(piece.own_text for piece in document.basis)
    return f"{document.text[part.start : part.end]}\0{basis}"


def part_of(document: Document, kind: str, name: str) -> Part | None:
    """The declaration of that kind and name."""
    return next((e for e in outline(document) if e.kind == kind and e.name == name), None)
