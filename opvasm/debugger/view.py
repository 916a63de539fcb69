"""What a stop shows: why it stopped, where, the op with its operands, and what it will do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..errors import Diagnostic
from ..interpreter.errno import result_name
from ..interpreter.events import Faulted, Finished, Loaded, Returned, Started, Stored
from ..machine import Fault
from ..program import Instruction
from ..report.human import render
from ..report.style import PLAIN, Style
from ..scenario.events import (
    CallBegins,
    MemorySet,
    SectionBegins,
    SectionStepped,
    StatementBegins,
)
from ..source import Place, Span
from ..trace.names import Names
from ..trace.values import change, value
from .landmarks import instruction_at
from .movements import Computed, Movement, Scheduled, op_of
from .points import AtMemory, Point, call_begins, op_place
from .session import Session
from .stops import Reason, Stop
from .threads import WithThreads
from .wording import (
    call_text,
    compared_text,
    memory_text,
    movement_text,
    names_of,
    number_text,
    op_text,
    place_text,
    title,
)

INDENT = "    "


def stop_lines(session: Session, stop: Stop, style: Style = PLAIN) -> list[str]:
    """Everything that a person is shown at a stop."""
    return [
        *_headline(session, stop, style),
        *_returned(session, stop, style),
        *here(session, style),
    ]


def here(session: Session, style: Style = PLAIN) -> list[str]:
    """Where the session is and what comes next."""
    if session.at_end:
        timeline = session.timeline
        wrong = timeline.ending() if isinstance(timeline, WithThreads) else None
        return [*([] if wrong is None else [style.bad(wrong)]), "nothing comes after this"]
    names = names_of(session)
    place = current_place(session)
    lines = [_source_line(place, style)] if isinstance(place, Span) else []
    first = session.movements[0]
    if isinstance(first, Scheduled):
        when = "next" if session.index == 0 else "now"
        lines.append(f"{INDENT}{when}: {movement_text(first, names)}")
    entered = next((each for each in session.movements if isinstance(each, SectionBegins)), None)
    if entered is not None and session.index:
        lines.append(f"{INDENT}in the section {entered.section.name}{_registers(session, names)}")
    op = session.op
    if op is not None and op < len(session.instructions):
        lines += _op_lines(session, op, names, style)
    else:
        call = session.call
        if call is not None and session.index:
            lines.append(f"{INDENT}{call_text(call, names)} on CPU {call.cpu}")
        elif call is not None and not isinstance(place, Span):
            lines.append(f"{INDENT}next: {call_text(call, names)} on CPU {call.cpu}")
    if _inside_a_step(session):
        lines.append(f"{INDENT}next: {movement_text(session.movements[session.index], names)}")
    return lines


def _registers(session: Session, names: Names) -> str:
    """What the locals of a section hold by now."""
    held: dict[str, int] = {}
    for movement in session.movements[: session.index]:
        if isinstance(movement, SectionStepped):
            held.update(movement.sets)
    listed = ", ".join(f"{name} = {number_text(each, names)}" for name, each in held.items())
    return f": {listed}" if listed else ""


def current_place(session: Session) -> Place | None:
    """The op's place inside a call, else that of the statement."""
    op = session.op
    if op is not None:
        place = op_place(session.movements, op)
        if place is not None:
            return place
    instruction = instruction_at(session.movements, session.index)
    if instruction is not None and instruction.step.place is not None:
        return instruction.step.place
    return statement_place(session.movements)


def statement_place(movements: Sequence[Movement]) -> Span | None:
    """The place of the statement that an entry is."""
    for movement in movements:
        match movement:
            case StatementBegins(statement=statement):
                return statement.span
            case Scheduled(place=Span() as place):
                return place
            case _:
                pass
    return None


def _source_line(place: Span, style: Style) -> str:
    return f"{style.name(place_text(place))}\t{place.file.line_text(place.line).strip()}"


def _inside_a_step(session: Session) -> bool:
    """Whether we stopped between two movements that belong together, not in front of an op."""
    if session.index == 0:
        return False
    if instruction_at(session.movements, session.index) is not None:
        return False
    return not isinstance(session.movements[session.index], Started)


def _headline(session: Session, stop: Stop, style: Style) -> Iterator[str]:
    match stop.reason:
        case Reason.POINT:
            for point in stop.points:
                yield from _point_lines(session, stop, point, style)
        case Reason.FAILED:
            yield style.bad("The test failed here:")
        case Reason.START:
            yield style.strong("This is the start: there is nothing before it to go back to.")
        case Reason.END:
            yield style.strong("This is the end: everything has run.")
        case Reason.INTERRUPTED:
            yield style.strong("Interrupted.")
        case Reason.LOADED | Reason.STEP | Reason.GOTO:
            pass
    for finding in stop.findings:
        yield from _finding_lines(finding, style)


def _finding_lines(finding: Diagnostic, style: Style) -> list[str]:
    return render(finding, style).splitlines()


