"""The steps into which the debugger takes a call apart: the events, and what lies between them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from ..errors import Diagnostic
from ..interpreter.events import Event, Faulted, Finished, Loaded, Started, Stored
from ..machine import Cpus, Memory
from ..program import Instruction
from ..scenario.events import TestEvent
from ..source import Place


class Computed(NamedTuple):
    """An op worked out its result from what it read.

    ``loaded`` holds the last bytes that it read from each operand.  For a compare ``result`` is
    None and ``stops`` says whether it ends the vector; for a word op ``result`` is the word to be
    written.
    """

    op: int
    instruction: Instruction
    loaded: tuple[Loaded, ...]
    result: bytes | None
    stops: bool


class Broken(NamedTuple):
    """A statement could not be carried out, so that the test ends here."""

    findings: tuple[Diagnostic, ...]


class MachineSet(NamedTuple):
    """In a trace of several tests: another machine takes the place of the one before."""

    before: tuple[Memory, Cpus]
    after: tuple[Memory, Cpus]


class Scheduled(NamedTuple):
    """In a schedule of several threads: one of them does its next thing, or is disturbed.

    ``operation`` is the vector and the index of its op, None for anything else; ``text`` says what
    happens, ``aborts`` which sections that ends and why.
    """

    thread: str
    cpu: int
    text: str
    operation: tuple[str, int] | None
    place: Place | None
    aborts: tuple[str, ...]


Movement = Event | TestEvent | Computed | Broken | MachineSet | Scheduled


def with_computed(events: Iterable[Movement]) -> list[Movement]:
    """The events of one call with a Computed where an op has read all and not written yet.

    It is derived from what comes after it, so that a trace made elsewhere needs no such event.
    A memcpy computes nothing, and neither does an op that faults while it reads.
    """
    movements: list[Movement] = []
    started: Started | None = None
    loaded: list[Loaded] = []
    for event in events:
        match event:
            case Started():
                started, loaded = event, []
            case Loaded():
                loaded.append(event)
            case Stored() | Finished() if started is not None and loaded:
                computed = _computed(started, loaded, event)
                if computed is not None:
                    movements.append(computed)
                    started = None
            case Faulted():
                started = None
            case _:
                pass
        movements.append(event)
    return movements


def _computed(started: Started, loaded: list[Loaded], event: Stored | Finished) -> Computed | None:
    operation = started.instruction.operation
    if operation is None:
        return None
    if operation.is_compare:
        if not isinstance(event, Finished):
            return None
        last = tuple(loaded[-2:])
        return Computed(started.op, started.instruction, last, None, event.stops)
    if operation.immediate is None or not isinstance(event, Stored):
        return None
    return Computed(started.op, started.instruction, tuple(loaded), event.after, False)


def op_of(movement: Movement) -> int | None:
    """The index of the op that a movement belongs to; None for those of the whole call."""
    return getattr(movement, "op", None)
