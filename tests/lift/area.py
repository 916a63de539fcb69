"""Where struct rseq is, as the machine code before a section shows when unicorn runs it.

The lifter works that out from expressions; its judge must not take its word for it.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any, Protocol

from opvasm.audit.subject import Subject
from opvasm.lift.code import Flow

_PAGE = 0x1000
_NEAR = 1 << 12  # what lies farther from the area is another thing
_STEP = 0x10_0000
_REGISTERS = {
    "x86-64": (
        [
            "rax",
            "rbx",
            "rcx",
            "rdx",
            "rsi",
            "rdi",
            "rbp",
            "rsp",
            "r8",
            "r9",
            "r10",
            "r11",
            "r12",
            "r13",
            "r14",
            "r15",
        ],
        ["fs", "gs"],
    ),
    "aarch64": ([*(f"x{at}" for at in range(31)), "sp"], ["tpidr_el0"]),
}


class Engines(Protocol):
    """Makes unicorn's engines for one architecture."""

    uc: Any
    machine: str

    def engine(self) -> Any:
        """One as a new one is."""

    def hook(self, kinds: int, call: Callable[..., object]) -> None:
        """Have something called for it."""

    def register(self, name: str) -> Any:
        """unicorn's number of a register."""


def from_the_area(subject: Subject, engines: Engines) -> dict[str, int]:
    """The registers by which a section reads memory that lie near the area, and how far from it.

    Seen by running the code before it twice, from registers that have nothing to do with each other.
    """
    first, second = (_distances(subject, engines, seed) for seed in (1, 2))
    return {
        name: distance
        for name, distance in first.items()
        if second[name] == distance and abs(distance) < _NEAR
    }


def _distances(subject: Subject, engines: Engines, seed: int) -> dict[str, int]:
    lead, uc = subject.lead, engines.uc
    assert lead is not None
    engine, generator = engines.engine(), random.Random(seed)
    mapped: set[int] = set()
    written: list[int] = []

    def need(address: int, size: int) -> None:
        for page in {address & -_PAGE, address + size - 1 & -_PAGE} - mapped:
            engine.mem_map(page, _PAGE, uc.UC_PROT_ALL)
            mapped.add(page)

    def missing(_: Any, kind: int, address: int, size: int, value: int, data: object) -> bool:
        need(address, size)
        return True

    engines.hook(uc.UC_HOOK_MEM_READ_UNMAPPED | uc.UC_HOOK_MEM_WRITE_UNMAPPED, missing)
    engines.hook(uc.UC_HOOK_MEM_WRITE, lambda _, kind, address, *rest: written.append(address))
    plain, bases = _REGISTERS[engines.machine]
    for name in (*plain, *bases):
        engine.reg_write(engines.register(name), generator.randrange(1 << 8, 1 << 24) * _STEP)
    area = 0
    for index, code in enumerate(lead.codes):
        if code.flow is not Flow.NEXT:
            continue
        need(code.address, len(code.data))
        engine.mem_write(code.address, code.data)
        written.clear()
        engine.emu_start(code.address, code.end, count=1)
        if index == lead.store:
            area = written[-1] - 8
    used = {place.base for code in subject.codes for place in (*code.loads, *code.stores)} - {""}
    return {name: engine.reg_read(engines.register(name)) - area for name in used}
