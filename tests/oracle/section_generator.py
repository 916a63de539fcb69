"""Small scenarios made at random in which threads run sections that load.

As in generator.py a seed and a number give one text, for good; the number goes through all kernels,
environments and strategies in turn.
"""

from __future__ import annotations

from random import Random
from zlib import crc32

from opvasm.program import section as ir

from .generator import Made
from .words import ENVIRONMENTS, KERNELS

STRATEGIES = {
    "rseq": "rseq { unchecked }",
    "rseq_eager": "rseq { subscribe eager, unchecked }",
    "rseq_lazy": "rseq { subscribe lazy, unchecked }",
    "twice": "rseq then lock after 2 { unchecked }",
    "lazy": "rseq then lock after 1 { subscribe lazy, fence vector, unchecked }",
    "opv": "opv",
    "lock": "lock",
}
HEAD = """struct node { next: ptr<node>, value: u64 }
percpu d: u64
percpu e: u64
percpu s: u8
percpu a: u8[4]
percpu head: ptr<node>
shared f: u64
shared g: u32
shared A: node
shared w: u64[2]
vector bump(v: u64) { add.u64 d, v }
"""
STEPS = (
    *("load", "load", "load shared", "load shared", "load ->", "load @", "load index", "set", "id"),
    *("store", "store shared", "change", "exit", "exit", "if", "loop", "cmpxchg", "copy", "wide"),
)
ATOMIC = tuple(ir.ATOMIC_WORDS)


class _Maker:
    def __init__(self, random: Random, size: int) -> None:
        self.random, self.size = random, size
        self.steps: set[str] = set()

    def value(self) -> str:
        return self.random.choice(
            ("x", "x", "v", "x + 1", "x ^ v", "1", "0", "u64(u8(x) - 1)", "x >> v")
        )

    def condition(self) -> str:
        return self.random.choice(
            (
                "x == 0",
                "x != v",
                "x > v",
                "i64(x) < i64(v)",
                "!x",
                "x == 1 && v != 0",
                "cpu_id != 0",
            )
        )

    def step(self, depth: int = 0, kind: str = "") -> str:
        pick = self.random.choice
        kind = kind or pick(STEPS)
        self.steps.add(kind)
        match kind:
            case "load":
                return f"x = load {pick(('d', 'e', 'd'))}"
            case "load shared":
                return pick(("x = load f", "n = load g; x = u64(n)", "x = load w[1]"))
            case "load ->":
                return "h = load head; if h != 0 { x = load h->value }"
            case "load @":
                return f"x = load d@{pick(('cpu_id', '0', '(u32(v))'))}"
            case "load index":
                return pick(("x = load w[v & 1]", "b = load a[x & 3]; x = u64(b)"))
            case "set":
                return f"x = {self.value()}"
            case "id":
                return f"x = u64({pick(('cpu_id', 'cpu_id_start', 'mm_cid', 'node_id'))})"
            case "store":
                return f"store {pick(('d', 'e', 'e'))}, {self.value()}"
            case "store shared":
                return pick(
                    (f"store f, {self.value()}", "store g, 7", f"store w[v & 1], {self.value()}")
                )
            case "change":
                return pick((f"store e += {self.value()}", "store f |= 2", "store s -= 1"))
            case "exit":
                return f"exit {pick(('one', 'two'))} if {self.condition()}"
            case "cmpxchg":
                text = pick((f"x = cmpxchg f, 0, {self.value()}", "x = cmpxchg d, x, v"))
                # Half of them change the word in any case.  Nothing is drawn for that, so that the
                # scenarios keep their numbers.
                number = crc32(f"{self.random.getstate()[1][:4]}{text}".encode())
                word = ATOMIC[number % len(ATOMIC)]
                return f"x = {word} {text[12]}, v" if number >> 8 & 1 else text
            case "copy":
                return pick(("copy a[0], w[0], 2", "copy a[1], a[0], x & 3"))
            case "wide":
                return "q = load [&w].u128; x = u64(q >> 64)"
            case "if" if depth == 0:
                other = f" else {{ {self.step(1)} }}" if self.random.random() < 0.5 else ""
                return f"if {self.condition()} {{ {self.step(1)} }}{other}"
            case "loop" if depth == 0:
                return f"loop 2 {{ {self.step(1)}; break if {self.condition()} }}"
            case _:
                return f"x = load {pick(('d', 'f'))}"

    def section(self, name: str, forced: str) -> str:
        pick = self.random.choice
        steps = [
            self.step(0, forced),
            *(self.step() for _ in range(self.random.randint(0, max(2 - self.size, 0)))),
        ]
        self.random.shuffle(steps)
        commit = pick(
            (
                f"commit d, {self.value()}",
                f"commit d += {self.value()}",
                f"commit e, {self.value()}",
                f"commit f, {self.value()}",
                "old = commit cmpxchg f, x, v; exit two if old != x",
                "commit s += 1",
                "commit head, ptr(&A)",
                "exit one",
                f"if {self.condition()} {{ commit d, 5 }} else {{ exit two }}",
            )
        )
        text = "; ".join(["x: u64 = 0", *steps, commit])
        # Labels that the arms name have to be there.
        extra = [f"exit {each} if 0" for each in ("one", "two") if f"exit {each}" not in text]
        text = "; ".join(["x: u64 = 0", *extra, *steps, commit])
        return f"unverified section {name}(v: u64) -> x {{ {text} }}\n"

    def run(self, name: str) -> str:
        pick = self.random.choice
        arms = pick(
            (
                "{ aborted -> retry; one, two { r = 3 } }",
                "{ one, two, aborted -> retry }",
                "{ aborted { r = 9 }; one { r = 1 }; two { r = 2 } }",
                "{ aborted, one, two { } }",
                "{ aborted -> retry; one -> return }",  # two may end in a failure
            )
        )
        results = "x = " if self.random.random() < 0.7 else ""
        return f"{results}run {name}({pick(('0', '1', '2', 'current'))}) {arms}"

    def statement(self) -> str:
        pick = self.random.choice
        run = self.run(pick(("s0", "s0", "s1")))
        other = (
            "store f, 1; store w[1], 1",
            "store d, 2",
            "y = load d; store e, y + 1",
            "run bump(1) { differs, again, fault, invalid, offline, aborted { } }",
            "fence membarrier",
            "store d@0, 1",
        )
        return pick((run, run, run, pick(other)))


