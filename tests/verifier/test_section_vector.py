"""Sections that are exactly a vector: which they are, and that both do the same."""

from __future__ import annotations

from random import Random

import pytest

from opvasm.assembler import assemble
from opvasm.machine import Cpus
from opvasm.program import Program
from opvasm.scenario.sections import enter, finish
from opvasm.scenario.world import World
from opvasm.source import SourceFile
from opvasm.verifier.section_report import as_vector_text
from opvasm.verifier.section_vector import AsVector, NoVector, as_vector

DATA = """
struct node { next: ptr<node>, value: u64 }
percpu head: u64
percpu total: u64
percpu small: u16
shared nodes: node[2]
shared log: u64[2]
shared big: u8[8208]
"""

EXACT = {
    "push": (
        "p: ptr<node>, expect: u64",
        "h = load head; exit moved if h != expect; store p->value, h; commit head, expect",
        "cmpeq.u64 head, expect // exit moved\nmemcpy.u64 p->value, expect\n"
        "memcpy.u64 head, expect",
    ),
    "bump": ("n: u64", "commit total += n", "add.u64 total, n"),
    "less": ("", "commit small -= 3", "add.u16 small, -3"),
    "own": (
        "cpu: u32",
        "exit moved if cpu_id != cpu; x = load total@cpu; commit total@cpu, x + 1",
        "add.u64 total, 1",
    ),
    "copied": (
        "",
        "x = load head; store log[0], x; y = load total; commit head, y",
        "memcpy.u64 log[0], head\nmemcpy.u64 head, total",
    ),
    "compared": (
        "",
        "x = load head; y = load total; exit differ if y != x; barrier; commit total, 5",
        "cmpeq.u64 head, total // exit differ\nmb\nmemcpy.u64 total, =5",
    ),
    "empty": (
        "",
        "x = load head; exit empty if x == 0; commit small |= 0x8000",
        "cmpne.u64 head, =0 // exit empty\nor.u16 small, 0x8000",
    ),
    "bytes": (
        "",
        "copy log[0], nodes[1], 16; commit total ^= 3",
        "memcpy log, nodes[1], 16\nxor.u64 total, 0x3",
    ),
    "address": ("", "commit head, u64(&nodes[1])", "memcpy.u64 head, &nodes[1]"),
}
NONE = {
    "it gives x": "x = load head; commit head, 1",
    "no op compares and exchanges": "commit cmpxchg head, 0, 1",
    "no op reads and writes a word": "commit fetch_add head, 1",
    "a vector's ops follow one another": "if n == 0 { exit a }; commit head, 1",
    "which it has loaded": "x = load head; exit a if x == 0; commit [x].u64, 1",
    "asks only whether bytes are equal": "x = load head; exit a if x > 1; commit head, 1",
    "was read before": "x = load head; exit a if x == 1; commit total, x",
    "stands between a load and its use": "x = load head; store total, 1; commit log[0], x",
    "reads what no op compares": "x = load head; y = load total; z = load small; commit small, z",
    "the length of a copy is a value": "copy log[0], nodes[0], n; commit head, 1",
    "stores elsewhere": "x = load head; commit total, x + 1",
    "no op takes a": "commit head -= n",
    "names a CPU by a value": "commit head@(u32(n)), 1",
    "computed": "commit head, n + 1",
    "is ordered, and no op reads with acquire order": "x = load head, acquire; exit a if x != n; commit total, 1",
    "cpu_opv would refuse it: a compare or memcpy is longer": "copy big[0], big[4104], 4104; commit head, 1",
}


def converted(
    parameters: str, body: str, results: str = "", revision: str | None = None
) -> tuple[Program, AsVector]:
    """A section's program, and the vector that the section is."""
    text = f"{DATA}section s({parameters}){results} {{ {body} }}"
    program = assemble(SourceFile("s.opv", text), revision=revision).program
    return program, as_vector(program.sections["s"], program.data, program.abi)


