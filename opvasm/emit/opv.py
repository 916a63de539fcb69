"""A vector as the ops of cpu_opv, and the call."""

from __future__ import annotations

from collections.abc import Iterator

from ..abi.ops import CMPEQ
from ..abi.revisions import Abi
from ..binary import encode
from ..program import Instruction
from .context import Context


def statements(context: Context, abi: Abi) -> Iterator[str]:
    """C statements that fill ``opv_ops`` and call, leaving the answer in ``opv_result``."""
    count = len(context.vector.instructions) + context.subscribes
    yield f"    uint64_t opv_ops[{max(1, 4 * count)}];"
    if context.subscribes:
        yield "    static const uint32_t opv_zero = 0;"
        yield "    /* The slow flag is looked at before anything else. */"
        word = abi.revision.operations.index(CMPEQ) | 4 << 32
        yield f"    opv_ops[0] = UINT64_C({word:#x});"
        yield "    opv_ops[1] = (uint64_t)(uintptr_t)&opv_percpu->opv.slow;"
        yield "    opv_ops[2] = (uint64_t)(uintptr_t)&opv_zero;"
        yield "    opv_ops[3] = 0;"
    for index, instruction in enumerate(context.vector.instructions):
        yield f"    /* {context.comment(index)} */"
        first = 4 * (index + context.subscribes)
        for number, word_text in enumerate(_words(context, instruction, abi)):
            yield f"    opv_ops[{first + number}] = {word_text};"
    yield f"    opv_result = opv_cpu_opv(opv_ops, {count}, opv_cpu);"


def _words(context: Context, instruction: Instruction, abi: Abi) -> list[str]:
    """The 32 bytes of an op as four expressions."""
    known = instruction._replace(
        addresses=tuple(0 for _ in instruction.addresses),
        immediate=None if instruction.immediate is None else 0,
    )
    if isinstance(instruction.immediate, int):
        known = known._replace(immediate=instruction.immediate)
    raw = encode([known], abi)
    numbers = [int.from_bytes(raw[at : at + 8], "little") for at in range(0, 32, 8)]
    words = [f"UINT64_C({number:#x})" for number in numbers]
    for operand, value, _ in instruction.operands():
        address = context.address(value, instruction.length)
        words[operand.offset // 8] = f"(uint64_t)(uintptr_t){address}"
    field = None if instruction.operation is None else instruction.operation.immediate
    if field is not None and not isinstance(instruction.immediate, int):
        number = context.immediate(instruction)
        if field.size == 4:
            number = f"(uint32_t)({number})"
        words[field.offset // 8] = f"({words[field.offset // 8]} | {number})"
    return words
