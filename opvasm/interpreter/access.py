"""How the kernel reaches user memory while a vector runs (abi.md sections 3.2 and 3.7)."""

from __future__ import annotations

from ..abi.layout import ByteOrder
from ..abi.ops import WORD_LENGTHS
from ..abi.pages import PageKind
from ..abi.revisions import Abi
from ..machine.memory import Fault, Memory
from .events import Fenced, Loaded, Observer, Stored
from .semantics import Bytes, UserMemory

BOUNCE_BUFFER = 64
# The kernel's pages that an access with page faults disabled can't use for writing: it would need
# the fault handler to break the sharing, or the mapping does not allow it.
_NOT_WRITABLE_IN_PLACE = frozenset(
    kind for kind in PageKind if not kind.writable or kind.shared_until_written
) | {PageKind.SWAPPED}
_NOT_PRESENT = (PageKind.SWAPPED,)
# Looking a member up in its enum costs as much as the access itself.
ORDINARY = PageKind.MAPPED


class FaultsDisabled:
    """2017: user addresses, with page faults disabled; a page that isn't ready is a Fault."""

    __slots__ = ("byteorder", "memory", "page_size", "pages", "shift", "word")
    chunk = BOUNCE_BUFFER

    def __init__(self, memory: Memory, byteorder: ByteOrder, word: int) -> None:
        self.memory = memory
        self.byteorder: ByteOrder = byteorder
        self.word = word
        self.pages, self.shift, self.page_size = memory.pages, memory.shift, memory.page_size

    def load(self, address: int, length: int) -> Bytes:
        """The bytes of a range; raises Fault where a page is not there."""
        page = self.pages.get(address >> self.shift)
        end = (address & (self.page_size - 1)) + length
        if page is not None and end <= self.page_size and page.kind is ORDINARY:
            return page.data[end - length : end]
        for part in self.memory.ranges(address, length):
            page = self.pages.get(part.page)
            if page is None or page.kind in _NOT_PRESENT:
                raise self.memory.fault(address, length, False, part.page)
        return self.memory.read(address, length)

    def store(self, address: int, data: Bytes) -> None:
        """Write; raises Fault at the first page that can't be written in place.

        A word is one access and leaves nothing half done, an 8-byte word on a 32-bit machine is two;
        a copy has then written up to the page (section 2.9, point 9).
        """
        length = len(data)
        page = self.pages.get(address >> self.shift)
        end = (address & (self.page_size - 1)) + length
        if page is not None and end <= self.page_size and page.kind is ORDINARY:
            page.data[end - length : end] = data
            return
        if length in WORD_LENGTHS:
            for start in range(0, length, self.word):
                self._store_whole(address + start, data[start : start + self.word])
            return
        done = 0
        for part in self.memory.ranges(address, length):
            self._store_whole(address + done, data[done : done + part.size])
            done += part.size

    def _store_whole(self, address: int, data: Bytes) -> None:
        """Write all of a range or nothing."""
        memory = self.memory
        for part in memory.ranges(address, len(data)):
            page = memory.pages.get(part.page)
            if page is None or page.kind in _NOT_WRITABLE_IN_PLACE:
                raise memory.fault(address, len(data), True, part.page)
        memory.write(address, data)

    def barrier(self) -> None:
        """One thread sees its own accesses in order: nothing to do."""


class KernelMapping:
    """From 2018-03: the pinned pages mapped into the kernel; nothing can fault any more."""

    __slots__ = ("byteorder", "memory")
    chunk = 1 << 16  # one piece, whatever the length

    def __init__(self, memory: Memory, byteorder: ByteOrder) -> None:
        self.memory = memory
        self.byteorder: ByteOrder = byteorder

    def load(self, address: int, length: int) -> Bytes:
        """The bytes of a range of pinned pages."""
        memory = self.memory
        offset = address & (memory.page_size - 1)
        if offset + length <= memory.page_size and length:
            return memory.pages[address >> memory.shift].data[offset : offset + length]
        return memory.read(address, length)

    def store(self, address: int, data: Bytes) -> None:
        """Set the bytes of a range of pinned pages."""
        self.memory.write(address, data)

    def barrier(self) -> None:
        """One thread sees its own accesses in order: nothing to do."""


class Observed:
    """Another access, telling an observer of every movement of op number ``op``."""

    __slots__ = ("byteorder", "chunk", "inner", "memory", "observe", "op")

    def __init__(self, inner: UserMemory, memory: Memory, observe: Observer) -> None:
        self.inner = inner
        self.memory = memory
        self.observe = observe
        self.op = 0
        self.chunk = inner.chunk
        self.byteorder: ByteOrder = inner.byteorder

    def load(self, address: int, length: int) -> Bytes:
        """Load and tell."""
        data = bytes(self.inner.load(address, length))
        self.observe(Loaded(self.op, address, data))
        return data

    def store(self, address: int, data: Bytes) -> None:
        """Store and tell; of a store that faults, the bytes that were written."""
        before = self._present(address, len(data))
        try:
            self.inner.store(address, data)
        except Fault:
            after = self._present(address, len(data))
            if after != before:
                self.observe(Stored(self.op, address, before, after))
            raise
        self.observe(Stored(self.op, address, before, bytes(data)))

    def barrier(self) -> None:
        """Fence and tell."""
        self.inner.barrier()
        self.observe(Fenced(self.op))

    def _present(self, address: int, length: int) -> bytes:
        """The bytes of the range up to the first page that is not mapped."""
        found = b""
        for part in self.memory.ranges(address, length):
            page = self.memory.pages.get(part.page)
            if page is None:
                break
            found += page.data[part.offset : part.offset + part.size]
        return found


def access_for(abi: Abi, memory: Memory) -> UserMemory:
    """The way in which the kernel of a revision reaches memory while a vector runs."""
    if abi.revision.maps_operands:
        return KernelMapping(memory, abi.model.byteorder)
    return FaultsDisabled(memory, abi.model.byteorder, abi.model.word)
