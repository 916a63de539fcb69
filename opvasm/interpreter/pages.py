"""Pinning: what the kernel asks of an operand's pages before anything runs (abi.md section 2.4)."""

from __future__ import annotations

from collections.abc import Sequence

from ..abi.ops import Operand
from ..abi.pages import PageKind
from ..abi.revisions import Abi, ZeroPageRead
from ..light_typing import NamedTuple
from ..machine.memory import Memory, Page
from .entry import outside_user_space
from .errno import EAGAIN, EFAULT
from .events import PageChange, Pinned, PinRefused

MISSED_PIN_ERROR = "missed-pin-error"


class Demand(NamedTuple):
    """An operand of a vector, to be pinned."""

    op: int
    operand: Operand
    address: int
    length: int
    expect_fault: bool


class Denial(NamedTuple):
    """A page that can't be pinned: its address, kind (None: outside user space), and why."""

    page: int
    kind: PageKind | None
    reason: str


def refused(demand: Demand, denial: Denial, changes: Sequence[PageChange] = ()) -> PinRefused:
    """EFAULT, or EAGAIN when this operand's own expect_fault byte is set (section 2.3)."""
    return PinRefused(
        op=demand.op,
        operand=demand.operand.name,
        address=demand.address,
        length=demand.length,
        access=demand.operand.access,
        page=denial.page,
        kind=denial.kind,
        reason=denial.reason,
        expected=demand.expect_fault,
        errno=EAGAIN if demand.expect_fault else EFAULT,
        changes=tuple(changes),
    )


class Pins:
    """The pages pinned so far in one call.

    ``replaced`` is the address of a page that was pinned for reading while it was shared, and then
    replaced because a later operand writes it: a kernel that pins only once holds the old page.
    """

    __slots__ = ("abi", "memory", "quirks", "read_shared", "replaced")

    def __init__(self, abi: Abi, memory: Memory, quirks: frozenset[str]) -> None:
        self.abi = abi
        self.memory = memory
        self.quirks = quirks
        self.read_shared: set[int] = set()
        self.replaced: int | None = None

    def pin(self, demand: Demand) -> Pinned | PinRefused:
        """Check and pin the pages of an operand: access_ok, then page by page."""
        address, length = demand.address, demand.length
        changes: list[PageChange] = []
        if outside_user_space(self.abi, address, length):
            return refused(demand, Denial(address, None, "the range leaves user space"), changes)
        writes = demand.operand.access.writes and self.abi.revision.pins_for_write
        count = 0
        if self._error_is_missed(address, length):
            return self._pinned(demand, count, changes)
        for part in self.memory.ranges(address, length):
            count += 1
            denial = self._pin_page(part.page, writes, changes)
            if denial is not None:
                return refused(demand, denial, changes)
        return self._pinned(demand, count, changes)

    def _error_is_missed(self, address: int, length: int) -> bool:
        """The missed-pin-error quirk: pinning none of the pages gives a negative number, which the
        kernel takes for a large one; pinning fewer than asked is noticed."""
        return (
            MISSED_PIN_ERROR in self.quirks
            and length > 0
            and self.memory.kind(address) is PageKind.UNMAPPED
        )

    def _pinned(self, demand: Demand, pages: int, changes: list[PageChange]) -> Pinned:
        """The event of an operand whose pages are pinned."""
        return Pinned(
            op=demand.op,
            operand=demand.operand.name,
            address=demand.address,
            length=demand.length,
            access=demand.operand.access,
            pages=pages,
            changes=tuple(changes),
        )

    def _pin_page(self, number: int, writes: bool, changes: list[PageChange]) -> Denial | None:
        """Pin one page, or say why it can't be."""
        revision, memory = self.abi.revision, self.memory
        page = memory.pages.get(number)
        address = number << memory.shift
        if page is None:
            return Denial(address, PageKind.UNMAPPED, "the page is not mapped")
        kind = page.kind
        if kind in revision.refused_pages:
            return Denial(address, kind, f"the kernel refuses {kind.value} pages")
        if writes:
            if not kind.writable:
                return Denial(address, kind, "the page can't be written")
            if kind.shared_until_written:
                if number in self.read_shared:
                    self.replaced = address
                change(page, address, PageKind.MAPPED, changes)
        elif kind.is_zero_page:
            match revision.zero_page_read:
                case ZeroPageRead.ALLOWED:
                    self.read_shared.add(number)
                case ZeroPageRead.REFUSED:
                    return Denial(address, kind, "the kernel refuses the shared zero page")
                case ZeroPageRead.WRITE_FAULTED:
                    if not kind.writable:
                        return Denial(address, kind, "a read-only page can't be write-faulted")
                    change(page, address, PageKind.MAPPED, changes)
        elif kind.shared_until_written:
            self.read_shared.add(number)
        if page.kind is PageKind.SWAPPED:
            change(page, address, PageKind.MAPPED, changes)
        return None


def change(page: Page, address: int, kind: PageKind, changes: list[PageChange]) -> None:
    """A page becomes another kind, and that is written down."""
    changes.append(PageChange(address, page.kind, kind))
    page.kind = kind
