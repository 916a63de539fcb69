"""A vector made ready for a real process: its pages, and its ops as the stub reads them.

The order of the checks and what each page answers are the reference interpreter's (``Pins``); this
file only asks it about real pages, and keeps what does not change from call to call.
"""

from __future__ import annotations

import struct
from collections.abc import Collection, Iterable
from typing import NamedTuple

from ..abi.ops import WORD_LENGTHS
from ..abi.revisions import Abi, ZeroPageRead
from ..binary import decode
from ..interpreter.entry import outside_user_space
from ..interpreter.events import Pinned, PinRefused
from ..interpreter.pages import Demand, Pins
from ..interpreter.prepared import Prepared, prepare
from ..machine.memory import Memory
from .form import Form, Key, Operands, Reach, form_of, key_of, reaches_of, words_of
from .space import Space, live_pages
from .stub import NativeOps, native_ops

_LIMIT = 4096
_NOTHING = NativeOps(b"", 0, (), 0)


class Pages(NamedTuple):
    """The pages that a vector's operands need.

    ``touches`` are the words that the stub touches pages with (bit 0: for writing).  ``reads`` and
    ``writes`` are page numbers; ``zero_matters`` are those where a page never touched changes the
    answer.  ``ordinary`` is False where an operand leaves user space.
    """

    touches: bytes
    reads: frozenset[int]
    writes: frozenset[int]
    zero_matters: frozenset[int]
    ordinary: bool


class Plan:
    """What a vector's bytes alone decide.

    ``passes`` is False where a static rule refuses the vector.
    """

    __slots__ = ("_abi", "_data", "_prepared", "native", "page_size", "pages", "passes")

    def __init__(
        self, data: bytes, abi: Abi, native: NativeOps, pages: Pages, prepared: Prepared | None
    ) -> None:
        self.native = native
        self.pages = pages
        self.page_size = abi.page_size
        self.passes = prepared is None or prepared.violation is None
        self._abi = abi
        self._data = data
        self._prepared = prepared

    @property
    def prepared(self) -> Prepared:
        """The vector as the interpreter has it, with the rule that refuses it."""
        if self._prepared is None:
            self._prepared = prepare(decode(self._data, self._abi, None), self._abi)
        return self._prepared

    def owners(self) -> tuple[Demand, ...]:
        """The operands that the pages of ``pages.touches`` are touched for."""
        touches, memory = _Touches(), Memory(self.page_size)
        for demand in self.prepared.demands:
            stores = demand.operand.access.writes and self._abi.revision.pins_for_write
            for part in memory.ranges(demand.address, demand.length):
                touches.add(part.page << memory.shift, stores, demand)
        return tuple(touches.owners)


class Checked(NamedTuple):
    """A vector whose pages were checked: what to touch, for whom, and which ops to run.

    ``owners`` are the operands that each page is touched for; None: those of the plan.
    ``refused`` is the outcome that ends the call, None when every operand may be used.
    """

    touches: bytes
    owners: tuple[Demand, ...] | None
    native: NativeOps
    refused: PinRefused | None
    outcomes: tuple[Pinned | PinRefused, ...]


