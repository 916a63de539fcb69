"""A vector made ready to run: checked against the static rules, its functions looked up.

All of it depends only on the ops and the Abi, so a vector that is called many times is prepared
once.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..abi.revisions import Abi
from ..errors import Crash
from ..light_typing import NamedTuple
from ..program import Instruction
from ..verifier.kernel_rules import Violation, violations
from .entry import outside_user_space
from .pages import Demand
from .semantics import SEMANTICS, Semantics


class Step(NamedTuple):
    """One op ready to run: its function and everything the function takes but the memory."""

    run: Semantics
    arguments: tuple[int, ...]


class Prepared(NamedTuple):
    """A vector ready to run, or the first static rule that refuses it.

    ``pages`` are the numbers of the pages that its operands touch, each once; None where an operand
    leaves user space.
    """

    instructions: tuple[Instruction, ...]
    violation: Violation | None
    demands: tuple[Demand, ...]
    steps: tuple[Step, ...]
    pages: tuple[int, ...] | None


def prepare(instructions: Sequence[Instruction], abi: Abi) -> Prepared:
    """Check a vector's ops and look up what runs them.

    Every value must be bound; raises Crash otherwise, since binding is the caller's to do.
    """
    instructions = tuple(instructions)
    violation = next(violations(instructions, abi), None)
    if violation is not None:
        return Prepared(instructions, violation, (), (), None)
    demands: list[Demand] = []
    steps: list[Step] = []
    for index, instruction in enumerate(instructions):
        operation = instruction.operation
        if operation is None or not instruction.is_bound:
            raise Crash(f"op {index} reached the interpreter unchecked: {instruction}")
        arguments = [instruction.length]
        for operand, address, expect_fault in instruction.operands():
            assert isinstance(address, int)
            arguments.append(address)
            flagged = abi.revision.expect_fault and expect_fault != 0
            demands.append(Demand(index, operand, address, instruction.length, flagged))
        if isinstance(instruction.immediate, int):
            arguments.append(instruction.immediate)
        steps.append(Step(SEMANTICS[operation], tuple(arguments)))
    pages = _touched_pages(demands, abi)
    return Prepared(instructions, None, tuple(demands), tuple(steps), pages)


def _touched_pages(demands: Sequence[Demand], abi: Abi) -> tuple[int, ...] | None:
    """The pages of all operands; None where one leaves user space."""
    pages: set[int] = set()
    for demand in demands:
        address, length = demand.address, demand.length
        if outside_user_space(abi, address, length):
            return None
        if length:
            first, last = address // abi.page_size, (address + length - 1) // abi.page_size
            pages.update(range(first, last + 1))
    return tuple(pages)
