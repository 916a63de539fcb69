"""Sections that load, as machine code in unicorn and as the fallback's plain C, against the interpreter."""

from __future__ import annotations

import random
import struct
from pathlib import Path
from typing import NamedTuple

import pytest

pytest.importorskip("unicorn")

from opvasm.assembler import assemble
from opvasm.emit import Naming, Request, header
from opvasm.emit.exits import answers
from opvasm.emit.names import stride
from opvasm.emit.sections import with_sections
from opvasm.interpreter.section import Surroundings, run_section
from opvasm.machine import Memory
from opvasm.program import Area, Pointer, Program, section as ir
from opvasm.source import SourceFile

from .conftest import ELIDE, need, run
from .test_machine_code import (
    AARCH64,
    ABORTED,
    CODE_STACK,
    MEMORY,
    X86_64,
    Machine,
    Processor,
    symbols_of,
)

TEXT = """
struct node { next: ptr<node>, value: u64 }
struct ring { head: u64, tail: u64, slot: u64[8] }
struct slab { current: u16, begin: u16, more: u32, slots: ptr<u64> }
percpu head: ptr<node>
percpu log:  ring
percpu slabs: slab
percpu words: u64[4]
percpu small: i16[4]
percpu byte:  u8
shared nodes: node[4]
shared table: u32[8]

section pop() -> item { item = load head; exit empty if item == 0; next = load item->next; commit head, next }
section push(item: ptr<node>) { old = load head; store item->next, old; commit head, item }
section get() -> v, n {
    h = load log.head
    t = load log.tail
    exit empty if h == t
    v = load log.slot[h & 7]
    commit log.head, h + 1
    n = u16(h) + 1
}
section pop_slab() -> item {
    current = load slabs.current
    begin = load slabs.begin
    exit empty if current <= begin
    slots = load slabs.slots
    current = current - 1
    item = load [slots + (u64(current & 3) << 3)].u64
    commit slabs.current, current
}
section read(i: u32) -> v, w { v = load words[2]; w = load table[i & 7]; exit done }
section signs(a: i16, b: i32) -> y, z {
    s = load small[1]
    x = s * a + 1
    y = i32(s) - b
    z = choose(u16(s) == s, u8(s), ~u8(a))
    y = -y >> 3
    exit less if x < s && x != 7
    exit big if u32(y) >= u32(b)
    commit small[2], x
}
unverified section shifts(n: u64, c: u8) -> x, y {
    w = load words[1]
    x = w << c
    t = load table[1]
    y = t >> c ^ t << 3
    commit words[1] ^= 0x123456789a
}
unverified section small_shifts(n: u64, c: u8) {
    b = load byte
    b = choose(!b || c > 9, b << c, b >> 2)
    store byte, b
    store table[2] <<= c
    store small[0] >>= c
    store small[3] += u16(n)
    commit words[1] ^= 0x123456789a
}
section branches(n: u64) -> x {
    w = load words[0]
    x = n + 7
    if w < 5 { x = w * 3; exit odd if w & 1 == 1 } else { if w == n { x = 0 } }
    commit words[0], x, release
    x = x - w
    exit late if x > 100
}
section middle(n: u64) -> x {
    w = load words[0]
    x = w
    if w == n { commit words[0], n + 1 } else { x = n; exit other }
}
section search(want: ptr<node>) -> found {
    at = load head
    found = u64(0)
    loop 3 {
        break if at == want
        exit end if at == 0
        found = found + 1
        at = load at->next
    }
    commit words[3], found
}
section ids() -> c, other { c = cpu_id; other = load head@1; exit zero if !c; commit words[c & 3], u64(c) }
section fetch(from: ptr<u64>) -> v { v = load [from], acquire; barrier; commit byte, u8(v) }
"""
STRICT = ("-Wall", "-Wextra", "-Wconversion", "-Werror")
CPUS = 3
OUT = CODE_STACK + 0x100
SHARED = 0x5000_0000
PERCPU = 0x4000_0000


class Made(NamedTuple):
    """The sections of TEXT, and their compiled functions."""

    program: Program
    machine: Machine
    symbols: dict[str, int]

    def address(self, symbol: str, cpu: int) -> int:
        """Where a variable lies."""
        found = self.program.data.symbols[symbol]
        if found.area is Area.SHARED:
            return SHARED + found.offset
        return PERCPU + cpu * stride(self.program.data) + found.offset


def c_file(program: Program) -> str:
    """Functions that can be called: each section in its forms, and the fallback."""
    lines = ["#include <stddef.h>", "const ptrdiff_t __rseq_offset = 64;", '#include "t.h"']
    naming = Naming("t", {})
    for section in program.sections.values():
        types = ir.local_types(section)
        parameters = [naming.declare(each.type, each.name) for each in section.parameters]
        parameters += [f"{naming.type(types[name])} *{name}" for name in section.results]
        names = [each.name for each in section.parameters] + list(section.results)
        declared = ", ".join(["const struct t *opv_m", "unsigned opv_cpu", *parameters])
        for form, first in (
            ("_section", ["opv_cpu"]),
            ("_again_section", ["opv_cpu"]),
            ("_here_section", []),
            ("_ops", ["&opv_m->percpu[opv_cpu]"]),
        ):
            call = ", ".join(["opv_m", *first, *names])
            lines.append(f"int try_{section.name}{form}({declared})")
            lines.append(f"{{ (void)opv_cpu; return t_{section.name}{form}({call}); }}")
    return "\n".join(lines) + "\n"


