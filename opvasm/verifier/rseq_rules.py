"""Which vectors may also be run as a restartable section: rules R1 to R8 asked of their ops.

``findings`` is for whoever runs a vector as a section (the explorer refuses where ``refuses`` is
set) and for whoever gives advice about it.
"""

from __future__ import annotations

import operator
from collections.abc import Iterable, Iterator
from itertools import accumulate

from ..abi.ops import CMPEQ, Access, Effect
from ..errors import Diagnostic
from ..program import (
    Area,
    ArgumentValue,
    Data,
    Instruction,
    SlotAddress,
    SymbolAddress,
    Value,
    Vector,
)
from .bases import base_of
from .rules import Attempt, Bytes, RseqFinding, Words, Work, broken, diagnosed

_WORDS = Words(
    commit="the last store",
    this_commit="the last store, {text},",
    leave="compares",
    leaves="compares",
    own_cpu="cpu_opv can do this",
    only_commit="only the last op may add, or, and, xor or shift",
    read_once="read the original, or take the value as a parameter",
    prove="compare where {name} came from with {name} first, unless it never changes",
)


def section_length(vector: Vector) -> int:
    """How many of a vector's ops are inside when it is run as a section.

    Barriers at its end are not: the commit is the last instruction of a section, and what comes after
    an abort there would happen twice.  They run once, after the section has been left by success.
    """
    length = len(vector.instructions)
    while length and _is_barrier(vector.instructions[length - 1]):
        length -= 1
    return length


def findings(
    vector: Vector, data: Data, made_inside: frozenset[str] = frozenset()
) -> tuple[RseqFinding, ...]:
    """Every rule that a vector breaks when it is run as a restartable section, in their order.

    ``made_inside`` are parameters whose address the section makes itself, so that none was loaded before.
    """
    ops = vector.instructions[: section_length(vector)]
    stores = [index for index, op in enumerate(ops) if _written(op) is not None]
    works = tuple(_work(op, index, stores, data) for index, op in enumerate(ops))
    before = tuple(frozenset(range(index)) for index in range(len(ops)))
    proven = tuple(made_inside | each for each in accumulate(map(_proves, ops), operator.or_))
    return broken(Attempt(works, before, proven, exact=True, words=_WORDS))


def rseq_diagnostics(
    vector: Vector, data: Data, made_inside: frozenset[str] = frozenset()
) -> tuple[Diagnostic, ...]:
    """The findings as diagnostics: errors where the section would do harm, else warnings."""
    return diagnosed(
        findings(vector, data, made_inside),
        f"{vector.name} as a restartable section",
        lambda op: vector.place if op is None else vector.instructions[op].place,
    )


def _work(op: Instruction, index: int, stores: list[int], data: Data) -> Work:
    """An op as the rules see it."""
    operation, written = op.operation, _written(op)
    reads = [value for operand, value, _ in op.operands() if operand.access.reads]
    compares = operation is not None and operation.is_compare
    return Work(
        text=f"op {index}",
        reads=tuple(_bytes(reads, op.length)),
        writes=next(_bytes([written], op.length), None) if written is not None else None,
        stores=written is not None,
        commits=stores[-1:] == [index],
        size=op.length,
        misaligned=_is_misaligned(written, op.length, data),
        changes=any(operand.access is Access.READ_WRITE for operand, _, _ in op.operands()),
        release=operation is not None and operation.release,
        barrier=_is_barrier(op),
        leaves=compares,
        foreign=_foreign(written, data),
        exit_looks_at=tuple(_bytes(op.addresses, op.length)) if compares else (),
        builds_on=(index,) if written is not None else (),
        expects_faults=tuple(operand.name for operand, _, expects in op.operands() if expects),
        through=tuple(value.parameter for value in reads if isinstance(value, ArgumentValue)),
    )


def _proves(op: Instruction) -> frozenset[str]:
    """The parameters that are equal to memory once an op has run."""
    slots = [value.parameter for value in op.addresses if isinstance(value, SlotAddress)]
    return frozenset(slots if op.operation is CMPEQ else ())


def _is_barrier(op: Instruction) -> bool:
    return op.operation is not None and op.operation.effect is Effect.BARRIER


def _written(op: Instruction) -> Value | None:
    """The operand that an op writes to."""
    for operand, value, _ in op.operands():
        if operand.access.writes:
            return value
    return None


def _bytes(values: Iterable[Value], length: int) -> Iterator[Bytes]:
    """What operands touch, without constants and arguments' slots, which nobody shares."""
    for value in values:
        base, offset = base_of(value)
        if not base.is_private:
            yield Bytes(base, offset, offset + length)


def _is_misaligned(written: Value | None, length: int, data: Data) -> bool:
    """Whether what is written is known not to be aligned to its own length."""
    if not isinstance(written, SymbolAddress) or written.symbol not in data.symbols:
        return False
    return length > 0 and (data.symbols[written.symbol].offset + written.addend) % length != 0


def _foreign(written: Value | None, data: Data) -> str | None:
    """What is written of other CPUs, as a clause."""
    if not isinstance(written, SymbolAddress) or written.symbol not in data.symbols:
        return None
    symbol = data.symbols[written.symbol]
    if symbol.area is not Area.PERCPU:
        return f"{symbol.name}, which all CPUs share"
    if written.cpu is not None:
        return f"{symbol.name} of CPU {written.cpu}, whatever CPU it runs on"
    return None
