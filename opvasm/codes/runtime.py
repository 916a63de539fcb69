"""Findings of running: reference cases, tests, faults."""

from __future__ import annotations

from .code import Code

CODES: tuple[Code, ...] = (
    Code(
        "OPV450",
        "no-reference-case",
        "error",
        "a line of a conformance file is not a reference case",
        "A conformance file holds one JSON object a line, each a complete call with what came back. "
        "`opvasm docs cases` describes its fields; the message names the one that is wrong.",
    ),
    Code(
        "OPV451",
        "no-value",
        "error",
        "an expression of a test has no value",
        "The expression names something that does not exist, reads memory that is not mapped, "
        "divides by zero, or compares values of different kinds. The test ends there.",
        'test "t" {\n    assert nothing == 1\n}',
    ),
    Code(
        "OPV452",
        "no-call",
        "error",
        "a `run` that can't be carried out",
        "The vector does not exist, takes another number of arguments, is shorter than `count`, or "
        "can't be written where `at` says. The test ends there.",
        'vector v() {\n    mb\n}\ntest "t" {\n    run v() count 2 -> 0\n}',
    ),
    Code(
        "OPV453",
        "wrong-result",
        "error",
        "a call returned something other than the test expects",
        "The notes say what decided the result: the compare that stopped the vector with both "
        "values, the operand that faulted, or the rule that refused the vector. Results are 0 (every "
        "op ran), the index + 1 of the compare that stopped it, or an errno's name.",
        "percpu head: u64\nvector v() {\n    cmpeq.u64 head, =1\n}\n"
        'test "t" {\n    cpu 0\n    run v() -> 0\n}',
    ),
    Code(
        "OPV454",
        "assertion-failed",
        "error",
        "an `assert` does not hold",
        "The notes give the values of both sides. A percpu name means the instance of the test's "
        "CPU; `name@2` is that of CPU 2.",
        'percpu head: u64\ntest "t" {\n    cpu 0\n    assert head == 1\n}',
    ),
    Code(
        "OPV455",
        "changed",
        "error",
        "`assert unchanged` after a call that changed memory",
        "The last call left at least one byte other than it was. A vector has no rollback: what was "
        "stored before the compare that stopped it stays.",
        "percpu n: u64\nvector v() {\n    add n, 1\n}\n"
        'test "t" {\n    cpu 0\n    run v() -> 0\n    assert unchanged\n}',
    ),
    Code(
        "OPV456",
        "bad-cpus",
        "error",
        "CPUs that no machine has",
        "CPUs are numbered from 0 without gaps; `online` and `allowed` name some of them, and the "
        "caller is always on one that is online. `cpus` comes before anything that touches memory.",
        'test "t" {\n    cpus 0..1\n    online 5\n    cpu 0\n    assert 1\n}',
    ),
    Code(
        "OPV457",
        "bad-layout",
        "error",
        "the areas of a program do not fit beside each other",
        "The per-CPU areas, the shared data, the pages, the literal pool and the arguments' slots "
        "each take part of the address space; none may reach into another, and all of them "
        "together are at most 1 GiB. Move one with --layout, or have fewer CPUs or less data.",
        "opvasm run list.opv push --layout shared=0x7f0000000000 --arg node=0 --arg expect=0",
    ),
)
