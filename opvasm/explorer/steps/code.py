"""The code of a thread: its steps in order, who writes them down, and which registers are alive."""

from __future__ import annotations

from collections.abc import Iterable

from ...light_typing import Any, NamedTuple
from .site import Site
from .step import (
    LAST_QUIET,
    NOWHERE,
    REGISTERS,
    Action,
    Guard,
    Jump,
    Point,
    RunOp,
    Step,
    depends_on_cpu,
    kind_of,
    may_write,
    moved,
    reads,
    targets,
    writes,
)

# An op that is two steps: how their texts end.
READS, WRITES = " (reads)", " (writes)"
# Where a signal ends a thread.
KILLED = "the kernel kills the process for an id that it has written (SIGSEGV)"
CRASH = "it touches memory that it must not touch (SIGSEGV), or computes what has no value (SIGFPE)"


class Registers:
    """The names of a thread's registers, numbered as they come up."""

    def __init__(self) -> None:
        self.numbers: dict[str, int] = {}

    def __call__(self, name: str) -> int:
        """The number of a register, given now if it is new."""
        return self.numbers.setdefault(name, REGISTERS + len(self.numbers))


class Builder:
    """Writes the steps of one thread, one after the other.

    Their targets are labels: numbers that are given out before it is known where they stand.
    ``crash`` is where the thread is left after an access to memory that it must not touch.
    ``in_handler`` says whether the steps that come are those of the signal handler.
    """

    def __init__(self) -> None:
        self.steps: list[Step] = []
        self.registers = Registers()
        self.sites: list[Site] = []
        self.in_handler = False
        self.points: dict[int, Point] = {}
        self.labels = 0
        self.ending: set[int] = set()
        self.crash = self.label()

    def label(self) -> int:
        """A place in the code that is not known yet."""
        self.labels += 1
        return self.labels

    def here(self, label: int | None = None) -> int:
        """Give a label, or a new one, the place of the next step."""
        label = self.label() if label is None else label
        self.points[label] = len(self.steps)
        return label

    def add(self, action: Action, text: str = "", **standing: Any) -> None:
        """The next step; ``standing`` are other fields of a Step."""
        kind = kind_of(action, standing.get("guard", Guard.NONE))
        moves, inside = depends_on_cpu(action), self.in_handler
        self.steps.append(Step(kind, action, text, handler=inside, uses_cpu=moves, **standing))

    def jump(self, label: int, *, commits: bool = False, ends: bool = False) -> None:
        """Go on somewhere else; ``ends``: back to a loop that ends by itself."""
        if ends:
            self.ending.add(len(self.steps))
        self.add(Jump(label), commits=commits)

    def finished(self) -> tuple[Step, ...]:
        """All steps, with points for labels."""
        points = self.points | {NOWHERE: NOWHERE}
        steps = [
            each._replace(action=moved(each.action, points), abort=points[each.abort])
            for each in self.steps
        ]
        for index, step in enumerate(steps):
            if step.kind <= LAST_QUIET and index not in self.ending:
                for target in targets(step.action):
                    if target <= index and steps[target].kind <= LAST_QUIET:
                        steps[target] = steps[target]._replace(head=True)
        return tuple(steps)


class _Known(NamedTuple):
    """Registers of the handler alone, those of the thread outside of it, and the live ones of each point."""

    fresh: tuple[int, ...]
    main: int
    live: list[int]


class Code:
    """A thread's steps with what the model asks of each point.

    ``entry`` is where the thread begins, ``handler`` where its signal handler does (NOWHERE: none),
    ``crash`` where an access to memory it must not touch leaves it, ``killed`` where the kernel does
    that kills it for an id that it wrote (NOWHERE: this kernel does not).
    ``registers`` are the numbers of the registers by their names, ``observed`` those that somebody
    looks at in the end.
    """

    __slots__ = (
        *("crash", "entry", "handler", "killed", "observed", "registers", "sites"),
        *("steps", "_known", "_dead"),
    )

    def __init__(
        self,
        builder: Builder,
        entry: int,
        handler: int | None,
        observed: Iterable[int],
        killed: int | None = None,
    ) -> None:
        points = builder.points
        self.steps = builder.finished()
        self.sites = tuple(builder.sites)
        self.registers = dict(builder.registers.numbers)
        self.entry = points[entry]
        self.crash = points[builder.crash]
        self.killed = NOWHERE if killed is None else points[killed]
        self.handler = NOWHERE if handler is None else points[handler]
        self.observed = tuple(sorted(observed))
        self._known: _Known | None = None
        self._dead: dict[int, tuple[int, ...]] = {}

    @property
    def fresh(self) -> tuple[int, ...]:
        """The registers of the handler, which begin at 0 each time that it runs."""
        return self._uses().fresh

    def _uses(self) -> _Known:
        """Found when it is first asked for: who only looks for mistakes in a text needs none of it."""
        if self._known is None:
            used = [reads(e.action) | writes(e.action) | may_write(e.action) for e in self.steps]
            pairs = list(zip(self.steps, used, strict=True))
            main = {r for e, found in pairs if not e.handler for r in found}
            handled = {r for e, found in pairs if e.handler for r in found}
            fresh = tuple(handled - main - {*self.observed})
            live = _live(self.steps, _mask(self.observed))
            self._known = _Known(fresh, _mask(main), live)
        return self._known

    def dead(self, point: Point) -> tuple[int, ...]:
        """The registers that hold nothing anybody will look at when the thread is at a point."""
        uses = self._uses()
        kept = uses.live[point]
        if self.steps[point].handler:
            # What the interrupted code still needs is not known inside a handler: keep all of it.
            kept |= uses.main
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


def _live(steps: tuple[Step, ...], observed: int) -> list[int]:
    """The live registers of each point: they flow backwards, along abort edges too."""
    live = [observed] * len(steps)
    waiting = list(range(len(steps)))
    queued = [True] * len(steps)
    users: list[list[int]] = [[] for _ in steps]
    edges = [_edges(step) for step in steps]
    read = [_mask(reads(step.action)) for step in steps]
    for index, ways in enumerate(edges):
        for way, _ in ways:
            users[way].append(index)
    while waiting:
        index = waiting.pop()
        queued[index] = False
        kept = observed | read[index]
        for way, lasting in edges[index]:
            kept |= live[way] & lasting
        if kept != live[index]:
            live[index] = kept
            for user in users[index]:
                if not queued[user]:
                    queued[user] = True
                    waiting.append(user)
    return live


def _edges(step: Step) -> list[tuple[Point, int]]:
    """Where a step leads, each way with the registers that it does not overwrite there."""
    action = step.action
    lasting = ~_mask(writes(action))
    found = [(way, lasting) for way in targets(action)]
    if isinstance(action, RunOp):
        found.append((action.differs, lasting & ~_mask(may_write(action))))
        found.remove((action.differs, lasting))
    if step.abort != NOWHERE:
        found.append((step.abort, -1))  # it can come before the step has written anything
    return found
