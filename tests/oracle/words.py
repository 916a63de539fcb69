"""The words of the language, for the generator and for the table of what it has made."""

from __future__ import annotations

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
MEMORY = {
    "d": ("percpu d: u64", ("d@{}",)),
    "e": ("percpu e: u64", ("e@{}",)),
    "q": ("percpu q: u8", ("q@{}",)),
    "head": ("percpu head: ptr<node>", ("head@{}",)),
    "f": ("shared f: u64", ("f",)),
    "g": ("shared g: u64", ("g",)),
    "k": ("shared k: i32", ("k",)),
    "A": ("shared A: node", ("A.next", "A.value")),
    "B": ("shared B: node", ("B.next", "B.value")),
}
REVISIONS = ("2017-10", "2017-11", "2017-12", "2018-04", "2019-04")
