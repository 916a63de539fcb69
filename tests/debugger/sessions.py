"""Sessions that several tests need."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

from opvasm.assembler import Assembly, assemble
from opvasm.conformance_case import Case, read_cases
from opvasm.debugger.commands import COMMANDS
from opvasm.debugger.drivers import VectorsDriver
from opvasm.debugger.load import session_of_test
from opvasm.debugger.session import Session
from opvasm.debugger.shell import Shell
from opvasm.debugger.timeline import LiveTimeline
from opvasm.machine import Cpus, Memory
from opvasm.program import Vector
from opvasm.scenario.world import World
from opvasm.source import SourceFile

ROOT = Path(__file__).parent.parent.parent
LIST = ROOT / "samples" / "idioms" / "list.opv"
CASES = ROOT / "tests" / "conformance" / "public.jsonl"

PROGRAM = """
struct node { next: ptr<node>, value: u64 }
percpu head: ptr<node>
percpu count: u32
shared nodes: node[4]
shared text: u8[100]
shared copy: u8[100]
page gone: unmapped

vector push(node: ptr<node>, expect: ptr<node>) {
    cmpeq.ptr   head, expect
    memcpy.ptr  node->next, expect
    memcpy.ptr  head, node
    add.u32     count, 1
}
vector long() { memcpy copy, text, 100 }
vector bad(p: ptr) { memcpy.u64 [p], nodes[0].value }

test "a list" {
    cpu 1
    nodes[0].value = 7
    run push(&nodes[0], 0) -> 0
    run push(&nodes[1], 0) -> 1
    assert unchanged
    fill text with index
    run long() -> 0
    run push(&nodes[1], &nodes[0]) -> 0
    run bad(&gone) -> EFAULT
    assert head == &nodes[1]
}
test "fails" {
    cpu 0
    run push(&nodes[0], 1) -> 0
    assert head == 5
    run push(&nodes[0], 0) -> 0
}
"""


def line_of(text: str) -> int:
    """The line of PROGRAM in which a text stands first."""
    return PROGRAM[: PROGRAM.index(text)].count("\n") + 1


def assembly_of(text: str, name: str = "program.opv") -> Assembly:
    return assemble(SourceFile(name, text))


@cache
def program() -> Assembly:
    return assembly_of(PROGRAM)


def session(test: str = "a list") -> Session:
    found = next(each for each in program().tests if each.name == test)
    return session_of_test(program(), found)


@cache
def cases() -> tuple[Case, ...]:
    return tuple(read_cases(SourceFile(CASES.name, CASES.read_text())))


def state(session: Session) -> tuple[Memory, Cpus]:
    return session.holder.memory.copy(), session.holder.cpus.copy()


def many_calls(count: int) -> Session:
    """A history of ``count`` calls of push, every third one stale, on the CPUs in turn."""
    world = World(program().program)
    nodes = world.layout.symbol_address(program().program.data.symbols["nodes"], 0)
    head = program().program.data.symbols["head"]

    def calls() -> Iterator[tuple[Vector, Mapping[str, int], int]]:
        push = program().program.vectors["push"]
        for number in range(count):
            cpu = number % 4
            address = world.layout.symbol_address(head, cpu)
            expect = int.from_bytes(world.memory.read(address, 8), "little")
            node = nodes + 16 * (number // 4 % 4)
            yield push, {"node": node, "expect": 1 if number % 3 == 2 else expect}, cpu

    driver = VectorsDriver(world, calls())
    return Session(LiveTimeline(driver), program().program, world.layout)


class Transcript:
    """A shell that keeps what it writes."""

    def __init__(self, session: Session) -> None:
        self.lines: list[str] = []
        self.shell = Shell(session, COMMANDS, self._write)

    def _write(self, line: str) -> None:
        self.lines += line.split("\n")

    def __call__(self, command: str) -> str:
        """What a command writes."""
        before = len(self.lines)
        self.shell.execute(command)
        return "\n".join(self.lines[before:])
