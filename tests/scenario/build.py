"""Programs and tests from a few lines of text."""

from __future__ import annotations

from collections.abc import Collection

from opvasm.assembler import Assembly, assemble
from opvasm.report.human import render_all
from opvasm.scenario.evaluate import Scope, Value, evaluate
from opvasm.scenario.events import TestObserver
from opvasm.scenario.runner import Result, run_test
from opvasm.scenario.world import World
from opvasm.source import SourceFile
from opvasm.text.parser import parse_expression

DATA = """
const N = 3
struct pair { first: u8, second: i16 }
struct node { next: ptr<node>, value: u64 }
percpu count: u32
percpu head:  ptr<node>
percpu small: pair
percpu pairs: u16[2]
shared byte:  u8
shared half:  i16
shared word:  u64
shared table: u64[4]
shared name:  u8[4]
shared nodes: node[3]
shared grid:  u16[2][3]
page   gone:  unmapped
page   fresh: zero
page   code:  mapped
vector bump(n: i64) { add count, n }
vector same(expect: u64) {
    add.u32     count, 1
    cmpeq.u64   word, expect
}
vector take(from: ptr) { memcpy.u64 word, [from] }
vector nothing() { mb }
"""


def assembled(text: str, abi: str = "2017-11") -> Assembly:
    """A file of that text, after the common data."""
    return assemble(SourceFile("t.opv", f"abi {abi}\n{DATA}\n{text}\n"))


def run_of(statements: str, *, abi: str = "2017-11", quirks: Collection[str] = ()) -> Result:
    """A test of these statements, run."""
    assembly = assembled(f'test "t" {{\n{statements}\n}}', abi)
    return run_test(assembly.program, assembly.tests[0], quirks=quirks)


def observed(statements: str, observe: TestObserver) -> Result:
    """A test of these statements, run under the eyes of an observer."""
    assembly = assembled(f'test "t" {{\n{statements}\n}}')
    return run_test(assembly.program, assembly.tests[0], observe=observe)


def findings(statements: str, *, abi: str = "2017-11") -> str:
    """What is said of a test of these statements; empty when it passes."""
    return render_all(run_of(statements, abi=abi).findings)


def value_of(text: str, *, cpu: int = 0, names: dict[str, int] | None = None) -> Value:
    """The value of an expression on a fresh machine with the common data."""
    world = World(assembled("").program)
    scope = Scope(
        *(world.program, world.layout, cpu, world.machine.cpus.possible, world.memory.read),
        names=names or {},
    )
    return evaluate(parse_expression(text, "expression"), scope)
