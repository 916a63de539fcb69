"""Small machines and vectors for the tests of this folder."""

from __future__ import annotations

from opvasm.abi.ops import BY_MNEMONIC
from opvasm.abi.pages import PageKind
from opvasm.abi.revisions import Abi, get_abi
from opvasm.interpreter import Machine
from opvasm.machine import Cpus, Memory
from opvasm.program import Instruction

BASE = 0x10000


def op(
    abi: Abi,
    mnemonic: str,
    length: int,
    *addresses: int,
    immediate: int | None = None,
    expect_fault: tuple[int, ...] | None = None,
) -> Instruction:
    """An op of a revision, all its values known."""
    operation = BY_MNEMONIC[mnemonic]
    opcode = abi.opcode(operation)
    assert opcode is not None
    flags = (0,) * len(addresses) if expect_fault is None else expect_fault
    return Instruction(opcode, operation, length, addresses, flags, immediate)


def machine(
    revision: str = "2017-11",
    model: str = "64le",
    *,
    pages: dict[int, PageKind] | None = None,
    cpus: Cpus | None = None,
    quirks: tuple[str, ...] = (),
    data: bytes = b"",
) -> Machine:
    """Four ordinary pages at BASE holding ``data``, and one page of each kind in ``pages``."""
    memory = Memory()
    memory.map(BASE, 4 * 4096, PageKind.MAPPED, data)
    for address, kind in (pages or {}).items():
        memory.map(address, 4096, kind)
    return Machine(get_abi(revision, model), memory, Cpus(4) if cpus is None else cpus, quirks)


def run(target: Machine, *instructions: Instruction, cpu: int = 0, flags: int = 0) -> int:
    """Call with all of these ops."""
    return target.cpu_opv(instructions, len(instructions), cpu, flags)
