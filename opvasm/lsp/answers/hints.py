"""What an editor writes between the lines: the index and length of ops, and what a vector costs."""

from __future__ import annotations

from collections.abc import Iterator

from ...light_typing import NamedTuple
from ...program import Vector
from ...source import Span
from ..document import Document


class Hint(NamedTuple):
    """A text to be shown at an offset; ``tooltip`` says more."""

    offset: int
    text: str
    tooltip: str


def hints(document: Document, start: int = 0, end: int | None = None) -> tuple[Hint, ...]:
    """The hints of a document, of a part of it when asked, in the order of the text."""
    last = len(document.text) if end is None else end
    found = [
        each
        for vector in document.assembly.program.vectors.values()
        for each in _of_vector(document, vector)
        if start <= each.offset <= last
    ]
    return tuple(sorted(found))


def _of_vector(document: Document, vector: Vector) -> Iterator[Hint]:
    place = vector.place
    if not isinstance(place, Span) or (at := document.own(place)) is None:
        return
    revision = document.assembly.program.abi.revision
    total = sum(each.length for each in vector.instructions)
    count = len(vector.instructions)
    ops, data = (
        f"/{most}" if most is not None else ""
        for most in (revision.vector_length_max, revision.vector_data_length_max)
    )
    yield Hint(
        at[1],
        f"{count}{ops} ops, {total}{data} bytes",
        f"what {revision.name} takes in one call",
    )
    for index, each in enumerate(vector.instructions):
        if isinstance(each.place, Span) and (where := document.own(each.place)) is not None:
            unit = "byte" if each.length == 1 else "bytes"
            name = each.operation.mnemonic if each.operation is not None else "this op"
            yield Hint(
                where[0],
                f"{index}:",
                f"op {index} of {vector.name}: {name} of {each.length} {unit}",
            )
            if each.operation is not None and each.operation.operands:
                yield Hint(where[1], f"{each.length} {unit}", "the length of the op")
