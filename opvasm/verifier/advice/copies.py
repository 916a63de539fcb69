"""Advice about copies whose source and destination meet (abi.md section 3.4)."""

from __future__ import annotations

from collections.abc import Iterator

from ...abi.ops import WORD_LENGTHS
from ...codes import advice as codes
from ...errors import Diagnostic, Note
from ..subject import Access, Subject
from ..wording import revisions_where

# A copy that is not a word goes through a buffer of this many bytes before 2018-03.
BOUNCE_BUFFER = 64


def _copies(subject: Subject) -> Iterator[tuple[Access, Access]]:
    """(destination, source) of each memcpy whose operands count from the same base."""
    for accesses in subject.ops:
        if len(accesses) == 2 and accesses[0].base == accesses[1].base and accesses[0].writes:
            yield accesses[0], accesses[1]


def overlapping_copy(subject: Subject) -> Iterator[Diagnostic]:
    """Source and destination share some, not all, of their bytes."""
    for destination, source in _copies(subject):
        if destination.meets(source) and not destination.same_bytes(source):
            yield _overlap(destination, source, subject)


def _overlap(destination: Access, source: Access, subject: Subject) -> Diagnostic:
    revision, length = subject.abi.revision, destination.length
    distance = destination.offset - source.offset
    by_chunk = revisions_where(lambda each: not each.maps_operands)
    undefined = revisions_where(lambda each: each.maps_operands)
    whole = length in WORD_LENGTHS or length <= BOUNCE_BUFFER
    if whole:
        chunked = "all of it is loaded before it is stored, so the copy is right"
    elif distance < 0:
        chunked = f"it goes upwards in pieces of {BOUNCE_BUFFER} bytes, so the copy is right"
    else:
        chunked = (
            f"it goes upwards in pieces of {BOUNCE_BUFFER} bytes, so from byte {BOUNCE_BUFFER} on "
            "it copies what it has just stored"
        )
    wrong = revision.maps_operands or not (whole or distance < 0)
    names = [subject.text(each) for each in (destination, source)]
    return Diagnostic(
        "warning" if wrong else "note",
        codes.OVERLAPPING_COPY,
        f"{names[0]} and {names[1]} share {length - abs(distance)} of {length} bytes"
        + (f": what is copied is not defined in {revision.name}" if revision.maps_operands else ""),
        subject.op_place(destination.op),
        (
            Note(f"in {by_chunk} {chunked}"),
            Note(f"in {undefined} it may copy from either end"),
        ),
        "copy to a place of its own first, with another vector or in the caller",
    )


def copy_onto_itself(subject: Subject) -> Iterator[Diagnostic]:
    """Source and destination are the same bytes."""
    for destination, source in _copies(subject):
        if destination.same_bytes(source):
            op = destination.op
            what = subject.text(destination)
            yield Diagnostic(
                "warning",
                codes.COPY_ONTO_ITSELF,
                f"{what} is copied onto itself",
                subject.op_place(op),
                (Note("it still needs a writable page, and stores what it loaded"),),
                "one of the two operands is most likely another place",
            )