class Planner:
    """Plans of the vectors seen so far, for one revision."""

    __slots__ = (
        *("_form_pages", "_forms", "_memory", "_plans", "_zero_pages_matter"),
        *("abi", "quirks"),
    )

    def __init__(self, abi: Abi, quirks: Collection[str] = ()) -> None:
        self.abi = abi
        self.quirks = frozenset(quirks) & {quirk.name for quirk in abi.revision.quirks}
        self._plans: dict[bytes, Plan] = {}
        self._forms: dict[Key, Form] = {}
        # By the operands' lengths and addresses: a vector often differs in its values alone.
        self._form_pages: dict[tuple[Operands, tuple[int, ...]], Pages] = {}
        self._memory = Memory(abi.page_size)  # for its arithmetic of pages only
        self._zero_pages_matter = abi.revision.zero_page_read is not ZeroPageRead.ALLOWED

    def plan(self, data: bytes) -> Plan:
        """The plan of a vector's bytes; the same vector is often called again and again."""
        plan = self._plans.get(data)
        if plan is None:
            if len(self._plans) >= _LIMIT:
                self._plans.clear()
            plan = self._plans[data] = self._by_form(data) or self._make(data)
        return plan

    def _by_form(self, data: bytes) -> Plan | None:
        """The plan of a vector whose form is known and whose operands lie in user space."""
        words = words_of(data)
        form = self._forms.get(key_of(words))
        if form is None:
            return None
        addresses = form.addresses(words)
        key = (form.operands, addresses)
        pages = self._form_pages.get(key)
        if pages is None:
            if len(self._form_pages) >= _LIMIT:
                self._form_pages.clear()
            pages = self._form_pages[key] = self._pages(form.reaches(addresses))
        return Plan(data, self.abi, form.native_ops(words), pages, None) if pages.ordinary else None

    def _make(self, data: bytes) -> Plan:
        prepared = prepare(decode(data, self.abi, None), self.abi)
        if prepared.violation is not None:
            return Plan(data, self.abi, _NOTHING, self._pages(()), prepared)
        native, pages = native_ops(prepared), self._pages(reaches_of(prepared))
        form = form_of(prepared, native, self.abi) if pages.ordinary else None
        if form is not None:
            if len(self._forms) >= _LIMIT:
                self._forms.clear()
            self._forms[key_of(words_of(data))] = form
        return Plan(data, self.abi, native, pages, prepared)

    def _pages(self, reaches: Iterable[Reach]) -> Pages:
        shift, pins_for_write = self._memory.shift, self.abi.revision.pins_for_write
        touched: dict[int, bool] = {}
        words: list[int] = []
        reads: set[int] = set()
        writes: set[int] = set()
        zero_matters: set[int] = set()
        ordinary = True
        for address, length, stores in reaches:
            if outside_user_space(self.abi, address, length):
                ordinary = False
                continue
            if not length:
                continue
            touches_for_write = stores and pins_for_write
            for page in range(address >> shift, (address + length - 1 >> shift) + 1):
                seen = touched.get(page)
                if seen is None or (touches_for_write and not seen):
                    touched[page] = touches_for_write
                    words.append(page << shift | touches_for_write)
                if stores:
                    writes.add(page)
                    if not pins_for_write:
                        zero_matters.add(page)
                else:
                    reads.add(page)
                    if self._zero_pages_matter and page not in writes:
                        zero_matters.add(page)
        return Pages(
            struct.pack(f"<{len(words)}Q", *words),
            frozenset(reads),
            frozenset(writes),
            frozenset(zero_matters),
            ordinary,
        )

    def check(self, plan: Plan, space: Space, every_outcome: bool, vector: int) -> Checked:
        """Ask for the pages of every operand in the kernel's order (abi.md section 2.1, step 9).

        ``every_outcome`` also lists what was found for each operand.  ``vector`` is the number of
        the page that holds the whole vector, -1 for two pages.  Raises OSError when the process is
        gone.
        """
        touches, reads, writes, zero_matters, ordinary = plan.pages
        if (
            ordinary
            and not every_outcome
            and writes <= space.writable
            and reads <= space.readable
            # A vector with operands is not all zeros, so nor is the page that holds it.
            and not any(page != vector and space.is_zero_page(page) for page in zero_matters)
        ):
            return Checked(touches, None, plan.native, None, ())
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
            stores = demand.operand.access.writes
            for part in memory.ranges(demand.address, demand.length):
                address = part.page << memory.shift
                touches.add(address, (stores and pins_for_write) or address in changed, demand)
                faults = stores and not pins_for_write and memory.kind(address).is_zero_page
                if faults and fault_at is None:
                    is_copy = not demand.operand.access.reads
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
