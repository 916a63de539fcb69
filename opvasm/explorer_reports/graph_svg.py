"""State graphs as SVG, without any program but this one."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from .layered_layout import layers
from .state_graph import Arrow, Node, StateGraph

ROW, COLUMN, RADIUS, MARGIN, HEAD = 56, 62, 13, 34, 44
_STYLE = """
.opv-graph { color: #1b1f24; background: #fff; font: 11px system-ui, sans-serif; }
.opv-graph .edge { fill: none; stroke: #8a94a0; stroke-width: 1.1; }
.opv-graph .abort { stroke-dasharray: 5 4; }
.opv-graph .bold { stroke: currentColor; stroke-width: 3; }
.opv-graph .node { fill: #fff; stroke: #59636e; stroke-width: 1.3; }
.opv-graph .node.path { stroke: currentColor; stroke-width: 3; }
.opv-graph .node.bad { fill: #ffd7d5; stroke: #c62828; stroke-width: 3; }
.opv-graph .node.end { fill: #d6f3dd; }
.opv-graph .box { fill: none; stroke: #c62828; stroke-width: 2; stroke-dasharray: 7 4; }
.opv-graph text { fill: currentColor; } .opv-graph .boxed { fill: #c62828; }
@media (prefers-color-scheme: dark) {
.opv-graph { color: #e6edf3; background: #0d1117; } .opv-graph .node { fill: #161b22; stroke: #9da7b3; }
.opv-graph .node.bad { fill: #5a1d1a; stroke: #ff7b72; } .opv-graph .node.end { fill: #12381f; }
.opv-graph .box { stroke: #ff7b72; } .opv-graph .boxed { fill: #ff7b72; } }
"""


def svg(graphs: Sequence[StateGraph]) -> str:
    """A picture with each graph below the one before."""
    drawings = [_drawing(graph) for graph in graphs]
    width = max((each[0] for each in drawings), default=200)
    height = sum(each[1] for each in drawings) or 100
    parts = []
    y = 0
    for _, own_height, content in drawings:
        parts.append(f'<g transform="translate(0 {y})">\n{content}\n</g>')
        y += own_height
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="opv-graph graph" viewBox="0 0 {width} '
        f'{height}" width="{width}" height="{height}" role="img">\n'
        f"<title>{escape('; '.join(graph.title for graph in graphs))}</title>\n"
        f"<style>{_STYLE}</style>\n"
        '<defs><marker id="opv-tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" '
        'markerHeight="7" orient="auto-start-reverse" markerUnits="userSpaceOnUse">'
        '<path d="M0 0L8 4L0 8z" fill="#8a94a0"/></marker></defs>\n'
        + "\n".join(parts)
        + "\n</svg>\n"
    )


def _drawing(graph: StateGraph) -> tuple[int, int, str]:
    """Width, height and content of one graph."""
    pairs = [(arrow.source, arrow.target) for arrow in graph.arrows]
    rows = layers(len(graph.nodes), pairs)
    widest = max(len(row) for row in rows)
    notes = [graph.title] + ([graph.note] if graph.note else [])
    wide = max(widest * COLUMN + 2 * MARGIN, 7 * max(len(note) for note in notes) + 2 * MARGIN)
    height = len(rows) * ROW + MARGIN + HEAD
    places: dict[int, tuple[float, float]] = {}
    for depth, row in enumerate(rows):
        start = (wide - len(row) * COLUMN) / 2 + COLUMN / 2
        for index, node in enumerate(row):
            places[node] = (start + index * COLUMN, HEAD + MARGIN / 2 + depth * ROW)
    parts = [
        f'<text x="{MARGIN}" y="{16 + 15 * index}">{escape(note)}</text>'
        for index, note in enumerate(notes)
    ]
    parts += _box([places[i] for i, node in enumerate(graph.nodes) if "cycle" in node.marks])
    # Bold ones last, so that nothing hides them.
    parts += [_edge(arrow, places) for arrow in sorted(graph.arrows, key=lambda each: each.bold)]
    parts += [_node(node, *places[i]) for i, node in enumerate(graph.nodes)]
    return int(wide), height, "\n".join(parts)


def _box(members: list[tuple[float, float]]) -> list[str]:
    if not members:
        return []
    room = RADIUS + 20
    left, right = min(x for x, _ in members) - room, max(x for x, _ in members) + room
    top, bottom = min(y for _, y in members) - room, max(y for _, y in members) + room
    return [
        f'<rect class="box" x="{left:.1f}" y="{top:.1f}" width="{right - left:.1f}" '
        f'height="{bottom - top:.1f}" rx="8"/>',
        f'<text class="boxed" x="{right + 4:.1f}" y="{top + 12:.1f}">repeats for ever</text>',
    ]


def _edge(arrow: Arrow, places: dict[int, tuple[float, float]]) -> str:
    (x1, y1), (x2, y2) = places[arrow.source], places[arrow.target]
    names = "edge" + " abort" * arrow.abort + " bold" * arrow.bold
    if arrow.source == arrow.target:
        r = RADIUS
        path = f"M{x1 + r * 0.7:.1f} {y1 - r * 0.7:.1f}c34 -22 34 42 2 {1.4 * r:.1f}"
    else:
        dx, dy = x2 - x1, y2 - y1
        length = max((dx * dx + dy * dy) ** 0.5, 1.0)
        ux, uy = dx / length, dy / length
        x1, y1, x2, y2 = x1 + ux * RADIUS, y1 + uy * RADIUS, x2 - ux * RADIUS, y2 - uy * RADIUS
        # An edge to the next layer is straight; one that goes back or far bends out of the way.
        bend = 0.0 if 0 < dy <= ROW * 1.5 else min(0.25 * length, 60.0)
        mx, my = (x1 + x2) / 2 - uy * bend, (y1 + y2) / 2 + ux * bend
        path = f"M{x1:.1f} {y1:.1f}Q{mx:.1f} {my:.1f} {x2:.1f} {y2:.1f}"
    return (
        f'<path class="{names}" d="{path}" marker-end="url(#opv-tip)">'
        f"<title>{escape(arrow.label)}</title></path>"
    )


def _node(node: Node, x: float, y: float) -> str:
    names = " ".join(["node", *sorted(node.marks & {"path", "bad", "end"})])
    shown = node.name if node.states == 1 else f"×{node.states}"
    count = f" ({node.states} states)" if node.states > 1 else ""
    return (
        f'<g><circle class="{names}" cx="{x:.1f}" cy="{y:.1f}" r="{RADIUS}"/>'
        f'<text x="{x:.1f}" y="{y + 4:.1f}" text-anchor="middle">{escape(shown)}</text>'
        f"<title>{escape(f'state {node.name}{count}')}\n{escape(node.text)}</title></g>"
    )
