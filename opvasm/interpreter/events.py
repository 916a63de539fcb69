"""What happens during a call, as values, in the order in which it happens.

Traces, the debugger and the explorer live on these, so that none of them needs semantics of its
own.  ``op`` is always the index of an op in its vector; addresses and lengths are in bytes.
"""

from __future__ import annotations

from collections.abc import Callable

from ..abi.ops import Access
from ..abi.pages import PageKind
from ..light_typing import NamedTuple
from ..program import Instruction
from ..verifier.kernel_rules import Violation


class Called(NamedTuple):
    """The call begins, with its arguments as they were passed.  ``current`` is the caller's CPU."""

    cpuopcnt: int
    cpu: int
    flags: int
    current: int


class Queried(NamedTuple):
    """A query flag was answered; nothing else of the call was looked at."""

    flag: str
    answer: int


class ArgumentRefused(NamedTuple):
    """An argument of the call is wrong: ``flags``, ``cpu``, ``cpuopcnt`` (abi.md 2.1, steps 1-4)."""

    argument: str
    value: int
    errno: int


class VectorUnreadable(NamedTuple):
    """The vector could not be copied in (step 5)."""

    address: int
    length: int
    errno: int


class CopiedIn(NamedTuple):
    """The vector was read; ops that overwrite it no longer change the call."""

    instructions: tuple[Instruction, ...]


class VectorRefused(NamedTuple):
    """A static rule answered (steps 6 and 7)."""

    violation: Violation
    errno: int


class PageChange(NamedTuple):
    """A page became another kind because it was touched; its bytes stay.  ``page`` is its address."""

    page: int
    before: PageKind
    after: PageKind


class Pinned(NamedTuple):
    """An operand's pages were checked and pinned (step 9)."""

    op: int
    operand: str
    address: int
    length: int
    access: Access
    pages: int
    changes: tuple[PageChange, ...]


class PinRefused(NamedTuple):
    """An operand's memory was refused (step 9); ``expected`` when its expect_fault byte is set.

    ``kind`` is the kind of the page that refused, None for an address outside user space.
    ``reason`` says it in words.
    """

    op: int
    operand: str
    address: int
    length: int
    access: Access
    page: int
    kind: PageKind | None
    reason: str
    expected: bool
    errno: int
    changes: tuple[PageChange, ...] = ()


class Moved(NamedTuple):
    """The caller went to the CPU of the call, or was there already."""

    source: int
    target: int


class RunsOffline(NamedTuple):
    """The CPU is offline: the vector runs on ``current`` under the global mutex (section 2.5)."""

    cpu: int
    current: int


class CpuRefused(NamedTuple):
    """The CPU can't be had (step 10); ``reason`` in words."""

    cpu: int
    reason: str
    errno: int


class Restarted(NamedTuple):
    """The pinned pages were no longer the mapped ones, and the retry failed (quirk)."""

    page: int
    errno: int


class Started(NamedTuple):
    """An op begins to run."""

    op: int
    instruction: Instruction


class Loaded(NamedTuple):
    """An op read bytes."""

    op: int
    address: int
    data: bytes


class Stored(NamedTuple):
    """An op wrote bytes: what was there, what is there now."""

    op: int
    address: int
    before: bytes
    after: bytes


class Fenced(NamedTuple):
    """A full barrier, or the ordering of a release store."""

    op: int


class Faulted(NamedTuple):
    """An op could not reach its memory while it ran (section 3.7); earlier effects stay."""

    op: int
    address: int
    length: int
    writes: bool
    page: int
    kind: PageKind | None
    errno: int


class Finished(NamedTuple):
    """An op is done; ``stops`` when it is a compare that ends the vector."""

    op: int
    stops: bool


class Returned(NamedTuple):
    """The call returns: 0, the index + 1 of the compare that stopped it, or a negative errno."""

    result: int


Event = (
    Called
    | Queried
    | ArgumentRefused
    | VectorUnreadable
    | CopiedIn
    | VectorRefused
    | Pinned
    | PinRefused
    | Moved
    | RunsOffline
    | CpuRefused
    | Restarted
    | Started
    | Loaded
    | Stored
    | Fenced
    | Faulted
    | Finished
    | Returned
)
Observer = Callable[[Event], None]
