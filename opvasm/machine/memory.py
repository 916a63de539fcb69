"""Memory as pages of a kind, at the addresses of one process.

``read`` and ``write`` are the simulation's own access, for set-up and inspection: they ask only
whether a page is there.  What an access of a thread or of the kernel may do is for those to ask.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..abi.pages import PageKind
from ..light_typing import NamedTuple


class Page:
    """One page: its kind and its bytes."""

    __slots__ = ("data", "kind")

    def __init__(self, kind: PageKind, data: bytearray) -> None:
        self.kind = kind
        self.data = data


class Fault(Exception):
    """An access that memory refuses: its range, whether it writes, and the kind of page it met.

    ``page`` is the address of the page that refused; ``kind`` is None for an address outside user
    space.
    """

    def __init__(
        self, address: int, length: int, writes: bool, page: int, kind: PageKind | None
    ) -> None:
        self.address = address
        self.length = length
        self.writes = writes
        self.page = page
        self.kind = kind
        what = "write" if writes else "read"
        where = "outside user space" if kind is None else f"in a page that is {kind.value}"
        count = f"{length} byte{'' if length == 1 else 's'}"
        super().__init__(f"{what} of {count} at {address:#x}: {page:#x} is {where}")


class Range(NamedTuple):
    """The part of an access that falls into one page: page number, offset in it, size in bytes."""

    page: int
    offset: int
    size: int


class Memory:
    """Pages by number.  ``page_size`` is in bytes, a power of two; what is not mapped is absent.

    ``pages`` is one dict for the memory's whole life, so that whoever reads much may keep it.
    """

    __slots__ = ("page_size", "pages", "shift")

    def __init__(self, page_size: int = 4096) -> None:
        self.page_size = page_size
        self.shift = page_size.bit_length() - 1
        self.pages: dict[int, Page] = {}

    def map(
        self, address: int, size: int, kind: PageKind = PageKind.MAPPED, data: bytes = b""
    ) -> None:
        """Map ``size`` bytes at ``address`` as pages of a kind; ``data`` fills them from the start.

        What was mapped there is replaced.  Raises ValueError when address or size is not a multiple
        of the page size, or the data is longer than the pages.
        """
        if address % self.page_size or size % self.page_size:
            raise ValueError(f"{address:#x} or {size} is not a multiple of {self.page_size}")
        if len(data) > size:
            raise ValueError(f"{len(data)} bytes of data for {size} bytes of pages")
        first = address >> self.shift
        for index in range(size >> self.shift):
            if kind is PageKind.UNMAPPED:
                self.pages.pop(first + index, None)
                continue
            start = index * self.page_size
            content = bytearray(data[start : start + self.page_size])
            content += bytes(self.page_size - len(content))
            self.pages[first + index] = Page(kind, content)

    def kind(self, address: int) -> PageKind:
        """The kind of the page that holds an address."""
        page = self.pages.get(address >> self.shift)
        return PageKind.UNMAPPED if page is None else page.kind

    def ranges(self, address: int, length: int) -> Iterator[Range]:
        """The parts of a range page by page, lowest address first; none for length 0."""
        end = address + length
        while address < end:
            offset = address & (self.page_size - 1)
            size = min(self.page_size - offset, end - address)
            yield Range(address >> self.shift, offset, size)
            address += size

    def read(self, address: int, length: int) -> bytes:
        """The bytes of a range.  Raises Fault where a page is not mapped."""
        page = self.pages.get(address >> self.shift)
        offset = address & (self.page_size - 1)
        if page is not None and offset + length <= self.page_size:
            return bytes(page.data[offset : offset + length])
        pieces = []
        for part in self.ranges(address, length):
            page = self.pages.get(part.page)
            if page is None:
                raise self.fault(address, length, False, part.page)
            pieces.append(page.data[part.offset : part.offset + part.size])
        return b"".join(pieces)

    def write(self, address: int, data: bytes | bytearray) -> None:
        """Set the bytes at an address.  Raises Fault, with nothing written, where one is unmapped."""
        length = len(data)
        page = self.pages.get(address >> self.shift)
        offset = address & (self.page_size - 1)
        if page is not None and offset + length <= self.page_size:
            page.data[offset : offset + length] = data
            return
        parts = tuple(self.ranges(address, length))
        for part in parts:
            if part.page not in self.pages:
                raise self.fault(address, length, True, part.page)
        done = 0
        for part in parts:
            piece = data[done : done + part.size]
            self.pages[part.page].data[part.offset : part.offset + part.size] = piece
            done += part.size

    def fault(self, address: int, length: int, writes: bool, page: int) -> Fault:
        """The Fault of an access that page number ``page`` refuses."""
        return Fault(address, length, writes, page << self.shift, self.kind(page << self.shift))

    def copy(self) -> Memory:
        """The same memory, independent of this one."""
        other = Memory(self.page_size)
        other.pages = {
            number: Page(page.kind, bytearray(page.data)) for number, page in self.pages.items()
        }
        return other

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Memory)
            and self.page_size == other.page_size
            and self.pages.keys() == other.pages.keys()
            and all(
                page.kind is other.pages[number].kind and page.data == other.pages[number].data
                for number, page in self.pages.items()
            )
        )

    __hash__ = None  # type: ignore[assignment]  # its bytes change
