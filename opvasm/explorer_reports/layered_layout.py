"""Places for the nodes of a graph: layers by distance from the start, few crossings between them."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

SWEEPS = 6


def layers(count: int, arrows: Sequence[tuple[int, int]]) -> list[list[int]]:
    """The nodes of each layer, from left to right.  Node 0 is the start.

    The layer is the distance from the start; the order within one is that of the middles of each
    node's neighbours in the layer before and after, asked for several times (Sugiyama's method).
    """
    out: list[list[int]] = [[] for _ in range(count)]
    into: list[list[int]] = [[] for _ in range(count)]
    for source, target in arrows:
        out[source].append(target)
        into[target].append(source)
    level = _levels(count, out)
    rows: list[list[int]] = [[] for _ in range(max(level, default=0) + 1)]
    for node in range(count):
        rows[level[node]].append(node)
    for sweep in range(SWEEPS):
        down = sweep % 2 == 0
        order = range(1, len(rows)) if down else range(len(rows) - 2, -1, -1)
        for number in order:
            beside = rows[number - 1 if down else number + 1]
            place = {node: (i + 0.5) / len(beside) for i, node in enumerate(beside)}
            own = {node: (i + 0.5) / len(rows[number]) for i, node in enumerate(rows[number])}
            near = into if down else out
            rows[number].sort(key=lambda node: _middle(node, near[node], place, own))
    return rows


def _middle(
    node: int, neighbours: list[int], place: dict[int, float], own: dict[int, float]
) -> float:
    known = [place[each] for each in neighbours if each in place]
    return sum(known) / len(known) if known else own[node]


def _levels(count: int, out: list[list[int]]) -> list[int]:
    level = [-1] * count
    for root in range(count):  # what the start does not reach begins in the first layer as well
        if level[root] >= 0:
            continue
        level[root] = 0
        waiting = deque([root])
        while waiting:
            here = waiting.popleft()
            for target in out[here]:
                if level[target] < 0:
                    level[target] = level[here] + 1
                    waiting.append(target)
    return level
