"""Graphs of states: as Graphviz text and as pictures, folded when they are too big."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import pytest
from hypothesis import given, strategies as st

from opvasm.explorer_reports.layered_layout import layers
from opvasm.explorer_reports.state_graph import READABLE

from .conftest import Opvasm

SVG = "{http://www.w3.org/2000/svg}"


def test_a_livelock_is_boxed_and_the_way_there_is_bold(opvasm: Opvasm) -> None:
    """A stepped section goes back to where it was: arrows there and back, in a cluster."""
    text = opvasm("explore", "samples/races/stepping.opv", "alone", "-f", "dot")
    assert text.startswith("digraph ")
    assert "cluster_livelock" in text
    bold = re.findall(r'^  (\d+) -> (\d+) \[label="a", style="bold', text, re.MULTILINE)
    assert any((target, source) in bold for source, target in bold)


def test_the_counterexample_is_a_bold_path_from_the_start_to_a_red_state(opvasm: Opvasm) -> None:
    text = opvasm("explore", "samples/races/list.opv", "naive", "-f", "dot")
    bold = re.findall(r"^  (\d+) -> (\d+) \[.*style=\"bold", text, re.MULTILINE)
    steps = dict(bold)
    assert len(steps) == len(bold)
    here, length = "0", 0
    while here in steps:
        here, length = steps[here], length + 1
    assert length == len(bold) > 0
    assert re.search(rf"^  {here} \[.*color=red", text, re.MULTILINE)


def test_a_graph_that_holds_has_nothing_bold_or_red(opvasm: Opvasm) -> None:
    text = opvasm("explore", "samples/races/list.opv", "own_nodes", "-f", "dot")
    assert "bold" not in text
    assert "red" not in text


def test_the_picture_has_every_node_inside_it(opvasm: Opvasm) -> None:
    root = ET.fromstring(opvasm("explore", "samples/races/ring.opv", "-f", "svg"))
    width, height = (float(root.attrib[each]) for each in ("width", "height"))
    groups = root.findall(f"{SVG}g")
    assert groups
    for group in groups:
        circles = list(group.iter(f"{SVG}circle"))
        assert 0 < len(circles) <= READABLE
        places = {(each.attrib["cx"], each.attrib["cy"]) for each in circles}
        assert len(places) == len(circles), "two nodes lie on each other"
        for x, y in places:
            assert 0 < float(x) < width
            assert 0 < float(y) < height
    assert not list(root.iter("script"))


def test_a_big_graph_is_folded_and_says_so(opvasm: Opvasm) -> None:
    """Four threads have more states than anybody can read; their number is told."""
    text = opvasm("explore", "samples/races/counter.opv", "four", "-f", "dot")
    assert "too many to read" in text
    assert len(re.findall(r"^ +\d+ \[label", text, re.MULTILINE)) <= READABLE


@given(
    st.integers(1, 30).flatmap(
        lambda n: st.tuples(
            st.just(n), st.lists(st.tuples(st.integers(0, n - 1), st.integers(0, n - 1)))
        )
    )
)
def test_layers_hold_every_node_once_and_no_arrow_skips_one(
    graph: tuple[int, list[tuple[int, int]]],
) -> None:
    """An arrow from what the start reaches leads at most one layer down."""
    count, arrows = graph
    rows = layers(count, arrows)
    assert sorted(node for row in rows for node in row) == list(range(count))
    level = {node: depth for depth, row in enumerate(rows) for node in row}
    assert level[0] == 0
    reached, waiting = {0}, [0]
    for here in waiting:
        new = {target for source, target in arrows if source == here} - reached
        reached |= new
        waiting += new
    for source, target in arrows:
        if source in reached:
            assert level[target] <= level[source] + 1


@pytest.mark.parametrize("kind", ["dot", "svg", "html", "junit", "github"])
def test_coverage_has_no_place_in_other_formats(opvasm: Opvasm, kind: str) -> None:
    opvasm("explore", "samples/races/list.opv", "naive", "-f", kind, "--coverage", code=2)
