"""Vectors just inside and just outside every limit, made from the op table alone.

Each field of each op of a revision, each limit and each byte that nobody reads is driven to its
last valid and its first invalid value, one at a time, in an otherwise valid vector.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from ..abi.layout import UNION_OFFSET, FieldKind
from ..abi.ops import WORD_LENGTHS, LengthRule, Operation
from ..abi.revisions import Abi
from ..program import Instruction

_SAFE_ADDRESS = 0x10000
_INT_MAX = (1 << 31) - 1
_UINT_MAX = (1 << 32) - 1


class Case(NamedTuple):
    """A vector, what it drives to the edge, and whether the kernel accepts its bytes.

    ``valid`` speaks of the static rules only: an address may still fault.
    """

    name: str
    instructions: tuple[Instruction, ...]
    valid: bool


def cases(abi: Abi) -> Iterator[Case]:
    """Every case of a revision, data model and page size."""
    yield from _opcodes(abi)
    yield from _counts(abi)
    for operation in abi.revision.operations:
        yield from _lengths(operation, abi)
        yield from _immediates(operation, abi)
        yield from _addresses(operation, abi)
        yield from _bytes(operation, abi)
    yield from _sums(abi)


def plain(operation: Operation, abi: Abi, length: int = 8) -> Instruction:
    """A valid op: every operand at one safe address, the immediate 1."""
    opcode = abi.opcode(operation)
    assert opcode is not None
    count = len(operation.operands)
    return Instruction(
        opcode,
        operation,
        length,
        (_SAFE_ADDRESS,) * count,
        (0,) * count,
        None if operation.immediate is None else 1,
    )


def _case(what: str, value: int, instruction: Instruction, valid: bool) -> Case:
    operation = instruction.operation
    name = f"opcode {instruction.opcode}" if operation is None else operation.mnemonic
    return Case(f"{name}: {what} {value:#x}", (instruction,), valid)


def _opcodes(abi: Abi) -> Iterator[Case]:
    count = len(abi.revision.operations)
    for opcode in (-1, -1 - _INT_MAX, count, count + 1, _INT_MAX):
        yield _case("number", opcode, Instruction(opcode, None, 0), False)
    for operation in abi.revision.operations:
        yield Case(f"{operation.mnemonic}: its number", (plain(operation, abi),), True)


def _counts(abi: Abi) -> Iterator[Case]:
    limit = abi.revision.vector_length_max
    for operation in abi.revision.operations:
        for count in (0, limit, limit + 1):
            ops = (plain(operation, abi, 1),) * count
            yield Case(f"{operation.mnemonic}: {count} of them", ops, count <= limit)


def _lengths(operation: Operation, abi: Abi) -> Iterator[Case]:
    match operation.length_rule:
        case LengthRule.DATA:
            limit = abi.data_length_max
            sum_limit = abi.revision.vector_data_length_max
            accepted = limit if sum_limit is None else min(limit, sum_limit)
            lengths = [(0, True), (1, True), (accepted, True), (accepted + 1, False)]
            lengths += [(limit + 1, False), (_INT_MAX + 1, False), (_UINT_MAX, False)]
        case LengthRule.WORD:
            lengths = [(each, True) for each in WORD_LENGTHS]
            beside = {each + step for each in WORD_LENGTHS for step in (-1, 1)} - {*WORD_LENGTHS}
            lengths += [(each, False) for each in sorted({*beside, 16, _UINT_MAX})]
        case LengthRule.IGNORED:
            lengths = [(0, True), (_UINT_MAX, True)]
    for length, valid in lengths:
        instruction = plain(operation, abi)._replace(length=length)
        if operation.shifts:
            instruction = instruction._replace(immediate=0)
        yield _case("length", length, instruction, valid)


def _immediates(operation: Operation, abi: Abi) -> Iterator[Case]:
    field = operation.immediate
    if field is None:
        return
    for length in WORD_LENGTHS:
        if operation.shifts:
            values = [(0, True), (8 * length - 1, True), (8 * length, False), (_UINT_MAX, False)]
        elif field.kind is FieldKind.SIGNED:
            values = [(0, True), (-(1 << 63), True), ((1 << 63) - 1, True)]
        else:
            values = [(0, True), ((1 << 64) - 1, True)]
        for value, valid in values:
            instruction = plain(operation, abi, length)._replace(immediate=value)
            yield _case(f"{field.name}, with {length} bytes,", value, instruction, valid)


def _addresses(operation: Operation, abi: Abi) -> Iterator[Case]:
    """The last range that does not wrap, and the first that does: EINVAL or left to the pinning."""
    addresses = abi.model.addresses
    wrapped_is_valid = not abi.revision.wrapped_range_is_invalid
    lengths = (1, 2, 4, 8) if operation.length_rule is LengthRule.WORD else (1, 8, 64)
    for position, operand in enumerate(operation.operands):
        for length in lengths:
            for address, valid in (
                (addresses - length, True),
                (addresses - length + 1, wrapped_is_valid),
                (addresses - 1, wrapped_is_valid or length == 1),
            ):
                if address >= addresses:
                    continue
                instruction = plain(operation, abi, length)
                changed = list(instruction.addresses)
                changed[position] = address
                yield _case(
                    f"{operand.name}, with {length} bytes,",
                    address,
                    instruction._replace(addresses=tuple(changed)),
                    valid,
                )


def _bytes(operation: Operation, abi: Abi) -> Iterator[Case]:
    """Flags of any value, and every byte that no kernel reads: all accepted."""
    instruction = plain(operation, abi)
    if abi.revision.expect_fault:
        for position, operand in enumerate(operation.operands):
            for value in (1, 2, 0xFF):
                flags = list(instruction.expect_fault)
                flags[position] = value
                changed = instruction._replace(expect_fault=tuple(flags))
                yield _case(operand.expect_fault_name, value, changed, True)
    for offset in abi.unused(operation):
        assert offset >= UNION_OFFSET
        changed = instruction._replace(extra=((offset, 0xFF),))
        yield _case(f"byte {offset}", 0xFF, changed, True)


def _sums(abi: Abi) -> Iterator[Case]:
    """The sum of the lengths, reached with long ops, with words, and with lengths nobody counts."""
    limit = abi.revision.vector_data_length_max
    data = [each for each in abi.revision.operations if each.length_rule is LengthRule.DATA]
    ignored = [each for each in abi.revision.operations if each.length_rule is LengthRule.IGNORED]
    most = abi.data_length_max
    if limit is None:
        for operation in data:
            ops = (plain(operation, abi, most),) * abi.revision.vector_length_max
            yield Case(f"{operation.mnemonic}: every op as long as may be", ops, True)
        return
    for operation in data:
        long = min(most, limit)
        for excess in (0, 1):
            rest = limit - long + excess
            lengths = [long]
            while rest:
                lengths.append(min(rest, most))
                rest -= lengths[-1]
            ops = tuple(plain(operation, abi, length) for length in lengths)
            yield Case(f"{operation.mnemonic}: a sum of {limit + excess}", ops, not excess)
            for barrier in ignored:
                with_barrier = (*ops, plain(barrier, abi, _UINT_MAX))
                name = f"{operation.mnemonic}: a sum of {limit + excess} and a barrier's length"
                yield Case(name, with_barrier, not excess)
    for operation in abi.revision.operations:
        if operation.length_rule is LengthRule.WORD:
            words = (plain(operation, abi, 8),) * 15
            for length, valid in ((limit - 120, True), (limit - 119, False)):
                if length <= most:
                    yield Case(
                        f"{operation.mnemonic}: fifteen words and {length} bytes",
                        (plain(data[0], abi, length), *words),
                        valid,
                    )
