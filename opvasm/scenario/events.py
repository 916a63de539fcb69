"""What happens in a test around the calls: for traces and the debugger."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ..errors import Diagnostic
from ..interpreter.events import Event, PageChange
from ..light_typing import TYPE_CHECKING, NamedTuple
from ..machine import Cpus, Memory
from ..program import Instruction, Vector
from ..text.tree import Assert, AssertUnchanged, Run, TestStatement

if TYPE_CHECKING:
    from ..program.flat import Simple
    from ..program.section import Section


class StatementBegins(NamedTuple):
    """A statement is about to be carried out."""

    statement: TestStatement


class CallBegins(NamedTuple):
    """``run`` is about to make its call; ``statement`` is None for a call outside of a test.

    ``vector`` and ``instructions`` are None and empty for a call of whatever lies at an address;
    ``cpu`` is the CPU asked for, ``data_cpu`` the one whose percpu instances the vector means.
    """

    statement: Run | None
    vector: Vector | None
    instructions: tuple[Instruction, ...]
    arguments: Mapping[str, int]
    cpu: int
    data_cpu: int
    address: int | None = None  # where the vector was placed, or is said to lie


class CallEnds(NamedTuple):
    """The call has returned, and this was expected; the result itself where nothing was."""

    statement: Run | None
    result: int
    expected: int


class SectionBegins(NamedTuple):
    """``run`` is about to enter a section on the caller's CPU; outside of a test without a statement."""

    statement: Run | None
    section: Section
    arguments: Mapping[str, int]
    cpu: int


class Read(NamedTuple):
    """A section read bytes."""

    address: int
    data: bytes


class Written(NamedTuple):
    """A section wrote bytes: what was there, what is there now."""

    address: int
    before: bytes
    after: bytes


class SectionStepped(NamedTuple):
    """A section has run the instruction ``at`` an index of its code.

    ``sets`` is the local that it set, with its value; empty where it set none.
    """

    at: int
    step: Simple
    sets: Mapping[str, int]
    loads: tuple[Read, ...]
    stores: tuple[Written, ...]


class SectionEnds(NamedTuple):
    """A section was left: by ``ok``, ``aborted`` or a label, and this was expected."""

    statement: Run | None
    label: str
    expected: str
    results: Mapping[str, int]


class Asserted(NamedTuple):
    """An ``assert`` was looked at; ``finding`` is None when it holds."""

    statement: Assert | AssertUnchanged
    finding: Diagnostic | None


class MachineReady(NamedTuple):
    """A machine was made: all of its memory and its CPUs as they are now, before anything ran.

    An observer that keeps them must copy them.
    """

    memory: Memory
    cpus: Cpus


class MemorySet(NamedTuple):
    """The test wrote memory itself: a variable, an argument's slot, the literal pool, the ops."""

    address: int
    before: bytes
    after: bytes
    changes: tuple[PageChange, ...] = ()


class CpusSet(NamedTuple):
    """The test changed the machine's CPUs."""

    before: Cpus
    after: Cpus


TestEvent = (
    StatementBegins
    | MachineReady
    | MemorySet
    | CpusSet
    | CallBegins
    | CallEnds
    | SectionBegins
    | SectionStepped
    | SectionEnds
    | Asserted
)
TestObserver = Callable[[TestEvent | Event], None]
