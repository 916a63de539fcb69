"""Errors that are planted in the C engine on purpose, and whether the comparison notices them.

``python -m tests.explorer.native.plants`` tries each; PLANT(number) in source/*.c is where it is.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

from opvasm.assembler import assemble
from opvasm.errors import Crash
from opvasm.explorer.native.built import Refused
from opvasm.explorer.plan.plan import Plan, make_plan
from opvasm.explorer.plan.validate import strategy_table
from opvasm.explorer.search.native_search import NativeSearch
from opvasm.explorer.search.search import Found, Search
from opvasm.explorer.setting.configuration import configurations
from opvasm.explorer.setting.options import Limits
from opvasm.source import SourceFile
from tests.oracle.generator import make

from .agreement import MODES, ROOT, differences
from .builds import SMALL_BATCHES, built, loaded, searching_with

PLANTS: dict[int, str] = {
    1: "states that differ in their budgets alone are taken for one",
    2: "a thread's last register is not kept",
    3: "an access may go one byte too far",
    4: "a page that is read only is written",
    5: "<= is <",
    6: "a number that is fitted loses its sign",
    7: "a vector that was bound is taken for other arguments too",
    8: "cmpne stops where cmpeq does",
    9: "a vector for an offline CPU keeps its CPU",
    10: "nobody waits for the mutex of offline vectors",
    11: "the CPU is read along with the step before although it may change",
    12: "a dead register is kept",
    13: "preemption aborts nobody",
    14: "a fence aborts nobody",
    15: "only the first id is written",
    16: "the guard is not dropped when a section is left",
    17: "a section's store joins the step before it",
    18: "a store that was taken back still counts",
    19: "single-step traps use up no budget",
    20: "a signal comes while a handler runs",
    21: "a CPU goes offline under a vector",
    22: "a disturbance uses up no budget",
    23: "a migration aborts nobody",
    24: "a handler's register is not cleared",
    25: "writes count as reads",
    26: "pointers in registers are not renamed",
    27: "only the first piece of memory is looked at again",
    28: "a handler hides that a run is under way",
    29: "an invariant that has code is never broken",
    30: "sharing that was not foreseen is passed over",
    31: "no step commits",
    32: "threads of other CPUs never come to this one",
    33: "a cycle puts others off for ever",
    34: "a step is taken for one that found other memory",
    35: "a step that is looked up commits nothing",
    36: "a step that is looked up aborts nobody",
    37: "a local state is renamed as it was for other names",
    38: "threads are ordered as they were with other ranks",
    39: "memory is renamed as it was for another order",
    40: "a number is given twice, by two threads at once",
    41: "the transitions of a helper are not counted",
    42: "what a helper has covered is lost",
    43: "what a helper has seen of sharing is lost",
    44: "a state that is found twice in a batch is two",
    45: "new states are numbered in another order",
    46: "a batch goes over the limit of states",
    47: "what a helper has seen in a state is lost",
    48: "steps that were taken in a batch that is undone are still known",
    49: "a helper's last piece of a batch is not waited for",
}
# Those that take several threads.
FIRST_OF_THREADS = 40
# Where an error that the first files do not show is noticed: these cases are tried first, then all others.
NOTICED_IN: dict[int, str] = {
    **dict.fromkeys((3, 4, 6, 19, 30), "text "),
    **dict.fromkeys((7, 8, 17, 26, 27, 37, 38, 39, 43), "samples/races/list.opv"),
    **dict.fromkeys((9, 10, 21), "tests/explorer/cases/offline.opv"),
    15: "samples/races/ids.opv",
    18: "tests/explorer/cases/loading_sections.opv",
    **dict.fromkeys((20, 24), "tests/explorer/cases/handlers.opv"),
    **dict.fromkeys((28, 29), "tests/explorer/cases/invariants.opv"),
    48: "samples/races/locks.opv",
}
STATES = 400
# Small scenarios that together touch what is planted; whole files, or (seed, number) of generated ones.
FILES = (
    *("samples/races/counter.opv", "samples/races/list.opv", "samples/races/locks.opv"),
    *("samples/races/ids.opv", "tests/explorer/cases/handlers.opv"),
    *("tests/explorer/cases/offline.opv", "tests/explorer/cases/invariants.opv"),
    *("tests/explorer/cases/moves.opv", "tests/explorer/cases/loading_sections.opv"),
)
WRITTEN = (
    """shared x: u64
scenario behind_the_end {
    thread a @0 { y = load [&x + 1].u64; store x, 1 }
    expect fails
}
""",
    """page p: readonly
shared x: u64
scenario read_only {
    thread a @0 { store [&p].u64, 1 }
    thread b @0 { store x, 1 }
    expect fails
}
""",
    """percpu c: i64 = -1
