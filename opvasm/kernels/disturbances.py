"""What can disturb the threads of a scenario, and why a section restarts: one row each.

The language's words, the budgets of a state, who is struck, what aborts and what a schedule says of
it: all of that is read from these rows.
"""

from __future__ import annotations

from ..light_enum import Enum, StrEnum
from ..light_typing import NamedTuple
from .profiles import Profile


class Strikes(Enum):
    """Whom a disturbance strikes."""

    ANY_THREAD = "any thread"
    NAMED_THREADS = "any thread, or the one that is named"
    NAMED_PLACES = "any thread, or the one that is named, at any op or at the one that is named"
    CPU = "a CPU"

    @property
    def names_thread(self) -> bool:
        """Whether a scenario can name the thread."""
        return self in (Strikes.NAMED_THREADS, Strikes.NAMED_PLACES)

    @property
    def names_place(self) -> bool:
        """Whether a scenario can name the vector and the op."""
        return self is Strikes.NAMED_PLACES


class Way(Enum):
    """How a disturbance disturbs.  The models and the C engine have a case for each, in this order.

    What disturbs in a way that is there already needs no more than its row.
    """

    MIGRATES = "the thread is on another CPU from now on"
    BOUNCES = "the thread is moved away between a vector's move and its start"
    SIGNALS = "the thread gets a signal, whose handler runs if there is one"
    PREEMPTS = "another process runs on the thread's CPU"
    FORGETS = (
        "the kernel forgets the section that the thread is in, which goes on without protection"
    )
    SWITCHES = "a CPU goes offline, and its threads move, or it comes back"
    TRAPS = "along with each step of the thread; it is not a decision of its own"
    STALLS = "the thread may stand still; nothing happens"

    @property
    def moves(self) -> bool:
        """Whether it can take a thread to another CPU."""
        return self in (Way.MIGRATES, Way.BOUNCES, Way.SWITCHES)

    @property
    def decides(self) -> bool:
        """Whether it is a decision of its own in a schedule."""
        return self not in (Way.TRAPS, Way.STALLS)


class Disturbance(StrEnum):
    """Something that the environment does to threads.  The value is its word in schedules.

    All but BOUNCE are words of the language as well.  The order is that in which a search tries what
    can happen next.
    """

    MIGRATE = "migrate"
    BOUNCE = "bounce"
    SIGNAL = "signal"
    PREEMPT = "preempt"
    CHECKPOINT = "checkpoint"
    UNPROTECTED = "unprotected"
    HOTPLUG = "hotplug"
    STEPPED = "stepped"
    STALLED = "stalled"

    __hash__ = str.__hash__

    @property
    def row(self) -> Row:
        """What there is to know of it."""
        return ROWS[self]

    def cause_under(self, profile: Profile) -> Cause | None:
        """What the restart of a section that it meets is put down to, on a kernel; None: it goes on."""
        row = self.row
        return row.cause if row.aborts is not None and getattr(profile, row.aborts) else None


class Cause(Enum):
    """Why a section restarts.  ``word`` as coverage has it, ``text`` as a schedule says it."""

    THREAD = "preemption", "preempted by {who}"
    PROCESS = "preemption", "preempted by another process"
    MIGRATION = "migration", "migrated from CPU {before} to {cpu}"
    SIGNAL = "signal", "a signal"
    FENCE = "fence", "a fence"
    TRAP = "step", "a single-step trap"

    def __init__(self, word: str, text: str) -> None:
        self.word = word
        self.text = text

    @property
    def event(self) -> str:
        """``aborted by preemption`` and the like."""
        return f"aborted by {self.word}"


class Row(NamedTuple):
    """One disturbance.

    ``budget`` is the disturbance whose limit it uses up (None: it has no limit to use up), and
    ``needs_limit`` says whether a scenario must write one.  ``strikes`` is whom it can strike, ``way``
    what it does there.
    ``aborts`` names the field of a Profile by which it aborts a section and ``cause`` is what the
    section's restart is put down to (None: no kernel aborts a section for it).
    ``happened`` is what a schedule says, with {thread}, {cpu} (where it is then), {before}
    (where it was) and {state} (of a CPU); ``instead`` is a short form for "if … instead".
    ``meaning`` is a sentence for ``opvasm explain``.
    """

    budget: Disturbance | None
    needs_limit: bool
    strikes: Strikes
    way: Way
    aborts: str | None
    cause: Cause | None
    happened: str
    instead: str
    meaning: str

    @property
    def in_language(self) -> bool:
        """Whether a scenario can write it: one that uses another's limit is a way of that other."""
        return self.budget is None or ROWS[self.budget] is self