def make_with_sections(seed: int, number: int, size: int = 0) -> Made:
    """The text of a file with one scenario, ``s``, whose threads run sections.

    ``size`` (0 to 3) makes it smaller; the first step of each section stays.
    """
    random = Random(f"sections {seed}/{number}/{size}")
    maker = _Maker(random, size)
    turn, kernel = divmod(number, len(KERNELS))
    kernel_name = KERNELS[kernel]
    turn, environment = divmod(turn, len(ENVIRONMENTS))
    turn, strategy = divmod(turn, len(STRATEGIES))
    common = tuple(STRATEGIES)[strategy]
    cpus = random.choice((1, 1, 2) if size < 2 else (1,))
    sections = "".join(maker.section(f"s{n}", STEPS[(number + n) % len(STEPS)]) for n in range(2))
    word = ENVIRONMENTS[environment]
    threads = []
    names = "ab"[: random.choice((1, 2, 2, 2) if size < 3 else (1,))]
    for name in names:
        first = maker.run("s0") if name == "a" else maker.statement()
        body = "; ".join(
            [
                "x = 0; y = 0; r = 0",
                first,
                *([maker.statement()] if random.random() < 0.2 and not size else []),
            ]
        )
        threads.append(f"    thread {name} @{random.randrange(cpus)} {{ {body} }}")
    environments = {
        "none": "",
        "stepped": "    environment stepped a <= 1\n",
        "stalled": "    environment stalled a\n",
        "preempt": "    environment preempt <= 1\n",
    }
    written = environments.get(word, f"    environment {word} <= 1\n")
    declared = "".join(
        f"strategy s_{name} = {text}\n"
        for name, text in STRATEGIES.items()
        if name not in ("opv", "lock")
    )
    used = f"s_{common}" if common not in ("opv", "lock") else common
    seen = [f"d@{cpu}, e@{cpu}, s@{cpu}, a[0]@{cpu}, a[1]@{cpu}" for cpu in range(cpus)]
    seen += [f"{name}.{local}" for name in names for local in "xr"]
    start = random.choice(
        ("", "    init { head@0 = &A; A.value = 1; d@0 = 1 }\n", "    init { f = 1 }\n")
    )
    text = (
        f"{HEAD}{sections}{declared}scenario s {{\n    cpus {cpus}\n    kernel {kernel_name}\n"
        f"    strategy {used}\n{written}{start}"
        + "\n".join(threads)
        + f"\n    forall sum(d) <= 2\n    observe f, g, {', '.join(seen)}\n}}\n"
    )
    return Made(
        text,
        frozenset(maker.steps),
        frozenset((common,)),
        frozenset((word,)),
        kernel_name,
        frozenset(),
    )


