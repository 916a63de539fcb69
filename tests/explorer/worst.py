"""The worst scenarios that anybody could think of, for patience.py: each once made something wait."""

from __future__ import annotations

HEAD = """percpu c: u64
percpu d: u64
shared f: u64
shared g: u64
vector bump() { add.u64 c, 1 }
vector pair() { add.u64 f, 1; add.u64 g, 1 }
strategy bare = rseq { unchecked }
strategy twice = rseq then opv after 2 { unchecked }
strategy elide = rseq then lock after 2 { subscribe eager, unchecked }
"""
_COUNTING = "x = load f; store f, x + 1"
_BUSY = "loop { x = load f; store f, x + 1 }"


def _one(body: str, head: str = HEAD, *options: str) -> tuple[dict[str, str], tuple[str, ...]]:
    """A file with one scenario, and how it is explored."""
    return {"a.opv": f"{head}scenario s {{\n{body}\n}}\n"}, ("explore", "a.opv", *options)


def _threads(body: str, count: int, cpus: int = 1) -> str:
    return "\n".join(
        f"    thread t{n} @{n % cpus} {{ {body.replace('N', str(n))} }}" for n in range(count)
    )


_LONG_VECTOR = "vector long() { " + "; ".join(f"add.u64 words[{n}], 1" for n in range(16)) + " }\n"
_LARGE = "shared words: u64[64]\nshared big: u64[500000]\nshared bytes: u8[4096]\nshared more: u8[4096]\n"
_DEEP = {
    f"f{n}.opv": f'use "f{n + 1}.opv"\npercpu v{n}: u64\nvector b{n}() {{ add v{n}, 1 }}\n'
    for n in range(60)
} | {"f60.opv": "percpu v60: u64\n"}
_MANY = _threads("run pair() { aborted -> retry }; run bump() { aborted -> retry }", 6, 3)
_END = (
    "    cpus 2\n"
    "    thread a @0 { x = 0; loop 60 { loop 40 { x = load f } }; loop { y = load g } }\n"
    "    thread b @1 { loop 60 { z = load d } }\n    progress a finishes"
)
_COPY = """shared from: u8[65536]
shared to: u8[65536]
percpu done: u64
section copies(n: u64) { copy to[0], from[0], n; commit done += 1 }
"""

_STEPS = "loop 64 { loop 64 { loop 25 { x = load f } } }"

