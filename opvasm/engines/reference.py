"""The reference interpreter as an engine."""

from __future__ import annotations

from collections.abc import Collection

from ..abi.pages import PageKind
from ..abi.revisions import get_abi
from ..conformance_case import PAGE_SIZE, Case
from ..interpreter import Machine
from ..interpreter.events import Event, Observer
from ..machine import Cpus, Memory
from .base import Answer


def build_machine(case: Case, quirks: Collection[str] = ()) -> Machine:
    """The machine of a case just before the call, its vector in place (docs/cases.md, steps 1-3)."""
    memory = Memory(PAGE_SIZE)
    for region in case.memory:
        fill = bytes([region.fill]) * region.size if region.fill else b""
        memory.map(region.address, region.size, region.kind, fill)
        for address, data in region.runs:
            memory.write(address, data)
    if case.vector_address is not None:
        for index, byte in enumerate(case.vector):
            kind = memory.kind(case.vector_address + index)
            if kind is not PageKind.UNMAPPED and not kind.is_zero_page:
                memory.write(case.vector_address + index, bytes([byte]))
    cpus = Cpus(case.possible, case.online, case.allowed, case.current)
    return Machine(get_abi(case.revision, page_size=PAGE_SIZE), memory, cpus, quirks)


def call(machine: Machine, case: Case) -> int:
    """Make the call of a case on its machine; the result."""
    ops = case.vector if case.vector_address is None else case.vector_address
    return machine.cpu_opv(ops, case.cpuopcnt, case.cpu, case.flags)


class ReferenceEngine:
    """Answers with this package's interpreter.

    ``observe``, when set, is told of every event; ``traced`` puts them into the answers.
    """

    name = "reference"

    def __init__(self, observe: Observer | None = None, traced: bool = False) -> None:
        self.observe = observe
        self.traced = traced

    def answer(self, case: Case, quirks: Collection[str]) -> Answer:
        """Run the case; see Engine."""
        machine = build_machine(case, quirks)
        before = machine.memory.copy()
        events: list[Event] = []
        machine.observe = events.append if self.traced else self.observe
        result = call(machine, case)
        changed = changed_bytes(before, machine.memory)
        return Answer(result, changed, tuple(events) if self.traced else None)

    def close(self) -> None:
        """Nothing is held."""


def changed_bytes(before: Memory, after: Memory) -> dict[int, int]:
    """The bytes of ``after`` that differ from ``before``, by address; both map the same pages."""
    changed: dict[int, int] = {}
    for number, page in after.pages.items():
        old = before.pages[number].data
        if page.data != old:
            base = number << after.shift
            changed.update(
                (base + offset, new)
                for offset, (was, new) in enumerate(zip(old, page.data, strict=True))
                if was != new
            )
    return changed
