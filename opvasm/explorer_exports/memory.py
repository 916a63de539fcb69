"""A scenario's memory as numbers of its own: one cell for each number that a declaration names.

Addresses become small (``AREAS``), in the order of the real ones and with the same distances inside
an area.  This reads the program's declarations; how the explorer keeps its bytes is asked only for
what they hold at first and for the names that a reader knows them by.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import gcd

from ..explorer.plan.plan import Plan
from ..explorer.steps.image import Image
from ..light_typing import NamedTuple
from ..program import Area, Array, Pointer, Scalar, Struct, Symbol, Type
from .refusal import Refusals

CELLS_MAX = 256
# Where the areas begin: a thread's own memory, shared, percpu.  Numbers stay below the first.
OWN, SHARED, PERCPU, TOP = 1 << 20, 2 << 20, 4 << 20, 8 << 20


class Leaf(NamedTuple):
    """A number in memory: its address here, its size in bytes, the cell that holds it.

    ``start`` is its first byte in the explorer's state, ``name`` what a reader calls it.
    """

    address: int
    size: int
    cell: int
    start: int
    name: str


class Region(NamedTuple):
    """A stretch of addresses that is there: its cells follow each other, ``granule`` bytes each.

    ``pages_end`` is where the last of its pages ends.
    """

    base: int
    size: int
    pages_end: int
    first: int
    granule: int
    leaves: tuple[Leaf, ...]

    @property
    def uniform(self) -> int:
        """The size of every leaf where they are all alike and leave no gap, else 0."""
        sizes = {leaf.size for leaf in self.leaves}
        alike = len(sizes) == 1 and self.size == sum(leaf.size for leaf in self.leaves)
        return min(sizes) if alike else 0


class MemoryMap:
    """Cells and addresses of one configuration."""

    def __init__(self, plan: Plan, refusals: Refusals) -> None:
        self.plan = plan
        self.image: Image = plan.image
        self.page = plan.program.abi.page_size
        self.stride = self.image.layout.percpu_stride
        self.regions: list[Region] = []
        self._cells = 0
        place = plan.scenario.span
        if PERCPU + plan.configuration.cpus * self.stride > TOP:
            refusals.refuse("this much percpu data", "addresses are numbers below 2^23", place)
            self.by_address: dict[int, Leaf] = {}
            return
        if len(self.image.own_blocks) * self.page > SHARED - OWN:
            refusals.refuse("this many threads", "their own memory has 2^20 addresses", place)
        for symbol in plan.program.data.symbols.values():
            if symbol.type is not None and has_signed(symbol.type):
                refusals.refuse(
                    f"{symbol.name}, signed memory",
                    "the model's memory holds unsigned numbers",
                    symbol.place or place,
                    "declare it as u8 to u64",
                )
            if symbol.size > 8 * CELLS_MAX and symbol.area is not Area.PAGE:
                refusals.refuse(
                    f"{symbol.name}, {symbol.size} bytes",
                    f"the model's memory has at most {CELLS_MAX} numbers",
                    symbol.place or place,
                    "make the array smaller",
                )
        if refusals.diagnostics:
            self.by_address = {}
            return
        self._lay_out()
        if self._cells > CELLS_MAX:
            refusals.refuse(
                f"memory of {self._cells} numbers",
                f"the model's memory has at most {CELLS_MAX}",
                place,
                "make the arrays smaller",
            )
        self.by_address = {leaf.address: leaf for leaf in self.leaves}

    @property
    def leaves(self) -> list[Leaf]:
        """Every number, in the order of the addresses."""
        return [leaf for region in self.regions for leaf in region.leaves]

    @property
    def cells(self) -> int:
        """How many cells there are."""
        return self._cells

    def _lay_out(self) -> None:
        plan, image = self.plan, self.image
        for thread, block in enumerate(image.own_blocks):
            found = [
                (v.offset + offset, size)
                for v in image.own[thread]
                for offset, size in numbers_of(v.type)
            ]
            self._region(OWN + thread * self.page, block.size, block.start, found)
        symbols = plan.program.data.symbols.values()
        for area, base in ((Area.SHARED, SHARED), (Area.PERCPU, PERCPU)):
            found = [
                (symbol.offset + offset, size)
                for symbol in symbols
                if symbol.area is area and symbol.type is not None
                for offset, size in numbers_of(symbol.type)
            ]
            size = plan.program.data.area_size(area)
            for cpu in range(plan.configuration.cpus if area is Area.PERCPU else 1):
                real = image.layout.percpu + cpu * image.layout.percpu_stride
                start = self._start(real if area is Area.PERCPU else image.layout.shared)
                self._region(base + cpu * self.stride, size, start, found)

    def _start(self, real: int) -> int:
        return next(region.start for region in self.image.regions if region.base == real)

    def _region(self, base: int, size: int, start: int, found: list[tuple[int, int]]) -> None:
        granule = gcd(*(number for pair in found for number in pair)) if found else 8
        first = self._cells
        leaves = tuple(
            Leaf(
                base + offset,
                length,
                first + offset // granule,
                start + offset,
                self.image.describe(start + offset, length, self.plan.names),
            )
            for offset, length in sorted(found)
        )
        self._cells += -(-size // granule)
        end = base + -(-max(size, 1) // self.page) * self.page
        self.regions.append(Region(base, size, end, first, granule, leaves))

    def symbol(self, symbol: Symbol, cpu: int) -> int:
        """The address of a symbol; ``cpu`` chooses the instance of a percpu one."""
        if symbol.area is Area.PERCPU:
            return PERCPU + cpu * self.stride + symbol.offset
        return SHARED + symbol.offset

    def own(self, thread: int, offset: int) -> int:
        """The address of an offset in a thread's own memory."""
        return OWN + thread * self.page + offset

    def number(self, real: int) -> int:
        """A number as it is here: real addresses become those of this map."""
        layout, image = self.image.layout, self.image
        cpus = self.plan.configuration.cpus
        if image.own_base <= real < image.own_base + len(image.own_blocks) * self.page:
            return OWN + real - image.own_base
        if layout.shared <= real < layout.shared + PERCPU - SHARED:
            return SHARED + real - layout.shared
        if layout.percpu <= real < layout.percpu + cpus * self.stride:
            return PERCPU + real - layout.percpu
        return real

    def real(self, number: int) -> int:
        """The other way round: a number of the model as the explorer knows it."""
        layout = self.image.layout
        if OWN <= number < SHARED:
            return self.image.own_base + number - OWN
        if SHARED <= number < PERCPU:
            return layout.shared + number - SHARED
        if PERCPU <= number < TOP:
            return layout.percpu + number - PERCPU
        return number

    def initial(self, leaf: Leaf) -> int:
        """What a number is before anything runs."""
        data = self.plan.memory[leaf.start : leaf.start + leaf.size]
        return self.number(int.from_bytes(data, self.image.byteorder))


def numbers_of(kind: Type) -> Iterator[tuple[int, int]]:
    """The numbers that a type consists of: (offset, size) in bytes."""
    match kind:
        case Scalar(size=size) | Pointer(size=size):
            yield 0, size
        case Array(element=element, count=count):
            for index in range(count):
                for offset, size in numbers_of(element):
                    yield index * element.size + offset, size
        case Struct(members=members):
            for member in members:
                for offset, size in numbers_of(member.type):
                    yield member.offset + offset, size


def has_signed(kind: Type) -> bool:
    """Whether a type holds a signed number."""
    match kind:
        case Scalar(signed=signed):
            return signed
        case Array(element=element):
            return has_signed(element)
        case Struct(members=members):
            return any(has_signed(member.type) for member in members)
        case _:
            return False
