"""What a step is: an action with its operands, and where it stands.

Everything that is asked of a step before it runs (where it leads, which registers it reads and
writes, whether others can come between) is read from the fields of its action, by their types:

    Point    a step of the same thread, by its index: where it goes on
    Points   several of them
    Read     a register that the action reads
    Written  a register that it writes, on every way
    Maybe    a register that it writes on the way ``differs`` only
    Term     a number that it computes; see terms.py

The values of the other fields are plain numbers and flags.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ...light_enum import Enum, IntEnum
from ...light_typing import Any, NamedTuple, Record
from ...source import Place
from ...text.scenario_tree import LOCK, OPV, RSEQ
from .terms import Term, Width, reads_memory, registers_in, uses_cpu

Point = int
Points = tuple[int, ...]
Read = int
Written = int
Maybe = int

# Positions in a thread's local state.
POINT, CPU, GUARD, RETURN, REGISTERS = 0, 1, 2, 3, 4
NOWHERE = -1


class Guard(IntEnum):
    """What protects a thread from the others of its CPU."""

    NONE = 0
    SECTION = 1  # a restartable section: others may run, and then it restarts
    VECTOR = 2  # preemption is off
    OFFLINE = 3  # a vector for an offline CPU: the global mutex is held, and preemption is on


class Kind(IntEnum):
    """What a step is, as far as scheduling cares."""

    LOCAL = 0  # registers only
    CURRENT = 1  # reads the CPU the thread is on
    HANDLER_RETURN = 2
    ACCESS = 3  # user or kernel code that touches memory
    BEGIN = 4  # the store to rseq_cs and the check of cpu_id
    ENTER = 5  # the system call: move to the CPU, preemption off
    LOCK = 6  # waits until the lock of a CPU is free, and takes it
    WAIT = 7  # waits until the slow-path flag of a CPU is clear
    FENCE = 8  # membarrier(PRIVATE_EXPEDITED_RSEQ)
    FENCE_VECTOR = 9  # an empty vector on a CPU
    END = 10
    FAIL = 11


# How a vector is run, by what protects its ops.
METHOD_OF = {Guard.NONE: LOCK, Guard.SECTION: RSEQ, Guard.VECTOR: OPV}

# Up to here a step works in registers: it belongs to the step before it, and so it never takes the
# CPU from anybody and never waits.
LAST_QUIET = Kind.HANDLER_RETURN


class Phase(Enum):
    """Which part of an op a step does.

    WHOLE: all of it.  An op that touches shared memory twice is two steps: a compare of two places
    FETCHES the first operand into a register, then COMPARES; an op that reads and writes READS (it
    runs with its stores kept back in a register), then WRITES.
    """

    WHOLE = "whole"
    FETCHES = "fetches"
    COMPARES = "compares"
    READS = "reads"
    WRITES = "writes"


# ---- actions -----------------------------------------------------------------------------------------


class Assign(Record):
    """Registers take the values of terms, all computed before any is set.

    A load is an Assign whose term reads memory.
    """

    registers: tuple[Written, ...]
    values: tuple[Term, ...]
    to: Point


class Branch(Record):
    """Goes to ``then`` where the condition is not 0, else to ``otherwise``.

    ``leaves``: ``then`` leads out of the section, so that an abort can come just before it does.
    """

    condition: Term
    then: Point
    otherwise: Point
    leaves: bool = False


class Jump(Record):
    """Goes on somewhere else; ``leaves`` as in a Branch."""

    to: Point
    leaves: bool = False


class Switch(Record):
    """Goes to the way whose number a register holds, from 0."""

    chooser: Read
    ways: Points


class Store(Record):
    """Writes a number, modulo ``size`` bytes, to an address."""

    address: Term
    size: int
    value: Term
    to: Point


class CompareExchange(Record):
    """In one step: writes ``replacement`` where memory holds ``expected``.

    ``found`` takes what was there; an empty tuple: nobody wants it.
    """

    address: Term
    width: Width
    expected: Term
    replacement: Term
    found: tuple[Written, ...]
    to: Point


class Pause(Record):
    """Does nothing, in a step of its own: others can come before it."""

    to: Point


class RunOp(Record):
    """An op of a vector, by the interpreter's own function, or a part of it.

    ``site`` is an index of the code's sites, ``op`` one of the vector's ops, ``needed`` the registers
    of the site that say for which CPU and arguments.  A compare that fails goes to ``differs`` and
    puts ``op`` into ``stopped``; an access that fails goes to ``fault`` (NOWHERE: the thread crashes).
    ``kept`` takes what a phase has read, ``given`` is what an earlier one has; each holds one
    register or none.
    """

    site: int
    op: int
    phase: Phase
    needed: tuple[Read, ...]
    given: tuple[Read, ...]
    kept: tuple[Written, ...]
    stopped: tuple[Maybe, ...]
    to: Point
    differs: Point
    fault: Point


class Begin(Record):
    """Enters a section where ``entered`` is not 0, else goes to ``lost``.

    Before that the registers ``noted`` take the number of the CPU that the thread is on.
    """

    entered: Term
    noted: tuple[Written, ...]
    to: Point
    lost: Point


class Enter(Record):
    """cpu_opv: the vector of a site begins on the CPU in a register, or goes on by what refuses it."""

    site: int
    cpu: Read
    needed: tuple[Read, ...]
    to: Point
    again: Point
    fault: Point
    invalid: Point
    offline: Point


class Lock(Record):
    """Waits until the lock of the CPU in a register is free, and takes it."""

    cpu: Read
    to: Point


class Wait(Record):
    """Waits until the slow-path flag of the CPU in a register is clear."""

    cpu: Read
    to: Point


class Fence(Record):
    """membarrier at the CPU in a register.  ``own_too``: it is one CPU by number, the own one too."""

    cpu: Read
    own_too: bool
    to: Point


class FenceVector(Record):
    """An empty vector on the CPU in a register; ``own_too`` as in a Fence."""

    cpu: Read
    own_too: bool
    to: Point


class HandlerReturn(Record):
    """Back to where the signal struck, which the local state says."""


class End(Record):
    """The thread has ended."""


class Fail(Record):
    """The thread has failed, and the text says how; nothing runs after that."""


Action = (
    Assign
    | Branch
    | Jump
    | Switch
    | Store
    | CompareExchange
    | Pause
    | RunOp
    | Begin
    | Enter
    | Lock
    | Wait
    | Fence
    | FenceVector
    | HandlerReturn
    | End
    | Fail
)


class Step(NamedTuple):
    """One step of a thread.

    ``guard`` is what protects it, ``abort`` where its section restarts (NOWHERE: it is in none).
    ``operation`` names the op of a vector or the instruction of a section that it is a part of:
    (name, index).  ``covers`` is what coverage notes of that op, by the way that the step goes on:
    one text for each of its targets, in their order ("" and what is left out: nothing).
    ``counted`` is False while a ``run`` is under way; ``commits`` is True where one has just
    succeeded.  ``handler``: it is a part of the signal handler.  ``head``: a quiet step to which a
    later one goes back, so that a thread may go round there.  ``uses_cpu``: what it does depends on
    the CPU that the thread is on.
    """

    kind: Kind
    action: Action
    text: str
    place: Place | None = None
    guard: Guard = Guard.NONE
    abort: Point = NOWHERE
    operation: tuple[str, int] | None = None
    covers: tuple[str, ...] = ()
    counted: bool = True
    commits: bool = False
    handler: bool = False
    head: bool = False
    uses_cpu: bool = False


# ---- what an action says of itself -------------------------------------------------------------------


def kind_of(action: Action, guard: Guard = Guard.NONE) -> Kind:
    """What an action is to the scheduler, under what protects it."""
    match action:
        case Assign(values=values):
            return _quiet(*values)
        case Branch(condition=condition, leaves=leaves):
            return Kind.ACCESS if leaves and guard is Guard.SECTION else _quiet(condition)
        case Jump(leaves=leaves):
            return Kind.ACCESS if leaves and guard is Guard.SECTION else Kind.LOCAL
        case Switch():
            return Kind.LOCAL
        case Store() | CompareExchange() | Pause() | RunOp():
            return Kind.ACCESS
        case Begin():
            return Kind.BEGIN
        case Enter():
            return Kind.ENTER
        case Lock():
            return Kind.LOCK
        case Wait():
            return Kind.WAIT
        case Fence():
            return Kind.FENCE
        case FenceVector():
            return Kind.FENCE_VECTOR
        case HandlerReturn():
            return Kind.HANDLER_RETURN
        case End():
            return Kind.END
        case Fail():
            return Kind.FAIL


def _quiet(*terms: Term) -> Kind:
    """Work in registers, unless a term reads memory."""
    if reads_memory(*terms):
        return Kind.ACCESS
    return Kind.CURRENT if uses_cpu(*terms) else Kind.LOCAL


def targets(action: Action) -> Points:
    """Where an action can go on, in the order of its fields; NOWHERE is left out."""
    return tuple(each for each in _of_type(action, "Point") if each != NOWHERE)


def moved(action: Action, points: Mapping[int, int]) -> Action:
    """The action with every point replaced: labels become indexes of steps."""
    new: dict[str, object] = {}
    for name, several in _named(type(action), "Point"):
        value = getattr(action, name)
        if several:
            new[name] = tuple(points[each] for each in value)
        else:
            new[name] = NOWHERE if value == NOWHERE else points[value]
    return action._replace(**new) if new else action


def reads(action: Action) -> frozenset[int]:
    """The registers that an action reads."""
    return registers_in(*terms(action)) | frozenset(_of_type(action, "Read"))


def writes(action: Action) -> frozenset[int]:
    """The registers that an action writes, whichever way it goes."""
    return frozenset(_of_type(action, "Written"))


def may_write(action: Action) -> frozenset[int]:
    """The registers that an action writes on the way ``differs`` only."""
    return frozenset(_of_type(action, "Maybe"))


def depends_on_cpu(action: Action) -> bool:
    """Whether what an action does depends on the CPU that the thread is on."""
    return uses_cpu(*terms(action))


def terms(action: Action) -> tuple[Term, ...]:
    """The terms that an action computes."""
    return tuple(_of_type(action, "Term"))


def _of_type(action: Action, wanted: str) -> Iterator[Any]:
    """The values of all fields of a type, and of tuples of it."""
    for name, several in _named(type(action), wanted):
        if several:
            yield from getattr(action, name)
        else:
            yield getattr(action, name)


def _named(kind: type, wanted: str) -> tuple[tuple[str, bool], ...]:
    """The fields of a kind of action that are of a type, or of several of it, in their order."""
    found = _known.get((kind, wanted))
    if found is None:
        types = (wanted, f"tuple[{wanted}, ...]", f"{wanted}s")
        every = kind.__annotations__.items()
        found = tuple((name, type != wanted) for name, type in every if type in types)
        _known[kind, wanted] = found
    return found


# Long programs ask it of a few kinds very often.
_known: dict[tuple[type, str], tuple[tuple[str, bool], ...]] = {}


def fields(action: Action) -> tuple[tuple[str, str], ...]:
    """The names of an action's fields with the names of their types."""
    return tuple(type(action).__annotations__.items())
