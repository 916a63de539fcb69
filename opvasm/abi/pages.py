"""The kinds of page an operand can meet (abi.md section 2.4; conformance FORMAT, ``perm``)."""

from __future__ import annotations

from ..light_enum import Enum


class PageKind(Enum):
    """What kind of memory a page is.  The value is its spelling in ``.opv`` and in messages."""

    MAPPED = "mapped"
    UNMAPPED = "unmapped"
    READONLY = "readonly"
    ZERO = "zero"
    ZERO_READONLY = "zero_readonly"
    COPY_ON_WRITE = "copy_on_write"
    SWAPPED = "swapped"
    SPECIAL = "special"
    DEVICE = "device"
    NONCACHED = "noncached"

    @property
    def writable(self) -> bool:
        """Whether the process may write there (its mapping allows it)."""
        return self in _WRITABLE

    @property
    def shared_until_written(self) -> bool:
        """Whether the first write gives the process a page of its own in place of a shared one."""
        return self in (PageKind.ZERO, PageKind.COPY_ON_WRITE)

    @property
    def is_zero_page(self) -> bool:
        """Whether the page reads from the one zero page of the system."""
        return self in (PageKind.ZERO, PageKind.ZERO_READONLY)

    @property
    def summary(self) -> str:
        """What the kind means, in one line."""
        return _SUMMARIES[self]


_WRITABLE = frozenset(
    {
        PageKind.MAPPED,
        PageKind.ZERO,
        PageKind.COPY_ON_WRITE,
        PageKind.SWAPPED,
        PageKind.DEVICE,
        PageKind.NONCACHED,
    }
)

_SUMMARIES = {
    PageKind.MAPPED: "ordinary private memory, readable and writable",
    PageKind.UNMAPPED: "nothing is there",
    PageKind.READONLY: "ordinary memory, mapped read-only",
    PageKind.ZERO: "writable, never touched: reads from the shared zero page",
    PageKind.ZERO_READONLY: "read-only, never touched: reads from the shared zero page",
    PageKind.COPY_ON_WRITE: "writable, but still shared until the first write copies it",
    PageKind.SWAPPED: "writable memory that lies in swap until it is touched",
    PageKind.SPECIAL: "lent by the kernel, such as the vdso; read-only",
    PageKind.DEVICE: "memory that belongs to a device, writable",
    PageKind.NONCACHED: "ordinary pages in a non-cached mapping, writable",
}
