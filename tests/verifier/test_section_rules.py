"""Rules R1 to R9 on sections that load: each has one that breaks it and one that nearly does."""

from __future__ import annotations

import pytest

from opvasm.assembler import assemble
from opvasm.source import SourceFile
from opvasm.verifier.section_report import section_report
from opvasm.verifier.section_rules import section_findings

DATA = """
percpu head: u64
percpu total: u64
percpu log: u64[4]
percpu bytes: u8[16]
shared all: u64
shared table: u64[4]
struct ring { tail: u64, data: u8[64], last: u64 }
percpu ring: ring
percpu wide: u8[600]
"""

BREAKS = {
    "R1": [
        "commit all, 1",
        "commit head@1, 1",
        "commit head@c, 1",  # nobody has asked whether c is this CPU
        "store all, 1; commit head, 1",
    ],
    "R2": [
        "store total, 1; x = load head; exit a if x != 0; commit head, 1",
        "if n == 1 { store total, 1 }; exit a if n == 2; commit head, 1",
        "x = load total; loop 3 { exit a if n == x; store log[0], 1; x = x + 1 }; commit head, 1",
    ],
    "R3": [
        "x: u128 = load [&log].u128; commit [&log].u128, x",
        "commit [&bytes + 4].u64, 1",
    ],
    "R4": [
        "store total += 1; commit head, 1",
        "x = load total; store total, x + 1; commit head, 1",
        "x = load log[n]; y = x + 1; store log[n], y; commit head, 1",
        "x = fetch_add total, 1; commit head, x",
        # Cut off before the commit, `explore` shows, the next attempt commits the 5.
        "x = load total; store total, 5; commit head, x",
        "x = load total; y = x + 1; store total, 5; store log[0], y; commit head, 1",
        "x = xchg total, 5; commit head, x",
        "loop { x = load total; y = cmpxchg total, x, x + 1; break if y == x }; commit head, 1",
        "x = load bytes[0]; copy bytes, log, n; commit bytes[15], x",  # bytes of any number, at least one
        "x = load bytes[8]; copy bytes[8], log, n; commit head, u64(x)",
    ],
    "R5": [
        "store total, n; x = load total; commit head, x",
        "store head, n; commit head += 1",
        "x = cmpxchg total, 4, 9; y = load total; commit head, y",
        "copy log, total, 8; x = load log[0]; commit head, x",
        "copy log, total, n; x = load log[0]; commit head, x",
        "copy [p], log, n; x = load [p].u8; commit head, u64(x)",
        "store log[0], n; copy bytes, log, n; commit head, 1",
    ],
    "R6": ["store total, 1, release; commit head, 1"],
}
NEARLY = {
    "R1": [
        "commit head, 1",
        "exit moved if cpu_id != c; commit head@c, 1",
        "i = cpu_id; commit head@i, 1",
        "commit cmpxchg all, 0, 1",  # one step for every CPU
        "old = commit fetch_add all, 1",
        "store [p].u64, 1; commit head, 1",  # where p points, the caller knows
    ],
    "R2": [
        "x = load head; exit a if x != 0; store total, 1; commit head, 1",
        "old = commit cmpxchg head, 0, 1; exit a if old != 0",  # after the section
        "if n == 1 { store total, 1; commit head, 1 } else { exit a }",
    ],
    "R3": ["commit [&bytes + 8].u64, 1", "commit bytes[3], 1", "commit log[n], 1"],
    "R4": [
        "x = load total; store log[0], 5; commit head, x",
        "x = load total; store total, 5; commit head, n",  # nothing is made of it
        "if n == 1 { x = load total; store log[0], x } else { store total, 5 }; commit head, 1",
        "x = load total; copy log, total, 8; commit total, 0",
        "commit total += 1",
        "x = commit xchg total, n",
        "x = load total; store log[0], x; commit total, x + 1",
        "x = load log[0]; store log[1], x; commit head, 1",
        "x = load log[n]; store log[c], x; commit head, 1",  # other elements, or the same: unknown
        "x = load log[0]; copy log[1], [p], n; commit head, x",  # a copy goes upwards
        "x = load head; copy ring.data, [p], n; commit ring.tail, x",
    ],
    "R5": [
        "loop 2 { i = load head; x = load log[i]; break if x != 0; store log[i], 1 }; commit total, 1",
        "x = load total; store log[1], n; commit head, x",
        "store log[0], n; x = load log[1]; commit head, x",
    ],
    "R6": ["store total, 1; commit head, 1, release"],
}
WARNS = {
    "R4": [
        "x = load head; exit a if x != 0; store head, 1; commit total, 1",
        "copy bytes, bytes[8], n; commit head, 1",  # from its ninth byte on
        "x = load log[2]; copy log, bytes, n; commit head, x",
        "x = load bytes[0]; exit a if x != 0; copy bytes, log, n; commit total, 1",
    ],
    "R5": [
        "copy log, bytes, n; x = load log[2]; commit head, x",
        "i = load bytes[0]; copy wide, log, u64(i); x = load wide[254]; commit head, u64(x)",
    ],
    "R8": [
        "x = load [p].u64; commit head, x",
        "if c == 1 { x = load head; exit a if ptr(x) != p }; y = load [p].u64; commit head, y",
        "x = load head; if ptr(x) == p { store log[0], 1 }; y = load [p].u64; commit log[1], y",
        "x = load head; exit a if ptr(x) == p; y = load [p].u64; commit head, y",
        "q = p; exit a if q != p; y = load [p].u64; commit head, y",  # equal to itself says nothing
    ],
    "R9": ["loop { x = load head; break if x != 0 }; commit total, 1"],
}
SILENT = {
    "R4": [
        "x = load ring.last; copy ring.data, bytes, n; commit head, x",  # an array ends before
        "copy bytes, bytes[8], n & 8; commit head, 1",
        "i = load head; copy log[i], log[n], n; commit head, i + 1",
    ],
    "R5": [
        "copy ring.data[4], bytes, n; x = load ring.last; commit head, x",
        "copy ring.data[4], bytes, n; x = load ring.data[3]; commit head, u64(x)",
        "i = load bytes[0]; copy wide, log, u64(i); x = load wide[255]; commit head, u64(x)",
    ],
    "R8": [
        "x = load head; exit a if ptr(x) != p; y = load [p].u64; commit head, y",
        "x = load head; exit a if n == 1 || ptr(x) != p; y = load [p].u64; commit head, y",
        "x = load head; if ptr(x) == p && n == 1 { y = load [p].u64; commit head, y } else { exit a }",
        "x = load head; if !(ptr(x) == p) { exit a }; y = load [p].u64; commit head, y",
        "x = load head; y = load [x].u64; commit head, y",  # loaded inside
    ],
    "R9": ["loop 4 { x = load head; break if x != 0 }; commit total, 1"],
}