def _point_lines(session: Session, stop: Stop, point: Point, style: Style) -> Iterator[str]:
    names = names_of(session)
    kind = "Watchpoint" if point.is_watch else "Breakpoint"
    once = "Temporary breakpoint" if point.temporary else kind
    yield style.strong(f"{once} {point.number}: {point.location}")
    location = point.location
    if not isinstance(location, AtMemory) or stop.movement is None:
        return
    movement = stop.movement
    done = "" if stop.forward else ", undone now"
    match movement:
        case Stored(op=op):
            yield f"{INDENT}by {_author(session, stop, op, names)}{done}"
        case MemorySet():
            yield f"{INDENT}by the test itself{done}"
        case Loaded(op=op, data=data):
            yield f"{INDENT}read by {_author(session, stop, op, names)}: {value(data, names)}"
        case _:
            pass
    if isinstance(movement, Stored | MemorySet):
        try:
            before, after = watched_bytes(session, location, movement, stop.forward)
        except Fault:  # not all that is watched is mapped: what was written is
            before, after = movement.before, movement.after
        old, new = (before, after) if stop.forward else (after, before)
        yield f"{INDENT}old value: {value(old, names)}"
        yield f"{INDENT}new value: {value(new, names)}"


def watched_bytes(
    session: Session, location: AtMemory, movement: Stored | MemorySet, done: bool
) -> tuple[bytes, bytes]:
    """All watched bytes before and after a write that is done now, or undone."""
    now = session.holder.memory.read(location.address, location.length)
    other = bytearray(now)
    replacement = movement.before if done else movement.after
    first = max(movement.address, location.address)
    last = min(movement.address + len(replacement), location.address + location.length)
    other[first - location.address : last - location.address] = replacement[
        first - movement.address : last - movement.address
    ]
    return (bytes(other), now) if done else (now, bytes(other))


def _author(session: Session, stop: Stop, op: int, names: Names) -> str:
    """Who did it: an op of a vector, or a thread of a schedule."""
    movements: Sequence[Movement] = session.movements
    if session.index == 0 and stop.forward:
        movements = session.timeline.opening(session.entry - 1)
    if movements and isinstance(movements[0], Scheduled):
        return movement_text(movements[0], names)
    call = call_begins(movements)
    owner = "the call" if call is None or call.vector is None else call.vector.name
    return f"op {op} of {owner}"


def _returned(session: Session, stop: Stop, style: Style) -> Iterator[str]:
    """The result of the call that has just ended."""
    if not stop.forward or stop.reason is Reason.GOTO or session.entry == 0:
        return
    if session.index:
        done = session.movements[session.index - 1]
        if isinstance(done, Returned):
            yield _result_line(done.result, session.call, session, style)
        return
    if call_begins(session.timeline.opening(session.entry - 1)) is None:
        return
    movements = session.previous_movements()
    for movement in movements:
        if isinstance(movement, Returned):
            yield _result_line(movement.result, call_begins(movements), session, style)


def _result_line(result: int, call: CallBegins | None, session: Session, style: Style) -> str:
    name = "the call" if call is None or call.vector is None else call.vector.name
    paint = style.good if result == 0 else style.warning
    return f"{name} returned {paint(result_name(result))}"


def _op_lines(session: Session, op: int, names: Names, style: Style) -> Iterator[str]:
    """The op decoded, its operands with names and values, and what it will do."""
    instruction = session.instructions[op]
    call = session.call
    vector = None if call is None else call.vector
    owner = "the call" if vector is None else vector.name
    text = op_text(vector, op, instruction, names)
    cpu = session.holder.cpus.current
    yield f"{INDENT}op {op} of {owner} on CPU {cpu}: {style.strong(text)}"
    listed = [
        (operand.name, address, title(names, address, instruction.length), flag)
        for operand, address, flag in instruction.operands()
        if isinstance(address, int)
    ]
    width = max((len(each) for _, _, each, _ in listed), default=0)
    for name, address, called, flag in listed:
        held = memory_text(session, names, address, instruction.length)
        mark = "  (may fault)" if flag else ""
        shown = called if called.startswith("@0x") else f"{called:<{width}}  {address:#x}"
        yield f"{INDENT}  {name:<3} {style.name(shown)}  = {held}{mark}"
    yield from (f"{INDENT}{line}" for line in _outlook(session, op, instruction, names))


def _outlook(session: Session, op: int, instruction: Instruction, names: Names) -> Iterator[str]:
    """What the op will do, and at a compare what happens either way.

    Read from the movements to come, so that it is what the interpreter does.
    """
    operation = instruction.operation
    movements = [each for each in session.movements if op_of(each) == op]
    done = session.movements[: session.index]
    if operation is None or not any(isinstance(each, Started) for each in movements):
        yield "it never runs: the call ends before it"
        return
    if operation.is_compare:
        count = len(session.instructions)
        on = f"op {op + 1} is next" if op + 1 < count else "the vector is done and returns 0"
        stop = f"the vector stops here and returns {op + 1}"
        equal, different = (stop, on) if operation.stops_when_equal else (on, stop)
        yield f"equal: {equal}; different: {different}"
        for each in movements:
            if isinstance(each, Computed):
                verb = "compared" if each in done else "compares"
                yield f"{verb}: {compared_text(each)}, so {stop if each.stops else on}"
    stores = [each for each in movements if isinstance(each, Stored)]
    if stores:
        before = b"".join(each.before for each in stores)
        after = b"".join(each.after for each in stores)
        where = title(names, stores[0].address, len(after))
        verb = "has written" if stores[-1] in done else "writes"
        yield f"{verb} {where}: {change(before, after, names)}"
    for each in movements:
        if isinstance(each, Faulted):
            yield movement_text(each, names)
    if not operation.operands:
        yield operation.summary
    if not any(isinstance(each, Finished | Faulted) for each in movements):
        yield "it does not finish"
