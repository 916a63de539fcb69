"""Addresses get the names that the language would write."""

from __future__ import annotations

import pytest

from opvasm import SourceFile, assemble, default_layout
from opvasm.program import Area
from opvasm.trace.names import Names

TEXT = """\
struct node { next: ptr, value: u64 }
percpu head: ptr<node>
percpu count: u32
shared nodes: node[4]
shared text: u8[16]
page gone: unmapped
vector v(by: i64, at: ptr) {
    add count, by
    memcpy.u64 [at], =77
    memcpy.ptr head, &nodes[1]
}
"""


@pytest.fixture(scope="module")
def names() -> Names:
    """The names of the program in the default layout."""
    program = assemble(SourceFile("t", TEXT)).program
    layout = default_layout(program.abi, program.data)
    return Names(program, layout, program.vectors["v"])


def test_a_variable_is_named_with_its_field_and_cpu(names: Names) -> None:
    """The size chooses between a struct and its first field."""
    layout, data = names.layout, names.program.data
    nodes = layout.symbol_address(data.symbols["nodes"], 0)
    assert names.exact(nodes + 16, 16) == "nodes[1]"
    assert names.exact(nodes + 16, 8) == "nodes[1].next"
    assert names.exact(nodes + 24, 8) == "nodes[1].value"
    assert names.exact(layout.symbol_address(data.symbols["head"], 3), 8) == "head@3"


def test_a_pointer_points_to_the_whole(names: Names) -> None:
    """Not to the first field; of bytes, to the variable."""
    layout, data = names.layout, names.program.data
    nodes = layout.symbol_address(data.symbols["nodes"], 0)
    assert names.address(nodes) == "&nodes[0]"
    assert names.address(nodes + 32) == "&nodes[2]"
    assert names.address(nodes + 36) == "&nodes + 36"
    assert names.address(layout.symbol_address(data.symbols["text"], 0)) == "&text"
    assert names.address(0x1234) is None


def test_arguments_and_constants_have_names(names: Names) -> None:
    """The slot of a parameter, an item of the pool."""
    layout = names.layout
    assert names.exact(layout.slots, 8) == "by"
    assert names.exact(layout.slots + 8, 8) == "at"
    assert names.exact(layout.pool, 8) == "=77"
    assert names.exact(layout.pool + 2, 1) == "=77 + 2"
    assert names.exact(layout.pool + 8, 8) == "&nodes[1]"


def test_the_nearest_variable_places_an_address(names: Names) -> None:
    """By how many bytes it was missed; nothing where none is near."""
    layout, data = names.layout, names.program.data
    end = layout.shared + data.area_size(Area.SHARED)
    assert names.near(end + 5) == "5 bytes after text"
    assert names.near(layout.page - 8) == "8 bytes before gone"
    assert names.near(layout.percpu + layout.percpu_stride - 4) is not None
    assert names.near(0x1234) is None
