"""No reduction changes a verdict or the set of final states."""

from __future__ import annotations

import re
from functools import cache
from random import Random

import pytest

from opvasm.explorer.plan.plan import Plan
from opvasm.explorer.search.explore import explore
from opvasm.explorer.search.search import Found
from opvasm.explorer.setting.options import NO_REDUCTIONS, Limits, Reductions

from .generated import scenario
from .helpers import assembled, plans

ALONE = {
    "fuse": NO_REDUCTIONS._replace(fuse=True),
    "dead": NO_REDUCTIONS._replace(dead=True),
    "collapse": NO_REDUCTIONS._replace(fuse=True, collapse=True),
    "groups": NO_REDUCTIONS._replace(groups=True),
    "symmetry": NO_REDUCTIONS._replace(symmetry=True),
}
WITHOUT = {f"all but {name}": Reductions()._replace(**{name: False}) for name in ALONE}
SEEDS = 50
# Searches without any reduction that grow beyond this are left out: they take minutes.
LARGEST = 1500


def judged(found: Found) -> tuple[object, ...]:
    """What must not depend on reductions.  Which of several alike threads failed may."""
    failures = {
        (
            each.kind,
            "" if each.kind == "deadlock" else re.sub(r"thread w\d", "thread w", each.label),
        )
        for each in found.failures
    }
    return set(found.outcomes), failures, found.missing, found.stopped


@cache
def generated(seed: int) -> tuple[Plan, Found]:
    """A scenario, and what is found without any reduction."""
    (plan,) = plans(assembled(scenario(Random(seed))), "generated")
    return plan, explore(plan, NO_REDUCTIONS, Limits(states=LARGEST, goes_on=False))


@pytest.mark.parametrize("seed", range(SEEDS))
def test_a_generated_scenario_has_one_verdict(seed: int) -> None:
    plan, full = generated(seed)
    if full.stopped is not None:
        return
    for name, reductions in {"all": Reductions(), **ALONE, **WITHOUT}.items():
        assert judged(explore(plan, reductions)) == judged(full), name


def test_the_generator_makes_scenarios_that_are_worth_it() -> None:
    """Many small enough, many that fail, many that hold."""
    small = failing = 0
    for seed in range(SEEDS):
        _, full = generated(seed)
        if full.stopped is None:
            small += 1
            failing += bool(full.failures)
    assert small >= 20
    assert 5 <= failing <= small - 5


FAMILY = """struct node {{ next: ptr<node>, value: u64 }}
percpu head: ptr<node>
vector push(node: ptr<node>, old: u64) {{
    cmpeq.u64 head, old
    memcpy.u64 node->next, old
    memcpy.u64 head, node
}}
scenario push {{
    cpus {cpus}
{threads}
    observe {seen}
}}
"""


def family(threads: int, cpus: int, pushes: int) -> str:
    """T threads on C CPUs, k pushes of own nodes each (performance.md)."""
    lines = []
    for cpu in range(cpus):
        count = len(range(cpu, threads, cpus))
        lines.append(
            f"    thread w{cpu} x{count} @{cpu} {{ own n: node[{pushes}]; i = 0; loop {pushes} "
            "{ h = load head; run push(&n[i], h) { differs -> retry }; i = i + 1 } }"
        )
    seen = ", ".join(f"length(head@{cpu})" for cpu in range(cpus))
    return FAMILY.format(cpus=cpus, threads="\n".join(lines), seen=seen)


@pytest.mark.parametrize(
    ("threads", "cpus", "pushes", "spin"),
    [(3, 1, 2, 5_354), (5, 1, 1, 13_697), (5, 2, 2, 514_334), (8, 2, 1, 936_320)],
)
def test_the_push_family_stays_below_the_published_numbers_of_spin(
    threads: int, cpus: int, pushes: int, spin: int
) -> None:
    (plan,) = plans(assembled(family(threads, cpus, pushes)), "push")
    found = explore(plan)
    assert found.stopped is None
    assert found.states < spin / 10
    lengths = tuple(str(len(range(cpu, threads, cpus)) * pushes) for cpu in range(cpus))
    assert set(found.outcomes) == {lengths}


@pytest.mark.parametrize("row", [(3, 1, 1), (2, 2, 2), (3, 2, 1)])
def test_the_push_family_has_one_set_of_final_states(row: tuple[int, int, int]) -> None:
    (plan,) = plans(assembled(family(*row)), "push")
    full = explore(plan, NO_REDUCTIONS)
    assert judged(explore(plan)) == judged(full)
    assert explore(plan).states < full.states / 4
