"""Promela as it is written: lines with their indentation, who the processes are, what they share."""

from __future__ import annotations

from ..explorer.plan.plan import Plan
from ..explorer.setting.statements import assigned, walk
from ..kernels.disturbances import Disturbance
from ..light_typing import NamedTuple
from ..program import Program
from ..text.scenario_tree import Fence, RunVector, Statement
from .memory import MemoryMap
from .refusal import Names, Refusals


class Lines:
    """Lines of a program, each indented as deep as it stands."""

    def __init__(self, depth: int = 0) -> None:
        self.lines: list[str] = []
        self.depth = depth

    def add(self, *lines: str) -> None:
        """Lines at the current depth."""
        self.lines += ["    " * self.depth + line for line in lines]

    def label(self, name: str) -> None:
        """A label, which stands further left."""
        self.lines.append("    " * max(self.depth - 1, 0) + f"{name}: skip;")


class Slot(NamedTuple):
    """A process that acts for a thread: its body, or its signal handler's.

    ``number`` counts processes, ``thread`` threads; ``registers`` are its locals by their names.
    """

    number: int
    thread: int
    name: str
    body: tuple[Statement, ...]
    handles: bool
    registers: dict[str, str]


class Export:
    """What all parts of one exported configuration share."""

    def __init__(self, plan: Plan, refusals: Refusals) -> None:
        self.plan = plan
        self.program: Program = plan.program
        self.refusals = refusals
        self.memory = MemoryMap(plan, refusals)
        self.names = Names()
        self.cpus = plan.configuration.cpus
        self.profile = plan.configuration.profile
        self.limits = plan.limits
        self.slots: list[Slot] = []
        self.handled: dict[int, int] = {}  # threads with a handler: its slot
        scenario = plan.scenario
        threads = [t for t in scenario.threads for _ in range(t.count)]
        self.texts = threads
        chosen = zip(scenario.threads, plan.configuration.strategies, strict=True)
        strategies = {thread.name: strategy for thread, strategy in chosen}
        self.strategies = [strategies[thread.name] for thread in threads]
        for index, thread in enumerate(threads):
            self._slot(index, plan.names[index], thread.body, False)
        handlers = {handler.thread: handler for handler in scenario.handlers}
        for index, thread in enumerate(threads):
            if thread.name in handlers:
                self.handled[index] = len(self.slots)
                body = handlers[thread.name].body
                self._slot(index, f"{plan.names[index]}.handler", body, True)

    def _slot(self, thread: int, name: str, body: tuple[Statement, ...], handles: bool) -> None:
        registers = {
            local: self.names.give("reg", (name, local)) for local in sorted(assigned(body))
        }
        self.slots.append(Slot(len(self.slots), thread, name, body, handles, registers))

    def slots_of(self, thread: int) -> list[Slot]:
        """The processes that act for a thread."""
        return [slot for slot in self.slots if slot.thread == thread]

    @property
    def tracks_running(self) -> bool:
        """Whether it matters who ran last: a fence restarts only sections of threads that run,
        which all sections belong to unless losing the CPU leaves them alone."""
        fences = any(
            isinstance(statement, Fence) and statement.kind == "membarrier"
            for slot in self.slots
            for statement in walk(slot.body)
        )
        fences |= any(each.uses_lock and each.fence == "membarrier" for each in self.strategies)
        return not self.profile.preemption_aborts and fences

    def allowed_mask(self, thread: int) -> int:
        """The CPUs that a thread may be moved to, as the bits of a number."""
        return sum(1 << cpu for cpu in self.plan.allowed[thread])

    def stops_running(self, thread: int) -> str:
        """Statements for a thread that leaves its CPU."""
        if not self.tracks_running:
            return ""
        return (
            " ".join(
                f"if :: running[{c}] == {thread} -> running[{c}] = NOBODY :: else fi;"
                for c in range(self.cpus)
            )
            + " "
        )

    @property
    def watched(self) -> bool:
        """Whether something is claimed of every state."""
        return any(c.kind in ("invariant", "quiescent") for c in self.plan.scenario.conditions)

    def spending(self, kind: Disturbance) -> str:
        """The rest of a guard, the arrow and what it costs, of a disturbance with a limit."""
        limited = self.limits[kind] > 0
        return f" && {kind}_left > 0 -> {kind}_left--;" if limited else " ->"

    @property
    def migrates(self) -> bool:
        """Whether a thread may be moved to another CPU by the environment."""
        return any(limit and each.row.way.moves for each, limit in self.limits.items())

    @property
    def bounces(self) -> bool:
        """Whether a thread may be moved away between a vector's move and its start."""
        bounded = self.limits[Disturbance.MIGRATE] != 0  # whose limit a bounce uses up
        return bounded and not self.program.abi.revision.retries_migration

    def fixed_cpu(self, thread: int) -> int | None:
        """The CPU that a thread never leaves; None where it may."""
        if self.cpus == 1:
            return 0
        moves = self.migrates or any(moving(slot.body) for slot in self.slots_of(thread))
        return None if moves else self.plan.homes[thread]


def moving(body: tuple[Statement, ...]) -> bool:
    """Whether a body may take its thread to another CPU."""
    return any(
        (isinstance(statement, RunVector) and statement.cpu is not None)
        or (isinstance(statement, Fence) and statement.kind == "vector")
        for statement in walk(body)
    )
