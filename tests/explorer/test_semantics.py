"""Single rules of the model (model.md section 2), each with the outcomes that it must give."""

from __future__ import annotations

import pytest

from opvasm.explorer.setting.options import NO_REDUCTIONS, Reductions

from .helpers import COUNTER, assembled, found, outcomes, report

BOTH = (Reductions(), NO_REDUCTIONS)


def one(body: str, head: str = "", tail: str = "", cpus: int = 1) -> str:
    """A scenario of one thread."""
    return f"{COUNTER}{head}\nscenario s {{\n cpus {cpus}\n thread a @0 {{ {body} }}\n{tail}\n}}\n"


@pytest.mark.parametrize("reductions", BOTH)
def test_a_body_computes_branches_and_loops(reductions: Reductions) -> None:
    body = "x = 0; loop 3 { x = x + 2 }; if x == 6 { y = x * 7 } else { y = 0 }; store counter, y"
    assert outcomes(one(body, tail="observe counter, a.x"), reductions=reductions) == {"42 6"}


@pytest.mark.parametrize("reductions", BOTH)
def test_retry_repeats_the_loads_before_the_run(reductions: Reductions) -> None:
    text = """percpu v: u64
vector swap(old: u64, new: u64) {
    cmpeq.u64 v, old
    memcpy.u64 v, new
}
scenario s {
    thread w x2 @0 { o = load v; run swap(o, o + 1) { differs -> retry } }
    observe v
}
"""
    assert outcomes(text, reductions=reductions) == {"2"}


def test_differs_tells_the_op_that_failed() -> None:
    text = """percpu v: u64
percpu w: u64
vector two(a: u64, b: u64) {
    cmpeq.u64 v, a
    cmpeq.u64 w, b
}
scenario s {
    thread a @0 { run two(0, 5) { differs { at = differs.at } } }
    observe a.at
}
"""
    assert outcomes(text) == {"1"}


def test_a_result_that_no_arm_names_is_a_failure() -> None:
    text = COUNTER + "vector no() { cmpne.u64 counter, counter }\n"
    search = found(text + "scenario s {\n thread a @0 { run no() }\n}\n")
    (failure,) = search.failures
    assert failure.kind == "fail"
    assert "ended with differs, which no arm handles" in failure.label


def test_a_load_from_nowhere_kills_the_thread() -> None:
    search = found(one("p = 4096 * 4096; x = load [p]"))
    assert "SIGSEGV" in search.failures[0].label


@pytest.mark.parametrize("reductions", [None, NO_REDUCTIONS])
@pytest.mark.parametrize(
    "body", ["x = 1 / zero", "x = 7 % zero", "x = 1 << (zero - 1)", "x = 7 / 0"]
)
def test_arithmetic_without_a_value_kills_the_thread(
    body: str, reductions: Reductions | None
) -> None:
    """As in C, where a division by zero is SIGFPE; it has no result that anything could go on with."""
    search = found(one(f"zero = 0; {body}", tail="observe a.x"), reductions=reductions)
    assert "SIGFPE" in search.failures[0].label


def test_a_condition_without_a_value_does_not_hold() -> None:
    search = found(one("x = 0", tail="forall 1 / a.x == 0\n observe 1 / a.x"))
    assert search.failures[0].kind == "condition"
    assert set(search.outcomes) == {("fault",)}


def test_a_vector_moves_its_caller_and_leaves_it_there() -> None:
    body = "run bump(1) on 1; c = current"
    assert outcomes(one(body, cpus=2, tail="observe counter@1, a.c")) == {"1 1"}


def test_a_vector_for_a_cpu_that_does_not_exist_is_invalid() -> None:
    head = "shared total: u64\nvector sum_up() { add.u64 total, 1 }"
    body = "run sum_up() on 5 { invalid { x = 1 } }"
    assert outcomes(one(body, head, "observe a.x, total", 2)) == {"1 0"}


def test_memory_that_is_not_there_wins_over_a_cpu_that_is_not_there() -> None:
    """The operands are pinned before the CPU is looked at (abi.md section 2.1)."""
    body = "run bump(1) on 5 { fault { x = 1 } }"
    assert outcomes(one(body, cpus=2, tail="observe a.x")) == {"1"}


def test_a_cpu_outside_the_affinity_is_invalid() -> None:
    text = COUNTER + "scenario s {\n cpus 2\n thread a @0 allowed 0 "
    text += "{ run bump(1) on 1 { invalid { x = 1 } } }\n observe a.x\n}\n"
    assert outcomes(text) == {"1"}


def test_a_section_for_another_cpu_never_begins() -> None:
    text = COUNTER + "scenario s {\n cpus 2\n strategy rseq\n thread a @0 "
    text += "{ run bump(1) on 1 { aborted { x = 1 } } }\n observe a.x, sum(counter)\n}\n"
    assert outcomes(text) == {"1 0"}


def test_expect_fault_turns_a_fault_into_eagain_and_nothing_has_run() -> None:
    text = """percpu v: u64
page gone: unmapped
vector hard() {
    memcpy.u64 v, =1
    memcpy.u64 v, gone
}
vector soft() {
    memcpy.u64 v, =1
    memcpy.u64 v, gone?
}
scenario s {
    thread a @0 {
        run hard() { fault { x = 1 } }
        run soft() { again { y = 1 } }
    }
    observe v, a.x, a.y
}
"""
    assert outcomes(text) == {"0 1 1"}


@pytest.mark.parametrize("reductions", BOTH)
def test_ops_before_a_failed_compare_keep_their_effects(reductions: Reductions) -> None:
    text = """percpu v: u64
percpu w: u64
vector half() {
    memcpy.u64 w, =7
    cmpeq.u64 v, =1
}
scenario s {
    thread a @0 { run half() { differs { } } }
    observe w
}
"""
    assert outcomes(text, reductions=reductions) == {"7"}


