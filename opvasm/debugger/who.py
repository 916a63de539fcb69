"""``who``: which op wrote these bytes, in words."""

from __future__ import annotations

from itertools import islice

from ..interpreter.events import Stored
from ..scenario.events import MemorySet
from ..source import Span
from ..trace.names import Names
from ..trace.values import change
from .locations import CommandError, parse_range
from .movements import Movement, Scheduled
from .points import AtMemory, Mode, accesses, call_begins
from .session import Session
from .shell import Shell
from .view import statement_place, watched_bytes
from .wording import call_text, movement_text, op_text, place_text
from .writers import Writer, writers

CHAIN_SHOWN = 5


def show_writers(shell: Shell, argument: str) -> None:
    """The command ``who``: the writers of some bytes, the next one and the last ones."""
    if not argument:
        raise CommandError("say whose bytes: who head, who &nodes[2], who 0x1000, 8")
    session = shell.session
    address, length = parse_range(argument, session)
    found = list(islice(writers(session, address, length), CHAIN_SHOWN + 1))
    next_movement = session.movements[session.index] if not session.at_end else None
    if isinstance(next_movement, Stored | MemorySet):
        watched = AtMemory(address, length, Mode.WRITE, argument)
        if accesses(watched, next_movement):
            shell.write("about to be written, by the next movement:")
            shell.write(writer_text(_next_writer(session, watched, next_movement), session))
            if found:
                shell.write("written last:")
    if not found:
        shell.write(f"{argument}: nothing has written these {length} bytes; they are as loaded")
        return
    for index, writer in enumerate(found[:CHAIN_SHOWN]):
        shell.write(f"{'before it: ' if index else ''}{writer_text(writer, session)}")
    if len(found) > CHAIN_SHOWN:
        shell.write("before it: and more")
    else:
        shell.write("before it: as loaded")


def _next_writer(session: Session, watched: AtMemory, movement: Stored | MemorySet) -> Writer:
    """The write that the next movement will do."""
    before, after = watched_bytes(session, watched, movement, False)
    op = movement.op if isinstance(movement, Stored) else None
    start = session.timeline.starts[session.entry]
    return Writer(session.entry, op, before, after, session.movements, start)


def writer_text(writer: Writer, session: Session) -> str:
    """One write: the op with its place, the call, and what became of the bytes."""
    opening: tuple[Movement, ...] = tuple(writer.opening)
    call = call_begins(opening)
    vector = None if call is None else call.vector
    names = Names(session.program, session.layout, vector)
    place = statement_place(opening)
    where = f", statement {writer.entry + 1}" if place is None else f", {place_text(place)}"
    changed = change(writer.before, writer.after, names)
    if opening and isinstance(opening[0], Scheduled):
        at = "" if place is None else f" at {place_text(place)}"
        return f"{movement_text(opening[0], names)}{at}: {changed}, position {writer.position}"
    if writer.op is None:
        return f"the test itself{where}: {changed}"
    if vector is None or call is None:
        return f"op {writer.op} of the call{where}: {changed}"
    text = at = ""
    if writer.op < len(vector.instructions):
        written = vector.instructions[writer.op]
        text = f": {op_text(vector, writer.op, written, names)}"
        at = f" at {place_text(written.place)}" if isinstance(written.place, Span) else ""
    return (
        f"op {writer.op} of {vector.name}{at}{text}\n"
        f"    {changed}, in {call_text(call, names)} on CPU {call.cpu}{where}, "
        f"position {writer.position}"
    )
