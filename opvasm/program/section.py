"""Restartable sections that load: plain code that the kernel may cut off before any instruction.

A section is what a compiler made, or what the text ``section NAME(…) { … }`` says: loads into
locals, register arithmetic of fixed width, exits by name, stores, and one commit.  Text, lifter,
emitter, verifier, interpreter and explorer share these values.  Names clash with those of
expressions on purpose, so import the module: ``from ..program import section as ir``.

A term is a pure value of a fixed width: what registers hold and arithmetic makes of it, never
memory.  A step is one instruction, or a block of them.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..light_typing import NamedTuple, Protocol, Record
from ..source import Place
from .vector import Parameter, Pointer, Scalar

U8, U16, U32, U64, U128 = (Scalar(f"u{8 * size}", size, False) for size in (1, 2, 4, 8, 16))
I8, I16, I32, I64 = (Scalar(f"i{8 * size}", size, True) for size in (1, 2, 4, 8))
# The types of locals by their names; u128 is for copies of two registers.
REGISTER_TYPES: dict[str, Scalar] = {
    each.name: each for each in (U8, U16, U32, U64, I8, I16, I32, I64, U128)
}

# What a section may read of its thread's area (struct rseq), with the offset there in bytes.
AREA_FIELDS: dict[str, int] = {"cpu_id_start": 0, "cpu_id": 4, "node_id": 20, "mm_cid": 24}
AREA_TYPE = U32

COMPARES = ("==", "!=", "<", "<=", ">", ">=")
SHIFTS = ("<<", ">>")
LOGIC = ("&&", "||")
# What one instruction can do to a word in memory.
CHANGES = ("+", "-", "&", "|", "^", "<<", ">>")
# A section that is left by its commit, and one that the kernel has cut off.
OK, ABORTED = "ok", "aborted"

RegisterType = Scalar | Pointer


# ---- terms ------------------------------------------------------------------------------------------


class Constant(Record):
    """A number of a type; ``value`` lies in the type's range."""

    value: int
    type: RegisterType


class Local(Record):
    """What a local of the section holds."""

    name: str
    type: RegisterType


class Argument(Record):
    """The value of a parameter."""

    name: str
    type: RegisterType


class Id(Record):
    """A field of the thread's area, one of AREA_FIELDS, read by the instruction it stands in."""

    name: str
    type: RegisterType = AREA_TYPE


class Address(Record):
    """The address of a variable plus ``addend`` bytes.

    Of a percpu variable ``cpu`` gives the number of the CPU; None is the CPU on which the section
    began.
    """

    symbol: str
    addend: int
    cpu: Term | None
    type: Pointer


class Unary(Record):
    """``-x`` and ``~x``, of the operand's width; ``!x``, which is 0 or 1 in a u8."""

    operator: str
    operand: Term
    type: RegisterType


class Binary(Record):
    """``left operator right``.

    Both sides have one width, but for shifts, whose count may have any and is taken modulo the
    width of the left side, as x86 and aarch64 do.  ``+ - * <<`` wrap.  The left side's sign decides
    whether ``< <= > >=`` compare signed numbers and ``>>`` keeps the sign.  Compares and ``&& ||``
    give 0 or 1 in a u8.
    """

    operator: str
    left: Term
    right: Term
    type: RegisterType


class Convert(Record):
    """A value in another width or sign: a signed operand keeps its sign, others fill with zeros."""

    operand: Term
    type: RegisterType


class Choose(Record):
    """``then`` where the condition is not 0, else ``otherwise``: a conditional move."""

    condition: Term
    then: Term
    otherwise: Term
    type: RegisterType


Term = Constant | Local | Argument | Id | Address | Unary | Binary | Convert | Choose


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


Step = Load | Set | Store | Change | CompareExchange | Copy | Barrier | Exit | If | Loop | Break


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


def terms_of(step: Step) -> tuple[Term, ...]:
    """The terms that a step itself computes, in the order in which it needs them."""
    match step:
        case Load(address=address):
            return (address,)
        case Set(value=value):
            return (value,)
        case Store(address=address, value=value) | Change(address=address, value=value):
            return address, value
        case CompareExchange(address=address, expected=expected, replacement=replacement):
            return address, expected, replacement
        case Copy(target=target, source=source, length=length):
            return target, source, length
        case Exit(condition=condition) | Break(condition=condition):
            return () if condition is None else (condition,)
        case If(condition=condition):
            return (condition,)
        case Barrier() | Loop():
            return ()


