"""The states of a run as a graph that a person can look at, folded where it is too big."""

from __future__ import annotations

from itertools import pairwise

from ..explorer.answers.verdict import Run
from ..explorer.search.explore import explore
from ..explorer.search.graph import Edge, Graph, take
from ..explorer.search.progress import PROGRESS_REDUCTIONS
from ..explorer.search.search import Found
from ..explorer.setting.options import Limits, Reductions
from ..explorer.steps.state import STEP, Decision, State
from ..explorer.steps.step import POINT, Kind
from ..light_typing import NamedTuple

# More nodes than this can't be read: first they are folded by program point, then only the
# neighbourhood of the counterexample is kept.
READABLE = 120
MOST_STATES = 20_000
# Threads that are alike are told apart here, since arrows bear their names.
WITH_NAMES = Reductions(groups=False, symmetry=False)


class Node(NamedTuple):
    """``text`` says where each thread is; ``marks`` are start, end, bad, path, cycle.

    ``kind`` is the same for states in which as many threads of each kind are at each place.
    """

    name: str
    text: str
    kind: str
    states: int
    marks: frozenset[str]


class Arrow(NamedTuple):
    """From one node to another, by their indexes.  ``abort`` where a section was aborted."""

    source: int
    target: int
    label: str
    abort: bool
    bold: bool


class StateGraph(NamedTuple):
    """The graph, and in ``note`` what was done to make it readable (None: nothing)."""

    title: str
    nodes: tuple[Node, ...]
    arrows: tuple[Arrow, ...]
    note: str | None


def empty_graph(title: str, note: str) -> StateGraph:
    """A graph without states, and the reason why it has none."""
    return StateGraph(title, (), (), note)


def state_graph(run: Run, title: str, limits: Limits) -> StateGraph:
    """The graph of a run, with its first counterexample bold and its livelock marked."""
    plan = run.found.plan
    trouble = next((t for answer in run.answers for t in answer.troubles), None)
    if run.found.failures or trouble is None:
        # Without a failure to find, states of random schedules would only make another graph each time.
        fails = bool(run.found.failures)
        fewer = limits._replace(states=min(limits.states, MOST_STATES), goes_on=fails)
        found = explore(plan, WITH_NAMES, fewer, keep_edges=True)
        path = _came(found.graph, found.failures[0].state) if found.failures else []
        cycle: list[int] = []
    else:
        found = explore(plan, PROGRESS_REDUCTIONS, limits, keep_edges=True)
        path = _walk(found.graph, 0, list(trouble.path))
        cycle = _walk(found.graph, path[-1], list(trouble.cycle)) if trouble.cycle else []
        if not trouble.cycle:
            found = found._replace(failures=())
    end = path[-1] if path and not cycle else None
    whole = _whole(found, path, cycle, end)
    notes = []
    if found.stopped is not None:
        first = f"only the first {len(found.graph.states):,} states"
        notes.append(f"{first}: stopped by {found.stopped}")
    nodes, arrows = whole
    if len(nodes) > READABLE:
        nodes, arrows = _folded(nodes, arrows, _kinds(found))
        notes.append(
            f"{len(whole[0]):,} states are too many to read: those in which as many threads "
            f"are at each place are one node ({len(nodes):,} nodes)"
        )
    if len(nodes) > READABLE:
        nodes, arrows = _near(nodes, arrows)
        where = "counterexample" if path else "start"
        notes.append(f"of these only the {len(nodes):,} nearest to the {where} are drawn")
    return StateGraph(title, tuple(nodes), tuple(arrows), "; ".join(notes) or None)


def _came(graph: Graph, number: int) -> list[int]:
    way = [number]
    entry = graph.came_from[number]
    while entry is not None:
        way.append(entry[0])
        entry = graph.came_from[entry[0]]
    return way[::-1]


def _walk(graph: Graph, start: int, decisions: list[Decision]) -> list[int]:
    state = graph.states[start]
    way = [start]
    for decision in decisions:
        state = graph.representative(take(graph.model, state, decision))[0]
        if state not in graph.numbers:  # a limit of time came earlier than before
            break
        way.append(graph.numbers[state])
    return way