@pytest.mark.parametrize("reductions", BOTH)
def test_a_store_of_an_aborted_section_stays(reductions: Reductions) -> None:
    text = """percpu v: u64
percpu w: u64
vector tries(n: u64) {
    memcpy.u64 w, n
    memcpy.u64 v, n
}
scenario s {
    strategy rseq
    environment preempt <= 1
    thread a @0 { run tries(3) { aborted { } } }
    observe v, w
}
"""
    assert outcomes(text, reductions=reductions) == {"3 3", "0 3", "0 0"}


@pytest.mark.parametrize("reductions", BOTH)
def test_two_plain_increments_from_two_cpus_can_lose_one(reductions: Reductions) -> None:
    """add is a load and a store: it is atomic for its own CPU only (abi.md section 3.5)."""
    text = """shared total: u64
vector bump() { add.u64 total, 1 }
scenario s {
    cpus 2
    thread a @0 { run bump() }
    thread b @1 { run bump() }
    observe total
}
"""
    assert outcomes(text, reductions=reductions) == {"1", "2"}
    same_cpu = text.replace("@1", "@0")
    assert outcomes(same_cpu, reductions=reductions) == {"2"}


def test_a_handler_runs_once_on_top_of_its_thread() -> None:
    text = COUNTER + """scenario s {
    environment signal <= 1
    thread a @0 { x = load counter; store counter, x + 1 }
    on signal a { y = load counter; store counter, y + 10 }
    observe counter
}
"""
    assert outcomes(text) == {"1", "11"}


def test_own_memory_is_each_copys() -> None:
    text = COUNTER + """scenario s {
    thread w x3 @0 { own n: u64; store n, 5; v = load n; run bump(v) }
    observe counter
}
"""
    assert outcomes(text) == {"15"}


def test_an_unless_that_nothing_needs_is_reported() -> None:
    text = COUNTER + """scenario s {
    kernel legacy, v7_x86_size33
    strategy opv
    thread a @0 { run bump(1) }
    forall counter == 1
    expect holds unless kernel v7_x86_size33
}
"""
    found_ = report(assembled(text), "s")
    assert found_.as_expected is False
    assert found_.outcomes[0].reason == "what unless excepts holds as well"


def test_an_exists_that_no_schedule_shows_fails() -> None:
    text = COUNTER + "scenario s {\n thread a @0 { run bump(1) }\n exists counter == 2\n}\n"
    found_ = report(assembled(text), "s")
    assert found_.runs[0].verdicts == ("fails",)


@pytest.mark.parametrize("model", ["32le", "32be", "64be"])
def test_a_scenario_means_the_same_on_every_machine(model: str) -> None:
    text = f"""abi 2017-11 {model}
struct node {{ next: ptr<node>, value: u32 }}
percpu head: ptr<node>
vector push(node: ptr<node>, old: ptr) {{
    cmpeq head, old
    memcpy node->next, old
    memcpy head, node
}}
scenario s {{
    thread w x3 @0 {{ own n: node; h = load head; run push(&n, h) {{ differs -> retry }} }}
    observe length(head)
}}
"""
    assert outcomes(text) == {"3"}
    assert outcomes(text, reductions=NO_REDUCTIONS) == {"3"}


def test_a_failure_on_one_cpu_hides_none_on_another() -> None:
    text = COUNTER + """scenario s {
    cpus 2
    thread a @0 { store counter, 1; fail }
    thread b @1 { store counter, 1; fail }
}
"""
    for reductions in (Reductions(), NO_REDUCTIONS):
        failed = {each.label.split(":")[0] for each in found(text, "s", reductions).failures}
        assert failed == {"thread a", "thread b"}


def test_copies_that_a_condition_tells_apart_are_not_interchangeable() -> None:
    text = COUNTER + """vector swap(old: u64, new: u64) {
    cmpeq.u64 counter, old
    memcpy.u64 counter, new
}
scenario s {
    thread w x2 @0 { run swap(0, 1) { ok { x = 1 }; differs { x = 2 } } }
    observe w[0].x, w[1].x
}
"""
    assert outcomes(text) == outcomes(text, reductions=NO_REDUCTIONS) == {"1 2", "2 1"}
    together = text.replace("w[0].x, w[1].x", "w.x")
    assert outcomes(together) == {"1,2"}


@pytest.mark.parametrize("reductions", [None, NO_REDUCTIONS], ids=["reduced", "in full"])
def test_a_signal_can_come_behind_the_last_access(reductions: Reductions | None) -> None:
    """The handler sees what the run has done, though the thread does nothing any more."""
    text = COUNTER + """
shared seen: u64
scenario s {
    environment signal <= 1
    thread t @0 { run bump(1) }
    on signal t { n = load counter; store seen, n }
    observe seen
}
"""
    assert outcomes(text, reductions=reductions) == {"0", "1"}


def test_retry_repeats_what_can_be_repeated_though_a_line_before_it_can_not() -> None:
    """`seen` is loaded again; going back further would change what `copy` is."""
    text = """
percpu counter: u64
shared limit: u64 = 5
vector swap(old: u64, new: u64) { cmpeq.u64 counter, old; memcpy.u64 counter, new }
scenario s {
    thread a @0 {
        seen = load limit
        copy = seen
        seen = load counter
        run swap(seen, seen + 1) { differs -> retry }
    }
    thread b @0 { o = load counter; run swap(o, o + 1) { differs -> retry } }
    progress finishes
    observe counter, a.copy
}
"""
    run = report(assembled(text), "s").runs[0]
    assert run.verdict == "holds"
    assert set(run.found.outcomes) == {("2", "5")}
