"""The formatter: one layout, comments kept, the meaning untouched, twice the same as once."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, strategies as st

from opvasm.abi.revisions import get_abi
from opvasm.assembler import Assembly, assemble, read_file
from opvasm.disassembler import disassemble
from opvasm.errors import ParseError
from opvasm.program import Program
from opvasm.source import SourceFile
from opvasm.text.formatter import formatted
from opvasm.text.layout import lines_of, tokens_of
from opvasm.text.parser import parse_file

from ..unplaced import unplaced

ROOT = Path(__file__).parents[2]


def layout(text: str, name: str = "test.opv") -> str:
    """The text in its one layout."""
    return formatted(SourceFile(name, text))


@cache
def samples() -> tuple[Path, ...]:
    """The samples without mistakes."""
    paths = sorted((ROOT / "samples").glob("*/*.opv"))
    return tuple(
        path
        for path in paths
        if not parse_file(SourceFile(path.name, path.read_text("utf-8"))).problems
    )


def meaning(assembly: Assembly) -> Program:
    """What a text says, without the places where it says it."""
    program = assembly.program
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


def assembled(path: Path, text: str) -> Program:
    """The program of a text that stands in a sample's place, so that ``use`` finds its files."""
    return meaning(assemble(SourceFile(str(path), text), loader=read_file))


def shaken(text: str, random: Random) -> str:
    """The text with its blanks, line breaks where they mean nothing, and comments changed.

    Blanks grow or go where no two words meet; empty lines and comments come in between lines.
    """
    lines = []
    for line in text.splitlines():
        body, slashes, comment = line.partition("//")
        if '"' not in body and "'" not in body and "/*" not in body:
            words = body.split(" ")
            body = " ".join(word + " " * random.choice((0, 0, 1, 3)) for word in words)
            body = body.replace(", ", random.choice((",", ",   ", " , ")))
        lines.append(" " * random.randint(0, 9) + body + slashes + comment)
        while random.random() < 0.2:
            lines.append(random.choice(("", "   ", "// a remark", "\t/* another */")))
    return random.choice(("\n", "\r\n")).join(lines)


@pytest.mark.parametrize("path", samples(), ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_a_sample_means_the_same_when_laid_out(path: Path) -> None:
    text = path.read_text("utf-8")
    once = layout(text)
    assert layout(once) == once
    assert tokens_of(once) == tokens_of(text)
    try:
        before = assembled(path, text)
    except ParseError:
        return  # a sample of a mistake that is not one of syntax
    assert assembled(path, once) == before


@given(st.sampled_from(samples()), st.integers(0, 1 << 32))
def test_whatever_its_blanks_a_text_keeps_its_meaning_and_its_comments(
    path: Path, seed: int
) -> None:
    text = shaken(path.read_text("utf-8"), Random(seed))
    if parse_file(SourceFile("shaken", text)).problems:
        return  # a comment has come into the middle of a statement
    once = layout(text)
    assert layout(once) == once
    assert tokens_of(once) == tokens_of(text)
    assert "\r" not in once
    assert not any(line != line.rstrip() for line in once.splitlines())
    assert "\n\n\n" not in once


@given(st.binary(max_size=256).map(lambda data: data[: len(data) // 32 * 32]))
def test_a_disassembly_is_laid_out_already(data: bytes) -> None:
    text = disassemble(data, get_abi())
    assert layout(text) == text


def test_the_layout_by_example() -> None:
    """Every rule of the layout once, written by hand."""
    text = """


abi 2017-11
percpu head :ptr<node>   // the list
shared   nodes: node [ 4 ]
page gone:unmapped
struct node{next:ptr<node>,value:u64}
// before the vector
vector   push( node:ptr<node> ,expect:ptr<node> ){

cmpeq.ptr head,expect // differs
      // in between
  memcpy.ptr   node->next ,expect?
    mb
  memcpy  [head+8],=0X1F, 16{26:0x0A}


}
vector a(){ mb;mb }
vector longer(n: i64) {add.u64 [&head],-1}
test "x"{
cpu 0
  head= & gone; nodes[0].value =1+2*3
  run push(&nodes[0] ,head)->0   // done
  assert nodes[ 0 ].value==7&&head!=0||!head
repeat 2{
run a() on 1->0
}
}"""
    assert layout(text) == """\
abi 2017-11
percpu head:  ptr<node>  // the list
shared nodes: node[4]
page   gone:  unmapped
struct node { next: ptr<node>, value: u64 }
// before the vector
vector push(node: ptr<node>, expect: ptr<node>) {
    cmpeq.ptr   head, expect  // differs
    // in between
    memcpy.ptr  node->next, expect?
    mb
    memcpy      [head + 8], =0x1f, 16 { 26: 0x0a }
}
vector a()            { mb; mb }
vector longer(n: i64) { add.u64 [&head], -1 }
test "x" {
    cpu 0
    head = &gone; nodes[0].value = 1 + 2 * 3
    run push(&nodes[0], head) -> 0  // done
    assert nodes[0].value == 7 && head != 0 || !head
    repeat 2 {
        run a() on 1 -> 0
    }
}
"""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ""),
        ("\n\n", ""),
        ("// only a remark", "// only a remark\n"),
        ("/* a\n   b */\nabi 2017-11", "/* a\n   b */\nabi 2017-11\n"),
        ("vector v() {\n}", "vector v() {\n}\n"),
        ("vector v() { }", "vector v() { }\n"),
        (
            "vector v(x: u64,\ny: u64) {\nadd.u64 [x],\n1\n}",
            "vector v(x: u64,\n    y: u64) {\n    add.u64  [x],\n        1\n}\n",
        ),
        ("shared a: u8[4] = {1,\n2}", "shared a: u8[4] = { 1,\n    2 }\n"),
    ],
)
def test_small_texts(text: str, expected: str) -> None:
    assert layout(text) == expected


def test_a_text_with_mistakes_is_left_alone() -> None:
    with pytest.raises(ParseError) as caught:
        layout("vector v( {\n")
    assert caught.value.diagnostics


def test_blank_lines_are_marked_at_the_line_behind_them() -> None:
    lines = lines_of("\na\n\n\n// b\nc\n")
    assert [(line.blank, bool(line.pieces), line.comment) for line in lines] == [
        (False, True, ""),
        (True, False, "// b"),
        (False, True, ""),
    ]