# What is exactly a vector, with `cpu` as the CPU that is asked for and `v` as a value.
SHAPES = (
    "commit d += v",
    "commit s += 1",
    "x = load d; exit one if x != v; commit e, v",
    "x = load f; exit one if x == 0; commit d, 1",
    "x = load d; y = load e; exit one if x != y; commit f, v",
    "x = load d; exit one if x != 0; y = load f; exit two if y != v; store e, 7; commit d, 1",
    "exit two if cpu_id != cpu; commit d += 1",
    "exit two if cpu_id != cpu; x = load d@cpu; exit one if x == v; commit d@cpu += 2",
    "exit two if cpu_id != cpu; x = load f; exit one if x != v; store e@cpu, v; commit f, 1",
    "store e += 1; x = load f; store d, x; commit head, ptr(&A)",
    "copy a[0], w[0], 2; x = load w[1]; commit e, x",
)
CALLED = {
    "once": "rseq then opv after 1 { unchecked }",
    "twice": "rseq then opv after 2 { unchecked }",
    "eager": "rseq then opv after 1 { subscribe eager, unchecked }",
}


def make_that_call(seed: int, number: int, size: int = 0) -> Made:
    """A scenario whose sections are exactly vectors, which the system call runs after their attempts."""
    random = Random(f"called {seed}/{number}/{size}")
    pick = random.choice
    turn, kernel = divmod(number, len(KERNELS))
    turn, environment = divmod(turn, len(ENVIRONMENTS))
    strategy = tuple(CALLED)[turn % len(CALLED)]
    word = ENVIRONMENTS[environment]
    cpus = pick((1, 2, 2) if size < 2 else (1, 2))
    shapes = [SHAPES[number % len(SHAPES)], pick(SHAPES)]
    sections = "".join(
        f"unverified section s{n}(v: u64, cpu: u32) {{ {shape} }}\n"
        for n, shape in enumerate(shapes)
    )

    def run(which: int) -> str:
        labels = [each for each in ("one", "two") if f"exit {each}" in shapes[which]]
        arms = pick(
            (
                "".join(f"{each} {{ r = {n + 1} }}; " for n, each in enumerate(labels))
                + "aborted { r = 9 }",
                f"{', '.join((*labels, 'aborted'))} -> return",
                *(() if labels else ("aborted -> retry",)),
            )
        )
        return f"run s{which}({pick('011')}, {pick(('current', '0', '1', '7'))}) {{ {arms} }}; r = r + 10"

    others = ("store f, 1", "store d@0, 1", "y = load d; store e, y + 1", "fence membarrier on 0")
    bodies = [run(0), run(1) if random.random() < 0.7 else pick(others)]
    threads = "".join(
        f"    thread {name} @{random.randrange(cpus)} {{ r = 0; {body} }}\n"
        for name, body in zip("ab"[: 2 if size < 3 else 1], bodies, strict=False)
    )
    environments = {
        "none": "",
        "stepped": "    environment stepped a <= 1\n",
        "stalled": "    environment stalled a\n",
    }
    written = environments.get(word, f"    environment {word} <= 1\n")
    seen = [f"d@{cpu}, e@{cpu}, s@{cpu}, a[0]@{cpu}" for cpu in range(cpus)]
    seen += [f"{name}.r" for name in "ab" if f"thread {name} " in threads]
    start = pick(("", "    init { d@0 = 1 }\n", "    init { f = 1; w[0] = 3 }\n"))
    text = (
        f"{HEAD}{sections}strategy c = {CALLED[strategy]}\nscenario s {{\n    cpus {cpus}\n"
        f"    kernel {KERNELS[kernel]}\n    strategy c\n{written}{start}{threads}"
        f"    forall sum(d) <= 2\n    observe f, {', '.join(seen)}\n}}\n"
    )
    shape = frozenset((shapes[0],))
    return Made(
        text, shape, frozenset((strategy,)), frozenset((word,)), KERNELS[kernel], frozenset()
    )


def make_all_kinds(seed: int, number: int, size: int = 0) -> Made:
    """Three of sections of every kind, and one of sections that the system call runs, in turn."""
    turn, kind = divmod(number, 4)
    if kind == 3:
        return make_that_call(seed, turn, size)
    return make_with_sections(seed, 3 * turn + kind, size)


def make_with_calls(seed: int, number: int, size: int = 0) -> Made:
    """The same with a system call in each section, mostly one in which the thread is switched out."""
    random = Random(f"{seed}.{number}.{size} calls")
    made = make_with_sections(seed, number, size)
    lines = [
        _with_call(line, random) if line.startswith("unverified section") else line
        for line in made.text.splitlines()
    ]
    return made._replace(text="\n".join(lines) + "\n")


def _with_call(line: str, random: Random) -> str:
    """A call somewhere between the first step and the commit of a section in one line."""
    head, first, rest = line.partition(" x: u64 = 0;")
    depth, places = 0, [0]
    for at, letter in enumerate(rest):
        depth += {"{": 1, "}": -1}.get(letter, 0)
        if letter == ";" and depth == 0 and "commit" not in rest[:at]:
            places.append(at + 1)
    at = random.choice(places)
    call = random.choice((" syscall;", " syscall switches;", " syscall switches;"))
    return f"{head}{first}{rest[:at]}{call}{rest[at:]}"