percpu x: u64
section below() {
    v = load c
    exit none if v - 1 < 0
    commit x, 1
}
scenario signs {
    strategy rseq
    thread a @0 {
        run below() {
            aborted -> retry
            none -> return
        }
    }
}
""",
    """percpu counter: u64
vector bump() { add.u64 counter, 1 }
scenario trapped_once {
    strategy rseq
    environment stepped <= 1
    thread a @0 { run bump() { aborted -> retry } }
}
""",
    """percpu counter: u64
shared seen: u64
vector bump() { add.u64 counter, 1; add.u64 counter, 1 }
scenario below_a_handler {
    strategy unchecked
    kernel v6_19_arm64
    environment signal <= 1
    thread a @0 { run bump() { aborted -> retry } }
    on signal a { store seen, 1 }
    invariant quiescent "even": counter@0 == 0 || counter@0 == 2
}
strategy unchecked = rseq { unchecked }
""",
    """shared z: u64
percpu c: u64
vector late(n: u64) { add.u64 z, n; add.u64 z, n }
scenario unforeseen {
    cpus 2
    thread a @0 { loop 3 { loop 50 { x = load c } }; run late(1) }
    thread b @1 { loop 3 { loop 50 { x = load c } }; run late(2) }
    strategy opv
}
""",
)
GENERATED = tuple((1, number) for number in range(40))


# Who touches which byte, as sharing.py has it.
Tables = tuple[bytes, bytes, bytes, bytes]


class Case(NamedTuple):
    """A configuration, how it is searched, and what the Python engine says."""

    name: str
    plan: Plan
    mode: str
    found: Found
    sharing: Tables


def cases() -> Iterator[Case]:
    """Every configuration of the scenarios above, each in two modes, as the Python engine gets to it."""
    texts = [(name, (ROOT / name).read_text()) for name in FILES]
    texts += [(f"text {number}", text) for number, text in enumerate(WRITTEN)]
    texts += [(f"seed {seed}, number {n}", make(seed, n).text) for seed, n in GENERATED]
    modes = tuple(MODES)
    count = 0
    for name, text in texts:
        assembly = assemble(SourceFile(name, text))
        for scenario in assembly.scenarios:
            for configuration in configurations(scenario, strategy_table(assembly.strategies)):
                plan = make_plan(assembly.program, scenario, configuration)
                for mode in ("all", modes[count % len(modes)]):
                    reductions, bound = MODES[mode]
                    limits = Limits(STATES, preemptions=bound, goes_on=False)
                    search = Search(plan, reductions, limits, keep_edges=True)
                    python = search.run()
                    shared = search.sharing.tables()
                    yield Case(f"{name} {scenario.name}", plan, mode, python, shared)
                    count += 1


def first_notice(case: Case, jobs: int = 1) -> str | None:
    """What tells the engine that is in use, with so many threads, from the Python engine on one case."""
    reductions, bound = MODES[case.mode]
    limits = Limits(STATES, preemptions=bound, goes_on=False, jobs=jobs)
    try:
        search = NativeSearch(case.plan, reductions, limits, keep_edges=True)
        native = search.run()
    except (Refused, Crash) as reason:
        return str(reason)
    differs = differences(case.found, native)
    if search.sharing.tables() != case.sharing:
        differs.append("who touches what")
    return differs[0] if differs else None


def noticed(module: ModuleType, number: int, found: list[Case], jobs: int = 1) -> str | None:
    """The first case that notices a planted error, and by what; None: nothing does."""
    jobs = 2 if number >= FIRST_OF_THREADS else jobs
    found = sorted(found, key=lambda each: not each.name.startswith(NOTICED_IN.get(number, "")))
    module.plant(number)
    try:
        with searching_with(module):
            for case in found:
                notice = first_notice(case, jobs)
                if notice is not None:
                    return f"{case.name}, {case.mode}: {notice[:80]}"
    finally:
        module.plant(0)
    return None


def main() -> int:
    """Exit codes: 0 each is noticed, 1 some are not."""
    with tempfile.TemporaryDirectory() as name:
        module = loaded(built(Path(name), "-O1", "-DPLANTS", *SMALL_BATCHES))
        found = list(cases())
        right = noticed(module, 0, found) or noticed(module, 0, found, 2)
        print(f"{len(found)} cases; without an error: {right or 'all agree'}")
        missed = 0
        for number, text in PLANTS.items():
            by = noticed(module, number, found)
            missed += by is None
            print(f"{number:>3} {text}: {by or 'NOT NOTICED'}", flush=True)
    return 1 if missed or right else 0


if __name__ == "__main__":
    sys.exit(main())
