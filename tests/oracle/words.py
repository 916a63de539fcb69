"""The words of the language, for the generator and for the table of what it has made."""

from __future__ import annotations

from typing import NamedTuple


class Size(NamedTuple):
    """What a scenario may hold: its threads (x2: two alike), and statements by their number."""

    shapes: tuple[str, ...]
    statements: dict[int, int]


SIZES = (
    Size(("1", "2", "2", "2", "2", "3", "x2", "x2", "x3", "x2+1"), {1: 3, 2: 2}),
    Size(("1", "2", "2", "2", "x2"), {1: 2}),
    Size(("1", "2", "x2"), {}),
    Size(("1",), {}),
)
KERNELS = (
    *("legacy", "v6_19_x86", "v7_x86_size32", "v7_x86_size33"),
    *("v6_19_arm64", "v7_0_arm64_size32", "v7_0_arm64_size33"),
    *("v7_1_arm64_size32", "v7_1_arm64_size33", "debug", "no_rseq"),
)
STRATEGIES = {
    "opv": "opv",
    "opv_eager": "opv { subscribe eager }",
    "lock": "lock",
    "lock_none": "lock { fence none }",
    "lock_vector": "lock { fence vector }",
    "rseq": "rseq { unchecked }",
    "rseq_lazy": "rseq { subscribe lazy, unchecked }",
    "rseq_eager": "rseq { subscribe eager, unchecked }",
    "rseq_opv": "rseq then opv after 2 { unchecked }",
    "rseq_lock": "rseq then lock after 1 { subscribe eager, fence membarrier, unchecked }",
    "rseq_lock_lazy": "rseq then lock after 1 { subscribe lazy, fence vector, unchecked }",
}
ENVIRONMENTS = (
    "none",
    "preempt",
    "migrate",
    "signal",
    "hotplug",
    "checkpoint",
    "unprotected",
    "stepped",
    "stalled",
)
STATEMENTS = (
    *("load", "load percpu", "load @", "load ->", "load ids", "load own"),
    *("store", "store percpu", "store @", "store ->", "store ids", "store own"),
    *("compute", "current", "if", "loop n", "loop", "return", "break", "fail"),
    *("fence membarrier", "fence membarrier on", "fence vector", "fence vector on"),
    *(
        "run",
        "run on",
        "run on current",
        "run elsewhere",
        "differs.at",
        "unhandled",
        "retry",
        "handler",
    ),
)
OPS = (
    *("cmpeq", "cmpne", "memcpy", "add", "or", "and", "xor", "lshift", "rshift", "mb"),
    *("itself", "no store", "two places", "->", "[]", "@", "?", "u8", "=", "empty"),
)
# What values and conditions of threads are made of beside plain sums: every operator is there.
VALUES = (
    *("x / y", "x % 2", "x / 2", "x << 1", "x >> 1", "-x", "~x & 3", "x | 1", "+x", "!x", "x & 1"),
    *("x <= 1", "x >= 1", "x < 2", "x > y", "x != y", "x && y", "x || y", "TWO - x", "y ^ 'a'"),
    *("sizeof(node)", "offsetof(node, value)", "0x1_0", "x - y", "current + 1"),
)
# Declarations by their names, and what of them stands in the table of outcomes.
MEMORY = {
    "d": ("percpu d: u64", ("d@{}",)),
    "e": ("percpu e: u64 = TWO - 2", ("e@{}",)),
    "q": ("percpu q: u8", ("q@{}",)),
    "arr": ("percpu arr: u32[2] = { 0, 1 }", ("arr[0]@{}", "arr[1]@{}")),
    "rec": ("percpu rec: pair", ("rec.low@{}", "rec.high@{}")),
    "head": ("percpu head: ptr<node>", ("head@{}",)),
    "f": ("shared f: u64", ("f",)),
    "g": ("shared g: u64", ("g",)),
    "k": ("shared k: i32", ("k",)),
    "both": ("shared both: pair = { .high = -2 }", ("both.low", "both.high")),
    "tab": ("shared tab: u16[2]", ("tab[0]", "tab[1]", "sum(tab)")),
    "way": ("shared way: ptr = &f", ("way",)),
    "A": ("shared A: node", ("A.next", "A.value")),
    "B": ("shared B: node", ("B.next", "B.value")),
    "gone": ("page gone: unmapped", ()),
    "some": ("page some: {kind}", ("some[1]", "[&some].u32")),
}
REVISIONS = ("2017-10", "2017-11", "2017-12", "2018-03", "2018-04", "2018-10", "2019-04")
PAGES = (
    *("mapped", "unmapped", "readonly", "zero", "zero_readonly", "copy_on_write", "swapped"),
    *("special", "device", "noncached"),
)


def pages_of(revision: str) -> tuple[str, ...]:
    """The kinds of page that a scenario of a revision may use."""
    changing = {"2017-10": ("zero", "copy_on_write"), "2017-11": ("zero",)}.get(revision, ())
    return tuple(each for each in PAGES if each not in changing)
