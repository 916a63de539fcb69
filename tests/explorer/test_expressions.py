"""What expressions of threads and conditions mean, and what is said where they mean nothing."""

from __future__ import annotations

import pytest

from opvasm.errors import Diagnostic

from .helpers import found, outcomes
from .test_messages import found_in

HEAD = """
const LIMIT = 3
struct node { next: ptr<node>, value: u64 }
struct plain { value2: u64 }
shared A: node
shared B: node
shared s: i8
shared t: u64[3]
percpu head: ptr<node>
percpu counter: u64
percpu slots: u32[2]
"""


def scenario(body: str, tail: str = "", cpus: int = 1) -> str:
    """A scenario of one thread, or of several with x2 in front of the body."""
    return f"{HEAD}scenario s {{\n cpus {cpus}\n thread a @0 {{ {body} }}\n {tail}\n}}\n"


@pytest.mark.parametrize(
    ("body", "observe", "outcome"),
    [
        ("x = 5 - 7; if x == -2 { y = 1 }", "a.x", "-2"),
        ("x = 5; store counter, -x", "counter - 2", "0xfffffffffffffff9"),  # 2**64 - 5 - 2
        ("x = !0 + (~0 & 0xff)", "a.x", "256"),
        ("x = !7", "a.x", "0"),
        # a node is a pointer and a u64: 16 bytes, the value after the first 8
        ("x = sizeof(node) + 1000 * offsetof(node, value)", "a.x", "8016"),
        ("x = sizeof(t) + sizeof(u32) + sizeof(ptr)", "a.x", "36"),
        # 253 is -3 in eight bits
        ("store s, 253; x = load s; if x == -3 { y = 7 } else { y = 0 }", "a.y, s", "7 -3"),
        ("store [&A.value].u32, 7; x = load [&A + 8].u64", "a.x, A.value", "7 7"),
        ("x = &A; store x->value, 5", "A.value, a.x->value", "5 5"),
        ("store A.next, &B; store B.value, 9", "A.next->value", "9"),
        ("x = 4; if x > LIMIT && x < 5 || 0 { y = 2 }", "a.y", "2"),
        ("x = LIMIT * 2", "a.x, LIMIT", "6 3"),
        ("store t[1], 4; x = 2; store t[x], 5", "sum(t), t[1], a.x", "9 4 2"),
        ("store slots[0], 2; store slots[1], 3", "sum(slots)", "5"),
        ("return", "done(a), length(head), list(head)", "1 0 empty"),
        # round and round
        ("store A.next, &A; store head, &A", "list(head), length(head)", "&A,&A 2"),
        ("store head, 0x10", "list(head), length(head)", "16 1"),  # an address that is not a node
        ("return", "[0x10].u64", "fault"),
        ("own n: u64; store n, 3; x = load n", "a.x", "3"),
    ],
)
def test_an_expression_has_the_value_that_it_has_in_c(
    body: str, observe: str, outcome: str
) -> None:
    """One thread, so there is one final state."""
    assert outcomes(scenario(body, f"observe {observe}")) == {outcome}


def test_sums_go_over_cpus_elements_and_copies() -> None:
    """Two threads on two CPUs, each with a local of its own."""
    text = f"""{HEAD}scenario s {{
 cpus 2
 init {{ list head@0: A -> B; A.value = 20 }}
 thread a @0 {{ store slots[1], 5; got = 1 }}
 thread b x2 @1 {{ store counter, 7; got = 2 }}
 observe sum(slots), sum(counter), sum(b.got), b[1].got, done(b), sum(head@0->value), a.got
}}
"""
    assert outcomes(text) == {"5 7 4 2 2 20 1"}


