"""Advice about counts, masks and bits (abi.md section 3.5)."""

from __future__ import annotations

from collections.abc import Iterator

from ...abi.layout import Field, FieldKind
from ...abi.ops import Effect
from ...codes import advice as codes
from ...errors import Diagnostic, Note
from ...program import Instruction
from ..subject import Subject
from ..wording import count, number

# The immediate with which an op stores what it loaded; ALL_ONES stands for a word of ones.
ALL_ONES = -1
NEUTRAL = {
    Effect.ADD: 0,
    Effect.OR: 0,
    Effect.AND: ALL_ONES,
    Effect.XOR: 0,
    Effect.SHIFT_LEFT: 0,
    Effect.SHIFT_RIGHT: 0,
}


def _known_immediates(subject: Subject) -> Iterator[tuple[int, Instruction, Field, int]]:
    """(op, instruction, field, value) of the ops whose count, mask or bits is a number."""
    for op in subject.immediates:
        instruction = subject.instruction(op)
        operation, value = instruction.operation, instruction.immediate
        if operation is not None and operation.immediate is not None and isinstance(value, int):
            yield op, instruction, operation.immediate, value


def _truncated(instruction: Instruction, field: Field, value: int) -> int | None:
    """What the op works with in place of the value, where that is another number."""
    bits = 8 * instruction.length
    assert instruction.operation is not None
    if instruction.operation.shifts or bits == 64:
        return None
    if field.kind is FieldKind.SIGNED:
        return None if -(1 << (bits - 1)) <= value < 1 << bits else _signed(value, bits)
    high = value >> bits
    if instruction.operation.effect is Effect.AND and high == (1 << (64 - bits)) - 1:
        return None  # the complement of a small mask
    return value % (1 << bits) if high else None


def _signed(value: int, bits: int) -> int:
    low = value % (1 << bits)
    return low - (1 << bits) if value < 0 and low else low


def value_truncated(subject: Subject) -> Iterator[Diagnostic]:
    """A count or mask with bits that the length cuts off."""
    for op, instruction, field, value in _known_immediates(subject):
        kept = _truncated(instruction, field, value)
        if kept is not None:
            assert instruction.operation is not None
            length = instruction.length
            yield Diagnostic(
                "warning",
                codes.VALUE_TRUNCATED,
                f"{field.name} {number(value)} does not fit {count(length, 'byte')}: "
                f"{instruction.operation.mnemonic} takes {number(kept)}",
                subject.place(op, field.name),
                (Note("every revision cuts it to the length, silently"),),
                "give the op the length of the value, or the value that is meant",
            )


def no_effect(subject: Subject) -> Iterator[Diagnostic]:
    """An op that stores what it loaded."""
    for op, instruction, field, value in _known_immediates(subject):
        operation, length = instruction.operation, instruction.length
        assert operation is not None
        neutral = NEUTRAL.get(operation.effect)
        if neutral is None or operation.release:
            continue
        if _truncated(instruction, field, value) is not None:
            continue
        ones = (1 << (8 * length)) - 1
        if value & ones == neutral & ones and not (operation.shifts and value):
            yield Diagnostic(
                "note",
                codes.NO_EFFECT,
                f"{operation.mnemonic} with {field.name} {number(value)} changes nothing",
                subject.place(op, field.name),
                (Note("it still loads and stores the word, which needs a writable page"),),
                "leave it out unless the access itself is what you want",
            )
