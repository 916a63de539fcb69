"""Whether threads get done: fair cycles without a commit, and waiting for somebody who is stopped.

Explore.md section 3.4.  What the environment does with a limit, and aborts by preemption, happen
finitely often, so no cycle is made of them; single-step traps happen for ever.  Weak fairness: a
thread that can always step does step, unless it is ``stalled``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ...light_typing import NamedTuple
from ...text.scenario_tree import LEVELS, Progress
from ..plan.plan import Plan
from ..setting.options import Limits, Reductions
from ..steps.code import POINT, Kind
from ..steps.state import Decision
from .graph import Edge
from .search import Found, explore

# No symmetry (a cycle must be one thread's) and no CPU groups (which may put a thread off).
PROGRESS_REDUCTIONS = Reductions(groups=False, symmetry=False)
LIVELOCK, BLOCKS = "livelock", "blocks"


class Trouble(NamedTuple):
    """Why a thread does not get done.

    ``kind`` is livelock or blocks; ``level`` is what it still has (``none``: nothing).  ``path``
    leads there from the start, ``cycle`` are the decisions that then repeat (none: it waits).
    """

    thread: int
    kind: str
    level: str
    label: str
    path: tuple[Decision, ...]
    cycle: tuple[Decision, ...]


class Answer(NamedTuple):
    """What a claim of progress came to.  ``stopped`` says which limit left it open."""

    claim: Progress
    level: str
    troubles: tuple[Trouble, ...]
    stopped: str | None
    states: int


def check_progress(plan: Plan, limits: Limits) -> tuple[Answer, ...]:
    """Every ``progress`` claim of a configuration."""
    claims = plan.scenario.progress
    if not claims:
        return ()
    found = explore(plan, PROGRESS_REDUCTIONS, limits, keep_edges=True)
    analysis = _Analysis(plan, found)
    return tuple(analysis.answer(claim) for claim in claims)


class _Analysis:
    def __init__(self, plan: Plan, found: Found) -> None:
        self.plan = plan
        self.found = found
        self.graph = found.graph
        self.model = found.graph.model
        count = len(self.graph.states)
        self.out: list[list[Edge]] = [[] for _ in range(count)]
        self.own: list[dict[int, Edge]] = [{} for _ in range(count)]
        for edge in self.graph.edges:
            if edge.decision.kind == "step":
                self.own[edge.source][edge.decision.thread] = edge
                if not edge.finite:
                    self.out[edge.source].append(edge)
        self.components = [c for c in components(self.out) if self._turns(c)]

    def answer(self, claim: Progress) -> Answer:
        """One claim, for each of the threads it speaks of."""
        names = self.plan.scenario.threads
        wanted = [
            index
            for index in range(self.model.threads)
            if claim.thread in (None, self._name_of(index))
        ]
        assert names
        troubles: list[Trouble] = []
        worst = LEVELS[0]
        for thread in wanted:
            level, found = self._level(thread)
            if _rank(level) > _rank(worst):
                worst = level
            if _rank(level) > _rank(claim.level):
                troubles += found
        return Answer(claim, worst, tuple(troubles), self.found.stopped, self.found.states)

    def _name_of(self, index: int) -> str:
        number = 0
        for thread in self.plan.scenario.threads:
            number += thread.count
            if index < number:
                return thread.name
        return ""

    def _turns(self, members: list[int]) -> bool:
        """Whether a component has a transition inside it."""
        inside = set(members)
        return any(edge.target in inside for each in members for edge in self.out[each])

    def _level(self, thread: int) -> tuple[str, list[Trouble]]:
        """The best level that a thread has, and what keeps it from the next ones."""
        name = self.plan.names[thread]
        blocked = self._blocked(thread)
        troubles: list[Trouble] = []
        level = LEVELS[0]
        if blocked is not None:
            text = f"{name} waits for a thread that is never run again"
            return "none", [
                Trouble(thread, BLOCKS, "none", text, tuple(self.graph.path(blocked)), ())
            ]
        for members in self.components:
            inside = set(members)
            edges = [e for each in members for e in self.out[each] if e.target in inside]
            if not self._starves(thread, members, edges):
                continue
            others = any(e.committed for e in edges)
            reached = "lock_free" if others else "none"
            if not others and self._alone_finishes(thread, members):
                reached = "obstruction_free"
            text = f"{name} goes round for ever without getting done"
            start = min(members)
            cycle = tuple(e.decision for e in self._cycle(start, inside, thread))
            path = tuple(self.graph.path(start))
            troubles.append(Trouble(thread, LIVELOCK, reached, text, path, cycle))
            if _rank(reached) > _rank(level):
                level = reached
        return level, troubles

    def _starves(self, thread: int, members: list[int], edges: list[Edge]) -> bool:
        """Whether threads can fairly stay in a component while one of them never gets done."""
        model, states = self.model, self.graph.states
        if model.done(states[members[0]], thread):
            return False
        if any(e.committed and e.decision.thread == thread for e in edges):
            return False
        running = {e.decision.thread for e in edges}
        for other in range(model.threads):
            if other in running or other in self.plan.stalled:
                continue
            if all(model.enabled(states[each], other) for each in members):
                return False
        # Somebody must go round; a thread that only waits is another matter (deadlock, blocks).
        return thread in running or not self._waits(thread, members)

    def _waits(self, thread: int, members: list[int]) -> bool:
        return all(not self.model.enabled(self.graph.states[each], thread) for each in members)

    def _blocked(self, thread: int) -> int | None:
        """A state in which a thread waits and only stalled threads could go on."""
        if not self.plan.stalled:
            return None
        model = self.model
        for number, state in enumerate(self.graph.states):
            if model.done(state, thread) or model.enabled(state, thread):
                continue
            kind = model.codes[thread].nodes[state.threads[thread][POINT]].kind
            if kind not in (Kind.LOCK, Kind.WAIT):
                continue
            able = [t for t in range(model.threads) if model.enabled(state, t)]
            if able and all(each in self.plan.stalled for each in able):
                return number
        return None

    def _alone_finishes(self, thread: int, members: list[int]) -> bool:
        """Whether a thread that nobody disturbs gets done from every state of a component."""
        model, states = self.model, self.graph.states
        for start in members:
            seen = {start}
            here = start
            while not model.done(states[here], thread):
                edge = self.own[here].get(thread)
                if edge is None:
                    return False
                if edge.committed:
                    break
                here = edge.target
                if here in seen:
                    return False
                seen.add(here)
        return True

    def _cycle(self, start: int, inside: set[int], thread: int) -> list[Edge]:
        """The shortest way round from a state to itself, by a step of ``thread`` if there is one."""
        came: dict[int, Edge] = {}
        waiting = [start]
        for here in waiting:
            edges = [e for e in self.out[here] if e.target in inside]
            for edge in sorted(edges, key=lambda e: e.decision.thread != thread):
                if edge.target == start:
                    cycle = [edge]
                    while cycle[0].source != start:
                        cycle.insert(0, came[cycle[0].source])
                    return cycle
                if edge.target not in came:
                    came[edge.target] = edge
                    waiting.append(edge.target)
        return []


def _rank(level: str) -> int:
    return LEVELS.index(level) if level in LEVELS else len(LEVELS)


def components(out: list[list[Edge]]) -> Iterator[list[int]]:
    """The strongly connected components of a graph (Tarjan's algorithm, without recursion)."""
    index: list[int] = [-1] * len(out)
    low = [0] * len(out)
    on_stack = [False] * len(out)
    stack: list[int] = []
    counter = 0
    for root in range(len(out)):
        if index[root] >= 0:
            continue
        index[root] = low[root] = counter
        counter += 1
        stack.append(root)
        on_stack[root] = True
        work: list[tuple[int, Iterator[Edge]]] = [(root, iter(out[root]))]
        while work:
            here, edges = work[-1]
            for edge in edges:
                target = edge.target
                if index[target] < 0:
                    index[target] = low[target] = counter
                    counter += 1
                    stack.append(target)
                    on_stack[target] = True
                    work.append((target, iter(out[target])))
                    break
                if on_stack[target]:
                    low[here] = min(low[here], index[target])
            else:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[here])
                if low[here] == index[here]:
                    yield _popped(stack, on_stack, here)


def _popped(stack: list[int], on_stack: list[bool], root: int) -> list[int]:
    members = []
    while True:
        member = stack.pop()
        on_stack[member] = False
        members.append(member)
        if member == root:
            return members


def broken(answers: Iterable[Answer]) -> list[Trouble]:
    """Everything that keeps some claim of progress from being true."""
    return [trouble for answer in answers for trouble in answer.troubles]
