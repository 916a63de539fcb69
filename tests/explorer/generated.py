"""Small scenarios made at random: every kind of step, strategy, kernel and disturbance."""

from __future__ import annotations

from random import Random

DATA = """
struct node { next: ptr, value: u64 }
percpu counter: u64
percpu head: ptr
shared flag: u64
shared A: node
shared B: node
vector bump(n: i64) { add.u64 counter, n }
vector both(n: i64) {
    add.u64 flag, n
    add.u64 counter, n
}
vector swap(old: u64, new: u64) {
    cmpeq.u64 counter, old
    memcpy.u64 counter, new
}
vector publish(new: u64) {
    memcpy.u64 flag, new
    memcpy.u64 counter, flag
}
vector push(node: ptr<node>, old: u64) {
    cmpeq.u64 head, old
    memcpy.u64 node->next, old
    memcpy.u64 head, node
}
vector pop(old: ptr<node>) {
    cmpeq.u64 head, old
    memcpy.u64 head, old->next
}
vector mark(place: ptr, value: u64) { memcpy.u64 [place], value }
strategy twice = rseq then opv after 2 { unchecked }
strategy bare = rseq { unchecked }
strategy lazy = rseq then lock after 1 { subscribe lazy, fence membarrier, unchecked }
strategy eager = rseq then lock after 1 { subscribe eager, fence vector, unchecked }
strategy careful = opv { subscribe eager }
"""
STRATEGIES = ("opv", "lock", "twice", "bare", "lazy", "eager", "careful")
RETRY = "{ differs, again, aborted -> retry }"


def scenario(random: Random, name: str = "generated") -> str:
    """The text of a whole file with one scenario in it."""
    cpus = random.choice((1, 1, 2, 2))
    threads = random.choice((2, 2, 3))
    alike = random.random() < 0.4
    lines = [f"scenario {name} {{", f"    cpus {cpus}"]
    kernels = ("legacy", "legacy", "v6_19_arm64", "no_rseq", "v7_x86_size33")
    lines.append(f"    kernel {random.choice(kernels)}")
    lines.append(f"    strategy {random.choice(STRATEGIES)}")
    environment = _environment(random)
    if environment:
        lines.append(f"    environment {', '.join(environment)}")
    if random.random() < 0.3:
        lines.append("    init { list head@0: A }")
    if alike:
        body = _body(random, cpus, True)
        lines.append(f"    thread w x{threads} @{random.randrange(cpus)} {{ {body} }}")
        names = ["w"]
    else:
        names = [f"t{index}" for index in range(threads)]
        for each in names:
            chosen = f" strategy {random.choice(STRATEGIES)}" if random.random() < 0.5 else ""
            where = random.randrange(cpus)
            body = _body(random, cpus, False)
            lines.append(f"    thread {each} @{where}{chosen} {{ {body} }}")
    if "signal <= 1" in environment and random.random() < 0.6:
        lines.append(f"    on signal {names[0]} {{ {_body(random, cpus, False, 1)} }}")
    lines.append("    forall sum(counter) + flag < 3")
    seen = ["sum(counter)", "flag", "head@0"] + [f"{each}.x" for each in names]
    lines.append(f"    observe {', '.join(seen)}")
    if random.random() < 0.3:
        watch = random.choice(("invariant", "invariant quiescent"))
        lines.append(f"    {watch} flag < 2 && sum({names[0]}.x) < 3")
    lines.append("}")
    return DATA + "\n".join(lines) + "\n"


def _environment(random: Random) -> list[str]:
    found = []
    if random.random() < 0.2:
        found.append(random.choice(("preempt", "preempt <= 1")))
    if random.random() < 0.1:
        found.append(random.choice(("stepped", "stepped <= 1")))
    for word in ("migrate", "signal", "checkpoint", "hotplug"):
        if random.random() < 0.12:
            found.append(f"{word} <= 1")
    return found


def _body(random: Random, cpus: int, own: bool, length: int = 2) -> str:
    steps = ["own mine: node"] if own else []
    steps.append("x = 0")
    for _ in range(random.randint(1, length)):
        steps += _step(random, cpus, own)
    return "; ".join(steps)


def _step(random: Random, cpus: int, own: bool) -> list[str]:
    on = f" on {random.randrange(cpus)}" if random.random() < 0.3 else ""
    node = "&mine" if own else random.choice(("&A", "&B"))
    match random.randrange(10):
        case 0 | 1:
            return [f"run bump(1){on} {RETRY}"]
        case 2:
            return [f"run both(1){on} {RETRY}"]
        case 3:
            return ["o = load counter", f"run swap(o, o + 1){on} {RETRY}"]
        case 4:
            return ["h = load head", f"run push({node}, h){on} {RETRY}"]
        case 5:
            pop = f"run pop(h){on} {{ ok {{ x = h }}; differs, again, aborted, fault -> retry }}"
            return ["h = load head", f"if h != 0 {{ {pop} }}"]
        case 6:
            return ["x = load flag", "store flag, x + 1"]
        case 7:
            return [random.choice(("fence membarrier on 0", "fence vector on 0", "c = current"))]
        case 8:
            return [f"run publish(1){on} {RETRY}", "x = load counter"]
        case _:
            if own:
                return ["store mine.value, 1", "x = load mine.value"]
            return [f"run bump(1){on} {{ ok {{ x = 1 }}; aborted {{ x = 2 }}; again {{ x = 3 }} }}"]
