"""What slices.c says of the slice extension, and what a kernel that has it must say."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from opvasm.light_typing import NamedTuple

SOURCE = Path(__file__).with_name("slices.c")
# What prctl and the area's flags say of a kernel with slices; -524 is the kernel's ENOTSUPP.
FACTS = {
    "unregistered": -6,  # ENXIO
    "with32": -524,
    "flags": 16,
    "set": 0,
    "flags_set": 48,
    "get": 1,
    "register_asking": 0,
    "flags_asking": 48,
}


class Said(NamedTuple):
    """What slices.c printed: facts by name, and the counts of each row by name and size."""

    facts: Mapping[str, int]
    rows: Mapping[tuple[str, int], Mapping[str, int]]


def read(text: str) -> Said:
    """The lines of slices.c among others."""
    facts = {name: int(value) for name, value in re.findall(r"^fact (\w+) (-?\d+)", text, re.M)}
    rows = {}
    for name, size, counts in re.findall(r"^row ([\w-]+) (\d+) (.*)", text, re.M):
        pairs = re.findall(r"(\w+)=(\d+)", counts)
        rows[name, int(size)] = {outcome: int(count) for outcome, count in pairs}
    return Said(facts, rows)


def wrong(said: Said, tries: int) -> list[str]:
    """What a kernel with slices should have said otherwise."""
    found = [
        f"{name} is {said.facts.get(name)}, not {value}"
        for name, value in FACTS.items()
        if said.facts.get(name) != value
    ]
    rows = said.rows
    if rows["not-enabled", 32] != {"kept": tries, "wiped": 0}:
        found.append("a registration of 32 bytes has no slices, and its bytes 28 to 31 changed")
    if rows["not-enabled", 64] != {"kept": 0, "wiped": tries}:
        found.append("without the prctl a request is taken back all the same")
    request = rows["request", 64]
    if request["none"] or request["granted"] < tries // 2:
        found.append("a request under load is granted, and seen to be granted most of the time")
    yields = rows["yield", 64]
    if yields["one"] <= 9 * yields["zero"]:
        found.append("rseq_slice_yield answers 1 while the grant is there")
    if rows["yield-after-call", 64]["one"] or rows["yield-after-call", 64]["still_granted"]:
        found.append("any system call takes the grant, and rseq_slice_yield then answers 0")
    return found
