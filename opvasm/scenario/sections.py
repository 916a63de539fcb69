"""Sections in a test: one thread runs one on the caller's CPU, and nobody comes between."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ..interpreter.section import SectionRun, Surroundings
from ..program import section as ir
from .events import Read, SectionStepped, Written
from .world import World


class Observed:
    """The memory of a world as a section reaches it; remembers what an instruction touched."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.loads: list[Read] = []
        self.stores: list[Written] = []

    def read(self, address: int, length: int) -> bytes:
        """The bytes of a range; raises Fault."""
        data = self.world.memory.read(address, length)
        self.loads.append(Read(address, data))
        return data

    def write(self, address: int, data: bytes) -> None:
        """Set the bytes at an address; raises Fault, also for pages that may not be written."""
        memory = self.world.memory
        for part in memory.ranges(address, len(data)):
            page = memory.pages.get(part.page)
            if page is None or not page.kind.writable:
                raise memory.fault(address, len(data), True, part.page)
        before = memory.read(address, len(data))
        self.world.set_memory(address, data)
        self.stores.append(Written(address, before, data))


def enter(
    world: World, section: ir.Section, arguments: Mapping[str, int]
) -> tuple[SectionRun, Observed]:
    """A section about to run on the CPU that the caller is on."""
    observed = Observed(world)
    cpu = world.machine.cpus.current
    symbols, layout = world.program.data.symbols, world.layout
    area = dict.fromkeys(ir.AREA_FIELDS, 0) | {"cpu_id": cpu, "cpu_id_start": cpu}
    surroundings = Surroundings(
        observed.read,
        observed.write,
        lambda name, on: layout.symbol_address(symbols[name], cpu if on is None else on),
        area,
        world.program.abi.model.byteorder,
    )
    return SectionRun(section, arguments, surroundings), observed


def finish(
    run: SectionRun,
    observed: Observed,
    abort_after: int | None,
    tell: Callable[[SectionStepped], None],
) -> str:
    """Run a section until it is left, or cut off after so many instructions; gives the label.

    Raises Fault and Endless.
    """
    while run.label is None:
        if abort_after is not None and run.steps >= abort_after and run.code[run.point].protected:
            run.abort()
            break
        index = run.point
        step = run.code[index].step
        observed.loads.clear()
        observed.stores.clear()
        run.step()
        local = _set_local(step)
        sets = {} if local is None else {local: run.locals[local]}
        tell(SectionStepped(index, step, sets, (*observed.loads,), (*observed.stores,)))
    assert run.label is not None
    return run.label


def _set_local(step: object) -> str | None:
    match step:
        case ir.Load(local=local) | ir.Set(local=local):
            return local
        case ir.CompareExchange(local=str(local)) | ir.AtomicChange(local=str(local)):
            return local
        case _:
            return None
