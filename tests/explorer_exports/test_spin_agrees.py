"""Spin, asked of the exported model, finds what the explorer finds: verdict and final states."""

from __future__ import annotations

import os
from random import Random

import pytest

from opvasm.explorer.search.explore import explore
from opvasm.explorer.setting.options import Limits
from opvasm.explorer_exports.agreement import compare
from opvasm.explorer_exports.promela import promela
from opvasm.explorer_exports.refusal import ExportError
from opvasm.explorer_exports.spin import run_spin

from ..explorer.generated import scenario as generated
from ..explorer.helpers import RACES, plans, sample
from .helpers import final_states, needs_spin, only, plan_of, spin_of

# Every configuration of these is asked; of the others the last one, unless OPVASM_SPIN=all.
WHOLE = ("counter", "list", "ring")
# These take Spin seconds: only with OPVASM_SPIN=all.
LARGE = (("counter", "four", 0), ("list", "own_nodes", 0))
# A kernel whose rules differ from another's only in the ids, which are not exported.
TWINS = ("v7_x86_size33", "v6_19_x86")
# What the model has no words for, by the scenario: the message must say this.
REFUSED = {
    ("offline", "both_push"): "hotplug",
    ("offline", "section_moves"): "hotplug",
    ("offline", "lock_beside_mutex"): "hotplug",
    ("pinned_for_reading", "halfway"): "rom, a page",
    ("tcmalloc", "cached_in_the_ids"): "cpu_id_start",
    ("tcmalloc", "two_resizes"): "cpu_id_start",
    **{
        ("ids", name): "cpu_id_start"
        for name in ("preempted", "rewritten", "migrated", "goes_on", "fenced", "fenced_by_itself")
    },
    ("ids", "asked_by_sections"): "cpu_id",
    ("ids", "kept_under_mm_cid"): "mm_cid",
    ("loads", "loads_inside"): "the section read_both",
    ("loads", "pops"): "the section pop",
    ("loads", "number_outside"): "the section pop_of",
    ("loads", "number_compared"): "the section pop_here",
    **{("system_calls", name): "the section quiet" for name in ("stays", "killed")},
    **{
        ("system_calls", name): "the section asleep"
        for name in ("never_commits", "falls_back", "lost")
    },
    ("system_calls", "moved"): "the section where",
    ("stepping", "breakpoint"): "unprotected with a thread or a place",
    ("stepping", "breakpoint_and_fallback"): "unprotected with a thread or a place",
}


def _chosen() -> list[tuple[str, str, int]]:
    everything = os.environ.get("OPVASM_SPIN") == "all"
    found = []
    for path in sorted(RACES.glob("*.opv")):
        for scenario in sample(path.stem).scenarios:
            if (path.stem, scenario.name) in REFUSED:
                continue
            there = plans(sample(path.stem), scenario.name)
            numbers = range(len(there))
            if not everything:
                if path.stem not in WHOLE:
                    numbers = range(len(there) - 1, len(there))
                elif len(there) > 4:
                    numbers_ = [
                        n for n in numbers if there[n].configuration.profile.name not in TWINS
                    ]
                    found += [(path.stem, scenario.name, n) for n in numbers_]
                    continue
            found += [(path.stem, scenario.name, n) for n in numbers]
    return [each for each in found if everything or each not in LARGE]


@pytest.mark.parametrize(("file", "name", "number"), _chosen())
def test_spin_and_the_explorer_agree_on_a_sample(file: str, name: str, number: int) -> None:
    """With all reductions outcome by outcome; without, in every byte and every local."""
    needs_spin()
    plan = plan_of(file, name, number)
    model, spin = spin_of(file, name, number)
    agreement = compare(plan, spin)
    assert agreement.agree, agreement
    finals = final_states(plan, model)
    if finals is not None:
        assert finals == spin.finals


@pytest.mark.parametrize(("file", "name"), REFUSED)
def test_a_sample_that_the_model_has_no_words_for_is_refused(file: str, name: str) -> None:
    for plan in plans(sample(file), name):
        with pytest.raises(ExportError, match=REFUSED[file, name]):
            promela(plan)


SEEDS = (1, 3, 8, 10, 14, 21, 33, 36, 38, 41, 52, 77, 96, 104, 106, 119)


@pytest.mark.parametrize("seed", SEEDS)
def test_spin_and_the_explorer_agree_on_a_generated_scenario(seed: int) -> None:
    """Threads, strategies, kernels and disturbances at random."""
    needs_spin()
    plan = only(generated(Random(seed)), "generated")
    try:
        model = promela(plan)
    except ExportError as error:
        assert "hotplug" in str(error)  # noqa: PT017
        return
    if explore(plan, limits=Limits(states=4000, goes_on=False)).stopped is not None:
        return
    spin = run_spin(model)
    assert compare(plan, spin).agree, compare(plan, spin)
    finals = final_states(plan, model)
    assert finals is None or finals == spin.finals


ODDS = """
percpu counter: u64
shared t: u64[4] = { 5, 6, 7, 8 }
struct deep { a: u8, b: u16, c: u32, d: u64[2] }
shared z: deep[2]
vector bump(n: i64) { add.u64 counter, n }
vector cp(p: ptr, q: ptr) { cmpeq.u64 [p], counter; memcpy.u64 [q], [p] }
scenario affinity {
    cpus 3
    strategy opv
    environment migrate <= 1
    thread w @2 allowed 0..1 {
        c = current
        run bump(1) on c + 1 { invalid { bad = 1 }; again -> retry }
        i = 0
        loop 3 { i = i + 1; y = load t[i]; if y == 7 { break } }
        store z[1].b, y
        store z[i - 1].d[1], 9
        run cp(&t[3], &z[0].d[0]) { differs { k = differs.at }; again -> retry }
    }
    thread u @0 { run cp(&t[3] + 8192, &t[1]) { differs { k = differs.at }; fault { f = 1 }; again -> retry } }
    observe w.bad, w.y, z[1].b, w.k, u.f
}
scenario elsewhere {
    cpus 2
    strategy opv
    thread u @0 {
        p = &counter@1
        run cp(0, p) { fault { f = 1 } }
        run bump(1) on 5 { invalid, fault { g = 1 } }
    }
    thread v @1 { loop { x = load counter; if x == 1 { return }; run bump(1) } }
    exists counter@1 == 1
    exists counter@0 == 1
    observe u.f, u.g, counter@1
}
scenario again {
    thread a @0 { loop 2 {
        seen = load t[0]
        copy = seen
        seen = load counter
        run cp(&counter, &t[0]) { differs -> retry }
        run bump(1)
    } }
    thread b @0 { x = load t[0]; fail }
    observe a.copy, a.seen, b.x, t[0]
}
vector last() { add.u64 counter, 1; mb }
vector only() { mb }
scenario barriers {
    cpus 1
    strategy rseq
    environment signal <= 1, stepped a <= 1
    thread a @0 {
        run only() { aborted { x = 1 } }
        run last() { aborted -> retry }
    }
    thread b @0 { run last() { aborted { y = 1 } } }
    observe a.x, b.y, counter@0
}
"""


@pytest.mark.parametrize("name", ["affinity", "elsewhere", "again", "barriers"])
def test_spin_and_the_explorer_agree_on_odd_ends(name: str) -> None:
    """Affinity, CPUs and memory that are not there, numbers of several sizes, witnesses, fail,
    barriers after a section."""
    needs_spin()
    plan = only(ODDS, name)
    model = promela(plan)
    spin = run_spin(model)
    assert compare(plan, spin).agree, compare(plan, spin)
    finals = final_states(plan, model)
    assert finals is None or finals == spin.finals
