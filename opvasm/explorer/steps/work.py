"""One step at work: the memory of a state while a thread changes it.

Implements what the interpreter's functions need (UserMemory), so that ops of vectors run by the
very functions that the reference interpreter runs them by.
"""

from __future__ import annotations

from ...machine.memory import Fault
from .image import MAIN, SLOTS, Image

Range = tuple[int, int]
# (vector, op, how it was run, what happened there)
Covered = tuple[str, int, str, str]


class Work:
    """A state being changed by the step of one thread.

    ``local`` is the stepping thread's local state.  ``reads`` and ``writes`` list the byte ranges
    (start, end) of the state that were touched.  While ``redirect`` is a dict, stores go there and
    not to memory: this is how an op's loads are taken apart from its stores.  ``served`` is what the
    next load of an address gets, once: the op has loaded it in an earlier step.
    """

    __slots__ = (
        *("byteorder", "chunk", "image", "local", "memory", "reads", "writes", "undo"),
        *("slots", "pool", "redirect", "served", "covered", "online", "allowed", "threads"),
    )

    def __init__(self, image: Image, chunk: int) -> None:
        self.image = image
        self.byteorder = image.byteorder
        self.chunk = chunk
        self.local: list[int] = []
        self.memory = bytearray()
        self.reads: list[Range] = []
        self.writes: list[Range] = []
        self.undo: list[tuple[int, bytes]] = []
        self.slots = b""
        self.pool = b""
        self.redirect: dict[int, bytes] | None = None
        self.served: tuple[int, bytes] | None = None
        self.covered: set[Covered] = set()
        self.online: frozenset[int] = frozenset()
        self.allowed: frozenset[int] = frozenset()
        self.threads: tuple[tuple[int, ...], ...] = ()  # steps look at their own thread only

    def load(self, address: int, length: int) -> bytes:
        """The bytes of a range; raises Fault."""
        if self.served is not None and self.served[0] == address:
            data, self.served = self.served[1][:length], None
            return data
        region = self.image.locate(address, length, False)
        start = region.start + address - region.base
        if region.store == MAIN:
            self.reads.append((start, start + length))
            data = bytes(self.memory[start : start + length])
            if self.redirect:
                return self._redirected(address, data)
            return data
        source = self.slots if region.store == SLOTS else self.pool
        if start + length > len(source):
            raise Fault(address, length, False, address, region.kind)
        return source[start : start + length]

    def store(self, address: int, data: bytes | bytearray) -> None:
        """Set the bytes at an address; raises Fault."""
        region = self.image.locate(address, len(data), True)
        if region.store != MAIN or not region.kind.writable:
            raise Fault(address, len(data), True, address, region.kind)
        if self.redirect is not None:
            self.redirect[address] = bytes(data)
            return
        start = region.start + address - region.base
        end = start + len(data)
        self.writes.append((start, end))
        self.undo.append((start, bytes(self.memory[start:end])))
        self.memory[start:end] = data

    def barrier(self) -> None:
        """Memory is sequentially consistent: nothing to do."""

    def load_number(self, address: int, size: int) -> int:
        """The unsigned number at an address."""
        return int.from_bytes(self.load(address, size), self.byteorder)

    def store_number(self, address: int, size: int, value: int) -> None:
        """Set the number at an address, modulo its size."""
        self.store(address, (value % (1 << 8 * size)).to_bytes(size, self.byteorder))

    def byte(self, index: int) -> int:
        """A byte of the state, read as the stepping thread reads it."""
        self.reads.append((index, index + 1))
        return self.memory[index]

    def set_byte(self, index: int, value: int) -> None:
        """A byte of the state, set by the stepping thread."""
        self.writes.append((index, index + 1))
        self.undo.append((index, bytes((self.memory[index],))))
        self.memory[index] = value

    def _redirected(self, address: int, data: bytes) -> bytes:
        """The bytes of a range as they would be if the redirected stores had happened."""
        assert self.redirect is not None
        seen = bytearray(data)
        for start, stored in self.redirect.items():
            for offset, byte in enumerate(stored):
                at = start + offset - address
                if 0 <= at < len(seen):
                    seen[at] = byte
        return bytes(seen)
