"""The kernel's own static rules, written once: for people and for the interpreter's EINVAL.

They see a vector and an Abi, no memory (abi.md section 2.1, steps 4, 6 and 7).  Values that are not
bound yet can't break a rule.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..abi.ops import WORD_LENGTHS, LengthRule
from ..abi.revisions import Abi
from ..codes import kernel as codes
from ..light_typing import NamedTuple
from ..program import Instruction


class Violation(NamedTuple):
    """A static rule that a vector breaks; the kernel answers EINVAL.

    ``op`` is the index of the op, None for a rule about the whole vector; ``field`` is the header's
    name of the field at fault; ``value`` is what it holds and ``limit`` the largest it may hold
    (None where the rule is not a limit).
    """

    code: str
    op: int | None
    field: str | None
    value: int
    limit: int | None


def violations(instructions: Sequence[Instruction], abi: Abi) -> Iterator[Violation]:
    """Every static rule that the vector breaks, in the order in which the kernel asks them.

    The first one is the kernel's answer.  An op contributes the first of opcode, length and bits
    that is wrong, since the later ones mean nothing then.
    """
    revision = abi.revision
    if len(instructions) > revision.vector_length_max:
        yield Violation(
            codes.VECTOR_TOO_LONG, None, None, len(instructions), revision.vector_length_max
        )
    total = 0
    for index, instruction in enumerate(instructions):
        yield from op_violations(index, instruction, abi)
        operation = instruction.operation
        if operation is not None and operation.length_rule is not LengthRule.IGNORED:
            total += instruction.length
    limit = revision.vector_data_length_max
    if limit is not None and total > limit:
        yield Violation(codes.LENGTH_SUM, None, "len", total, limit)


def op_violations(index: int, instruction: Instruction, abi: Abi) -> Iterator[Violation]:
    """The static rules that one op breaks (abi.md section 2.2)."""
    operation, length = instruction.operation, instruction.length
    if operation is None:
        last = len(abi.revision.operations) - 1
        yield Violation(codes.UNKNOWN_OPERATION, index, "op", instruction.opcode, last)
        return
    match operation.length_rule:
        case LengthRule.IGNORED:
            return
        case LengthRule.DATA:
            if length > abi.data_length_max:
                yield Violation(codes.DATA_LENGTH, index, "len", length, abi.data_length_max)
                return
        case LengthRule.WORD:
            if length not in WORD_LENGTHS:
                yield Violation(codes.WORD_LENGTH, index, "len", length, None)
                return
    bits = instruction.immediate
    if operation.shifts and isinstance(bits, int) and bits > 8 * length - 1:
        yield Violation(codes.SHIFT_BITS, index, "bits", bits, 8 * length - 1)
        return
    if abi.revision.wrapped_range_is_invalid and length > 0:
        for operand, address, _ in instruction.operands():
            if isinstance(address, int) and address + length > abi.model.addresses:
                yield Violation(codes.RANGE_WRAPS, index, operand.name, address, None)