FILES: dict[str, tuple[dict[str, str], tuple[str, ...]]] = {
    "counts for ever": _one(f"    thread a @0 {{ {_BUSY} }}"),
    "counts in registers": _one("    thread a @0 { x = 1; loop { x = x + 1 } }"),
    "numbers that double": _one("    thread a @0 { x = 3; loop { x = x * x } }"),
    "numbers that double, with a step": _one(
        "    thread a @0 { x = 3; loop { x = x * x; y = load f } }"
    ),
    "numbers that are shifted": _one("    thread a @0 { x = 3; loop { x = x << 1024 } }"),
    "numbers to the end of a loop": _one(
        "    thread a @0 { x = 3; loop 60 { x = x * x }; store f, x }"
    ),
    "a loop without anything": _one("    thread a @0 { loop { } }\n    thread b @0 { loop { } }"),
    "loops in loops": _one(
        "    thread a @0 { " + "loop 64 { " * 6 + "x = x + 1" + " }" * 6 + " }\n    forall a.x > 0"
    ),
    "loops in loops beside others": _one(
        "    cpus 2\n    thread a @0 { "
        + "loop 64 { " * 5
        + "x = load f"
        + " }" * 5
        + f" }}\n    thread b @1 {{ {_BUSY} }}"
    ),
    "many threads": _one("    cpus 4\n" + _threads(_COUNTING, 30, 4)),
    "many alike threads": _one(f"    cpus 4\n    thread w x64 @0 {{ {_COUNTING} }}"),
    "many CPUs": _one(
        "    cpus 64\n    environment migrate <= 20, hotplug <= 20\n" + _threads(_COUNTING, 10, 64)
    ),
    "much hotplug": _one(
        "    cpus 8\n    environment hotplug <= 1000, migrate <= 1000, signal <= 1000, preempt\n"
        "    strategy elide\n" + _threads("run bump() { aborted -> retry }", 4, 8)
    ),
    "every kernel and strategy": _one(
        "    cpus 1..4\n    kernel legacy, v6_19_x86, v6_19_arm64, v7_1_arm64_size33\n"
        "    strategy any of bare, twice, elide, opv, lock\n    environment preempt, signal <= 3\n"
        + _threads("run pair() { aborted -> retry }", 4)
    ),
    "long vectors": _one(
        "    cpus 3\n" + _threads("run long(); run long()", 6, 3), HEAD + _LARGE + _LONG_VECTOR
    ),
    "long vectors as sections": _one(
        "    cpus 3\n    strategy bare\n    environment preempt, migrate <= 5\n"
        + _threads("run long() { aborted -> retry }", 6, 3),
        HEAD + _LARGE + _LONG_VECTOR,
    ),
    "much memory": _one(
        "    cpus 2\n" + _threads(_COUNTING, 6, 2) + "\n    forall sum(big) == 0", HEAD + _LARGE
    ),
    "large sums": _one(
        "    thread a @0 { loop { x = load f; store f, x + 1; store big[7], x } }\n"
        "    invariant sum(big) < 100000",
        HEAD + _LARGE,
    ),
    "large sums at the end": _one(
        "    cpus 2\n"
        + _threads("x = load f; store f, x + N; store big[N], 1", 3, 2)
        + "\n    forall sum(big) == 3\n    observe sum(big), f",
        HEAD + _LARGE,
    ),
    "sums under way": _one(
        "    cpus 2\n"
        + _threads("loop { x = load f; store f, x + 1; store bytes[N], x }", 3, 2)
        + "\n    invariant sum(bytes) + sum(more) < 100000",
        HEAD.replace(
            "shared g: u64", "shared g: u64\nshared bytes: u8[30000]\nshared more: u8[30000]"
        ),
    ),
    "large copies": _one(
        "    cpus 3\n"
        + _threads("run copy(); store bytes[N], N", 6, 3)
        + "\n    forall sum(bytes) + sum(more) < 100",
        HEAD + _LARGE + "vector copy() { memcpy bytes, more, 4096 }\n",
    ),
    "a section that copies": _one(
        "    cpus 2\n    strategy bare\n    environment preempt\n"
        + _threads("run copies(60000) { aborted -> retry }", 3, 2),
        HEAD + _COPY,
    ),
    "20,000 loads": _one("    thread a @0 { " + "; ".join(["x = load f"] * 20_000) + " }"),
    "5,000 loads and stores of two": _one(
        "    cpus 2\n" + _threads("; ".join(["x = load f; store f, x"] * 2_500), 2, 2)
    ),
    "deep ifs": _one(
        "    thread a @0 { " + "if x == 0 { x = load f; " * 40 + "x = 1" + " }" * 40 + " }\n"
        f"    thread b @0 {{ {_BUSY} }}"
    ),
    "deep use": (
        _DEEP
        | {
            "a.opv": f'use "f0.opv"\nscenario s {{\n    cpus 4\n{_threads("run b0(); run b1(); run b2()", 8, 4)}\n}}\n'
        },
        ("explore", "a.opv"),
    ),
    "progress at the end": _one(_END),
    "progress of many": _one(
        "    cpus 2\n    strategy elide\n    environment stalled t0\n"
        + _threads("loop { run pair() { aborted -> retry } }", 5, 2)
        + "\n    progress finishes\n    progress lock_free\n    progress obstruction_free"
    ),
    "a failure, then long": _one(
        "    cpus 3\n" + _MANY + "\n    thread z @0 { x = load f; if x == 9 { fail } }"
    ),
    "coverage": _one(
        "    cpus 3\n    strategy twice\n    environment preempt\n" + _MANY, HEAD, "--coverage"
    ),
    "as a page": _one("    cpus 3\n" + _MANY, HEAD, "-f", "html"),
    "as a picture": _one("    cpus 3\n" + _MANY, HEAD, "-f", "svg"),
    "as JSON": _one("    cpus 3\n" + _MANY, HEAD, "-f", "json"),
    "few preemptions": _one("    cpus 3\n" + _MANY, HEAD, "--preemptions", "3"),
    "no reductions": _one("    cpus 3\n" + _MANY, HEAD, "--no-reduction", "all"),
    "compared": _one(
        "    cpus 2\n" + _threads("run pair() { aborted -> retry }", 4, 2), HEAD, "--compare"
    ),
    "long lists": _one(
        "    thread a @0 { loop { x = load f; store f, x + 1 } }\n    init { list head: "
        + ", ".join(f"nodes[{n}]" for n in range(400))
        + " }\n    invariant length(head) == 400",
        "struct node { next: ptr<node> }\nshared f: u64\nshared head: ptr<node>\nshared nodes: node[400]\n",
    ),
    "many conditions": _one(
        f"    thread a @0 {{ {_BUSY} }}\n"
        + "\n".join(f"    invariant sum(words) + f != {10**9 + n}" for n in range(300)),
        HEAD + _LARGE,
    ),
    "a hundred thousand alike threads": _one(f"    thread w x100000 @0 {{ {_COUNTING} }}"),
    "three thousand threads": _one("    cpus 4\n" + _threads(_COUNTING, 3000, 4)),
    "a hundred thousand locals": _one(
        "    thread a @0 { " + "; ".join(f"x{n} = {n}" for n in range(100_000)) + " }"
    ),
    "a line of a megabyte": _one(
        "    thread a @0 { " + "; ".join(["store f, 123456789"] * 50_000) + " }"
    ),
    "deep nests": _one(
        "    thread a @0 { " + "if x == 0 { loop 2 { " * 60 + "x = load f" + " } }" * 60 + " }"
    ),
    "thousands of invariants": _one(
        f"    thread a @0 {{ {_BUSY} }}\n"
        + "\n".join(f"    invariant f != {10**9 + n}" for n in range(5000))
    ),
    "thousands of vectors": _one(
        "    thread a @0 { " + "; ".join(f"run v{n}()" for n in range(3000)) + " }",
        HEAD + "".join(f"vector v{n}() {{ add.u64 c, {n} }}\n" for n in range(3000)),
    ),
    "huge percpu arrays": _one(
        "    cpus 64\n" + _threads("x = load huge[N]; store huge[N], x + 1", 4, 64),
        HEAD + "percpu huge: u64[2000000]\n",
    ),
    "many outcomes": _one(
        "    cpus 2\n"
        + _threads("loop 12 { x = load f; store f, 3 * x + N }", 3, 2)
        + "\n    observe f",
        HEAD,
        *("-f", "json"),
    ),
    "a hundred thousand steps to a failure": _one(f"    thread a @0 {{ {_STEPS}; fail }}"),
    "a hundred thousand steps beside others": _one(
        f"    cpus 2\n    thread a @0 {{ {_STEPS}; fail }}\n    thread b @1 {{ y = load g }}"
    ),
    "a hundred thousand steps as a page": _one(
        f"    thread a @0 {{ {_STEPS}; fail }}", HEAD, "-f", "html"
    ),
    "uses in a circle": (
        {"a.opv": 'use "b.opv"\n', "b.opv": 'use "a.opv"\n'},
        ("explore", "a.opv"),
    ),
    "little memory": _one(
        "    cpus 3\n" + _MANY, HEAD, "--max-memory", "16", "--no-reduction", "all"
    ),
    "little memory in Python": _one(
        "    cpus 3\n" + _MANY, HEAD, "--max-memory", "16", "--engine", "python"
    ),
    "many columns": _one(
        f"    cpus 2\n{_threads('x = load f; store f, x + N', 6, 2)}\n    observe "
        + ", ".join(f"words[{n}], sum(words)" for n in range(64)),
        HEAD + _LARGE,
    ),
}
