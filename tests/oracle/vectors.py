"""Vectors made at random: one to three ops, on few places, with every kind of operand."""

from __future__ import annotations

import re
from random import Random
from typing import NamedTuple

from .words import REVISIONS, pages_of


class VectorText(NamedTuple):
    name: str
    parameters: tuple[str, ...]
    ops: tuple[str, ...]
    text: str


class VectorMaker:
    """Makes vectors for one scenario."""

    def __init__(self, random: Random, size: int) -> None:
        self.random = random
        self.size = size
        self.ops: set[str] = set()
        self.cpus = random.choice((1, 2, 2, 2, 3) if size == 0 else (1, 2))
        self.revision = random.choice(("2017-11",) * 4 + REVISIONS)
        self.page = random.choice(pages_of(self.revision))

    def chance(self, probability: float) -> bool:
        return self.random.random() < probability

    def vector(self, name: str) -> VectorText:
        count = self.random.choice((0, 1, 1, 1, 2, 2, 2, 2, 3) if self.size < 2 else (0, 1, 1, 2))
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
        kinds = {"n": "n: ptr<node>", "v": "v: u64", "p": "p: ptr", "i": "i: i64", "b": "b: u8"}
        names = tuple(each for each in kinds if each in used)
        parameters = ", ".join(kinds[each] for each in names)
        ops = [part for each in ops for part in each.split("; ")]
        return VectorText(
            name, names, tuple(ops), f"vector {name}({parameters}) {{ {'; '.join(ops)} }}"
        )

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
        return self.may_fault(place, 0.2)

    def may_fault(self, place: str, probability: float) -> str:
        """An operand, now and then with its expect_fault byte set."""
        if self.revision == "2017-10" or not self.chance(probability):
            return place
        self.ops.add("?")
        return place + "?"

    def odd(self, used: set[str]) -> str:
        """An op on something else than a whole u64: parts, arrays, structs, pages, constants."""
        plain = (
            "cmpeq.u32 arr[1], =1; memcpy arr[0], arr[1]",
            "memcpy.u32 arr[1], =7",
            "add.u16 tab[1], 0xffff",
            "memcpy tab, ={1, 2}",
            "cmpne rec.high, both.high",
            "memcpy rec, both",
            "memcpy both.low, =1",
            "memcpy A, B",
            "memcpy A, ={.value = 1}",
            'memcpy.u8 q, ="x"',
            "cmpeq.u16 [&f], =0",
            "memcpy.u32 [&f + 4].u32, [&f].u32",
            "memcpy arr, [&f], 8",
            "memcpy head, &A",
            "cmpeq f, =0, 8",
        )
        pages = (
            f"cmpeq.u8 {self.may_fault('gone[1]', 0.5)}, =1",
            f"memcpy.u64 d, {self.may_fault('[&gone]', 0.5)}",
            f"cmpeq.u32 {self.may_fault('[&some]', 0.3)}, =0",
            f"memcpy.u8 {self.may_fault('some[1]', 0.3)}, =1",
            f"memcpy.u8 q, {self.may_fault('@0x10', 0.5)}",
            "add.u8 some[1], 1",
        )
        text = self.random.choice(self.random.choice((plain, pages)))
        if "?" in text and self.revision == "2017-10":
            text = text.replace("?", "")
        used |= {"i"} if self.chance(0.2) else set()
        if "i" in used and self.chance(0.7):
            text += f"; add.u64 {self.random.choice('df')}, i{self.random.choice(('', ' - 1'))}"
        if self.revision != "2019-04" and self.chance(0.1):
            used.add("b")
            text += f"; {self.random.choice(('lshift', 'rshift'))}.u8 q, b"
        self.ops.add("odd")
        return text

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
        if self.chance(0.15):
            return self.odd(used)
        if self.chance(0.1) and self.revision not in ("2017-10", "2019-04"):
            self.ops.add("mb")
            return "mb"
        return self.compare(used) if self.chance(0.35) else self.store_op(used)
