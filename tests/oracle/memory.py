"""What memory is there, as the judge knows it: regions of bytes, and the kinds of their pages."""

from __future__ import annotations

from typing import NamedTuple

# Pages that a thread may store to; what cpu_opv says of pages is abi.md section 2.4.
WRITABLE = ("mapped", "zero", "copy_on_write", "swapped", "device", "noncached")


class Fault(Exception):
    """An access to memory that is not there, or arithmetic without a value."""


class Region(NamedTuple):
    """Addresses that are there, where their bytes stand in the state, and the kind of their pages."""

    first: int
    size: int
    offset: int
    kind: str


class Memory:
    """All regions of a configuration, under the rules of a revision."""

    def __init__(self, revision: str) -> None:
        self.revision = revision
        self.regions: list[Region] = []
        self.size = 0

    def add(self, address: int, size: int, kind: str = "mapped") -> None:
        """Some more memory, of a kind of page."""
        if size:
            self.regions.append(Region(address, size, self.size, kind))
            self.size += size

    def region(self, address: int, size: int) -> Region:
        """What holds all of a range.  Raises Fault where nothing does."""
        for each in self.regions:
            if each.first <= address and address + size <= each.first + each.size:
                return each
        raise Fault

    def refuses(self, address: int, size: int, writes: bool) -> bool:
        """Whether cpu_opv refuses an operand before it starts (abi.md section 2.4)."""
        try:
            kind = self.region(address, size).kind
        except Fault:
            return True
        if self.revision == "2017-10":
            return False
        if kind in ("special", "device") or (kind == "noncached" and self.revision >= "2018-04"):
            return True
        if writes:
            return kind not in WRITABLE
        return kind == "zero_readonly" and self.revision <= "2017-12"

    def read(self, held: bytearray, address: int, size: int) -> bytes:
        """The bytes of a range, of those that a state holds.  Raises Fault."""
        region = self.region(address, size)
        at = region.offset + address - region.first
        return bytes(held[at : at + size])

    def write(self, held: bytearray, address: int, data: bytes) -> None:
        """Set the bytes of a range.  Raises Fault, also where nobody may write."""
        region = self.region(address, len(data))
        if region.kind not in WRITABLE:
            raise Fault
        at = region.offset + address - region.first
        held[at : at + len(data)] = data
