"""A program loaded into a machine: its data at the addresses of a layout, its vectors ready to call.

This is the simulator's loader: what a C program's start-up, its stack and its compiler would do.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

from ..abi.pages import PageKind
from ..binding import bind, initial_bytes, pool_bytes, slot_bytes
from ..interpreter import Machine
from ..interpreter.events import Observer, PageChange
from ..interpreter.pages import change
from ..machine import Cpus, Memory
from ..program import Area, Instruction, Layout, Program, Symbol, Vector, default_layout
from .events import MemorySet

DEFAULT_CPUS = 4


class World:
    """A program in the memory of a machine.

    ``cpus`` are the machine's; the percpu area exists once for each possible one.
    Raises BindError where an initial value does not fit.
    """

    def __init__(
        self,
        program: Program,
        *,
        cpus: Cpus | None = None,
        layout: Layout | None = None,
        quirks: Collection[str] = (),
        observe: Observer | None = None,
    ) -> None:
        self.program = program
        self.layout = default_layout(program.abi, program.data) if layout is None else layout
        cpus = Cpus(DEFAULT_CPUS) if cpus is None else cpus
        memory = Memory(program.abi.page_size)
        self.machine = Machine(program.abi, memory, cpus, quirks, observe)
        self.observe_setup: Callable[[MemorySet], None] | None = None
        self._load()

    @property
    def memory(self) -> Memory:
        """The machine's memory."""
        return self.machine.memory

    def set_memory(self, address: int, data: bytes) -> None:
        """Write as the process would between two calls; ``observe_setup`` is told.

        A page never touched is the process's own from then on.  Raises Fault where one is unmapped.
        """
        memory = self.memory
        before = memory.read(address, len(data))
        memory.write(address, data)
        changes: list[PageChange] = []
        for part in memory.ranges(address, len(data)):
            page = memory.pages[part.page]
            if page.kind.is_zero_page:
                kind = PageKind.MAPPED if page.kind is PageKind.ZERO else PageKind.READONLY
                change(page, part.page << memory.shift, kind, changes)
        if self.observe_setup is not None and (before != data or changes):
            self.observe_setup(MemorySet(address, before, data, tuple(changes)))

    def _whole_pages(self, size: int) -> int:
        """A size in bytes rounded up to whole pages, at least one."""
        page = self.memory.page_size
        return max(page, -(-size // page) * page)

    def _load(self) -> None:
        """Map every area and fill it with what the file says."""
        program, layout, memory = self.program, self.layout, self.memory
        for cpu in range(self.machine.cpus.possible):
            image = initial_bytes(program, layout, Area.PERCPU, cpu)
            base = layout.percpu + cpu * layout.percpu_stride
            memory.map(base, layout.percpu_stride, PageKind.MAPPED, image)
        shared = initial_bytes(program, layout, Area.SHARED, 0)
        memory.map(layout.shared, self._whole_pages(len(shared)), PageKind.MAPPED, shared)
        for symbol in program.data.symbols.values():
            if symbol.area is Area.PAGE:
                address = layout.symbol_address(symbol, 0)
                memory.map(address, self._whole_pages(symbol.size), symbol.page_kind)
        pool = pool_bytes(program, layout, 0)
        memory.map(layout.pool, self._whole_pages(len(pool)), PageKind.READONLY, pool)
        slots = max(
            (
                each.offset + each.type.size
                for vector in program.vectors.values()
                for each in vector.parameters
            ),
            default=0,
        )
        memory.map(layout.slots, self._whole_pages(slots), PageKind.MAPPED)

    def ops(
        self, vector: Vector, cpu: int, arguments: Mapping[str, int]
    ) -> tuple[Instruction, ...]:
        """The vector bound for a CPU and arguments, which now lie in the slots and the pool.

        Raises BindError with every argument that is missing, unknown or out of range.
        """
        program, layout = self.program, self.layout
        bound = bind(vector, program, layout, cpu, arguments)
        self.set_memory(layout.slots, slot_bytes(vector, program.abi, arguments))
        pool = pool_bytes(program, layout, cpu)
        if pool:
            self.set_memory(layout.pool, pool)
        return bound

    def symbol_at(self, address: int) -> tuple[Symbol, int, int] | None:
        """The symbol that holds an address, the CPU of its instance, and the offset in it (bytes).

        None where no symbol does.
        """
        layout = self.layout
        for symbol in self.program.data.symbols.values():
            instances = self.machine.cpus.possible if symbol.area is Area.PERCPU else 1
            for cpu in range(instances):
                start = layout.symbol_address(symbol, cpu)
                if start <= address < start + symbol.size:
                    return symbol, cpu, address - start
        return None
