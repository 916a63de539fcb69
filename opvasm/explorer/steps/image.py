"""A scenario's memory as one string of bytes, and which address each byte stands for.

The per-CPU areas, the shared area, whole pages, memory of each thread's own, and the lock words lie
one after the other.  The literal pool and the arguments' slots are apart: nobody else sees them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ...abi.pages import PageKind
from ...binding import initial_bytes, pool_bytes
from ...errors import Crash
from ...latest import latest
from ...light_typing import NamedTuple
from ...machine.memory import Fault, Memory
from ...program import Area, Layout, Program, Type, default_layout
from ...text.names import Inside

MAIN, SLOTS, POOL = 0, 1, 2


class Region(NamedTuple):
    """Addresses ``base`` up to ``base + size`` are the bytes from ``start`` of a store (MAIN, …)."""

    name: str
    base: int
    start: int
    size: int
    kind: PageKind = PageKind.MAPPED
    store: int = MAIN


class OwnVariable(NamedTuple):
    """Memory of a thread's own: the same offset in the block of each of the threads."""

    name: str
    offset: int
    type: Type


class OwnBlock(NamedTuple):
    """The own memory of one thread: where its bytes lie, and its first address."""

    start: int
    size: int
    base: int


class Image:
    """Addresses and bytes of one configuration."""

    def __init__(
        self, program: Program, cpus: int, own: tuple[tuple[OwnVariable, ...], ...]
    ) -> None:
        self.program = program
        self.cpus = cpus
        self.own = own
        declared = _declared(program, cpus)
        self.layout: Layout = declared.layout
        self.shift = program.abi.page_size.bit_length() - 1
        self.word = program.abi.model.word
        self.byteorder = program.abi.model.byteorder
        self.regions: list[Region] = [*declared.regions]
        self.own_blocks: list[OwnBlock] = []
        self.lock_base = 0x3000_0000_0000 if self.word == 8 else 0x3000_0000
        self.own_base = 0x1000_0000_0000 if self.word == 8 else 0x1000_0000
        data = bytearray(declared.content)
        self._place(data)
        self.initial = bytes(data)
        self.pages = dict(declared.pages)
        _spread(self.pages, self.regions[len(declared.regions) :], self.shift)
        self.pools: Sequence[bytes] = declared.pools
        self._pinned: Memory | None = None

    def _place(self, data: bytearray) -> None:
        """Lay down what is a scenario's own, after what its program declares."""
        program, layout = self.program, self.layout
        for thread, variables in enumerate(self.own):
            size = max((each.offset + each.type.size for each in variables), default=0)
            base = self.own_base + thread * program.abi.page_size
            _lay(self.regions, data, f"own {thread}", base, bytes(size))
            self.own_blocks.append(OwnBlock(self.regions[-1].start, size, base))
        _lay(self.regions, data, "lock", self.lock_base, bytes(2 * self.cpus))
        self.lock_start = self.regions[-1].start
        data.extend(bytes(-len(data) % 8))
        page = program.abi.page_size
        self.regions.append(Region("slots", layout.slots, 0, page, store=SLOTS))
        self.regions.append(Region("pool", layout.pool, 0, program.data.pool_size, store=POOL))

    @property
    def template(self) -> Memory:
        """The pages as the kernel sees them when it pins; their bytes do not matter there."""
        if self._pinned is None:
            memory = self._pinned = Memory(self.program.abi.page_size)
            for page, region in self.pages.items():
                memory.map(page << self.shift, memory.page_size, region.kind)
        return self._pinned

    def locate(self, address: int, length: int, writes: bool) -> Region:
        """The region that holds a whole range.  Raises Fault where there is none."""
        region = self.pages.get(address >> self.shift)
        if region is None or address < region.base or address + length > region.base + region.size:
            page = address >> self.shift << self.shift
            raise Fault(address, length, writes, page, PageKind.UNMAPPED)
        return region

    def index(self, address: int) -> int:
        """Where the byte of an address lies in the state.  Raises Fault."""
        region = self.locate(address, 1, False)
        return region.start + address - region.base

    def address(self, index: int) -> int:
        """The address of a byte of the state: the other way round."""
        for region in self.regions:
            if region.store == MAIN and region.start <= index < region.start + region.size:
                return region.base + index - region.start
        raise Crash(f"no variable lies at byte {index} of the state")

    def lock_word(self, cpu: int) -> int:
        """Where a CPU's lock lies in the state."""
        return self.lock_start + 2 * cpu

    def slow_flag(self, cpu: int) -> int:
        """Where the flag that a lock holder sets lies in the state."""
        return self.lock_start + 2 * cpu + 1

    def describe(self, start: int, size: int, thread_names: tuple[str, ...] = ()) -> str:
        """Bytes of the state by the name a reader knows: ``head@0``, ``nodes[2].next``."""
        region = next(
            (
                each
                for each in self.regions
                if each.store == MAIN and each.start <= start < each.start + each.size
            ),
            None,
        )
        if region is None:
            return f"byte {start}"
        offset = start - region.start
        if region.start == self.lock_start:
            return f"{'slow' if offset % 2 else 'lock'}@{offset // 2}"
        found = self._variable(region, offset, thread_names)
        return f"byte {start}" if found is None else found.place(size)

    def _variable(
        self, region: Region, offset: int, thread_names: tuple[str, ...]
    ) -> Inside | None:
        """The variable that lies at an offset of a region; None between them."""
        for thread, block in enumerate(self.own_blocks):
            if block.start == region.start:
                name = thread_names[thread] if thread < len(thread_names) else str(thread)
                for variable in reversed(self.own[thread]):  # cpu_id lies in cpu_id_start
                    inside = offset - variable.offset
                    if 0 <= inside < variable.type.size:
                        return Inside(f"{name}.{variable.name}", variable.type, inside)
        area = Area.PERCPU if region.name.startswith("@") else Area.SHARED
        for symbol in self.program.data.symbols.values():
            if symbol.area is Area.PAGE and region.name == symbol.name:
                return Inside(symbol.name, symbol.type, offset)
            if symbol.area is area and not (area is Area.SHARED and region.name):
                inside = offset - symbol.offset
                if 0 <= inside < symbol.size:
                    on = region.name if area is Area.PERCPU else ""
                    return Inside(symbol.name, symbol.type, inside, on)
        return None

    def describe_value(self, value: int, thread_names: tuple[str, ...] = ()) -> str:
        """A number, or the name of the place that it is the address of."""
        region = self.pages.get(value >> self.shift)
        if value < 4096 or region is None:
            return str(value) if value < 1 << 20 else f"{value:#x}"
        if region.store != MAIN or not region.base <= value < region.base + region.size:
            return f"{value:#x}"
        start = region.start + value - region.base
        found = self._variable(region, value - region.base, thread_names)
        return f"&{self.describe(start, 0)}" if found is None else found.address()


