"""Litmus tests: what they may hold, and that under sequential consistency they say what explore does."""

from __future__ import annotations

import pytest

from opvasm.explorer.search.explore import explore
from opvasm.explorer_exports.litmus import litmus
from opvasm.explorer_exports.refusal import ExportError

from ..explorer.helpers import plans, sample
from .helpers import only
from .litmus_sc import parse, possible

EXPRESSIBLE = (
    ("init_done", "done_first"),
    ("init_done", "done_last"),
    ("ring", "in_order"),
    ("ring", "head_first"),
    ("ring", "head_first_on_one_cpu"),
    ("counter", "preempted"),
    ("counter", "four"),
)


@pytest.mark.parametrize(("file", "name"), EXPRESSIBLE)
def test_a_litmus_test_says_under_sc_what_the_explorer_says(file: str, name: str) -> None:
    """What the scenario forbids is possible exactly where the explorer finds a failure."""
    plan = plans(sample(file), name)[0]
    test = parse(litmus(plan).text)
    assert possible(test) == bool(explore(plan).failures)


MESSAGE = """
abi 2019-04
shared data: u64
shared flag: u64
vector send(v: u64) {{
    memcpy.u64 data, v
    memcpy{release}.u64 flag, =1
}}
scenario s {{
    cpus 2
    strategy opv
    thread writer @0 {{ run send(7) }}
    thread reader @1 {{ seen = load flag; x = load data }}
    {claim}
}}
"""


@pytest.mark.parametrize(
    "claim", ["never reader.seen == 1 && reader.x == 0", "forall data == 7 || flag == 0"]
)
def test_a_release_is_one_in_the_litmus_test(claim: str) -> None:
    """What tells a release from a plain copy is there for herd7 to see."""
    texts = {
        release: litmus(only(MESSAGE.format(release=release, claim=claim))).text
        for release in ("", ".release")
    }
    assert "smp_store_release(" not in texts[""]
    assert "WRITE_ONCE(*v1_flag, 1);" in texts[""]
    assert "smp_store_release(v1_flag, 1);" in texts[".release"]
    assert not any(possible(parse(text)) for text in texts.values())


def test_threads_of_one_cpu_exclude_each_other_and_one_alone_needs_no_lock() -> None:
    text = """
percpu counter: u64
vector bump(n: i64) {{ add.u64 counter, n }}
scenario s {{
    cpus 2
    strategy opv
    thread a @0 {{ run bump(1) }}
    thread b @{cpu} {{ run bump(1) }}
    forall counter@0 == {count}
}}
"""
    shared = litmus(only(text.format(cpu=0, count=2))).text
    assert shared.count("spin_lock(cpu0);") == shared.count("smp_mb__after_spinlock();") == 2
    assert not possible(parse(shared))
    assert "exists (~(v0_counter_0=2))" in shared
    unlocked = shared.replace("\tspin_lock(cpu0);\n", "").replace("\tspin_unlock(cpu0);\n", "")
    assert possible(parse(unlocked))
    assert "spin_lock" not in litmus(only(text.format(cpu=1, count=1))).text


@pytest.mark.parametrize(
    ("file", "name", "why"),
    [
        ("list", "naive", "quiescent"),
        ("counter", "moved", "migrate can't be exported to a litmus test"),
        ("locks", "elided", "a wait for the lock has no counterpart"),
        ("membarrier", "fenced", "remote fences"),
        ("registration", "check_then_register", "a signal handler"),
        ("tcmalloc", "loaded_outside", "loops of more than"),
        ("pools", "two_vectors", "herd7 follows no lists"),
    ],
)
def test_what_a_litmus_test_can_not_say_is_refused_by_name(file: str, name: str, why: str) -> None:
    with pytest.raises(ExportError, match=why):
        litmus(plans(sample(file), name)[0])
