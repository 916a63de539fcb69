"""Programs loaded into a machine's memory."""

from __future__ import annotations

import pytest

from opvasm.abi.pages import PageKind
from opvasm.errors import BindError
from opvasm.machine import Cpus, Fault
from opvasm.program import default_layout
from opvasm.scenario.show import name_address, show_value
from opvasm.scenario.world import World

from .build import assembled

INITIAL = """
percpu start: u16 = 0x1234
shared text:  u8[8] = "abc"
shared link:  ptr = &text[1]
shared mine:  ptr<node> = &nodes[1]
shared list:  node[2] = { { .value = 5 }, { 0, 6 } }
"""


def world(text: str = "", cpus: int = 4) -> World:
    """The common data and some more, loaded."""
    return World(assembled(text).program, cpus=Cpus(cpus))


def address(of: World, name: str, cpu: int = 0) -> int:
    """Where a variable lies."""
    return of.layout.symbol_address(of.program.data.symbols[name], cpu)


def test_initial_values_lie_in_memory_in_each_cpus_area() -> None:
    loaded = world(INITIAL)
    for cpu in range(4):
        assert loaded.memory.read(address(loaded, "start", cpu), 2) == b"\x34\x12"
    assert loaded.memory.read(address(loaded, "text"), 8) == b"abc\0\0\0\0\0"
    link = int.from_bytes(loaded.memory.read(address(loaded, "link"), 8), "little")
    assert link == address(loaded, "text") + 1
    values = loaded.memory.read(address(loaded, "list"), 32)
    assert (values[8], values[24]) == (5, 6)


def test_pages_are_of_the_kind_that_was_declared() -> None:
    loaded = world()
    kinds = {name: loaded.memory.kind(address(loaded, name)) for name in ("gone", "fresh", "code")}
    assert kinds == {
        "gone": PageKind.UNMAPPED,
        "fresh": PageKind.ZERO,
        "code": PageKind.MAPPED,
    }


def test_the_literal_pool_can_not_be_written_by_an_op() -> None:
    loaded = world("vector v() { memcpy.u64 word, =5 }")
    assert loaded.memory.kind(loaded.layout.pool) is PageKind.READONLY


def test_setting_memory_that_is_not_mapped_is_a_fault() -> None:
    loaded = world()
    with pytest.raises(Fault):
        loaded.set_memory(address(loaded, "gone"), b"x")


def test_an_address_has_the_name_of_its_symbol_with_cpu_and_offset() -> None:
    loaded = world()
    assert name_address(loaded, address(loaded, "word")) == "word"
    assert name_address(loaded, address(loaded, "count", 2) + 3) == "count@2 + 3"
    assert name_address(loaded, 0x1000) == "0x1000"


def test_values_are_shown_short() -> None:
    assert show_value(4095) == "4095"
    assert show_value(4096) == "0x1000"
    assert show_value(-5) == "-5"
    assert show_value(b"\x01\xff") == "{01 ff}"
    assert show_value(bytes(17)) == "{" + "00 " * 16 + "…}"


@pytest.mark.parametrize(
    ("areas", "said"),
    [
        ({"shared": 0x7F00_0000_1000}, "the percpu area, 16384 bytes at 0x7f0000000000, reaches"),
        ({"slots": 0x6000_0000_0000}, "reaches into the slots area at 0x600000000000"),
        ({"page": 0xFFFF_FFFF_FFFF_F000}, "leaves the address space"),
        ({"percpu_stride": 1 << 30}, "are 4096 MiB; the machine has 1024"),
    ],
)
def test_areas_that_do_not_fit_beside_each_other_are_refused(
    areas: dict[str, int], said: str
) -> None:
    program = assembled("").program
    layout = default_layout(program.abi, program.data)._replace(**areas)
    with pytest.raises(BindError) as caught:
        World(program, cpus=Cpus(4), layout=layout)
    assert said in str(caught.value)


def test_more_cpus_than_their_data_has_room_for_are_refused() -> None:
    program = assembled("percpu large: u8[1048576]").program
    with pytest.raises(BindError) as caught:
        World(program, cpus=Cpus(4096))
    assert caught.value.diagnostics[0].code == "OPV457"
