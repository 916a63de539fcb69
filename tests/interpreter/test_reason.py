"""What decided a call's result, in words; and calls that no kernel could be asked for."""

from __future__ import annotations

import pytest

from opvasm.abi.pages import PageKind
from opvasm.abi.revisions import get_abi
from opvasm.errors import Crash
from opvasm.interpreter import Machine
from opvasm.interpreter.machine import run_op
from opvasm.interpreter.prepared import prepare
from opvasm.interpreter.reason import Reason
from opvasm.machine import Cpus, Memory
from opvasm.program import Instruction

from .build import BASE, machine, op

GONE = 0x90000


def decided(
    target: Machine, ops: int | list[Instruction], count: int = 1, cpu: int = 0, flags: int = 0
) -> list[str]:
    """The lines for one call."""
    reason = Reason()
    target.observe = reason
    target.cpu_opv(ops, count, cpu, flags)
    return [text for text, _ in reason.lines()]


def test_a_call_of_which_every_op_ran_was_decided_by_nothing() -> None:
    """There is nothing to say."""
    target = machine()
    assert decided(target, [op(target.abi, "add", 8, BASE, immediate=1)]) == []


def test_a_question_is_answered_before_anything_else() -> None:
    """abi.md section 1.3: in 2018-03 flag 1 asks for the number of ops: ten."""
    (line,) = decided(machine("2018-03"), 0, flags=1)
    assert line.endswith(" asks a question: the answer is 10")


def test_arguments_vector_and_rules_are_named() -> None:
    """One call for each of the checks before memory is asked (abi.md section 2.1)."""
    target = machine()
    assert decided(target, 0, -1) == ["argument cpuopcnt = -1 was refused before anything else"]
    assert decided(target, GONE, 2) == [f"the vector at {GONE:#x} (64 bytes) can't be read"]
    (line,) = decided(target, [op(target.abi, "add", 3, BASE, immediate=1)])
    assert line.startswith("op 0: ")
    assert line.endswith("(OPV203)")


def test_a_cpu_that_can_not_be_had_is_named_with_the_reason() -> None:
    """Possible, but offline and not allowed."""
    target = machine(cpus=Cpus(4, online=(0, 1), allowed=(0, 1)))
    (line,) = decided(target, [op(target.abi, "add", 8, BASE, immediate=1)], cpu=3)
    assert line.startswith("CPU 3 can't be had: it is offline")


def test_a_compare_is_told_with_both_sides() -> None:
    """cmpeq where they differ, cmpne where they are equal."""
    target = machine(data=bytes([1, 2, 3, 4, 1, 2, 9, 4]))
    different = decided(target, [op(target.abi, "cmpeq", 4, BASE, BASE + 4)])
    assert different[0] == "the compare of op 0 stopped the vector"
    assert different[-1] == "byte 2 differs first: 0x03 and 0x09"
    assert decided(target, [op(target.abi, "cmpne", 4, BASE, BASE)])[-1] == "they are equal"
    # Nothing was read where nothing is compared.
    assert decided(target, [op(target.abi, "cmpne", 0, BASE, BASE)])[0] == (
        "the compare of op 0 stopped the vector"
    )


def test_a_lost_retry_is_told() -> None:
    """abi.md section 2.9, point 8, with the quirk."""
    target = machine("2018-03", pages={GONE: PageKind.ZERO}, quirks=("first-touch-retry",))
    read = op(target.abi, "memcpy", 8, BASE, GONE)
    write = op(target.abi, "memcpy", 8, GONE, BASE)
    assert decided(target, [read, write], 2) == [
        f"page {GONE:#x} was replaced after it was pinned; the retry lost the addresses: EFAULT"
    ]


def test_a_machine_has_pages_of_its_own_abis_size() -> None:
    """Anything else would make every limit wrong."""
    with pytest.raises(ValueError, match="pages of 65536 bytes, not 4096"):
        Machine(get_abi("2017-11"), Memory(65536))


def test_a_count_beyond_the_ops_that_are_given_is_a_mistake_of_the_caller() -> None:
    """The library has no memory behind them to read; a real kernel would."""
    target = machine()
    one = op(target.abi, "add", 8, BASE, immediate=1)
    with pytest.raises(ValueError, match="2 ops of a vector of 1"):
        target.cpu_opv([one], 2, 0)
    with pytest.raises(ValueError, match="2 ops of a vector of 32 bytes"):
        target.cpu_opv(bytes(32), 2, 0)
    prepared = prepare((one, one), target.abi)
    assert target.cpu_opv(prepared, 1, 0) == 0  # a shorter count runs the first ones
    assert target.memory.read(BASE, 8) == (1).to_bytes(8, "little")
    with pytest.raises(ValueError, match="3 ops of a vector of 2"):
        target.cpu_opv(prepared, 3, 0)


def test_a_refused_vector_is_never_run_step_by_step() -> None:
    """The explorer and live programs ask the static rules first; not to is a crash."""
    target = machine()
    refused = prepare((op(target.abi, "add", 3, BASE, immediate=1),), target.abi)
    with pytest.raises(Crash, match="a refused vector was run"):
        run_op(refused, 0, target._access)
