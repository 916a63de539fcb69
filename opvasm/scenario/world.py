"""A program loaded into a machine: its data at the addresses of a layout, its vectors ready to call.

This is the simulator's loader: what a C program's start-up, its stack and its compiler would do.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from itertools import pairwise

from ..abi.pages import PageKind
from ..binding import bind, initial_bytes, pool_bytes, slot_bytes
from ..errors import BindError, Diagnostic
from ..interpreter import Machine
from ..interpreter.events import Observer, PageChange
from ..interpreter.pages import change
from ..machine import Cpus, Fault, Memory
from ..program import Area, Instruction, Layout, Program, Symbol, Vector, default_layout
from .events import MemorySet

DEFAULT_CPUS = 4
BAD_LAYOUT = "OPV457"
# Bytes; simulated memory is memory of the host.
MEMORY_MAX = 1 << 30


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
        self._check_layout(cpus)
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
        try:
            before = memory.read(address, len(data))
        except Fault as fault:
            raise memory.fault(address, len(data), True, fault.page >> memory.shift) from None
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

    def _areas(self, cpus: Cpus) -> Iterator[tuple[int, int, str]]:
        """Where each area begins, its size in bytes, and its name."""
        program, layout = self.program, self.layout
        data = program.data
        yield layout.percpu, cpus.possible * layout.percpu_stride, "percpu"
        for begin, size, name in (
            (layout.shared, data.area_size(Area.SHARED), "shared"),
            (layout.page, data.area_size(Area.PAGE), "page"),
            (layout.pool, data.pool_size, "pool"),
            (layout.slots, _slots_size(program), "slots"),
        ):
            yield begin, -(-size // program.abi.page_size) * program.abi.page_size, name

    def _check_layout(self, cpus: Cpus) -> None:
        """Raises BindError where the areas do not lie beside each other in the address space."""
        problems: list[str] = []
        areas = sorted(self._areas(cpus))
        for (begin, size, name), (next_begin, next_size, next_name) in pairwise(areas):
            if size and next_size and begin + size > next_begin:
                problems.append(
                    f"the {name} area, {size} bytes at {begin:#x}, reaches into the {next_name} "
                    f"area at {next_begin:#x}"
                )
        begin, size, name = areas[-1]
        if begin + size > self.program.abi.model.addresses:
            problems.append(
                f"the {name} area, {size} bytes at {begin:#x}, leaves the address space"
            )
        total = sum(size for _, size, _ in areas)
        if total > MEMORY_MAX:
            problems.append(
                f"the data of {cpus.possible} CPUs and what they share are {total >> 20} MiB; "
                f"the machine has {MEMORY_MAX >> 20}"
            )
        if problems:
            raise BindError(Diagnostic("error", BAD_LAYOUT, each) for each in problems)

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
        memory.map(layout.slots, self._whole_pages(_slots_size(program)), PageKind.MAPPED)

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


def _slots_size(program: Program) -> int:
    """The bytes that the arguments of the vector with the most of them take."""
    return max(
        (
            each.offset + each.type.size
            for vector in program.vectors.values()
            for each in vector.parameters
        ),
        default=0,
    )
