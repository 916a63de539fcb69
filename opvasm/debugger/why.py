"""``why``: what decided that we are here, with the values that decided it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..abi.revisions import Abi
from ..interpreter.errno import result_name
from ..interpreter.events import (
    Event,
    Finished,
    Loaded,
    PinRefused,
    Returned,
    Started,
    Stored,
    VectorRefused,
)
from ..interpreter.reason import Reason as CallReason
from ..report.style import PLAIN
from ..scenario.events import Asserted, MemorySet
from ..trace.names import Names
from ..trace.op import OpRecord
from .movements import Broken, Computed, Movement
from .points import call_begins, op_place
from .session import Session
from .stops import Reason, Stop
from .wording import (
    call_text,
    compared_text,
    movement_text,
    op_text,
    place_text,
)


def why_lines(session: Session) -> list[str]:
    """Why the session stopped where it is, and what decided the last call's result."""
    stop = session.last
    lines = [*_stop_reason(stop)]
    if stop.movement is not None and isinstance(stop.movement, Stored | MemorySet):
        lines.append(movement_text(stop.movement, _names(session, session.movements)))
    movements, done = _decided(session)
    lines += _statement_lines(session, movements, done)
    return lines


def _decided(session: Session) -> tuple[Sequence[Movement], Sequence[Movement]]:
    """The movements to explain: those of this statement so far, else those of the one before."""
    if session.index:
        return session.movements, session.movements[: session.index]
    before = session.previous_movements() if session.last.forward else []
    return before, before


def _stop_reason(stop: Stop) -> Iterator[str]:
    match stop.reason:
        case Reason.POINT:
            for point in stop.points:
                kind = "watchpoint" if point.is_watch else "breakpoint"
                asked = f" if {point.condition.text}" if point.condition is not None else ""
                yield f"stopped by {kind} {point.number}: {point.location}{asked}"
        case reason:
            yield f"stopped because {reason.value}"


def _statement_lines(
    session: Session, movements: Sequence[Movement], done: Sequence[Movement]
) -> Iterator[str]:
    names = _names(session, movements)
    call = call_begins(movements)
    for movement in done:
        match movement:
            case Asserted(finding=finding) if finding is not None:
                yield f"{finding.message}"
                yield from (f"  {note.message}" for note in finding.notes)
            case Broken(findings=findings):
                yield from (str(each) for each in findings)
            case Returned(result=result):
                assert call is not None
                yield f"{call_text(call, names)} returned {result_name(result)}:"
                yield from (f"  {line}" for line in result_lines(session, done, names))
            case _:
                pass
    if session.index and session.op is not None:
        yield from _compare_ahead(session, session.op)


def _names(session: Session, movements: Sequence[Movement]) -> Names:
    call = call_begins(movements)
    return Names(session.program, session.layout, None if call is None else call.vector)


def result_lines(session: Session, done: Sequence[Movement], names: Names) -> Iterator[str]:
    """What decided a call's result: a compare with both values, or the check that answered."""
    call = call_begins(done)
    vector = None if call is None else call.vector
    record: OpRecord | None = None
    computed: Computed | None = None
    reason = CallReason()
    for movement in done:
        match movement:
            case Started():
                record, computed = OpRecord(movement, names), None
            case Loaded() | Stored():
                assert record is not None
                record.add(movement)
            case Computed():
                computed = movement
            case _:
                pass
        if isinstance(movement, Event) and not isinstance(movement, Computed):
            reason(movement)
        if isinstance(movement, Finished) and movement.stops and record is not None:
            op, instruction = movement.op, record.started.instruction
            place = op_place(done, op)
            where = f" ({place_text(place)})" if place is not None else ""
            yield f"op {op} stopped it: {op_text(vector, op, instruction, names)}{where}"
            yield from record.lines(PLAIN)
            if computed is not None:
                yield compared_text(computed)
            yield "nothing of the ops after it ran; what ran before it stays done"
            return
    decisive = [text for text, _ in reason.lines()]
    if not decisive:
        yield "every op ran, and no compare stopped it"
        return
    yield from decisive
    yield from _rules(done, session)


def _rules(done: Sequence[Movement], session: Session) -> Iterator[str]:
    """The rule that a refusal comes from."""
    abi: Abi = session.program.abi
    for movement in done:
        match movement:
            case VectorRefused(violation=violation):
                limit = "" if violation.limit is None else f", the limit is {violation.limit}"
                field = "" if violation.field is None else f"{violation.field} "
                yield f"rule: {violation.code}: {field}is {violation.value}{limit} (opvasm explain {violation.code})"
                yield "nothing ran: every static rule is asked before the first op"
            case PinRefused(kind=kind, expected=expected):
                if kind is not None:
                    yield f"rule: in {abi} a page that is {kind.value} ({kind.summary}) is refused for this access"
                else:
                    yield f"rule: access_ok(): user space ends at {abi.model.task_size:#x}"
                answer = "is set, so it is EAGAIN" if expected else "is not set, so it is EFAULT"
                yield f"the operand's expect_fault byte {answer}"
                yield "nothing ran: every operand is pinned before the first op"
            case _:
                pass


def _compare_ahead(session: Session, op: int) -> Iterator[str]:
    """At a compare that has not been decided yet: what it will find."""
    for movement in session.movements[session.index :]:
        if isinstance(movement, Computed) and movement.op == op and movement.result is None:
            verdict = f"stop the vector with {op + 1}" if movement.stops else "let it go on"
            yield f"op {op} will {verdict}: {compared_text(movement)}"


__all__ = ["result_lines", "why_lines"]