def _whole(
    found: Found, path: list[int], cycle: list[int], end: int | None
) -> tuple[list[Node], list[Arrow]]:
    graph = found.graph
    bad = {failure.state for failure in found.failures} | ({end} if end is not None else set())
    plan, kinds = found.plan, _kinds(found)
    leaves = set(range(len(graph.states))) - {edge.source for edge in graph.edges}
    nodes = []
    for number, state in enumerate(graph.states):
        marks = {"start"} if number == 0 else set()
        marks |= {"bad"} if number in bad else {"end"} if number in leaves else set()
        marks |= {"cycle"} if number in cycle else set()
        marks |= {"path"} if number in path or number in cycle else set()
        lines = _lines(found, state)
        text = "\n".join(f"{plan.names[t]}: {where}" for t, where in enumerate(lines))
        kind = _tally([f"{kinds[plan.names[t]]}: {where}" for t, where in enumerate(lines)])
        nodes.append(Node(str(number), text, kind, 1, frozenset(marks)))
    bold = set(pairwise(path)) | set(pairwise(cycle))
    arrows: dict[tuple[int, int], Arrow] = {}
    for edge in graph.edges:
        pair = (edge.source, edge.target)
        label = _label(found, edge)
        if pair in arrows:
            old = arrows[pair]
            if label not in old.label.split(", "):
                label = f"{old.label}, {label}"
            arrows[pair] = old._replace(label=label, abort=old.abort and edge.finite)
        else:
            arrows[pair] = Arrow(*pair, label, edge.finite, pair in bold)
    return nodes, list(arrows.values())


def _lines(found: Found, state: State) -> list[str]:
    """Where each thread is."""
    lines = []
    for code, local in zip(found.plan.codes, state.threads, strict=True):
        step = code.steps[local[POINT]]
        lines.append("ended" if step.kind is Kind.END else step.text or step.kind.name.lower())
    return lines


def _kinds(found: Found) -> dict[str, str]:
    """What threads that are alike are called together: ``w`` for w0 and w1, ``a/b`` for a and b."""
    plan = found.plan
    kinds = {name: name for name in plan.names}
    texts = [thread.name for thread in plan.scenario.threads for _ in range(thread.count)]
    for group in plan.groups:
        together = "/".join(dict.fromkeys(texts[each] for each in group))
        kinds |= {plan.names[each]: together for each in group}
    return kinds


def _tally(lines: list[str]) -> str:
    counts: dict[str, int] = {}
    for line in lines:
        counts[line] = counts.get(line, 0) + 1
    return "\n".join(line if n == 1 else f"{n} x {line}" for line, n in sorted(counts.items()))


def _label(found: Found, edge: Edge) -> str:
    decision = edge.decision
    name = found.plan.names[decision.thread] if decision.thread >= 0 else f"CPU {decision.argument}"
    return name if decision.kind == STEP else f"{decision.kind} {name}"


def _folded(
    nodes: list[Node], arrows: list[Arrow], kinds: dict[str, str]
) -> tuple[list[Node], list[Arrow]]:
    """Nodes of one kind as one."""
    numbers: dict[str, int] = {}
    kept: list[Node] = []
    for node in nodes:
        index = numbers.setdefault(node.kind, len(kept))
        if index == len(kept):
            kept.append(node._replace(text=node.kind))
        else:
            old = kept[index]
            kept[index] = old._replace(states=old.states + 1, marks=old.marks | node.marks)
    joined: dict[tuple[int, int], Arrow] = {}
    for arrow in arrows:
        pair = numbers[nodes[arrow.source].kind], numbers[nodes[arrow.target].kind]
        words = arrow.label.split(", ")
        labels = [" ".join(kinds.get(part, part) for part in word.split(" ")) for word in words]
        before = joined.get(pair)
        if before is not None:
            labels = before.label.split(", ") + labels
        joined[pair] = Arrow(
            *(*pair, ", ".join(dict.fromkeys(labels))),
            abort=arrow.abort and (before is None or before.abort),
            bold=arrow.bold or (before is not None and before.bold),
        )
    return kept, list(joined.values())


def _near(nodes: list[Node], arrows: list[Arrow]) -> tuple[list[Node], list[Arrow]]:
    """The counterexample (or the start) and what is next to it, as far as there is room."""
    chosen = [i for i, node in enumerate(nodes) if node.marks & {"path", "start"}]
    near: dict[int, list[int]] = {}
    for arrow in arrows:
        near.setdefault(arrow.source, []).append(arrow.target)
        near.setdefault(arrow.target, []).append(arrow.source)
    kept = dict.fromkeys(chosen)
    for each in chosen:
        for other in near.get(each, []):
            if other not in kept and len(kept) < READABLE:
                kept[other] = None
                chosen.append(other)
    order = sorted(kept)
    index = {old: new for new, old in enumerate(order)}
    return [nodes[old] for old in order], [
        arrow._replace(source=index[arrow.source], target=index[arrow.target])
        for arrow in arrows
        if arrow.source in index and arrow.target in index
    ]