@pytest.mark.parametrize("name", EXACT)
def test_a_section_that_is_exactly_a_vector_is_printed_as_it(name: str) -> None:
    """The ops are those that a person would write."""
    parameters, body, ops = EXACT[name]
    program, found = converted(parameters, body)
    lines = as_vector_text(found, program.abi).splitlines()
    head = next(i for i, line in enumerate(lines) if line.startswith("vector"))
    written = []
    for line in lines[head + 1 : -1]:
        op, _, remark = line.partition("//")
        label = remark.partition("exit ")[2]
        written.append(" ".join(op.split()) + (f" // exit {label}" if label else ""))
    assert written == ops.splitlines()


@pytest.mark.parametrize(
    "body",
    ["commit head, c", "commit head += c", "x = load head; exit b if x != c; commit total, 1"],
)
def test_the_cpu_that_a_section_asks_for_is_no_value(body: str) -> None:
    """The vector is called for that CPU and has no such parameter, so that no op can take it."""
    with pytest.raises(NoVector, match="c is the CPU that it asks for, and a value too"):
        converted("c: u64, n: u64", f"exit moved if cpu_id != u32(c); {body}")


@pytest.mark.parametrize("name", EXACT)
def test_both_do_the_same_to_memory(name: str) -> None:
    """From random memory and arguments: the same bytes, and the exit for the compare that stops."""
    parameters, body, _ = EXACT[name]
    program, found = converted(parameters, body)
    whole = program._replace(vectors={"s": found.vector}, data=found.data)
    random = Random(name)
    taken = set()
    for _ in range(40):
        worlds = [World(whole, cpus=Cpus(2, current=1)) for _ in range(2)]
        layout = worlds[0].layout
        for symbol in program.data.symbols.values():
            few = (0,) if random.random() < 0.5 else (0, 0, 1, 2, 255)
            data = bytes(random.choices(few, k=symbol.size))
            for world in worlds:
                world.memory.write(layout.symbol_address(symbol, 1), data)
        nodes = layout.symbol_address(program.data.symbols["nodes"], 0)
        head = int.from_bytes(
            worlds[0].memory.read(layout.symbol_address(program.data.symbols["head"], 1), 8),
            "little",
        )
        given = {
            "p": nodes,
            "cpu": 1,
            "n": random.getrandbits(16),
            "expect": random.choice((0, head)),
        }
        arguments = {each.name: given[each.name] for each in program.sections["s"].parameters}
        run, observed = enter(worlds[0], program.sections["s"], arguments)
        label = finish(run, observed, None, lambda _: None)
        called = {each.name: given[each.name] for each in found.vector.parameters}
        ops = worlds[1].ops(found.vector, 1, called)
        result = worlds[1].machine.cpu_opv(ops, len(ops), 1)
        stopped = next((k for k, ops in found.labels.items() if result - 1 in ops), "ok")
        assert (label, result > 0) == (stopped, stopped != "ok")
        taken.add(label)
        for symbol in program.data.symbols.values():
            address = layout.symbol_address(symbol, 1)
            assert worlds[0].memory.read(address, symbol.size) == worlds[1].memory.read(
                address, symbol.size
            )
    assert "ok" in taken


@pytest.mark.parametrize("reason", NONE)
def test_a_section_that_is_no_vector_says_why(reason: str) -> None:
    """The reason names what no op does."""
    results = " -> x" if reason.startswith("it gives") else ""
    with pytest.raises(NoVector, match=reason):
        converted("n: u64", NONE[reason], results)


def test_the_order_of_a_store_is_an_op_of_its_own() -> None:
    """2019-04 has memcpy.release, 2017-11 has not."""
    program, found = converted("", "commit head, 1, release", revision="2019-04")
    assert "memcpy.release.u64  head, =1" in as_vector_text(found, program.abi)
    with pytest.raises(NoVector, match=r"2017-11 has no memcpy.release"):
        converted("", "commit head, 1, release")
