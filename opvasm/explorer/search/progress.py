"""Whether threads get done: fair cycles without a commit, and waiting for somebody who is stopped.

Explore.md section 3.4.  What the environment does with a limit, and aborts by preemption, happen
finitely often, so no cycle is made of them; single-step traps happen for ever.  Weak fairness: a
thread that can always step does step, unless it is ``stalled``; waiting for a vector to end counts
as being able to.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from ...light_typing import TYPE_CHECKING, NamedTuple
from ...text.scenario_tree import LEVELS, Progress
from ..plan.plan import Plan
from ..setting.options import AFTER_SECONDS, Limits, OutOfTime, Reductions
from ..steps.state import STEP, Decision
from ..steps.step import GUARD, NOWHERE, Guard
from .explore import explore
from .graph import Edge, Graph
from .search import Found

if TYPE_CHECKING:
    from typing import TypeVar

    _Thing = TypeVar("_Thing")

# No symmetry (a cycle must be one thread's) and no CPU groups (which may put a thread off).
PROGRESS_REDUCTIONS = Reductions(groups=False, symmetry=False)
# Things between two looks at the clock.
LOOKS_EVERY = 256
LIVELOCK, BLOCKS, ENDLESS = "livelock", "blocks", "endless"


class Obstacle(NamedTuple):
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
    """What a claim of progress came to.  ``stopped`` says which limit left it open.

    ``graph`` is the one that the paths of the troubles are of.
    """

    claim: Progress
    level: str
    troubles: tuple[Obstacle, ...]
    stopped: str | None
    states: int
    graph: Graph


def check_progress(plan: Plan, limits: Limits) -> tuple[Answer, ...]:
    """Every ``progress`` claim of a configuration.  Raises OutOfTime where the time is over."""
    claims = plan.scenario.progress
    if not claims:
        return ()
    limits = limits.started()
    found = explore(plan, PROGRESS_REDUCTIONS, limits, keep_edges=True)
    analysis = _Analysis(plan, found, limits)
    return tuple(analysis.answer(claim) for claim in claims)


def endless(plan: Plan, limits: Limits) -> tuple[Graph, Obstacle]:
    """How the threads of a configuration without any end go round, or wait, for ever.

    Raises OutOfTime where the time is over before that is known.
    """
    limits = limits.started()._replace(goes_on=False)
    found = explore(plan, PROGRESS_REDUCTIONS, limits, keep_edges=True)
    analysis = _Analysis(plan, found, limits)
    path, cycle, at = analysis.anywhere()
    model, state = analysis.model, found.graph.states[at]
    moving = {decision.thread for decision in cycle}
    said = []
    for thread in range(model.threads):
        if not model.done(state, thread):
            doing = "goes round" if thread in moving else "waits"
            where = model.next_step(state, thread).text.strip()
            said.append(f"{plan.names[thread]} {doing}" + (f" at `{where}`" if where else ""))
    text = f"no execution ends, and final states are all that is spoken of: {', '.join(said)}"
    return found.graph, Obstacle(NOWHERE, ENDLESS, "none", text, path, cycle)


class _Analysis:
    """The graph of a configuration without what happens finitely often, asked about one thread.

    A run without end stays, from some moment on, inside one component of that graph.  Where a
    thread must not get done, its own commits are taken out of the graph before the components are
    looked for: a cycle without a commit may stand in one component with others that have one.
    """

    def __init__(self, plan: Plan, found: Found, limits: Limits) -> None:
        self.plan = plan
        self.found = found
        self.limits = limits
        self.graph = found.graph
        self.model = found.graph.model
        count = len(self.graph.states)
        self.out: list[list[Edge]] = [[] for _ in range(count)]
        self.own: list[dict[int, Edge]] = [{} for _ in range(count)]
        for edge in self._watched(self.graph.edges):
            if edge.decision.kind == STEP:
                self.own[edge.source][edge.decision.thread] = edge
                if not edge.finite:
                    self.out[edge.source].append(edge)
        # What is left to be looked at may go on: only what was is known.
        self.looked_at = found.expanded

    def answer(self, claim: Progress) -> Answer:
        """One claim, for each of the threads it speaks of."""
        wanted = [
            index
            for index in range(self.model.threads)
            if claim.thread in (None, self._name_of(index))
        ]
        troubles: list[Obstacle] = []
        worst = LEVELS[0]
        for thread in wanted:
            level, found = self._level(thread, claim.level)
            if _rank(level) > _rank(worst):
                worst = level
            if _rank(level) > _rank(claim.level):
                troubles += found
        stopped, states = self.found.stopped, self.found.states
        return Answer(claim, worst, tuple(troubles), stopped, states, self.graph)

    def _watched(self, things: Iterable[_Thing]) -> Iterator[_Thing]:
        """The same things, until the time is over."""
        for number, each in enumerate(things):
            if not number % LOOKS_EVERY and not self.limits.after(AFTER_SECONDS):
                raise OutOfTime
            yield each

    def _name_of(self, index: int) -> str:
        number = 0
        for thread in self.plan.scenario.threads:
            number += thread.count
            if index < number:
                return thread.name
        return ""

    def _level(self, thread: int, claimed: str) -> tuple[str, list[Obstacle]]:
        """The best level that a thread has, and what keeps it from the next ones."""
        stuck = self._fair_components(thread, lambda edge: edge.decision.thread == thread)
        name = self.plan.names[thread]
        waits = next((c for c in stuck if self._waits(thread, c)), None)
        if waits is not None:
            others = self.plan.stalled
            text = (
                f"{name} waits for a thread that is never run again"
                if others
                else (f"{name} waits for ever")
            )
            path, cycle = self._way(thread, waits)
            return "none", [Obstacle(thread, BLOCKS, "none", text, path, cycle)]
        if not stuck:
            return LEVELS[0], []
        nobody = self._fair_components(thread, lambda edge: True)
        level = "lock_free"
        if nobody:
            alone = self._alone(thread)
            level = "obstruction_free" if alone is None else "none"
            if alone is not None and claimed == "obstruction_free":
                return level, [alone]
        text = f"{name} goes round for ever without getting done"
        troubles = []
        for members in nobody or stuck:
            path, cycle = self._way(thread, members)
            troubles.append(Obstacle(thread, LIVELOCK, level, text, path, cycle))
        return level, troubles

    def anywhere(self) -> tuple[tuple[Decision, ...], tuple[Decision, ...], int]:
        """Somewhere to go round or to wait: the way there, the way round, the state."""
        fair = self._fair_components(NOWHERE, lambda edge: False)
        if not fair:  # only by disturbing each other again and again
            last = self.looked_at - 1
            return tuple(self.graph.path(last)), (), last
        path, cycle = self._way(NOWHERE, fair[0])
        return path, cycle, fair[0].members[0]

    # ---- where threads can stay for ever -----------------------------------------------------------

    def _fair_components(self, thread: int, leaves: Callable[[Edge], bool]) -> list[_Component]:
        """Where threads can fairly stay for ever without any commit that ``leaves`` names.

        ``thread`` itself is always run, be it ``stalled`` or not: it is not to blame for being stopped.
        """
        model, states = self.model, self.graph.states
        every = self._watched(self.out)
        kept = [[e for e in out if not (e.committed and leaves(e))] for out in every]
        found = []
        for members in self._watched(components(kept)):
            first = members[0]
            done = thread != NOWHERE and model.done(states[first], thread)
            if done or model.has_failed(states[first]):
                continue
            inside = set(members)
            edges = [e for each in members for e in kept[each] if e.target in inside]
            if edges or self._stands_still(first):
                component = _Component(sorted(members), edges)
                if self._is_fair(thread, component):
                    found.append(component)
        return sorted(found, key=lambda each: each.members[0])

    def _stands_still(self, number: int) -> bool:
        """Whether threads that are able could stop here for good: those that may be stalled."""
        if number >= self.looked_at:
            return False
        return any(self.model.able(self.graph.states[number], t) for t in self.plan.stalled)

    def _is_fair(self, thread: int, component: _Component) -> bool:
        """Whether every thread that could always step does, unless it may be stalled.

        Nobody is stalled inside a vector: preemption is off there.
        """
        model, states = self.model, self.graph.states
        running = {edge.decision.thread for edge in component.edges}
        for other in range(model.threads):
            if other in running:
                continue
            free = other != thread and other in self.plan.stalled
            if all(
                model.able(states[each], other)
                and not (free and states[each].threads[other][GUARD] != Guard.VECTOR)
                for each in component.members
            ):
                return False
        return True

    def _waits(self, thread: int, component: _Component) -> bool:
        return not any(self.model.able(self.graph.states[n], thread) for n in component.members)

    def _alone(self, thread: int) -> Obstacle | None:
        """How a thread that is left alone does not get done, from some state; None where it does."""
        model, states, name = self.model, self.graph.states, self.plan.names[thread]
        fine: set[int] = set()
        for start in self._watched(range(self.looked_at)):
            way: list[Edge] = []
            seen: dict[int, int] = {}
            here = start
            while here not in fine and here < self.looked_at:
                if model.done(states[here], thread) or model.has_failed(states[here]):
                    break
                edge = self._next_alone(here, thread)
                if edge is None and not model.able(states[here], thread):
                    text = f"{name}, left alone, waits for ever"
                    path = (*self.graph.path(start), *(each.decision for each in way))
                    return Obstacle(thread, BLOCKS, "none", text, path, ())
                if edge is None or (edge.committed and edge.decision.thread == thread):
                    break
                if here in seen:
                    text = f"{name}, left alone, goes round for ever"
                    first = seen[here]
                    path = (*self.graph.path(start), *(each.decision for each in way[:first]))
                    cycle = tuple(each.decision for each in way[first:])
                    return Obstacle(thread, LIVELOCK, "none", text, path, cycle)
                seen[here] = len(way)
                way.append(edge)
                here = edge.target
            fine |= seen.keys() | {here}
        return None

    def _next_alone(self, number: int, thread: int) -> Edge | None:
        """What a thread does next when it is left alone: vectors under way come to their end."""
        state = self.graph.states[number]
        edge = self.own[number].get(thread)
        under_way = (
            e for t, e in self.own[number].items() if state.threads[t][GUARD] >= Guard.VECTOR
        )
        return edge if edge is not None else next(under_way, None)

    # ---- the schedule that shows it ----------------------------------------------------------------

    def _way(
        self, thread: int, component: _Component
    ) -> tuple[tuple[Decision, ...], tuple[Decision, ...]]:
        """The decisions to a component, and those that then repeat: a fair way round in it."""
        start = component.members[0]
        path = tuple(self.graph.path(start))
        out: dict[int, list[Edge]] = {}
        for edge in component.edges:
            out.setdefault(edge.source, []).append(edge)
        cycle = _walk(
            out, start, lambda e: e.target == start, lambda e: e.decision.thread != thread
        )
        if not self._is_fair(thread, _Component(sorted({e.source for e in cycle}), cycle)):
            cycle = self._everywhere(out, start, component)
        return path, tuple(edge.decision for edge in cycle)

    def _everywhere(
        self, out: dict[int, list[Edge]], start: int, component: _Component
    ) -> list[Edge]:
        """A way round on which each thread that steps in a component does, and each waits that can."""
        model, states = self.model, self.graph.states
        running = sorted({edge.decision.thread for edge in component.edges})
        wanted: list[Callable[[Edge], bool]] = [
            lambda e, who=who: e.decision.thread == who for who in running  # type: ignore[misc]
        ]
        wanted += [
            lambda e, who=who: not model.able(states[e.target], who)  # type: ignore[misc]
            for who in range(model.threads)
            if who not in running and not all(model.able(states[n], who) for n in component.members)
        ]
        cycle: list[Edge] = []
        here = start
        for each in wanted:
            cycle += _walk(out, here, each)
            here = cycle[-1].target if cycle else here
        if here != start:
            cycle += _walk(out, here, lambda e: e.target == start)
        return cycle


class _Component(NamedTuple):
    """States in which threads can stay, in order, and the transitions among them."""

    members: list[int]
    edges: list[Edge]


def _walk(
    out: dict[int, list[Edge]],
    start: int,
    ends: Callable[[Edge], bool],
    last: Callable[[Edge], bool] = lambda _: False,
) -> list[Edge]:
    """The fewest transitions from a state to one that ``ends`` names; ``last`` ones are put off."""
    came: dict[int, Edge] = {}
    waiting = [start]
    for here in waiting:
        for edge in sorted(out.get(here, ()), key=last):
            if ends(edge):
                way = [edge]
                while way[0].source != start:
                    way.insert(0, came[way[0].source])
                return way
            if edge.target not in came and edge.target != start:
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


def broken(answers: Iterable[Answer]) -> list[Obstacle]:
    """Everything that keeps some claim of progress from being true."""
    return [trouble for answer in answers for trouble in answer.troubles]