@pytest.mark.parametrize(
    ("tail", "broken"),
    [
        ("forall [0x10].u64 == 0", True),  # what can't be read holds nothing
        ("never [0x10].u64 == 0", False),
        ("forall !(t[1] == 1)", False),
        ("forall 1 == 1", False),
        ("exists done(a) == 1", False),
        ("invariant A.value < 4", False),
        ("invariant A.value < 3", True),
        ("init { list head: A -> B }\n forall partition { A, B } == list(head)", False),
        ("init { list head: A }\n forall partition { A, B } == list(head) + &B", False),
        ("init { list head: A }\n forall partition { A, B } == list(head) + a.x", False),
        ("init { list head: A }\n forall partition { A, B } == list(head)", True),
    ],
)
def test_a_condition_holds_or_names_what_breaks_it(tail: str, broken: bool) -> None:
    """In the only final state of one thread."""
    search = found(scenario("store A.value, 3; x = &B", tail))
    condition = tail.splitlines()[-1].strip()
    assert [each.label for each in search.failures] == ([condition] if broken else [])


def test_own_memory_of_threads_of_one_name_is_told() -> None:
    """`a.mine` would be two places; it was said that `a` is a thread without locals."""
    text = f"{HEAD}scenario s {{\n thread a x2 @0 {{ own mine: u64; store t[0], &mine }}\n forall a.mine == 0\n}}\n"
    (finding,) = found_in(text)
    assert (finding.code, "it is 2 threads, and conditions name" in finding.message) == (
        "OPV517",
        True,
    )


@pytest.mark.parametrize(
    ("condition", "help"),
    [("length(top) == 1", "write top@0"), ("hits == 1", "write hits@0 or sum(hits)")],
)
def test_which_cpu_is_asked_with_what_can_be_written_there(condition: str, help: str) -> None:
    """Numbers have a sum over CPUs; addresses have none, and a list begins at one of them."""
    text = "struct node { next: ptr<node> }\npercpu hits: u64\npercpu top: ptr\nscenario s {\n cpus 2\n thread a @0 { return }\n"
    (finding,) = found_in(f"{text} forall {condition}\n}}\n")
    assert (finding.code, finding.help) == ("OPV522", help)


def findings(body: str, tail: str = "", cpus: int = 1) -> tuple[Diagnostic, ...]:
    return found_in(scenario(body, tail, cpus))


@pytest.mark.parametrize(
    ("body", "tail", "code", "message", "help"),
    [
        ("x = sizeof(nod)", "", "OPV516", "nod is not a type", "did you mean node?"),
        ("x = offsetof(nod, value)", "", "OPV516", "nod is not a struct", "did you mean node?"),
        ("x = offsetof(node, valu)", "", "OPV519", "no field `valu`", "did you mean value?"),
        ("x = offsetof(node, value.x)", "", "OPV519", "no field `x`", None),
        ("x = load [&A].u46", "", "OPV516", "the type `u46` is unknown", "did you mean u64?"),
        ("x = load A.next->value", "", "OPV514", "reads memory only with load", "x = load A.next"),
        ("t = 1", "", "OPV514", "`t` is memory, and a thread writes memory only with store", "`store t, VALUE`"),
        ("t = t + 1", "", "OPV514", "`t` is memory, and a thread writes memory only with store", "`store t, VALUE`"),
        ("x = load nothing[1]", "", "OPV512", "the name `nothing` is unknown", None),
        ("x = load nothing.value", "", "OPV512", "the name `nothing` is unknown", None),
        ("x = load A[1]", "", "OPV520", "`A` is a node, not an array", None),
        ("x = load t[1].value", "", "OPV519", "no field `value`", None),
        ("x = 1; y = load x", "", "OPV517", "`x` is not a place in memory: it is a number of the thread", None),
        ("x = load LIMIT", "", "OPV517", "it is a constant", None),
        ("x = load current", "", "OPV517", "it is a number of the thread", None),
        ("x = sum(t)", "", "OPV513", "no function sum", None),
        ("x = 1", "forall a.y == 1", "OPV517", "`a` is not a place in memory: it is a thread, whose locals are x", None),
        ("return", "forall a.y == 1", "OPV517", "a thread without locals", None),
        ("return", "forall aa.x == 1", "OPV512", "the name `aa` is unknown", "did you mean a?"),
        ("return", "forall LIMIT[1] == 1", "OPV517", "it is a constant", None),
        ("return", "forall sum(t, t) == 1", "OPV513", "no function sum", None),
        ("return", "forall head->next->valu == 1", "OPV519", "no field `valu`", "did you mean value?"),
        ("return", "forall t == 1", "OPV515", "24 bytes", "name a field or an element"),
        ("x = 1; y = load x->nosuch", "", "OPV518", "no struct has a field nosuch", None),
    ],
)  # fmt: skip
def test_an_expression_without_a_meaning_is_refused_once(
    body: str, tail: str, code: str, message: str, help: str | None
) -> None:
    """One finding, with its code, in words that name what is there, and what was meant."""
    (finding,) = findings(body, tail)
    assert finding.code == code
    assert message in finding.message
    if help is None:
        assert finding.help is None
    else:
        assert help in str(finding.help)
    assert finding.place is not None