class _Declared(NamedTuple):
    """The memory that a program declares, on so many CPUs: the same in all of its scenarios."""

    layout: Layout
    regions: tuple[Region, ...]
    pages: dict[int, Region]
    content: bytes
    pools: tuple[bytes, ...]  # by CPU


@latest
def _declared(program: Program, cpus: int) -> _Declared:
    """Kept for the file's next scenario: they are made ready one after the other."""
    layout = default_layout(program.abi, program.data)
    regions: list[Region] = []
    data = bytearray()
    for cpu in range(cpus):
        base = layout.percpu + cpu * layout.percpu_stride
        _lay(regions, data, f"@{cpu}", base, initial_bytes(program, layout, Area.PERCPU, cpu))
    _lay(regions, data, "", layout.shared, initial_bytes(program, layout, Area.SHARED, 0))
    whole = initial_bytes(program, layout, Area.PAGE, 0)
    for symbol in program.data.symbols.values():
        if symbol.area is Area.PAGE and symbol.page_kind is not PageKind.UNMAPPED:
            content = whole[symbol.offset : symbol.offset + symbol.size]
            base = layout.page + symbol.offset
            _lay(regions, data, symbol.name, base, content, symbol.page_kind)
    pools = tuple(pool_bytes(program, layout, cpu) for cpu in range(cpus))
    pages: dict[int, Region] = {}
    _spread(pages, regions, program.abi.page_size.bit_length() - 1)
    return _Declared(layout, tuple(regions), pages, bytes(data), pools)


def _spread(pages: dict[int, Region], regions: Iterable[Region], shift: int) -> None:
    """Note for each page, by its number, the region that lies on it."""
    for region in regions:
        last = region.base + max(region.size, 1) - 1
        pages.update(dict.fromkeys(range(region.base >> shift, (last >> shift) + 1), region))


def _lay(
    regions: list[Region],
    data: bytearray,
    name: str,
    base: int,
    content: bytes,
    kind: PageKind = PageKind.MAPPED,
) -> None:
    """Put a region after what lies there, at a multiple of 8."""
    data.extend(bytes(-len(data) % 8))
    regions.append(Region(name, base, len(data), len(content), kind))
    data.extend(content)
