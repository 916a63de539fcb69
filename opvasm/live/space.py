"""A program's address space as the supervisor sees it: its mappings, its pages, the stub's slots.

Threads share one; a forked child gets a copy of its own; exec begins a new one.
"""

from __future__ import annotations

import os
import struct
from errno import ENOTTY

from ..abi.pages import PageKind
from ..machine.memory import Memory, Page
from . import linux, stub
from .linux import Mapping

SLOTS_PER_CHUNK = 16
CHUNK_SIZE = SLOTS_PER_CHUNK * stub.SLOT_SIZE
_SPECIAL_NAMES = ("[vdso]", "[vvar]", "[vvar_vclock]", "[vsyscall]", "[uprobes]")
# Files under /dev whose mappings are ordinary memory.
_MEMORY_DEVICES = ("/dev/zero", "/dev/shm/")
_CACHE_LIMIT = 1 << 16

_PRESENT, _SWAPPED, _FILE_OR_SHARED, _EXCLUSIVE = 1 << 63, 1 << 62, 1 << 61, 1 << 56


class Space:
    """One address space, reached through a process ``pid`` that lives in it."""

    __slots__ = (
        *("pid", "page_size", "memory", "free_slots", "chunks", "_maps", "_pagemap"),
        *("_mappings", "readable", "writable", "users"),
    )

    def __init__(self, pid: int, page_size: int) -> None:
        self.pid = pid
        self.page_size = page_size
        self.memory = -1
        self._maps = -1
        self._pagemap = -1
        self.free_slots: list[int] = []
        self.chunks: list[int] = []
        self._mappings: dict[int, Mapping] = {}
        # Page numbers known to be ordinary memory that may be read, and written.
        self.readable: set[int] = set()
        self.writable: set[int] = set()
        self.users = 0

    def open(self) -> None:
        """Open the files of /proc, once; raises OSError when the process is gone."""
        if self.memory < 0:
            base = f"/proc/{self.pid}"
            self.memory = os.open(f"{base}/mem", os.O_RDWR | os.O_CLOEXEC)
            self._maps = os.open(f"{base}/maps", os.O_RDONLY | os.O_CLOEXEC)
            self._pagemap = os.open(f"{base}/pagemap", os.O_RDONLY | os.O_CLOEXEC)

    def close(self) -> None:
        """Close the files."""
        for descriptor in (self.memory, self._maps, self._pagemap):
            if descriptor >= 0:
                os.close(descriptor)
        self.memory = self._maps = self._pagemap = -1

    def forked(self, pid: int) -> Space:
        """The copy that a forked child has: the same addresses, slots that nobody uses."""
        child = Space(pid, self.page_size)
        child.chunks = list(self.chunks)
        child.open()
        for chunk in self.chunks:
            # A chunk that was mapped after the fork is not there.
            try:
                if os.pread(child.memory, len(stub.CODE), chunk) == stub.CODE:
                    child.add_slots(chunk)
            except OSError:
                continue
        return child

    def add_chunk(self, address: int) -> None:
        """Put the stub into every slot of a new mapping."""
        self.chunks.append(address)
        for index in range(SLOTS_PER_CHUNK):
            os.pwrite(self.memory, stub.CODE, address + index * stub.SLOT_SIZE)
        self.add_slots(address)

    def add_slots(self, chunk: int) -> None:
        """The slots of a chunk become free."""
        self.free_slots += [
            chunk + index * stub.SLOT_SIZE for index in reversed(range(SLOTS_PER_CHUNK))
        ]

    def forget(self) -> None:
        """Ask again: a mapping turned out to be another than it was."""
        self._mappings.clear()
        self.readable.clear()
        self.writable.clear()

    def mapping(self, page: int) -> Mapping | None:
        """The mapping of a page number; positive answers are kept until ``forget``."""
        found = self._mappings.get(page)
        if found is None:
            found = self._ask(page * self.page_size)
            if found is not None:
                if len(self._mappings) > _CACHE_LIMIT:
                    self.forget()
                self._mappings[page] = found
        return found

    def _ask(self, address: int) -> Mapping | None:
        try:
            return linux.query_mapping(self._maps, address)
        except OSError as problem:
            if problem.errno != ENOTTY:
                raise
        with open(f"/proc/{self.pid}/maps", encoding="utf-8", errors="surrogateescape") as file:
            return next(
                (
                    each
                    for each in linux.parse_maps(file.read())
                    if each.start <= address < each.end
                ),
                None,
            )

    def is_readable(self, address: int, length: int) -> bool:
        """Whether the whole range may be read."""
        if length == 0:
            return True
        first, last = address // self.page_size, (address + length - 1) // self.page_size
        for page in range(first, last + 1):
            if page in self.readable:
                continue
            mapping = self.mapping(page)
            if mapping is None or not mapping.readable:
                return False
        return True

    def is_readable_now(self, address: int, length: int) -> bool:
        """Whether the range may be read, nothing remembered."""
        self.forget()
        return self.is_readable(address, length)

    def read(self, address: int, length: int) -> bytes | None:
        """The bytes of a range, None unless the program itself could read all of them."""
        if not self.is_readable(address, length) and not self.is_readable_now(address, length):
            return None
        try:
            data = os.pread(self.memory, length, address)
        except OSError:
            return None
        return data if len(data) == length else None

    def is_zero_page(self, page: int) -> bool:
        """Whether a page of private memory was never touched, or only read: the shared zero page."""
        entry: int = struct.unpack("<Q", os.pread(self._pagemap, 8, page * 8))[0]
        if entry & _PRESENT:
            if entry & (_FILE_OR_SHARED | _EXCLUSIVE):
                return False
        elif entry & _SWAPPED:
            return False
        state = linux.page_state(self._pagemap, page * self.page_size, self.page_size)
        return state.zero or not (state.present or state.swapped)

    def page_kind(self, page: int) -> PageKind:
        """What kind of page the kernel would meet.

        A page that is still shared after a fork counts as mapped: the first write copies it, as it
        would for the kernel.  Non-cached mappings can't be told from here.
        """
        mapping = self.mapping(page)
        if mapping is None or not (mapping.readable or mapping.writable):
            return PageKind.UNMAPPED
        name = mapping.name
        if name in _SPECIAL_NAMES:
            return PageKind.SPECIAL
        if name.startswith("/dev/") and not name.startswith(_MEMORY_DEVICES):
            if self._is_device(mapping):
                return PageKind.DEVICE
        elif mapping.anonymous and self.is_zero_page(page):
            return PageKind.ZERO if mapping.writable else PageKind.ZERO_READONLY
        self.readable.add(page)
        if mapping.writable:
            self.writable.add(page)
            return PageKind.MAPPED
        return PageKind.READONLY

    def _is_device(self, mapping: Mapping) -> bool:
        """Whether a mapping is of device memory: /proc/PID/smaps says ``io`` or ``pf``."""
        start = f"{mapping.start:x}-"
        with open(f"/proc/{self.pid}/smaps", encoding="utf-8", errors="replace") as file:
            inside = False
            for line in file:
                if line.startswith(start):
                    inside = True
                elif inside and line.startswith("VmFlags:"):
                    return not {"io", "pf"}.isdisjoint(line.split())
        return False


class _Lookup(dict[int, Page]):
    """Pages by number that are asked of the process when they are first needed."""

    __slots__ = ("space",)

    def __init__(self, space: Space) -> None:
        super().__init__()
        self.space = space

    def get(self, number: int, default: object = None) -> Page | None:  # type: ignore[override]
        """The page, with its kind; its bytes are not looked at."""
        page = super().get(number)
        if page is None:
            kind = self.space.page_kind(number)
            if kind is PageKind.UNMAPPED:
                return None
            page = self[number] = Page(kind, bytearray())
        return page


def live_pages(space: Space) -> Memory:
    """The memory of a process as the reference interpreter's page checks want to see it.

    Only the kinds of its pages can be asked for; they are those of this moment.
    """
    memory = Memory(space.page_size)
    memory.pages = _Lookup(space)
    return memory