@pytest.mark.parametrize(
    ("text", "code", "message"),
    [
        ("scenario s {\nenvironment preempt <= 1, preempt <= 2\nthread a @0 { return }\n}", "OPV505", "`preempt` is there twice"),
        ("scenario s {\nenvironment stepped a, stepped b <= 1\nthread a @0 { return }\nthread b @0 { return }\n}", "OPV505", "one limit is counted for all of a kind"),
        ("scenario s {\nenvironment unprotected, unprotected a\nthread a @0 { return }\n}", "OPV505", "`unprotected` is there twice"),
        ("abi 2017-11\npage z: zero\nscenario s {\nthread a @0 { store z[0], 1 }\n}", "OPV533", "z is a `zero` page"),
        ("abi 2017-10\npage z: copy_on_write\nvector v() { memcpy.u64 [&z], =1 }\nscenario s {\nthread a @0 { run v() }\n}", "OPV533", "depends on whether somebody has stored to it"),
        ("abi 2017-11\npage z: zero\nshared p: ptr = &z\nscenario s {\nthread a @0 { x = load p }\n}", "OPV533", "z is a `zero` page"),
        ("strategy f = opv\nstrategy f = lock\nscenario s { thread a @0 { return } }", "OPV503", "two of strategy f"),
        ("scenario s { thread a @0 { return } }\nscenario s { thread a @0 { return } }", "OPV503", "two of scenario s"),
        ("scenario s {\nthread a @0 { return }\nthread a @0 { return }\n}", "OPV503", "two threads a"),
        ("scenario s {\nthread a @0 strategy fast { return }\n}", "OPV509", "no strategy fast"),
        ("scenario s {\nthread a @0 { return }\non signal b { return }\n}", "OPV509", "no thread b"),
        ("scenario s {\nenvironment stalled b\nthread a @0 { return }\n}", "OPV509", "no thread b"),
        ("scenario s {\nthread a @0 { return }\nprogress b finishes\n}", "OPV509", "no thread b"),
        ("scenario s {\nthread a @0 { return }\nexpect holds unless kernel linux\n}", "OPV509", "no kernel linux"),
        ("scenario s {\nkernel v6_1\nthread a @0 { return }\n}", "OPV509", "6.1 is ruled by legacy"),
        ("scenario s {\nthread a @0 { return }\nexpect holds when strategy fast\n}", "OPV509", "no strategy fast"),
    ],
)  # fmt: skip
def test_what_a_scenario_names_is_there_once(text: str, code: str, message: str) -> None:
    """Strategies, scenarios and threads, wherever they are named."""
    found = found_in(text + "\n")
    assert {each.code for each in found} == {code}
    assert any(message in f"{each.message} {each.help}" for each in found)
    if code == "OPV509":
        assert all(each.help for each in found)


@pytest.mark.parametrize(
    "text",
    [
        "scenario s {\nenvironment stepped a, stepped b\nthread a @0 { return }\nthread b @0 { return }\n}",
        "abi 2017-12\npage z: zero\nscenario s {\nthread a @0 { store z[0], 1 }\n}",
        "abi 2017-11\npage z: zero\nscenario s {\nthread a @0 { return }\n}",
    ],
)
def test_what_the_model_follows_is_not_refused(text: str) -> None:
    """Two threads of a kind without limits; pages that stay what they are, or that nobody uses."""
    assert found_in(text + "\n") == ()
