"""Vectors made at random: one to three ops, on few places, with every kind of operand."""

from __future__ import annotations

import re
from random import Random
from typing import NamedTuple

from .words import REVISIONS


class VectorText(NamedTuple):
    name: str
    parameters: tuple[str, ...]
    text: str


class VectorMaker:
    """Makes vectors for one scenario."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.ops: set[str] = set()
        self.cpus = random.choice((1, 2, 2, 2, 3))
        self.revision = random.choice(("2017-11",) * 4 + REVISIONS)

    def chance(self, probability: float) -> bool:
        return self.random.random() < probability

    def vector(self, name: str) -> VectorText:
        count = self.random.choice((0, 1, 1, 1, 2, 2, 2, 2, 3))
        used: set[str] = set()
        if self.chance(0.4):
            # What sections are for: compares, then a store.
            ops = [self.compare(used)] * self.chance(0.7) + [self.store_op(used)]
        else:
            ops = [self.op(used) for _ in range(count)]
        if not ops:
            self.ops.add("empty")
        if not any(re.match(r"memcpy|add|or|and|xor|lshift|rshift", each) for each in ops):
            self.ops.add("no store")
        kinds = {"n": "n: ptr<node>", "v": "v: u64", "p": "p: ptr"}
        names = tuple(each for each in "nvp" if each in used)
        parameters = ", ".join(kinds[each] for each in names)
        return VectorText(name, names, f"vector {name}({parameters}) {{ {'; '.join(ops)} }}")

    def memory_operand(self, used: set[str]) -> str:
        kind = self.random.choice(("d", "d", "d", "e", "f", "f", "@", "->", "[]"))
        if kind == "@":
            self.ops.add("@")
            return f"{self.random.choice('de')}@{self.random.randrange(self.cpus)}"
        if kind == "->":
            self.ops.add("->")
            used.add("n")
            return "n->value"
        if kind == "[]":
            self.ops.add("[]")
            used.add("p")
            return "[p]"
        return kind

    def source(self, used: set[str]) -> str:
        if self.chance(0.3):
            self.ops.add("=")
            return f"={self.random.randrange(3)}"
        if self.chance(0.5):
            used.add("v")
            return "v"
        self.ops.add("two places")
        place = self.memory_operand(used)
        if self.revision not in ("2017-10", "2019-04") and self.chance(0.2):
            self.ops.add("?")
            place += "?"
        return place

    def compare(self, used: set[str]) -> str:
        name = self.random.choice(("cmpeq", "cmpeq", "cmpne"))
        self.ops.add(name)
        if self.chance(0.15):
            self.ops.add("itself")
            place = self.random.choice(("d", "f", "d@0"))
            return f"{name}.u64 {place}, {self.random.choice((place, place, 'd', 'f'))}"
        if self.chance(0.2):
            used.add("n")
            return f"{name} head, n"
        return f"{name}.u64 {self.memory_operand(used)}, {self.source(used)}"

    def store_op(self, used: set[str]) -> str:
        release = self.random.choice(("", ".release")) if self.revision == "2019-04" else ""
        if self.chance(0.25):
            self.ops.add("memcpy")
            used.add("n")
            return self.random.choice(
                ("memcpy head, n", "memcpy head, n->next", "memcpy n->next, head")
            )
        if self.chance(0.5):
            self.ops.add("memcpy")
            return f"memcpy{release}.u64 {self.memory_operand(used)}, {self.source(used)}"
        if self.chance(0.1):
            self.ops |= {"add", "u8"}
            return f"add{release}.u8 q, 255"
        if self.revision == "2019-04" or self.chance(0.4):
            self.ops.add("add")
            return f"add{release}.u64 {self.memory_operand(used)}, {self.random.choice((1, 2, -1))}"
        name = self.random.choice(("or", "and", "xor", "xor", "lshift", "rshift"))
        self.ops.add(name)
        return f"{name}.u64 {self.memory_operand(used)}, {self.random.choice((1, 1, 2))}"

    def op(self, used: set[str]) -> str:
        if self.chance(0.1) and self.revision not in ("2017-10", "2019-04"):
            self.ops.add("mb")
            return "mb"
        return self.compare(used) if self.chance(0.35) else self.store_op(used)