def build(program: Program, processor: Processor, folder: Path) -> Made:
    """Compile all sections."""
    need(processor.compiler, "nm")
    found = with_sections(program, (), ELIDE, ("x86-64", "aarch64"))
    assert not found.findings
    request = Request(found.program, found.vectors, ELIDE, Naming("t", {}), loading=found.loading)
    (folder / "t.h").write_text(header(request))
    (folder / "t.c").write_text(c_file(program))
    options = ("-nostdlib", "-static", "-fno-stack-protector", "-fno-pie", "-no-pie", "-Wl,-e,0")
    command = (processor.compiler, "-O1", *STRICT, *options, folder / "t.c", "-o", folder / "t")
    done = run(*command)
    assert done.returncode == 0, done.stderr
    machine = Machine(folder / "t", processor)
    machine.engine.mem_map(PERCPU, 0x1000)
    machine.engine.mem_map(SHARED, 0x1000)
    head = struct.pack("<QQI", PERCPU, SHARED, CPUS)
    machine.engine.mem_write(MEMORY, head)
    return Made(program, machine, symbols_of(folder / "t"))


def random_memory(made: Made, chance: random.Random) -> dict[int, bytes]:
    """Bytes of both areas: few different numbers, and pointers that lead somewhere."""
    nodes = [made.address("nodes", 0) + 16 * index for index in range(4)]
    few = chance.choice(([0, 1, 3], [5, 6], [chance.getrandbits(64) for _ in range(3)]))

    packed = [struct.pack("<Q", few[each % len(few)]) for each in range(256)]

    def numbers(size: int) -> bytearray:
        return bytearray(b"".join(map(packed.__getitem__, chance.randbytes(size // 8))))

    areas = {PERCPU: numbers(CPUS * stride(made.program.data)), SHARED: numbers(0x80)}
    for symbol, offset in (("head", 0), ("slabs", 8), ("nodes", 0), ("nodes", 16), ("nodes", 32)):
        for cpu in range(1 if symbol == "nodes" else CPUS):
            to = 0 if symbol != "slabs" and chance.random() < 0.3 else chance.choice(nodes[:2])
            at = made.address(symbol, cpu) + offset
            area = PERCPU if at < SHARED else SHARED
            struct.pack_into("<Q", areas[area], at - area, to)
    for cpu in range(CPUS):  # no lock, no flag
        at = made.address("byte", cpu) - PERCPU
        end = (cpu + 1) * stride(made.program.data)
        areas[PERCPU][at + 1 : end] = bytes(end - at - 1)
    return {area: bytes(raw) for area, raw in areas.items()}


@pytest.mark.parametrize("processor", [X86_64, AARCH64], ids=lambda each: each.name)
def test_sections_that_load_do_what_the_interpreter_does(
    processor: Processor, tmp_path: Path
) -> None:
    """Answer, memory and results are equal on random states, and after an abort before any instruction."""
    made = build(assemble(SourceFile("t.opv", TEXT)).program, processor, tmp_path)
    left: set[tuple[str, str]] = set()
    for section in made.program.sections.values():
        chance = random.Random(f"{section.name} 5")
        for number in range(16):
            left.add((section.name, compare(made, section, chance, number == 0)))
    for section in made.program.sections.values():
        commits = any(map(ir.is_commit, ir.walk(section.body)))
        for label in (*ir.labels(section), *(["ok"] if commits else [])):
            assert (section.name, label) in left, f"{section.name} was never left by {label}"


def compare(made: Made, section: ir.Section, chance: random.Random, aborts: bool) -> str:
    """One random state: the interpreter, then machine code in each form; how the section was left."""
    before = random_memory(made, chance)
    cpu = chance.randrange(CPUS)
    pointers = [made.address("nodes", 0) + 16 * index for index in range(2)]
    few = [0, 1, 5, 40, chance.getrandbits(64)]
    arguments = {
        each.name: ir.fitted(
            chance.choice(pointers if isinstance(each.type, Pointer) else few), each.type
        )
        for each in section.parameters
    }
    memory = Memory()
    for area, raw in before.items():
        memory.map(area, 0x1000)
        memory.write(area, raw)
    surroundings = Surroundings(
        memory.read,
        memory.write,
        lambda symbol, other: made.address(symbol, cpu if other is None else other),
        {"cpu_id": cpu, "cpu_id_start": cpu},
        "little",
    )
    want = run_section(section, arguments, surroundings)
    assert want.label is not None
    after = {area: memory.read(area, len(raw)) for area, raw in before.items()}
    answer = {"ok": 0, **answers(section)}[want.label]
    types = ir.local_types(section)
    engine = made.machine.engine
    values = [MEMORY, cpu, *(arguments[each.name] % (1 << 64) for each in section.parameters)]
    values += [OUT + 8 * index for index in range(len(section.results))]

    def call(form: str, cut: int | None = None, on: int = cpu) -> tuple[int, int]:
        for area, raw in before.items():
            engine.mem_write(area, raw)
        engine.mem_write(OUT, bytes(64))
        function = made.symbols[f"try_{section.name}{form}"]
        return made.machine.call(function, values, on, cut, watched=aborts)

    def check(what: str) -> None:
        for area, raw in after.items():
            assert bytes(engine.mem_read(area, len(raw))) == raw, what
        for index, name in enumerate(section.results):
            if name in want.results:
                size = types[name].size
                found = int.from_bytes(engine.mem_read(OUT + 8 * index, size), "little")
                assert found == want.results[name] % (1 << 8 * size), f"{what}: {name}"

    for form in ("_section", "_again_section", "_here_section", "_ops"):
        what = f"{section.name}{form}({arguments}) on {cpu}"
        found, instructions = call(form)
        assert found == answer, f"{what}: {want.label}"
        check(what)
        if form == "_here_section" and aborts:
            for cut in range(instructions):
                assert call(form, cut)[0] == ABORTED, f"{what} cut at {cut}"
    assert call("_section", on=(cpu + 1) % CPUS)[0] == ABORTED
    return want.label
