"""Ops and programs as text: read back they are the same, and they read well."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings, strategies as st

from opvasm.abi.layout import DATA_MODELS
from opvasm.abi.ops import ADD, CMPEQ, MEMCPY
from opvasm.abi.revisions import get_abi
from opvasm.assembler import assemble
from opvasm.program import (
    ArgumentValue,
    Instruction,
    PoolAddress,
    Program,
    SlotAddress,
    SymbolAddress,
    Value,
)
from opvasm.source import SourceFile
from opvasm.text.names import best_path, paths
from opvasm.text.printer import OpLine, Speller, columns
from opvasm.text.program_printer import program_text

from ..unplaced import unplaced
from .programs import data_of, program_of

_FOLDER = Path(__file__).parents[2] / "samples"
SAMPLES = sorted(set(_FOLDER.rglob("*.opv")) - set((_FOLDER / "malformed").iterdir()))
ABI = get_abi()
PROGRAM = program_of(ABI)
SPELLER = Speller(ABI, PROGRAM.data, PROGRAM.vectors["every"])


def without_places(program: Program) -> Program:
    """The program as if nobody had written it anywhere."""
    data = program.data._replace(
        symbols={name: each._replace(place=None) for name, each in program.data.symbols.items()}
    )
    vectors = {
        name: each._replace(
            place=None,
            parameters=tuple(parameter._replace(place=None) for parameter in each.parameters),
            instructions=tuple(op._replace(place=None, parts=()) for op in each.instructions),
        )
        for name, each in program.vectors.items()
    }
    sections = unplaced(program.sections)
    return program._replace(data=data, vectors=vectors, sections=sections)


def check_round_trip(program: Program) -> None:
    """Printed and read again, the program is the same."""
    text = program_text(program)
    again = assemble(SourceFile("printed", text), page_size=program.abi.page_size).program
    assert without_places(again) == without_places(program), text


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_every_sample_printed_and_read_again_is_the_same_program(path: Path) -> None:
    # A sample about the bytes of one data model can't be read in another.
    models = (None,) if path.stem.endswith("_padding_word") else (None, "64be")
    for model in models:
        source = SourceFile(str(path), path.read_text())
        check_round_trip(assemble(source, model=model).program)


EVERYTHING = """
abi 2017-11
const N = -3
const BIG = 0x1_0000_0000
struct node { next: ptr<node>, value: i32, name: u8[6] }
struct ring { head: u64, slot: u64[4], nodes: node[2] }
percpu head: ptr<node> = &nodes[1]
percpu ring0: ring = { .slot = { 0, 7 }, .nodes = { { .value = -1 }, { &nodes[2].value, 5 } } }
percpu small: i8 = -5
shared nodes: node[4]
shared grid: u16[2][3] = { { 1, 2 }, { 0, 0, 0xffff } }
shared name: u8[8] = "a\\"b\\\\c"
shared where: ptr = &ring0.slot[1]@2
page gone: unmapped[2]
page once: readonly
vector all(p: ptr<node>, q: ptr, n: i64, m: u64, b: u32, c: i8) {
    cmpeq       head, &nodes?
    cmpne       p->value, =-2
    memcpy.u64  [p + 3], [q - 8]?
    memcpy      ring0.nodes[1], p->name, 2
    memcpy      name, ="te*/\\x00\\xff\\"x"
    memcpy      grid[1], ={ 1, 2, 0x8000 }
    memcpy      nodes[3].name, ={ 1, 2, 3 }, 6
    memcpy      [&small], [&n + 4], 3
    memcpy.u16  [&ring0.slot[3] + 1], [&m]
    memcpy.u8   small@3, c
    memcpy      [&gone + 100], once, 0
    memcpy      ring0@1, @0x1000, 4 { 26: 1 }
    add         head, n + 5
    add.u64     [q], -9
    or.u32      nodes[0].value, m
    and.u8      small, 0xf0
    lshift.u32  [q + 1]?, b
    rshift.u64  ring0.head@0, 63 { 20: 7 }
    mb 3
}
unverified vector none() {
}
"""


@pytest.mark.parametrize("model", [each.name for each in DATA_MODELS])
def test_every_form_of_operand_and_declaration_survives(model: str) -> None:
    check_round_trip(assemble(SourceFile("everything", EVERYTHING), model=model).program)


def test_printing_is_stable_for_programs_that_no_assembler_made() -> None:
    """Their pool holds more than is used, so only the text can be compared."""
    program = program_of(ABI)
    text = program_text(program)
    again = assemble(SourceFile("printed", text)).program
    assert program_text(again) == text


@pytest.mark.parametrize(
    ("value", "size", "text"),
    [
        (0x1000, 8, "@0x1000"),
        (SymbolAddress("head"), 8, "head"),
        (SymbolAddress("head", 0, 3), 8, "head@3"),
        (SymbolAddress("head"), 4, "[&head]"),
        (SymbolAddress("head", 4), 4, "[&head + 4]"),
        (SymbolAddress("head", -4), 4, "[&head - 4]"),
        (SymbolAddress("nodes", 40), 8, "nodes[2].value"),
        (SymbolAddress("nodes", 32), 8, "nodes[2].next"),
        (SymbolAddress("nodes", 32), 16, "nodes[2]"),
        (SymbolAddress("nodes"), 128, "nodes"),
        (SymbolAddress("nodes"), 20, "nodes"),
        (SymbolAddress("nodes", 33), 8, "[&nodes + 33]"),
        (SymbolAddress("ring0", 16, 1), 8, "ring0.slot[1]@1"),
        (SymbolAddress("gone", 100), 8, "[&gone[100]]"),
        (ArgumentValue("node"), 8, "node->next"),
        (ArgumentValue("node", 8), 8, "node->value"),
        (ArgumentValue("node", 8), 4, "[&node->value]"),
        (ArgumentValue("node", 12), 4, "[node + 12]"),
        (ArgumentValue("node"), 16, "[node]"),
        (ArgumentValue("n", -8), 8, "[n - 8]"),
        (SlotAddress("mask"), 8, "mask"),
        (SlotAddress("mask"), 4, "[&mask]"),
        (SlotAddress("mask", 4), 4, "[&mask + 4]"),
        (PoolAddress(0), 8, "=5"),
        (PoolAddress(8), 8, "&nodes[2]"),
        (PoolAddress(32), 5, '="te*/t"'),
    ],
)
def test_an_operand_is_written_as_a_person_would(value: Value, size: int, text: str) -> None:
    assert SPELLER.memory(value, size) == text


def test_a_known_address_takes_the_name_it_is_given() -> None:
    speller = Speller(ABI, address_name=lambda address, size: "head" if address == 8 else None)
    row = Instruction(2, MEMCPY, 8, (8, 16), (0, 1))
    assert str(speller.line(row)) == "memcpy.u64 head, @0x10?"


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (5, "5"),
        (-5, "-5"),
        (65536, "65536"),
        (65537, "0x10001"),
        (-(1 << 63), "-0x8000000000000000"),
    ],
)
def test_a_count_is_decimal_while_it_is_small(count: int, text: str) -> None:
    assert str(Speller(ABI).line(Instruction(3, ADD, 8, (1,), (0,), count))).endswith(f", {text}")


def test_a_constant_takes_the_sign_of_what_it_meets() -> None:
    """0xfffffffb is -5 for an i32 and a large number for a place without a type."""
    text = "shared a: i32\nvector v() {\n cmpeq a, =-5\n cmpeq.u32 @0x10, =0xfffffffb\n}"
    program = assemble(SourceFile("x", text)).program
    printed = program_text(program)
    assert "cmpeq.u32  a, =-5 " in printed
    assert "cmpeq.u32  @0x10, =0xfffffffb " in printed
    assert len(program.data.pool) == 1


def test_columns_stand_below_each_other_and_a_wide_line_moves_none() -> None:
    lines = [
        OpLine("mb", "", "op 0"),
        OpLine("add.u64", "x, 1", "op 1"),
        OpLine(".raw", "y" * 80, "op 2"),
    ]
    assert list(columns(lines)) == [
        "    mb             // op 0",
        "    add.u64  x, 1  // op 1",
        f"    .raw     {'y' * 80}  // op 2",
    ]


@settings(max_examples=50)
@given(st.integers(0, 200), st.integers(0, 20))
def test_a_path_leads_to_the_byte_it_names(offset: int, size: int) -> None:
    """Every path found for an offset is of a place that begins there; the best is one of them."""
    nodes = data_of(ABI).symbols["nodes"].type
    assert nodes is not None
    found = dict(paths(nodes, offset))
    if not found or offset >= nodes.size:
        assert best_path(nodes, offset, size) is None
        return
    assert best_path(nodes, offset, size) in found
    for path, declared in found.items():
        assert offset + declared.size <= nodes.size, path


def test_the_index_of_each_op_is_its_comment() -> None:
    program = assemble(SourceFile("x", "vector v() { mb\n mb 1 }")).program
    assert program_text(program).endswith(
        "vector v() {\n    mb     // op 0\n    mb  1  // op 1\n}\n"
    )
    assert Instruction(0, CMPEQ, 1, (1, 2), (0, 0)).is_bound
