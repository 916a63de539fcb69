"""State graphs for Graphviz."""

from __future__ import annotations

from collections.abc import Iterable

from .state_graph import Node, StateGraph


def dot(graphs: Iterable[StateGraph]) -> str:
    """Each graph as a ``digraph``, one after the other.

    Bold: the counterexample; red: a state that must not be; dashed: an abort; a cluster: a livelock.
    """
    return "\n".join(_dot(graph) for graph in graphs)


def _dot(graph: StateGraph) -> str:
    lines = [f"digraph {_quoted(graph.title)} {{"]
    label = graph.title if graph.note is None else f"{graph.title}\n{graph.note}"
    lines.append(f"  graph [label={_quoted(label)}, labelloc=t];")
    lines.append('  node [shape=box, fontname="monospace", fontsize=10];')
    boxed = [i for i, node in enumerate(graph.nodes) if "cycle" in node.marks]
    lines += [f"  {_node(i, n)}" for i, n in enumerate(graph.nodes) if i not in boxed]
    if boxed:
        lines.append("  subgraph cluster_livelock {")
        lines.append('    label="repeats for ever"; color=red;')
        lines += [f"    {_node(i, graph.nodes[i])}" for i in boxed]
        lines.append("  }")
    for arrow in graph.arrows:
        styles = ["bold"] * arrow.bold + ["dashed"] * arrow.abort
        style = f', style="{",".join(styles)}"' if styles else ""
        lines.append(f"  {arrow.source} -> {arrow.target} [label={_quoted(arrow.label)}{style}];")
    lines.append("}")
    return "\n".join(lines) + "\n"


def _node(index: int, node: Node) -> str:
    count = f" ({node.states} states)" if node.states > 1 else ""
    label = f"{node.name}{count}\n{node.text}"
    extra = ""
    if "bad" in node.marks:
        extra += ", color=red, fontcolor=red"
    if "end" in node.marks:
        extra += ", peripheries=2"
    if "path" in node.marks:
        extra += ", style=bold"
    return f"{index} [label={_quoted(label)}{extra}];"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
