"""Progress by plain search for fair cycles in the graph of all states."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from opvasm.text.scenario_tree import Progress, Scenario

from .state import State
from .world import World


class Edge(NamedTuple):
    """From a state to another: the thread that steps (None: a disturbance), what came of it."""

    thread: int | None
    aborted: bool
    success: frozenset[int]
    target: int


class Cycles:
    """The graph of a search, asked about progress."""

    def __init__(
        self,
        scenario: Scenario,
        world: World,
        states: list[State],
        edges: list[list[Edge]],
        able: list[list[bool]],
        failed: list[set[str]],
    ) -> None:
        self.scenario, self.world = scenario, world
        self.states, self.edges, self.able, self.failed = states, edges, able, failed

    def level(self, claim: Progress, findings: set[str]) -> str:
        """The strongest level that holds, of one thread or of all."""
        threads = [
            n for n, (each, _) in enumerate(self.world.copies) if claim.thread in (None, each.name)
        ]
        starved = {how for t in threads for how in self.starved(t, {t})}
        if not starved:
            return "finishes"
        if "blocks" in starved:  # whatever others do meanwhile
            findings |= starved
            return "none"
        everyone = set(range(len(self.world.copies)))
        stuck = {how for t in threads for how in self.starved(t, everyone)}
        if claim.level == "finishes":
            findings |= starved
        elif claim.level == "lock_free":
            findings |= stuck
        if not stuck:
            return "lock_free"
        alone = {how for t in threads for how in self.starved(t, {t}, alone=True)}
        if claim.level == "obstruction_free":
            findings |= alone
        return "none" if alone else "obstruction_free"

    def starved(self, thread: int, whose: set[int], alone: bool = False) -> set[str]:
        """Whether threads can go round for ever, fairly, without a success of ``whose``.

        "livelock" where the thread can step now and then, "blocks" where it waits all the time.
        """
        graph: list[list[Edge]] = []
        states, able = self.states, self.able
        for number, edges in enumerate(self.edges):
            graph.append([])
            if states[number].threads[thread].done or self.failed[number]:
                continue
            for edge in edges:
                if edge.thread is None or edge.aborted or edge.success & whose:
                    continue
                if (
                    alone
                    and edge.thread != thread
                    and states[number].threads[edge.thread].mode != "vector"
                ):
                    continue
                graph[-1].append(edge)
        found = set()
        idle = {
            n
            for n, one in enumerate(able)
            if not one[thread] and not states[n].threads[thread].done
        }
        idle -= {n for n in idle if self.failed[n]}
        everywhere = {
            n for n, one in enumerate(states) if not one.threads[thread].done and not self.failed[n]
        }
        for how, nodes in (("blocks", idle), ("livelock", everywhere)):
            for component in _components(nodes, graph):
                if how == "livelock" and component <= idle:
                    continue
                inside = [edge for n in component for edge in graph[n] if edge.target in component]
                if self._fair(component, inside, alone, thread):
                    found.add(how)
        return found

    def _fair(
        self,
        component: set[int],
        inside: list[Edge],
        alone: bool,
        thread: int,
    ) -> bool:
        """Whether each thread steps in it, waits somewhere, or may have lost its CPU for good."""
        stalled = {each.thread for each in self.scenario.environment if each.kind == "stalled"}
        lost = False
        for number, (one, _) in enumerate(self.world.copies):
            if any(edge.thread == number for edge in inside):
                continue
            if any(not self.able[n][number] for n in component):
                continue
            exempt = number != thread and (alone or one.name in stalled)
            if not exempt or all(
                self.states[n].threads[number].mode == "vector" for n in component
            ):
                return False
            lost = True
        # Without an edge nothing goes round: they wait for one that has lost its CPU for good.
        return bool(inside) or lost


def _components(nodes: set[int], graph: list[list[Edge]]) -> Iterator[set[int]]:
    """Strongly connected components of a part of the graph (Tarjan's, without recursion)."""
    index: dict[int, int] = {}
    low: dict[int, int] = {}
    stack: list[int] = []
    on_stack: set[int] = set()
    for root in nodes:
        if root in index:
            continue
        work = [(root, iter([e.target for e in graph[root] if e.target in nodes]))]
        index[root] = low[root] = len(index)
        stack.append(root)
        on_stack.add(root)
        while work:
            node, rest = work[-1]
            for target in rest:
                if target not in index:
                    index[target] = low[target] = len(index)
                    stack.append(target)
                    on_stack.add(target)
                    work.append(
                        (target, iter([e.target for e in graph[target] if e.target in nodes]))
                    )
                    break
                if target in on_stack:
                    low[node] = min(low[node], index[target])
            else:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[node])
                if low[node] == index[node]:
                    component = set()
                    while True:
                        member = stack.pop()
                        on_stack.discard(member)
                        component.add(member)
                        if member == node:
                            break
                    yield component
