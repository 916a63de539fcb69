"""Restartable sections that load: plain code that the kernel may cut off before any instruction.

A section is what a compiler made, or what the text ``section NAME(…) { … }`` says: loads into
locals, register arithmetic of fixed width, exits by name, stores, and one commit.  Text, lifter,
emitter, verifier, interpreter and explorer share these values.  Names clash with those of
expressions on purpose, so import the module: ``from ..program import section as ir``.

A step is one instruction, or a block of them.  The terms in it are those of terms.py, which are
names of this module too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ..light_typing import NamedTuple, Record
from ..source import Place
from .terms import (
    AREA_BYTES as AREA_BYTES,
    AREA_FIELDS as AREA_FIELDS,
    AREA_TYPE as AREA_TYPE,
    CHANGES as CHANGES,
    COMPARES as COMPARES,
    CPU_FIELDS as CPU_FIELDS,
    I8 as I8,
    I16 as I16,
    I32 as I32,
    I64 as I64,
    LOGIC as LOGIC,
    REGISTER_TYPES as REGISTER_TYPES,
    SHIFTS as SHIFTS,
    U8 as U8,
    U16 as U16,
    U32 as U32,
    U64 as U64,
    U128 as U128,
    Address as Address,
    Argument as Argument,
    Binary as Binary,
    Choose as Choose,
    Constant as Constant,
    Convert as Convert,
    Id as Id,
    Local as Local,
    Registers as Registers,
    RegisterType as RegisterType,
    Term as Term,
    Unary as Unary,
    apply as apply,
    bare as bare,
    binary_type as binary_type,
    evaluate as evaluate,
    every_term as every_term,
    fitted as fitted,
    is_signed as is_signed,
    parts as parts,
)
from .vector import Parameter

# A section that is left by its commit, and one that the kernel has cut off.
OK, ABORTED = "ok", "aborted"


# ---- steps ------------------------------------------------------------------------------------------


class Load(Record):
    """``local = load address``: ``type`` is what is read; the local has it too."""

    local: str
    address: Term
    type: RegisterType
    acquire: bool = False
    place: Place | None = None
    remark: str = ""


class Set(Record):
    """``local = value``: registers only."""

    local: str
    value: Term
    place: Place | None = None
    remark: str = ""


class Store(Record):
    """``store address, value``: one instruction."""

    address: Term
    value: Term
    type: RegisterType
    commit: bool = False
    release: bool = False
    place: Place | None = None
    remark: str = ""


class Change(Record):
    """``store address += value``: one instruction that reads and writes a word.

    The kernel can't cut it in two; another CPU can come between its read and its write.
    """

    operator: str
    address: Term
    value: Term
    type: RegisterType
    commit: bool = False
    release: bool = False
    place: Place | None = None
    remark: str = ""


class CompareExchange(Record):
    """``local = cmpxchg address, expected, replacement``: one step for every CPU.

    The local (where there is one) gets what was there before.
    """

    local: str | None
    address: Term
    expected: Term
    replacement: Term
    type: RegisterType
    commit: bool = False
    place: Place | None = None
    remark: str = ""


# The words of atomic changes, and the operator by which each changes a word; None: it takes the value.
ATOMIC_WORDS: dict[str, str | None] = {
    "xchg": None,
    "fetch_add": "+",
    "fetch_sub": "-",
    "fetch_and": "&",
    "fetch_or": "|",
    "fetch_xor": "^",
}


class AtomicChange(Record):
    """``local = fetch_add address, value``: reads and writes a word, one step for every CPU.

    The local (where there is one) gets what was there before.  ``operator`` is one of
    ATOMIC_WORDS: without one the value takes the word's place.
    """

    local: str | None
    operator: str | None
    address: Term
    value: Term
    type: RegisterType
    commit: bool = False
    place: Place | None = None
    remark: str = ""


class Copy(Record):
    """``copy target, source, length``: bytes, from the first to the last, cut off after any."""

    target: Term
    source: Term
    length: Term
    place: Place | None = None
    remark: str = ""


class Barrier(Record):
    """``barrier``: a full memory barrier."""

    place: Place | None = None
    remark: str = ""


class SystemCall(Record):
    """``syscall``, ``syscall switches``: a system call, in which the thread is switched out or not.

    It touches no memory of the program.  What becomes of the section the kernel decides
    (kernels/profiles.py, ``system_call_stays`` and ``system_call_switches``).
    """

    switches: bool
    place: Place | None = None
    remark: str = ""


class Exit(Record):
    """``exit label if condition``: leaves the section without a commit."""

    label: str
    condition: Term | None = None
    place: Place | None = None
    remark: str = ""


class If(Record):
    """``if condition { … } else { … }``."""

    condition: Term
    then: tuple[Step, ...]
    otherwise: tuple[Step, ...] = ()
    place: Place | None = None
    remark: str = ""


class Loop(Record):
    """``loop { … }``; with ``times``, at most so many rounds."""

    body: tuple[Step, ...]
    times: int | None = None
    place: Place | None = None
    remark: str = ""


class Break(Record):
    """``break if condition``: leaves the innermost loop."""

    condition: Term | None = None
    place: Place | None = None
    remark: str = ""


Step = (
    Load
    | Set
    | Store
    | Change
    | CompareExchange
    | AtomicChange
    | Copy
    | Barrier
    | SystemCall
    | Exit
    | If
    | Loop
    | Break
)


class Section(NamedTuple):
    """A named section.

    ``results`` are locals whose values the caller gets when the section is left by its commit or
    by a label.  ``verified`` is False for one that says it may break the rules of sections.
    After a commit only Set and conditional Exit may follow: what comes after is not protected.
    """

    name: str
    parameters: tuple[Parameter, ...]
    results: tuple[str, ...]
    body: tuple[Step, ...]
    verified: bool = True
    place: Place | None = None


# ---- reading ----------------------------------------------------------------------------------------


def walk(body: tuple[Step, ...]) -> Iterator[Step]:
    """Every step, also those inside others, in the order of the text."""
    for step in body:
        yield step
        match step:
            case If(then=then, otherwise=otherwise):
                yield from walk(then)
                yield from walk(otherwise)
            case Loop(body=inner):
                yield from walk(inner)
            case _:
                pass


def with_steps(body: tuple[Step, ...], change: Callable[[Step], Step]) -> tuple[Step, ...]:
    """The same steps, each replaced by what ``change`` makes of it; those inside others come first."""

    def one(step: Step) -> Step:
        match step:
            case If(then=then, otherwise=otherwise):
                inner = (with_steps(then, change), with_steps(otherwise, change))
                return change(step._replace(then=inner[0], otherwise=inner[1]))
            case Loop(body=inside):
                return change(step._replace(body=with_steps(inside, change)))
            case _:
                return change(step)

    return tuple(map(one, body))


def replace_terms(body: tuple[Step, ...], change: Callable[[Term], Term]) -> tuple[Step, ...]:
    """The same steps with every term, the innermost first, replaced by what ``change`` makes of it."""
    return with_steps(body, lambda step: _with_terms(step, change))


def rebuilt(term: Term, change: Callable[[Term], Term]) -> Term:
    """A term with every part, the innermost first, replaced by what ``change`` makes of it."""
    match term:
        case Unary() | Convert():
            return change(term._replace(operand=rebuilt(term.operand, change)))
        case Binary(left=left, right=right):
            return change(term._replace(left=rebuilt(left, change), right=rebuilt(right, change)))
        case Choose():
            return change(
                term._replace(
                    condition=rebuilt(term.condition, change),
                    then=rebuilt(term.then, change),
                    otherwise=rebuilt(term.otherwise, change),
                )
            )
        case _:
            return change(term)


def _with_terms(step: Step, change: Callable[[Term], Term]) -> Step:
    def term(old: Term) -> Term:
        return rebuilt(old, change)

    match step:
        case Load():
            return step._replace(address=term(step.address))
        case Set():
            return step._replace(value=term(step.value))
        case Store() | Change() | AtomicChange():
            return step._replace(address=term(step.address), value=term(step.value))
        case CompareExchange():
            return step._replace(
                address=term(step.address),
                expected=term(step.expected),
                replacement=term(step.replacement),
            )
        case Copy():
            return step._replace(
                target=term(step.target), source=term(step.source), length=term(step.length)
            )
        case Exit() | Break():
            return step if step.condition is None else step._replace(condition=term(step.condition))
        case If():
            return step._replace(condition=term(step.condition))
        case Loop() | Barrier() | SystemCall():
            return step


def terms_of(step: Step) -> tuple[Term, ...]:
    """The terms that a step itself computes, in the order in which it needs them."""
    match step:
        case Load(address=address):
            return (address,)
        case Set(value=value):
            return (value,)
        case Store(address=address, value=value) | Change(address=address, value=value):
            return address, value
        case AtomicChange(address=address, value=value):
            return address, value
        case CompareExchange(address=address, expected=expected, replacement=replacement):
            return address, expected, replacement
        case Copy(target=target, source=source, length=length):
            return target, source, length
        case Exit(condition=condition) | Break(condition=condition):
            return () if condition is None else (condition,)
        case If(condition=condition):
            return (condition,)
        case Barrier() | SystemCall() | Loop():
            return ()


def labels(section: Section) -> tuple[str, ...]:
    """The labels of a section's exits, in the order of the text, each once."""
    found = [step.label for step in walk(section.body) if isinstance(step, Exit)]
    return tuple(dict.fromkeys(found))