ROWS: dict[Disturbance, Row] = {
    Disturbance.PREEMPT: Row(
        budget=Disturbance.PREEMPT,
        needs_limit=False,
        strikes=Strikes.ANY_THREAD,
        way=Way.PREEMPTS,
        aborts="preemption_aborts",
        cause=Cause.PROCESS,
        happened="{thread} is preempted by another process",
        instead="{thread} was preempted",
        meaning="Another process runs on the CPU in between, finitely often.",
    ),
    Disturbance.MIGRATE: Row(
        budget=Disturbance.MIGRATE,
        needs_limit=True,
        strikes=Strikes.ANY_THREAD,
        way=Way.MIGRATES,
        aborts="migration_aborts",
        cause=Cause.MIGRATION,
        happened="{thread} migrates from CPU {before} to {cpu}",
        instead="{thread} moved to CPU {cpu}",
        meaning="A thread moves to another CPU.",
    ),
    Disturbance.SIGNAL: Row(
        budget=Disturbance.SIGNAL,
        needs_limit=True,
        strikes=Strikes.ANY_THREAD,
        way=Way.SIGNALS,
        aborts="signal_aborts",
        cause=Cause.SIGNAL,
        happened="{thread} gets a signal",
        instead="{thread} got a signal",
        meaning="A signal reaches a thread; its handler runs, if it has one.",
    ),
    Disturbance.HOTPLUG: Row(
        budget=Disturbance.HOTPLUG,
        needs_limit=True,
        strikes=Strikes.CPU,
        way=Way.SWITCHES,
        aborts="migration_aborts",
        cause=Cause.MIGRATION,
        happened="CPU {cpu} goes {state}",
        instead="CPU {cpu} was switched",
        meaning="A CPU goes offline or comes back.",
    ),
    Disturbance.CHECKPOINT: Row(
        budget=Disturbance.CHECKPOINT,
        needs_limit=True,
        strikes=Strikes.ANY_THREAD,
        way=Way.FORGETS,
        aborts=None,
        cause=None,
        happened="{thread} is checkpointed and restored inside its section",
        instead="{thread} was checkpointed",
        meaning="The thread is saved inside of its section and restored: the kernel has forgotten "
        "the section, and it goes on without protection.",
    ),
    Disturbance.UNPROTECTED: Row(
        budget=Disturbance.UNPROTECTED,
        needs_limit=False,
        strikes=Strikes.NAMED_PLACES,
        way=Way.FORGETS,
        aborts=None,
        cause=None,
        happened="{thread} is made to leave its section, and goes on in it unprotected",
        instead="{thread} lost its section's protection",
        meaning="The kernel forgets the section while the thread is inside: it goes on, nothing "
        "aborts it any more, and it commits. gdb's breakpoint as gdb is by default (displaced "
        "stepping) does that, stepi, print f(), and a uprobe.",
    ),
    Disturbance.STEPPED: Row(
        budget=Disturbance.STEPPED,
        needs_limit=False,
        strikes=Strikes.NAMED_THREADS,
        way=Way.TRAPS,
        aborts="signal_aborts",
        cause=Cause.TRAP,
        happened="{thread} is trapped by its debugger",
        instead="{thread} was trapped by its debugger",
        meaning="A debugger traps after each instruction, and each trap inside of a section aborts "
        "it: gdb with displaced stepping off, a single-stepping tracer.",
    ),
    Disturbance.STALLED: Row(
        budget=None,
        needs_limit=False,
        strikes=Strikes.NAMED_THREADS,
        way=Way.STALLS,
        aborts=None,
        cause=None,
        happened="{thread} is not run again",
        instead="{thread} was not run again",
        meaning="The thread may lose its CPU for good.",
    ),
    Disturbance.BOUNCE: Row(
        budget=Disturbance.MIGRATE,
        needs_limit=False,
        strikes=Strikes.ANY_THREAD,
        way=Way.BOUNCES,
        aborts=None,
        cause=None,
        happened="{thread} finds itself on CPU {cpu} before its vector starts: EAGAIN",
        instead="{thread} lost the CPU before its vector",
        meaning="A thread is moved away between its move to the vector's CPU and the vector's start.",
    ),
}

IN_LANGUAGE: tuple[Disturbance, ...] = tuple(each for each in Disturbance if each.row.in_language)
"""Those that a scenario can write."""

DISTURBANCES: tuple[str, ...] = tuple(each.value for each in IN_LANGUAGE)
"""How it writes them."""

BUDGETS: tuple[Disturbance, ...] = tuple(each for each in Disturbance if each.row.budget is each)
"""Those with a limit, in the order in which a state counts what is left of each."""

DECIDING: tuple[Disturbance, ...] = tuple(each for each in Disturbance if each.row.way.decides)
"""Those that are decisions of their own."""

SLOT: dict[Disturbance, int] = {
    each: BUDGETS.index(each.row.budget) for each in Disturbance if each.row.budget is not None
}
"""Where the budget that a disturbance uses up stands in BUDGETS."""


_CALLS = "a section says where it makes a system call: `syscall`, or `syscall switches`"
_OUTSIDE = "what a tool does that takes a section's protection away is `unprotected`"
INSTEAD: dict[str, str] = {
    **dict.fromkeys(("syscall", "sleep", "yield", "nanosleep"), _CALLS),
    "fork": "a fork is a system call of the section: for the child it is `syscall switches`, for the "
    "parent `syscall`",
    **dict.fromkeys(
        ("vfork", "posix_spawn", "spawn"),
        "the child shares memory and is not registered: no section of it is protected on any kernel, "
        "which `unprotected` shows; give its thread the strategy lock or opv",
    ),
    **dict.fromkeys(
        ("tick", "timer"),
        "a timer's tick that switches nobody aborts now and then to 6.18 and never from 6.19 on; "
        "`preempt` makes the same aborts",
    ),
    "fault": "a page fault that is waited for is a switch: `preempt`; one that is not aborts nothing",
    "membarrier": "it is a statement of a thread: `fence membarrier`",
    **dict.fromkeys(("breakpoint", "gdb", "uprobe", "bpftrace"), _OUTSIDE),
    "criu": "CRIU's dump is `checkpoint`",
    "strace": "a tracer's stop at a system call is one in which the thread is switched out: "
    "`syscall switches`",
}
"""Words that are not disturbances of a scenario, and how what they mean is written."""
