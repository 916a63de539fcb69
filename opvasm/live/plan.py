"""A vector made ready for a real process: its pages, and its ops as the stub reads them.

The order of the checks and what each page answers are the reference interpreter's (``Pins``); this
file only asks it about real pages, and keeps what does not change from call to call.
"""

from __future__ import annotations

import struct
from collections.abc import Collection
from typing import NamedTuple

from ..abi.ops import WORD_LENGTHS, Access
from ..abi.revisions import Abi, ZeroPageRead
from ..binary import decode
from ..interpreter.entry import outside_user_space
from ..interpreter.events import Pinned, PinRefused
from ..interpreter.pages import Demand, Pins
from ..interpreter.prepared import Prepared, prepare
from ..machine.memory import Memory
from .space import Space, live_pages
from .stub import NativeOps, native_ops

_LIMIT = 4096


class Plan(NamedTuple):
    """What a vector's bytes alone decide.

    ``touches`` are the words that the stub touches pages with (bit 0: for writing), ``owners`` the
    operand that each is touched for.  ``reads`` and ``writes`` are page numbers; ``zero_matters``
    are those where a page never touched changes the answer.  ``ordinary`` is False where an operand
    leaves user space.
    """

    prepared: Prepared
    native: NativeOps
    touches: bytes
    owners: tuple[Demand, ...]
    reads: frozenset[int]
    writes: frozenset[int]
    zero_matters: frozenset[int]
    ordinary: bool
    page_size: int


class Checked(NamedTuple):
    """A vector whose pages were checked: what to touch, for whom, and which ops to run.

    ``refused`` is the outcome that ends the call, None when every operand may be used.
    """

    touches: bytes
    owners: tuple[Demand, ...]
    native: NativeOps
    refused: PinRefused | None
    outcomes: tuple[Pinned | PinRefused, ...]


class Planner:
    """Plans of the vectors seen so far, for one revision."""

    __slots__ = ("_memory", "_plans", "_zero_pages_matter", "abi", "quirks")

    def __init__(self, abi: Abi, quirks: Collection[str] = ()) -> None:
        self.abi = abi
        self.quirks = frozenset(quirks) & {quirk.name for quirk in abi.revision.quirks}
        self._plans: dict[bytes, Plan] = {}
        self._memory = Memory(abi.page_size)  # for its arithmetic of pages only
        self._zero_pages_matter = abi.revision.zero_page_read is not ZeroPageRead.ALLOWED

    def plan(self, data: bytes) -> Plan:
        """The plan of a vector's bytes; the same vector is usually called again and again."""
        plan = self._plans.get(data)
        if plan is None:
            if len(self._plans) >= _LIMIT:
                self._plans.clear()
            plan = self._plans[data] = self._make(data)
        return plan

    def _make(self, data: bytes) -> Plan:
        prepared = prepare(decode(data, self.abi, None), self.abi)
        none: frozenset[int] = frozenset()
        if prepared.violation is not None:
            return Plan(
                prepared,
                NativeOps(b"", 0, (), 0),
                b"",
                (),
                none,
                none,
                none,
                False,
                self.abi.page_size,
            )
        touches = _Touches()
        reads: set[int] = set()
        writes: set[int] = set()
        zero_matters: set[int] = set()
        ordinary = True
        pins_for_write = self.abi.revision.pins_for_write
        for demand in prepared.demands:
            if outside_user_space(self.abi, demand.address, demand.length):
                ordinary = False
                continue
            for part in self._memory.ranges(demand.address, demand.length):
                page = part.page
                if Access.WRITE in demand.operand.access:
                    touches.add(page << self._memory.shift, pins_for_write, demand)
                    writes.add(page)
                    if not pins_for_write:
                        zero_matters.add(page)
                else:
                    touches.add(page << self._memory.shift, False, demand)
                    reads.add(page)
                    if self._zero_pages_matter and page not in writes:
                        zero_matters.add(page)
        return Plan(
            prepared,
            native_ops(prepared),
            touches.words(),
            tuple(touches.owners),
            frozenset(reads),
            frozenset(writes),
            frozenset(zero_matters),
            ordinary,
            self.abi.page_size,
        )

    def check(self, plan: Plan, space: Space, every_outcome: bool) -> Checked:
        """Ask for the pages of every operand in the kernel's order (abi.md section 2.1, step 9).

        ``every_outcome`` also lists what was found for each operand.  Raises OSError when the
        process is gone.
        """
        if (
            plan.ordinary
            and not every_outcome
            and plan.writes <= space.writable
            and plan.reads <= space.readable
            and not any(space.is_zero_page(page) for page in plan.zero_matters)
        ):
            return Checked(plan.touches, plan.owners, plan.native, None, ())
        checked = self._check_each(plan, space)
        if checked.refused is not None:
            # What was remembered of the mappings may be old: an error must be true now.
            space.forget()
            checked = self._check_each(plan, space)
        return checked

    def _check_each(self, plan: Plan, space: Space) -> Checked:
        memory = live_pages(space)
        pins = Pins(self.abi, memory, self.quirks)
        touches = _Touches()
        outcomes: list[Pinned | PinRefused] = []
        fault_at: tuple[int, int] | None = None
        pins_for_write = self.abi.revision.pins_for_write
        for demand in plan.prepared.demands:
            outcome = pins.pin(demand)
            outcomes.append(outcome)
            if isinstance(outcome, PinRefused):
                return Checked(b"", (), plan.native, outcome, tuple(outcomes))
            changed = {change.page for change in outcome.changes}
            stores = Access.WRITE in demand.operand.access
            for part in memory.ranges(demand.address, demand.length):
                address = part.page << memory.shift
                touches.add(address, (stores and pins_for_write) or address in changed, demand)
                faults = stores and not pins_for_write and memory.kind(address).is_zero_page
                if faults and fault_at is None:
                    is_copy = Access.READ not in demand.operand.access
                    before = max(0, address - demand.address) if is_copy else 0
                    fault_at = (demand.op, 0 if demand.length in WORD_LENGTHS else before)
        native = plan.native if fault_at is None else native_ops(plan.prepared, fault_at)
        return Checked(touches.words(), tuple(touches.owners), native, None, tuple(outcomes))


class _Touches:
    """The pages to touch, each as often as its access grows."""

    __slots__ = ("_seen", "_words", "owners")

    def __init__(self) -> None:
        self.owners: list[Demand] = []
        self._seen: dict[int, bool] = {}
        self._words: list[int] = []

    def add(self, address: int, writes: bool, owner: Demand) -> None:
        """Touch the page at an address for an operand."""
        seen = self._seen.get(address)
        if seen is not None and (seen or not writes):
            return
        self._seen[address] = writes
        self._words.append(address | writes)
        self.owners.append(owner)

    def words(self) -> bytes:
        """The stub's list."""
        return struct.pack(f"<{len(self._words)}Q", *self._words)
