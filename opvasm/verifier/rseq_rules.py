"""Which vectors may also be run as a restartable section: rules R1 to R8 (model.md section 2.4).

A section is plain code that may be cut off before any instruction and begun again, until its last
store, the commit, has happened.  A vector is one when running a part of it twice does no harm.

``findings`` is for whoever runs a vector as a section (the explorer refuses where ``refuses`` is
set) and for whoever gives advice about it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from ..abi.ops import CMPEQ, MB, WORD_LENGTHS, Access, Effect
from ..codes import rseq as codes
from ..errors import Diagnostic
from ..program import (
    Area,
    ArgumentValue,
    Data,
    Instruction,
    PoolAddress,
    SlotAddress,
    SymbolAddress,
    Value,
    Vector,
)


class RseqFinding(NamedTuple):
    """A rule that a vector breaks as a section.

    ``rule`` is its short name (``R2``), ``op`` the index of the op it speaks of (None: the whole
    vector).  ``refuses``: as a section it would do harm; otherwise it depends on the caller.
    """

    rule: str
    code: str
    op: int | None
    message: str
    help: str
    refuses: bool = True


def section_length(vector: Vector) -> int:
    """How many of a vector's ops are inside when it is run as a section.

    Barriers at its end are not: the commit is the last instruction of a section, and what comes after
    an abort there would happen twice.  They run once, after the section has been left by success.
    """
    length = len(vector.instructions)
    while length and _is_barrier(vector.instructions[length - 1]):
        length -= 1
    return length


def _is_barrier(instruction: Instruction) -> bool:
    operation = instruction.operation
    return operation is not None and operation.effect is Effect.BARRIER


def findings(vector: Vector, data: Data) -> tuple[RseqFinding, ...]:
    """Every rule that a vector breaks when it is run as a restartable section, in their order."""
    return tuple(
        finding
        for rule in (
            _one_cpu,
            _compares_first,
            _one_commit,
            _tries,
            _no_reread,
            _release,
            _faults,
            _loaded,
        )
        for finding in rule(vector, data)
    )


def rseq_diagnostics(vector: Vector, data: Data) -> tuple[Diagnostic, ...]:
    """The findings as diagnostics: errors where the section would do harm, else warnings."""
    found = []
    for each in findings(vector, data):
        place = vector.place if each.op is None else vector.instructions[each.op].place
        level = codes.LEVELS[each.code] if each.refuses else "warning"
        message = f"{vector.name} as a restartable section: {each.message} ({each.rule})"
        found.append(Diagnostic(level, each.code, message, place, help=each.help))
    return tuple(found)


class _Touch(NamedTuple):
    """Bytes that an operand names: a base that can be compared, and a range on it."""

    base: object
    start: int
    end: int


def _touch(value: Value, length: int) -> _Touch | None:
    """What an operand touches; None for constants and arguments' slots, which nobody shares."""
    match value:
        case SymbolAddress(symbol=symbol, addend=addend, cpu=cpu):
            return _Touch((symbol, cpu), addend, addend + length)
        case ArgumentValue(parameter=parameter, addend=addend):
            return _Touch(parameter, addend, addend + length)
        case int():
            return _Touch(None, value, value + length)
        case PoolAddress() | SlotAddress():
            return None


def _stores(vector: Vector) -> list[int]:
    """The indexes of the ops that write."""
    return [
        index
        for index, instruction in enumerate(vector.instructions)
        if any(Access.WRITE in operand.access for operand, _, _ in instruction.operands())
    ]


def _written(instruction: Instruction) -> Value | None:
    for operand, value, _ in instruction.operands():
        if Access.WRITE in operand.access:
            return value
    return None


def _changes(instruction: Instruction) -> bool:
    """Whether the op's result depends on what was there before (add, or, a shift)."""
    return any(operand.access is Access.READ_WRITE for operand, _, _ in instruction.operands())


def _one_cpu(vector: Vector, data: Data) -> Iterator[RseqFinding]:
    """R1: everything written that others see belongs to the CPU the section runs on."""
    for index in _stores(vector):
        value = _written(vector.instructions[index])
        if not isinstance(value, SymbolAddress):
            continue
        symbol = data.symbols.get(value.symbol)
        if symbol is None:
            continue
        if symbol.area is Area.PERCPU and value.cpu is not None:
            what = f"op {index} writes {symbol.name} of CPU {value.cpu}, whatever CPU it runs on"
        elif symbol.area is not Area.PERCPU:
            what = f"op {index} writes {symbol.name}, which all CPUs share"
        else:
            continue
        help = "a section is protected against its own CPU only; cpu_opv can do this"
        yield RseqFinding("R1", codes.OTHER_CPU, index, what, help)


def _compares_first(vector: Vector, data: Data) -> Iterator[RseqFinding]:
    """R2: no compare comes after a store, which could no longer be taken back."""
    stores = _stores(vector)
    for index, instruction in enumerate(vector.instructions):
        if instruction.operation is not None and instruction.operation.is_compare:
            earlier = [each for each in stores if each < index]
            if earlier:
                what = f"op {index} compares after op {earlier[0]} has written"
                help = "put the compares before every store"
                yield RseqFinding("R2", codes.COMPARE_AFTER_STORE, index, what, help)