def findings(body: str) -> list[tuple[str, bool]]:
    """The rules that a section breaks, and whether each refuses it."""
    text = f"{DATA}section s(n: u64, c: u32, p: ptr) {{ {body} }}"
    program = assemble(SourceFile("s.opv", text)).program
    return [
        (each.rule, each.refuses) for each in section_findings(program.sections["s"], program.data)
    ]


def cases(table: dict[str, list[str]]) -> list[tuple[str, str]]:
    """Rule and body of each case of a table."""
    return [(rule, body) for rule, bodies in table.items() for body in bodies]


@pytest.mark.parametrize(("rule", "body"), cases(BREAKS))
def test_a_section_that_breaks_a_rule_is_refused_by_it(rule: str, body: str) -> None:
    """By that rule; another may see it too."""
    assert (rule, True) in findings(body)


@pytest.mark.parametrize(("rule", "body"), cases(NEARLY))
def test_a_section_that_nearly_breaks_a_rule_is_not_refused(rule: str, body: str) -> None:
    """By no rule."""
    assert [each for each in findings(body) if each[1]] == []


@pytest.mark.parametrize(("rule", "body"), cases(WARNS))
def test_what_depends_on_the_caller_is_a_warning(rule: str, body: str) -> None:
    """It is said, and refuses nothing."""
    assert findings(body) == [(rule, False)]


@pytest.mark.parametrize(("rule", "body"), cases(SILENT))
def test_what_is_proven_or_bounded_is_not_warned_of(rule: str, body: str) -> None:
    """The rule has nothing to say."""
    assert rule not in [each for each, _ in findings(body)]


def test_an_unverified_section_is_warned_of_only() -> None:
    """Its author has said that it may break the rules."""
    for word, level in (("", "error"), ("unverified ", "warning")):
        text = f"{DATA}{word}section s() {{ commit all, 1 }}"
        program = assemble(SourceFile("s.opv", text)).program
        (found,) = section_report(program.sections["s"], program.data)
        assert (found.code, found.level) == ("OPV401", level)
