"""What a person is told of a failing schedule: who, why, what else could have been done."""

from __future__ import annotations

import pytest

from opvasm.explorer.answers.diagnose import diagnose
from opvasm.explorer.answers.diagnosis import Diagnosis
from opvasm.explorer.answers.text_report import OUTCOMES_SHOWN, diagnosis_lines, run_lines
from opvasm.explorer.setting.options import INTERRUPTED, Limits
from opvasm.program import Program, default_layout
from opvasm.trace.names import Names

from .helpers import assembled, found, outcomes, report

HEAD = """shared a: u64
shared f: u64
percpu counter: u64
vector bump(n: i64) { add.u64 counter, n }
strategy bare = rseq
"""


def failing(body: str) -> tuple[Diagnosis, list[str]]:
    """The diagnosis of the one configuration of a scenario, and its lines."""
    (run,) = report(assembled(f"{HEAD}scenario s {{\n{body}\n}}\n"), "s").runs
    found = diagnose(run, Limits())
    assert found is not None
    return found, diagnosis_lines(run.found.plan, found)


@pytest.mark.parametrize(
    ("body", "line"),
    [
        # Each is one disturbance at one place, or two steps in one order: worked out by hand.
        (
            "environment signal <= 1\nthread t @0 { store a, 1 }\n"
            "on signal t { store f, 7 }\nforall f == 0",
            "Else  After step 1 t got a signal; if t went on instead, it could still end well",
        ),
        (
            "cpus 2\nenvironment migrate <= 1\nthread t @0 { store counter, 1 }\n"
            "forall counter@0 == 1",
            "Else  At the start t moved to CPU 1; if t went on instead, it could still end well",
        ),
        (
            "thread t @0 { store a, 1 }\nthread u @0 { store a, 2 }\nforall a == 1",
            "Why   t wrote a at step 1, u wrote it at step 2",
        ),
        (
            "thread t @0 { x = load a; store f, x }\nthread u @0 { store a, 2 }\nforall f == 0",
            "Why   u wrote a at step 1, t read it at step 2",
        ),
        (
            "thread t @0 { x = load a; store a, x + 1 }\nthread u @0 { y = load a; store a, y + 4 }"
            "\nforall a == 5",
            "read a at step 1",
        ),
    ],
)
def test_a_failure_is_told_with_its_cause_or_the_way_out(body: str, line: str) -> None:
    """One line of the text says it."""
    _, lines = failing(body)
    assert any(line in each for each in lines), lines


def test_of_threads_that_are_alike_the_one_that_failed_is_named() -> None:
    """The search takes them for one another; the picture, the label and the way out must not."""
    found, lines = failing(
        "strategy bare\nkernel legacy\nenvironment preempt\n"
        "thread t @0 { run bump(1) { aborted -> fail } }\n"
        "thread u @0 { run bump(1) { aborted -> fail } }\n"
        "forall counter == 2"
    )
    last = found.replay.state(found.replay.failing)
    ((failed, _),) = found.replay.model.failures(last)
    name = found.replay.plan.names[failed]
    assert found.label == f"thread {name}: the thread says fail"
    (struck,) = (
        index
        for index, moment in enumerate(found.replay.moments)
        if moment.decision.kind == "preempt"
    )
    assert found.replay.moments[struck].decision.thread == failed
    # The decision was made after the moments before it.
    assert found.saved_after == struck
    assert f"Else  After step {struck} {name} was preempted; " in "\n".join(lines)


def test_always_beside_fails_is_explained() -> None:
    """A failure that is in no final state is said to be in none, beside herd's word and counts."""
    text = (
        f"{HEAD}scenario s {{\nstrategy bare\nkernel legacy\nenvironment preempt\n"
        "thread t @0 { run bump(1) { aborted -> fail } }\n"
        "thread u @0 { store a, 1 }\nforall counter == 1\n}\n"
    )
    found = report(assembled(text), "s")
    (run,) = found.runs
    assert run.verdicts == ("fails",)
    line = next(each for each in run_lines(found, run) if each.startswith("Observation "))
    assert line == (
        "Observation s Always 1 0   "
        "(final states: 1 as wanted, 0 not; the failure is in none of them)"
    )


@pytest.mark.parametrize(
    ("condition", "said"), [("", "; no condition asks about them"), ("forall counter == 1", "")]
)
def test_a_scenario_that_claims_nothing_is_told_so(condition: str, said: str) -> None:
    """It holds, and the counts say that nobody asked."""
    text = f"{HEAD}scenario s {{\nthread t @0 {{ run bump(1) {{ aborted -> retry }} }}\n{condition}\n}}\n"
    found = report(assembled(text), "s")
    run, *_ = found.runs
    line = next(each for each in run_lines(found, run) if each.startswith("Observation "))
    assert line.endswith(f"(final states: 1 as wanted, 0 not{said})")


