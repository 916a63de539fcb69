"""The steps of a thread: what a scenario's text is lowered to, and liveness of its registers.

A thread's local state is one tuple of whole numbers: where it is, its CPU, what protects it, where
a signal handler returns to, then its registers.  A node acts on that list and on the memory of a
Work; only the model knows what a node's execution does to other threads.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from enum import IntEnum
from typing import TYPE_CHECKING

from ...source import Place

if TYPE_CHECKING:
    from .work import Work

# Positions in a thread's local state.
POINT, CPU, GUARD, RETURN, REGISTERS = 0, 1, 2, 3, 4
NOWHERE = -1
# An op that is two steps: how their texts end.
READS, WRITES = " (reads)", " (writes)"
# Where a signal ends a thread.
KILLED = "the kernel kills the process for an id that it has written (SIGSEGV)"
CRASH = "it touches memory that it must not touch (SIGSEGV), or computes what has no value (SIGFPE)"


class Guard(IntEnum):
    """What protects a thread from the others of its CPU."""

    NONE = 0
    SECTION = 1  # a restartable section: others may run, and then it restarts
    VECTOR = 2  # preemption is off
    OFFLINE = 3  # a vector for an offline CPU: the global mutex is held, and preemption is on


class Kind(IntEnum):
    """What a node does, as far as scheduling cares."""

    LOCAL = 0  # registers only
    CURRENT = 1  # reads the CPU the thread is on
    HANDLER_RETURN = 2
    ACCESS = 3  # user or kernel code that touches memory
    BEGIN = 4  # the store to rseq_cs and the check of cpu_id
    ENTER = 5  # the system call: move to the CPU, preemption off
    LOCK = 6  # waits until the lock of a CPU is free, and takes it
    WAIT = 7  # waits until the slow-path flag of a CPU is clear
    FENCE = 8  # membarrier(PRIVATE_EXPEDITED_RSEQ)
    FENCE_VECTOR = 9  # an empty vector on a CPU
    END = 10
    FAIL = 11


# Up to here a node works in registers: it belongs to the step before it, and so it never takes the
# CPU from anybody and never waits.
LAST_QUIET = Kind.HANDLER_RETURN


class Label:
    """A program point that is not known yet while code is being written."""

    __slots__ = ("point",)

    def __init__(self) -> None:
        self.point = NOWHERE


Action = Callable[["Work"], Label]


class Node:
    """One step of a thread.

    ``run`` acts and says where to go on; it is one of ``targets``.  ``scope`` is the guard under
    which the node runs, ``abort`` where a section restarts.  ``cpu_register`` holds the CPU that a
    LOCK, WAIT, ENTER or FENCE is about (NOWHERE: every CPU).  ``operation`` names the op of a
    vector: (vector, index of the op).  ``counted`` is False while a ``run`` is under way; ``commits``
    is True where one has just succeeded.  ``uses_cpu``: what it does depends on the CPU the thread
    is on.  ``own_too``: a FENCE at a CPU by number, which strikes its caller as well.  ``head``: a
    quiet node to which a later one goes back, so that a thread may go round there.
    """

    __slots__ = (
        *("kind", "run", "targets", "reads", "writes", "scope", "abort", "cpu_register"),
        *("operation", "text", "place", "counted", "handler", "commits", "uses_cpu", "own_too"),
        "head",
    )

    def __init__(
        self,
        kind: Kind,
        run: Action,
        targets: tuple[Label, ...],
        text: str,
        *,
        reads: Iterable[int] = (),
        writes: Iterable[int] = (),
        scope: Guard = Guard.NONE,
        abort: Label | None = None,
        cpu_register: int = NOWHERE,
        operation: tuple[str, int] | None = None,
        place: Place | None = None,
        counted: bool = True,
        handler: bool = False,
        uses_cpu: bool = False,
        own_too: bool = False,
    ) -> None:
        self.kind = kind
        self.run = run
        self.targets = targets
        self.reads = frozenset(reads)
        self.writes = frozenset(writes)
        self.scope = scope
        self.abort = abort
        self.cpu_register = cpu_register
        self.operation = operation
        self.text = text
        self.place = place
        self.counted = counted
        self.handler = handler
        self.commits = False
        self.uses_cpu = uses_cpu
        self.own_too = own_too
        self.head = False


class Registers:
    """The names of a thread's registers, numbered as they come up."""

    def __init__(self) -> None:
        self.numbers: dict[str, int] = {}

    def __call__(self, name: str) -> int:
        """The number of a register, given now if it is new."""
        return self.numbers.setdefault(name, REGISTERS + len(self.numbers))


