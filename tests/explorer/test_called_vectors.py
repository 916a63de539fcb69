"""A section that is exactly a vector, under `rseq then opv`: the system call runs that vector."""

from __future__ import annotations

import pytest

from opvasm.explorer.answers.coverage import coverage
from opvasm.explorer.search.explore import explore
from opvasm.explorer.setting.options import ENGINES, NATIVE, NO_REDUCTIONS, Limits

from .helpers import assembled, outcomes, plans, report

DATA = """struct node { next: ptr<node> }
percpu head: ptr<node>
percpu count: u64
shared nodes: node[2]
strategy both = rseq then opv after 1
"""
# A section, the vector that it is by hand, and how two threads run each.
PAIRS = {
    "count": (
        "section run_it(n: u64) { commit count += n }",
        "vector run_it(n: u64) { add count, n }",
        ("1", "2"),
    ),
    "push": (
        """section run_it(node: ptr<node>, expect: u64) {
            old = load head
            exit differs if old != expect
            store node->next, expect
            commit head, u64(node) }""",
        """vector run_it(node: ptr<node>, expect: ptr<node>) {
            cmpeq.ptr head, expect
            memcpy.ptr node->next, expect
            memcpy.ptr head, node }""",
        ("&nodes[0], 0", "&nodes[1], 0"),
    ),
    "two compares": (
        """section run_it(n: u64, head_is: u64) {
            a = load count
            exit differs if a != n
            b = load head
            exit differs if b != head_is
            commit count, 7 }""",
        """vector run_it(n: u64, head_is: u64) {
            cmpeq.u64 count, n
            cmpeq.u64 head, head_is
            memcpy.u64 count, =7 }""",
        ("0, 0", "7, 0"),
    ),
}


def _scenario(body: str, calls: tuple[str, str], arms: str) -> str:
    threads = "".join(
        f"    thread {name} @0 {{ run run_it({given}) {{ {arms} }}\n        ok = 1 }}\n"
        for name, given in zip("ab", calls, strict=True)
    )
    others = ", a.other, b.other" if "differs" in arms else ""
    return (
        f"{DATA}{body}\nscenario s {{\n    environment preempt <= 2\n    strategy both\n{threads}"
        f"    observe head, count, nodes[0].next, nodes[1].next, a.ok, b.ok{others}\n}}\n"
    )


@pytest.mark.parametrize("name", PAIRS)
def test_the_same_as_the_vector_by_hand(name: str) -> None:
    """All outcomes of two threads that run the section are those of two that run its vector, and it is called."""
    section, vector, calls = PAIRS[name]
    arms = "aborted -> fail"
    if "exit" in section:
        arms += "; differs { other = 1; return }"
    mine, theirs = (_scenario(each, calls, arms) for each in (section, vector))
    assert outcomes(mine) == outcomes(theirs)
    assert outcomes(mine, reductions=NO_REDUCTIONS) == outcomes(mine)
    runs = report(assembled(mine), "s").runs
    lines = [each for each in coverage(runs) if each.method == "opv"]
    assert [each.vector for each in lines] == ["run_it_vector"] * len(lines)
    assert all("executed" in each.events for each in lines)
    assert len(lines) == section.count("load") + section.count("store") + 1


BUMP = """section bump(cpu: u32) {
    exit moved if cpu_id != cpu
    commit count += 1 }
"""


def test_it_is_called_for_the_cpu_that_the_section_asks_for() -> None:
    """A thread that was moved in its only attempt counts on the CPU it was handed, by the call."""
    text = (
        f"{DATA}{BUMP}scenario s {{\n    cpus 2\n    environment migrate <= 1\n    strategy both\n"
        "    thread a @0 { run bump(0) { moved { left = 1; return }; aborted -> fail }\n        ok = 1 }\n"
        "    observe count@0, count@1, a.ok, a.left\n}\n"
    )
    assert outcomes(text) == {"1 0 1 0", "0 0 0 1"}
    runs = report(assembled(text), "s").runs
    assert ("bump_vector", "opv", ("executed",)) in [
        (each.vector, each.method, each.events) for each in coverage(runs)
    ]


def test_what_the_call_refuses_is_aborted() -> None:
    """A CPU that is not there: the section leaves by its exit, and where it was aborted so was the run."""
    text = (
        f"{DATA}{BUMP}scenario s {{\n    environment preempt <= 1\n    strategy both\n"
        "    thread a @0 { run bump(7) { moved { left = 1; return }; aborted { lost = 1; return } } }\n"
        "    observe count, a.left, a.lost\n}\n"
    )
    assert outcomes(text) == {"0 1 0", "0 0 1"}


def test_the_call_reaches_the_cpu_that_the_section_is_handed() -> None:
    """The call takes the CPU from a section of another thread there, which is aborted; no reduction hides it."""
    text = (
        f"{DATA}percpu other: u64\nstrategy once = rseq\nsection slow() {{ x = load other; commit other, x + 1 }}\n"
        f"{BUMP}scenario s {{\n    cpus 2\n    environment stepped a\n"
        "    thread a @0 strategy both { run bump(1) { moved, aborted -> return }\n        ok = 1 }\n"
        "    thread b @1 strategy once { run slow() { aborted { hit = 1; return } } }\n"
        "    observe a.ok, b.hit\n}\n"
    )
    # Stepped, a never gets to its compare: the call is all that it does, and b's CPU is not its own.
    assert outcomes(text) == {"1 0", "1 1"}
    assert outcomes(text, reductions=NO_REDUCTIONS) == outcomes(text)


@pytest.mark.parametrize("name", PAIRS)
def test_both_engines(name: str) -> None:
    """The engine in Python and that in C find the same outcomes and as many states."""
    section, _, calls = PAIRS[name]
    arms = "aborted -> fail" + ("; differs { other = 1; return }" if "exit" in section else "")
    text = _scenario(section, calls, arms)
    (plan,) = plans(assembled(text), "s")
    runs = [explore(plan, limits=Limits(engine=each)) for each in ENGINES]
    if runs[1].engine != NATIVE:
        pytest.skip("the C engine is not built")
    assert runs[0].outcomes == runs[1].outcomes
    assert runs[0].states == runs[1].states