def parts(term: Term) -> tuple[Term, ...]:
    """The direct parts of a term."""
    match term:
        case Constant() | Local() | Argument() | Id():
            return ()
        case Address(cpu=cpu):
            return () if cpu is None else (cpu,)
        case Unary(operand=operand) | Convert(operand=operand):
            return (operand,)
        case Binary(left=left, right=right):
            return left, right
        case Choose(condition=condition, then=then, otherwise=otherwise):
            return condition, then, otherwise


def every_term(term: Term) -> Iterator[Term]:
    """A term and all its parts."""
    yield term
    for part in parts(term):
        yield from every_term(part)


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


# ---- arithmetic ---------------------------------------------------------------------------------------


def is_signed(type: RegisterType) -> bool:
    """Whether numbers of a type have a sign."""
    return isinstance(type, Scalar) and type.signed


def binary_type(operator: str, left: RegisterType, right: RegisterType, word: int) -> RegisterType:
    """The type of ``left operator right``; ``word`` is the size of a pointer in bytes.

    A pointer plus or minus a number is a plain pointer; of other arithmetic on pointers a number.
    """
    if operator in COMPARES or operator in LOGIC:
        return U8
    pointers = isinstance(left, Pointer), isinstance(right, Pointer)
    if operator in SHIFTS:
        return REGISTER_TYPES[f"u{8 * left.size}"] if pointers[0] else left
    if not any(pointers):
        return left
    if operator in ("+", "-") and not all(pointers):
        return Pointer(None, word)
    return REGISTER_TYPES[f"u{8 * word}"]


def fitted(value: int, type: RegisterType) -> int:
    """A number modulo the width of a type, in the type's range."""
    width = 8 * type.size
    value &= (1 << width) - 1
    return value - (1 << width) if is_signed(type) and value >> (width - 1) else value


def apply(operator: str, left: int, right: int, type: RegisterType) -> int:
    """``left operator right`` for a left side of a type; the result is in range of its own type."""
    match operator:
        case "+":
            return fitted(left + right, type)
        case "-":
            return fitted(left - right, type)
        case "*":
            return fitted(left * right, type)
        case "&":
            return fitted(left & right, type)
        case "|":
            return fitted(left | right, type)
        case "^":
            return fitted(left ^ right, type)
        case "<<":
            return fitted(left << (right % (8 * type.size)), type)
        case ">>":
            return fitted(left >> (right % (8 * type.size)), type)
        case "==":
            return int(fitted(left, type) == fitted(right, type))
        case "!=":
            return int(fitted(left, type) != fitted(right, type))
        case "<":
            return int(left < fitted(right, type))
        case "<=":
            return int(left <= fitted(right, type))
        case ">":
            return int(left > fitted(right, type))
        case ">=":
            return int(left >= fitted(right, type))
        case "&&":
            return int(bool(left) and bool(right))
        case "||":
            return int(bool(left) or bool(right))
        case _:
            raise ValueError(f"`{operator}` is not an operator of sections")


class Registers(Protocol):
    """What terms read when they are computed."""

    def local(self, name: str) -> int:
        """What a local holds."""

    def argument(self, name: str) -> int:
        """The value of a parameter."""

    def area(self, name: str) -> int:
        """A field of the thread's area, now."""

    def address(self, symbol: str, cpu: int | None) -> int:
        """The address of a variable; None is the CPU on which the section began."""


def evaluate(term: Term, registers: Registers) -> int:
    """The value of a term, in the range of its type."""
    match term:
        case Constant(value=value):
            return value
        case Local(name=name, type=type):
            return fitted(registers.local(name), type)
        case Argument(name=name, type=type):
            return fitted(registers.argument(name), type)
        case Id(name=name, type=type):
            return fitted(registers.area(name), type)
        case Address(symbol=symbol, addend=addend, cpu=cpu, type=type):
            number = None if cpu is None else evaluate(cpu, registers)
            return fitted(registers.address(symbol, number) + addend, type)
        case Unary(operator=operator, operand=operand, type=type):
            value = evaluate(operand, registers)
            match operator:
                case "-":
                    return fitted(-value, type)
                case "~":
                    return fitted(~value, type)
                case "!":
                    return int(not value)
                case _:
                    raise ValueError(f"`{operator}` is not an operator of sections")
        case Binary(operator=operator, left=left, right=right, type=type):
            first, second = evaluate(left, registers), evaluate(right, registers)
            return fitted(apply(operator, first, second, left.type), type)
        case Convert(operand=operand, type=type):
            return fitted(evaluate(operand, registers), type)
        case Choose(condition=condition, then=then, otherwise=otherwise, type=type):
            chosen = then if evaluate(condition, registers) else otherwise
            return fitted(evaluate(chosen, registers), type)