class Builder:
    """Writes the nodes of one thread, one after the other."""

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self.registers = Registers()

    def here(self, label: Label) -> Label:
        """Give a label the place of the next node."""
        label.point = len(self.nodes)
        return label

    def add(self, node: Node) -> Node:
        """The next node."""
        self.nodes.append(node)
        return node


class Code:
    """A thread's nodes with what the model asks of each point.

    ``entry`` is where the thread begins, ``handler`` where its signal handler does (NOWHERE: none),
    ``crash`` where an access to memory it must not touch leaves it, ``killed`` where the kernel does
    that kills it for an id that it wrote (NOWHERE: this kernel does not).
    ``fresh`` are the registers of the handler, which begin at 0 each time that it runs.
    """

    __slots__ = (
        *("crash", "entry", "fresh", "handler", "killed", "nodes", "registers"),
        *("_live", "_main", "_dead"),
    )

    def __init__(
        self,
        builder: Builder,
        entry: Label,
        handler: Label | None,
        crash: Label,
        observed: Iterable[int],
        killed: Label | None = None,
    ) -> None:
        self.nodes = tuple(builder.nodes)
        self.registers = dict(builder.registers.numbers)
        self.entry = entry.point
        self.crash = crash.point
        self.killed = NOWHERE if killed is None else killed.point
        self.handler = NOWHERE if handler is None else handler.point
        main = {r for n in self.nodes if not n.handler for r in n.reads | n.writes}
        self.fresh = tuple(
            {r for n in self.nodes if n.handler for r in n.reads | n.writes} - main - {*observed}
        )
        for index, node in enumerate(self.nodes):
            if node.kind <= LAST_QUIET:
                for label in node.targets:
                    if label.point <= index and self.nodes[label.point].kind <= LAST_QUIET:
                        self.nodes[label.point].head = True
        self._main = _mask(main)
        self._live = _live(self.nodes, _mask(observed))
        self._dead: dict[int, tuple[int, ...]] = {}

    def dead(self, point: int) -> tuple[int, ...]:
        """The registers that hold nothing anybody will look at when the thread is at a point."""
        kept = self._live[point]
        if self.nodes[point].handler:
            # What the interrupted code still needs is not known inside a handler: keep all of it.
            kept |= self._main
        found = self._dead.get(kept)
        if found is None:
            every = range(REGISTERS, self.size)
            found = self._dead[kept] = tuple(r for r in every if not kept >> r & 1)
        return found

    @property
    def size(self) -> int:
        """The length of a local state."""
        return REGISTERS + len(self.registers)


def _mask(registers: Iterable[int]) -> int:
    """Registers as the bits of a number: sets of them for every point of a long program."""
    found = 0
    for register in registers:
        found |= 1 << register
    return found


def _live(nodes: tuple[Node, ...], observed: int) -> list[int]:
    """The live registers of each point: they flow backwards, along abort edges too."""
    live = [observed] * len(nodes)
    waiting = list(range(len(nodes)))
    queued = [True] * len(nodes)
    users: list[list[int]] = [[] for _ in nodes]
    leads: list[list[int]] = []
    reads = [_mask(node.reads) for node in nodes]
    lasting = [~_mask(node.writes) for node in nodes]
    for index, node in enumerate(nodes):
        ways = [label.point for label in node.targets]
        if node.abort is not None:
            ways.append(node.abort.point)
        leads.append(ways)
        for way in ways:
            users[way].append(index)
    while waiting:
        index = waiting.pop()
        queued[index] = False
        flowing = observed
        for way in leads[index]:
            flowing |= live[way]
        kept = (flowing & lasting[index]) | reads[index] | observed
        abort = nodes[index].abort
        if abort is not None:
            # An abort can come before the node has written anything.
            kept |= live[abort.point]
        if kept != live[index]:
            live[index] = kept
            for user in users[index]:
                if not queued[user]:
                    queued[user] = True
                    waiting.append(user)
    return live
