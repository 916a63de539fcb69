"""Advice about compares whose outcome is known before the vector runs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ...abi.ops import CMPEQ, CMPNE
from ...codes import advice as codes
from ...errors import Diagnostic, Note
from ..known_values import NO_BYTES, Settled
from ..subject import Subject
from ..wording import count


def settled_findings(settled: Iterable[Settled], subject: Subject) -> Iterator[Diagnostic]:
    """A compare that can't fail, or one that can't pass and so ends the vector."""
    for each in settled:
        if each.reason != NO_BYTES:  # zero-length says it
            yield _cannot_fail(each, subject) if each.passes else _cannot_pass(each, subject)


def _since(settled: Settled, subject: Subject) -> list[Note]:
    if settled.since is None:
        return []
    operation = subject.instruction(settled.since).operation
    verb = "compared" if operation is not None and operation.is_compare else "stored"
    return [Note(f"op {settled.since} {verb} them", subject.op_place(settled.since))]


def _cannot_fail(settled: Settled, subject: Subject) -> Diagnostic:
    operation = subject.instruction(settled.op).operation
    assert operation is not None
    return Diagnostic(
        "warning",
        codes.COMPARE_CANNOT_FAIL,
        f"this {operation.mnemonic} never stops the vector: {settled.reason}",
        subject.op_place(settled.op),
        tuple(_since(settled, subject)),
        "compare what may have changed since it was read, or leave the op out",
    )


def _cannot_pass(settled: Settled, subject: Subject) -> Diagnostic:
    operation = subject.instruction(settled.op).operation
    assert operation is not None
    opposite = CMPEQ if operation.stops_when_equal else CMPNE
    notes = _since(settled, subject)
    rest = len(subject.vector.instructions) - settled.op - 1
    if rest:
        message = f"{count(rest, 'op')} after it never run{'s' if rest == 1 else ''}"
        notes.append(Note(message, subject.op_place(settled.op + 1)))
    return Diagnostic(
        "warning",
        codes.COMPARE_CANNOT_PASS,
        f"this {operation.mnemonic} always stops the vector with {settled.op + 1}: {settled.reason}",
        subject.op_place(settled.op),
        tuple(notes),
        f"{opposite.mnemonic} would be the opposite question",
    )