def test_many_outcomes_are_cut_with_their_number() -> None:
    """40 rows are shown; what is left out is counted."""
    text = f"{HEAD}scenario s {{\nthread t @0 {{ store a, 1 }}\nobserve a\n}}\n"
    found = report(assembled(text), "s")
    (run,) = found.runs
    assert not any("more" in line for line in run_lines(found, run))
    many: dict[tuple[str, ...], int] = {(str(each),): 1 for each in range(OUTCOMES_SHOWN + 3)}
    shown = run_lines(found, run._replace(found=run.found._replace(outcomes=many)))
    assert sum("  a=" in line for line in shown) == OUTCOMES_SHOWN
    assert "        and 3 more" in shown


@pytest.mark.parametrize(
    ("stopped", "advice"),
    [
        ("500 states", "raise --max-states, or bound it with --preemptions 2"),
        ("2 seconds", "raise --timeout, or bound it with --preemptions 2"),
        (INTERRUPTED, "run it again to see the rest"),
    ],
)
def test_a_search_that_was_stopped_says_what_to_do(stopped: str, advice: str) -> None:
    """Each limit has an option of its own."""
    text = f"{HEAD}scenario s {{ thread t @0 {{ store a, 1 }} }}\n"
    found = report(assembled(text), "s")
    (run,) = found.runs
    line = run_lines(found, run._replace(stopped=stopped))[-1]
    assert f"stopped by {stopped}: " in line
    assert line.endswith(advice)


def test_an_address_inside_a_number_is_told_from_the_number() -> None:
    """Two final states that differ in an address are two rows."""
    text = """
shared t: u64
scenario s {
    thread a @0 { x = &t }
    thread b @0 { x = &t + 1 }
    observe a.x, b.x
}
"""
    assert outcomes(text) == {"&t &t + 1"}


def test_an_outcome_s_addresses_mean_the_same_in_a_condition() -> None:
    """Each text of the table, pasted into a condition; what a debugger calls an address is the same text."""
    declared = """
struct node { next: ptr<node>, value: u64 }
percpu head: ptr<node>
percpu slots: u64[2]
shared nodes: node[4]
shared last: node
shared text: u8[4]
shared seen: ptr
"""
    thread = """
scenario s {{
    cpus 2
    init {{ list head@1: nodes[0] -> nodes[3] -> last }}
    thread a @1 {{ own mine: node; a = &nodes; b = &nodes[2]; c = &nodes[2].value; d = &slots; e = &head@0
        f = &text; g = &text[3]; h = &nodes + 20; i = &mine; j = &mine.value; k = &last; store seen, &slots[1] }}
    observe {observed}, seen, list(head@1)
    {conditions}
}}
"""
    locals_ = [f"a.{each}" for each in "abcdefghijk"]
    text = declared + thread.format(observed=", ".join(locals_), conditions="")
    ((*shown, seen, nodes),) = found(text).outcomes
    assert " ".join(shown) == (
        "&nodes[0] &nodes[2] &nodes[2].value &slots[0]@1 &head@0 &text &text[3] &nodes + 20"
        " &a.mine &a.mine.value &last"
    )
    assert (seen, nodes) == ("&slots[1]@1", "&nodes[0],&nodes[3],&last")
    conditions = [f"forall {name} == {cell}" for name, cell in zip(locals_, shown, strict=True)]
    conditions += [f"forall seen == {seen}", f"forall partition {{ {nodes} }} == list(head@1)"]
    text = declared + thread.format(observed="seen", conditions="\n".join(conditions))
    (run,) = report(assembled(text), "s").runs
    assert run.verdict == "holds"
    program = assembled(text).program
    names = Names(program, default_layout(program.abi, program.data))
    ours = [each for each in (*shown, seen) if "mine" not in each]
    for name, address in zip(ours, _addresses(names, program), strict=True):
        assert names.address(address) == name


def _addresses(names: Names, program: Program) -> list[int]:
    """The same addresses by the layout: of variables, and bytes from there."""
    at = {
        name: names.layout.symbol_address(symbol, cpu)
        for name, symbol in program.data.symbols.items()
        for cpu in ([0] if name == "head" else [1])
    }
    nodes, text, slots = at["nodes"], at["text"], at["slots"]
    return [
        *(nodes, nodes + 32, nodes + 40, slots, at["head"], text, text + 3, nodes + 20),
        *(at["last"], slots + 8),
    ]
