"""``record FILE``: the trace of a session, from the start to where it is."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator

from ..scenario.events import CallBegins, MachineReady
from ..trace.json_lines import Json, event_record, header
from .locations import CommandError
from .movements import Broken, Computed, MachineSet, Movement, Scheduled
from .session import Session
from .shell import Shell


def record_command(shell: Shell, argument: str) -> None:
    """The command ``record``."""
    if not argument:
        raise CommandError("say into which file: record FILE")
    if any(isinstance(each, Scheduled) for each in shell.session.timeline.opening(0)):
        raise CommandError("this is a schedule: the file that it was read from records it already")
    try:
        count = record(shell.session, argument)
    except OSError as error:
        raise CommandError(f"{argument} can't be written: {error.strerror}") from None
    shell.write(f"{argument}: {count} events, from the start to here")


def record(session: Session, path: str) -> int:
    """Write a trace, whole or not at all; the number of its events.  Raises OSError."""
    beside = f"{path}.{os.getpid()}.part"
    count = 0
    try:
        with open(beside, "x", encoding="utf-8") as file:
            for each in trace_records(session):
                file.write(json.dumps(each, separators=(",", ":")) + "\n")
                count += 1
        os.replace(beside, path)
    except BaseException:
        if os.path.exists(beside):
            os.unlink(beside)
        raise
    return count - 1


def trace_records(session: Session) -> Iterator[Json]:
    """The lines of the trace; the session is where it was again when all have been taken."""
    end, last = session.position, session.last
    session.goto(0)
    try:
        yield header(session.program.abi)
        yield event_record(MachineReady(session.holder.memory, session.holder.cpus))
        while session.position < end:
            for movement in session.movements[: end - session.position]:
                found = _record(movement, session)
                if found is not None:
                    yield found
            session.goto(min(end, session.position + len(session.movements)))
    finally:
        session.goto(end)
        session.last = last


def _record(movement: Movement, session: Session) -> Json | None:
    match movement:
        case Computed() | Broken() | Scheduled():
            return None
        case MachineSet(after=(memory, cpus)):
            return event_record(MachineReady(memory, cpus))
        case CallBegins(vector=vector) if vector is not None and not movement.instructions:
            return event_record(movement._replace(instructions=vector.instructions))
        case _:
            return event_record(movement)