def _one_commit(vector: Vector, data: Data) -> Iterator[RseqFinding]:
    """R3: the last store is one aligned word: one instruction that happens or does not."""
    stores = _stores(vector)
    if not stores:
        return
    last = stores[-1]
    instruction = vector.instructions[last]
    length = instruction.length
    help = "let the last store be one naturally aligned word of 1, 2, 4 or 8 bytes"
    if length not in WORD_LENGTHS:
        what = f"the last store, op {last}, is {length} bytes and no single instruction"
        yield RseqFinding("R3", codes.NO_COMMIT, last, what, help)
        return
    value = _written(instruction)
    if isinstance(value, SymbolAddress):
        symbol = data.symbols.get(value.symbol)
        if symbol is not None and (symbol.offset + value.addend) % length:
            what = f"the last store, op {last}, is not aligned to its {length} bytes"
            yield RseqFinding("R3", codes.NO_COMMIT, last, what, help)


def _tries(vector: Vector, data: Data) -> Iterator[RseqFinding]:
    """R4: an earlier store may be done twice, so it must not build on what was there."""
    for index in _stores(vector)[:-1]:
        if _changes(vector.instructions[index]):
            what = f"op {index} changes its old value, so an abort after it makes it happen twice"
            help = "only the last op may add, or, and, xor or shift"
            yield RseqFinding("R4", codes.REPEATED_CHANGE, index, what, help)
    early = _early_commits(vector)
    last = _stores(vector)[-1:]
    # An order helps only where one store alone goes to what was compared: that one comes last.
    ordered = len(early) == 1 and not any(_compared_before(vector, index) for index in last)
    for index, earlier in early:
        what = f"op {index} stores to what op {earlier} compared, before the commit"
        if ordered:
            help = f"make op {index} the last store: it is the one that others look at"
        else:
            help = (
                "no order of the stores avoids it, as several go to what was compared; "
                "`opvasm explore` finds out whether an abort between them does harm"
            )
        yield RseqFinding("R4", codes.EARLY_COMMIT, index, what, help, refuses=ordered)


def _early_commits(vector: Vector) -> list[tuple[int, int]]:
    """The stores before the commit that go to compared bytes, each with the op that compared."""
    found = ((index, _compared_before(vector, index)) for index in _stores(vector)[:-1])
    return [(index, earlier[0]) for index, earlier in found if earlier]


def _compared_before(vector: Vector, index: int) -> list[int]:
    """The compares before an op that looked at bytes which it writes."""
    instruction = vector.instructions[index]
    written = _written(instruction)
    touch = None if written is None else _touch(written, instruction.length)
    if touch is None:
        return []
    return [
        earlier
        for earlier, each in enumerate(vector.instructions[:index])
        if each.operation is not None
        and each.operation.is_compare
        and any(
            bytes_ is not None and _meet(touch, bytes_)
            for bytes_ in (_touch(value, each.length) for value in each.addresses)
        )
    ]


def _meet(first: _Touch, second: _Touch) -> bool:
    """Whether two ranges have a byte in common."""
    same = first.base == second.base
    return same and first.start < second.end and second.start < first.end


def _no_reread(vector: Vector, data: Data) -> Iterator[RseqFinding]:
    """R5: nothing stored by the vector is read by a later op of it."""
    stored: list[tuple[int, _Touch]] = []
    for index, instruction in enumerate(vector.instructions):
        for operand, value, _ in instruction.operands():
            touch = _touch(value, instruction.length)
            if touch is None or Access.READ not in operand.access:
                continue
            for earlier, bytes_ in stored:
                if _meet(touch, bytes_):
                    what = f"op {index} reads what op {earlier} has written"
                    help = "read the original, or take the value as a parameter"
                    yield RseqFinding("R5", codes.READ_BACK, index, what, help)
        written = _written(instruction)
        touch = None if written is None else _touch(written, instruction.length)
        if touch is not None:
            stored.append((index, touch))


def _release(vector: Vector, data: Data) -> Iterator[RseqFinding]:
    """R6: release belongs to the commit; a long copy can only come before it."""
    for index in _stores(vector)[:-1]:
        operation = vector.instructions[index].operation
        if operation is not None and operation.release:
            what = f"op {index} releases before the commit, which publishes the data"
            help = "move the release to the last store"
            yield RseqFinding("R6", codes.EARLY_RELEASE, index, what, help)
    stores = _stores(vector)
    for index, instruction in enumerate(vector.instructions):
        if instruction.operation is MB and stores and index < stores[-1] - 1:
            what = f"the barrier op {index} stands before stores that are not the commit"
            help = "put mb directly before the commit"
            yield RseqFinding("R6", codes.EARLY_RELEASE, index, what, help, refuses=False)


def _faults(vector: Vector, data: Data) -> Iterator[RseqFinding]:
    """R7: a section has no expect_fault: a fault is SIGSEGV."""
    for index, instruction in enumerate(vector.instructions):
        for operand, _, expect_fault in instruction.operands():
            if expect_fault:
                what = f"op {index} expects {operand.name} to fault, which kills a section's thread"
                help = "prove by a compare that the memory is there"
                yield RseqFinding("R7", codes.EXPECTED_FAULT, index, what, help)


def _loaded(vector: Vector, data: Data) -> Iterator[RseqFinding]:
    """R8: what is read through a pointer that was loaded before needs a compare that proves it."""
    proven: set[str] = set()
    for index, instruction in enumerate(vector.instructions):
        if instruction.operation is CMPEQ:
            for _, value, _ in instruction.operands():
                if isinstance(value, SlotAddress):
                    proven.add(value.parameter)
        for operand, value, _ in instruction.operands():
            if (
                isinstance(value, ArgumentValue)
                and Access.READ in operand.access
                and value.parameter not in proven
            ):
                what = f"op {index} reads through {value.parameter}, which was loaded before"
                help = (
                    f"compare where {value.parameter} came from with {value.parameter} first, "
                    "unless it never changes"
                )
                yield RseqFinding("R8", codes.STALE_POINTER, index, what, help, refuses=False)
