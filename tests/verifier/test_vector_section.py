"""Vectors as sections: the same work, and the same rules broken."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from random import Random

import pytest

from opvasm.assembler import assemble
from opvasm.codes.rseq import CODES
from opvasm.errors import OpvasmError
from opvasm.machine import Cpus
from opvasm.program import Pointer, Program, Vector, section as ir
from opvasm.scenario.sections import enter, finish
from opvasm.scenario.world import World
from opvasm.source import SourceFile
from opvasm.verifier.rseq_rules import findings
from opvasm.verifier.section_rules import section_findings
from opvasm.verifier.vector_section import NoSection, as_section

ROOT = Path(__file__).parent.parent.parent
OF_COMMITS = {"R2", "R3", "R4", "R6"}
TEXT = """
struct node { next: ptr<node>, value: u64 }
percpu head: ptr<node>
percpu total: u64
percpu bytes: u8[24]
shared nodes: node[2]
shared other: u8[24]
vector push(p: ptr<node>, expect: u64) { cmpeq head, expect; memcpy p->next, expect; memcpy head, p }
vector words(n: u16, m: u64) { add.u16 [&total], n; and total, m; lshift.u32 [&total], 3; xor total, 0xff }
vector long(p: ptr) { cmpeq bytes, other, 23; memcpy bytes, nodes, 24; memcpy.u64 total, [p] }
vector odd() { cmpne bytes, other, 5; memcpy other, ="abcdefghijk"; or.u8 [&total], 128 }
vector slot(n: u64) { memcpy.u16 [&bytes + 4], [&n + 2]; memcpy.u64 total, &nodes[1]; mb; add total, n - 1 }
vector reads() { cmpeq total, =0; cmpne head, =0 }
"""


def program(text: str) -> Program:
    """A text, assembled."""
    return assemble(SourceFile("s.opv", text)).program


VECTORS = list(program(TEXT).vectors)


@pytest.mark.parametrize("name", VECTORS)
def test_a_vector_and_its_section_do_the_same(name: str) -> None:
    """From random memory and arguments: the same bytes, and differs where the vector stops."""
    whole = program(TEXT)
    vector = whole.vectors[name]
    section = as_section(vector, whole)
    random = Random(name)
    stopped = 0
    for _ in range(30):
        worlds = [World(whole, cpus=Cpus(2, current=1)) for _ in range(2)]
        layout = worlds[0].layout
        for symbol in whole.data.symbols.values():
            few = (0,) if random.random() < 0.6 else (0, 1, 255)
            data = bytes(random.choice(few) for _ in range(symbol.size))
            for world in worlds:
                world.memory.write(layout.symbol_address(symbol, 1), data)
        nodes = layout.symbol_address(whole.data.symbols["nodes"], 0)
        arguments = {
            each.name: (nodes if isinstance(each.type, Pointer) else random.choice((0, 1, 0x8123)))
            for each in vector.parameters
        }
        run, observed = enter(worlds[0], section, arguments)
        label = finish(run, observed, None, lambda _: None)
        ops = worlds[1].ops(vector, 1, arguments)
        result = worlds[1].machine.cpu_opv(ops, len(ops), 1)
        assert (result >= 0, label) == (True, "differs" if result else "ok")
        stopped += result > 0
        for symbol in whole.data.symbols.values():
            address = layout.symbol_address(symbol, 1)
            left, right = (each.memory.read(address, symbol.size) for each in worlds)
            assert left == right, symbol.name
    assert stopped < 30


@pytest.mark.parametrize(
    "row",
    [each for each in CODES if "vector v(" in each.example and each.code != "OPV407"],
    ids=lambda row: row.code,
)
def test_the_section_of_a_vector_breaks_the_rule_that_the_vector_breaks(row) -> None:  # type: ignore[no-untyped-def]
    """The example of each rule's code breaks it in both forms."""
    whole = program(row.example)
    vector = whole.vectors["v"]
    rules = {each.rule for each in findings(vector, whole.data) if each.code == row.code}
    section = as_section(vector, whole)
    assert rules
    if row.code == "OPV403":  # 64 bytes at once have no commit at all
        assert not any(getattr(each, "commit", False) for each in section.body)
        return
    assert rules <= {each.rule for each in section_findings(section, whole.data)}


def vectors_of_samples() -> list[tuple[Program, Vector]]:
    """Every vector of every sample that can be assembled."""
    found = []
    for path in sorted((ROOT / "samples").rglob("*.opv")):
        with suppress(OpvasmError):
            whole = assemble(SourceFile(str(path), path.read_text("utf-8"))).program
            found += [(whole, vector) for vector in whole.vectors.values()]
    return found


def test_a_vector_of_the_samples_breaks_the_rules_that_its_section_breaks() -> None:
    """The two say the same of every vector that is plain code, but for what only one of them has.

    A section has no commit where the last store is no word, so that rules about the commit say other
    things: leaving is an exit after stores (R2), pieces are stores before a commit (R4, R6).  A copy or
    compare of no bytes reads through a pointer (R8) and is no instruction.
    """
    seen = set()
    for whole, vector in vectors_of_samples():
        try:
            section = as_section(vector, whole)
        except NoSection:
            continue
        mine = {each.rule for each in findings(vector, whole.data)}
        other = {each.rule for each in section_findings(section, whole.data)}
        if "R3" in mine and not ir.is_commit(section.body[-1]):
            mine, other = mine - OF_COMMITS, other - OF_COMMITS
        if any(not op.length and op.addresses for op in vector.instructions):
            mine, other = mine - {"R8"}, other - {"R8"}
        assert mine == other, f"{vector.place}: {vector.name}"
        seen |= mine
    assert seen >= {"R1", "R2", "R4", "R5", "R8"}


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("add bytes, 1, 3", "changes 3 bytes"),
        ("memcpy.u64 total, [p]?", "expects a fault"),
        ("memcpy.u64 p, total", "writes to its own argument"),
    ],
)
def test_what_plain_code_cannot_do_is_refused(body: str, reason: str) -> None:
    """With the reason."""
    whole = program(f"{TEXT}vector v(p: ptr) {{ {body} }}")
    with pytest.raises(NoSection, match=reason):
        as_section(whole.vectors["v"], whole)