def written_local(step: Step) -> tuple[str, RegisterType] | None:
    """The local that a step itself sets, and its type."""
    match step:
        case Load(local=local, type=type):
            return local, type
        case CompareExchange(local=str(local), type=type):
            return local, type
        case AtomicChange(local=str(local), type=type):
            return local, type
        case Set(local=local, value=value):
            return local, value.type
        case _:
            return None


def local_types(section: Section) -> dict[str, RegisterType]:
    """The locals of a section with their types, in the order in which they are first set."""
    types: dict[str, RegisterType] = {}
    for step in walk(section.body):
        written = written_local(step)
        if written is not None:
            types.setdefault(*written)
    return types


def is_commit(step: Step) -> bool:
    """Whether a step is the commit of its section."""
    match step:
        case Store(commit=commit) | Change(commit=commit) | CompareExchange(commit=commit):
            return commit
        case AtomicChange(commit=commit):
            return commit
        case _:
            return False


def ends(body: tuple[Step, ...]) -> bool:
    """Whether every way through a body leaves it by a commit, an exit or a break."""
    for step in body:
        match step:
            case Exit(condition=None) | Break(condition=None):
                return True
            case If(then=then, otherwise=otherwise) if ends(then) and ends(otherwise):
                return True
            case Loop(body=inner, times=None) if not _breaks(inner):
                return True
            case _ if is_commit(step):
                return True
            case _:
                pass
    return False


def _breaks(body: tuple[Step, ...]) -> bool:
    """Whether a break in a loop's body leaves that loop."""
    for step in body:
        match step:
            case Break():
                return True
            case If(then=then, otherwise=otherwise) if _breaks(then) or _breaks(otherwise):
                return True
            case _:
                pass
    return False
