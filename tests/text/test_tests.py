"""``test`` blocks: their trees, and what is checked of them before they run."""

from __future__ import annotations

import pytest

from opvasm.assembler.checks import ERRNO_NAMES
from opvasm.expression import AddressOf, Binary, Name, Number, Unary
from opvasm.interpreter.errno import NUMBERS
from opvasm.text.tree import (
    Assert,
    AssertUnchanged,
    Assign,
    Braces,
    CpuChoice,
    CpuSet,
    Fill,
    Repeat,
    Run,
    TestStatement,
    Text,
)

from .checking import assembled, errors

DATA = """\
struct node { next: ptr<node>, value: u64 }
percpu head: ptr<node>
shared nodes: node[4]
shared buffer: u8[16]
shared word: u64
const N = 2
vector push(node: ptr<node>, expect: u64) { cmpeq head, expect; memcpy head, node }
vector fence() { mb }
"""


def statements(text: str) -> tuple[TestStatement, ...]:
    (test,) = assembled(f'{DATA}test "t" {{\n{text}\n}}').tests
    return test.statements


def statement(text: str) -> TestStatement:
    (only,) = statements(text)
    return only


def test_the_cpus_of_a_test_are_lists_of_numbers_and_ranges() -> None:
    for which in ("cpus", "online", "allowed"):
        made = statement(f"{which} 0, 2..N + 1")
        assert isinstance(made, CpuSet)
        assert made.which == which
        assert [(each.first.span.text, each.last.span.text) for each in made.ranges] == [
            *(("0", "0"), ("2", "N + 1")),
        ]


def test_cpu_and_current_choose_one() -> None:
    for which in ("cpu", "current"):
        made = statement(f"{which} N")
        assert isinstance(made, CpuChoice)
        assert (made.which, made.cpu.span.text) == (which, "N")


def test_an_assignment_has_a_place_and_a_value() -> None:
    made = statement("nodes[1].next = &nodes[0]")
    assert isinstance(made, Assign)
    assert made.place.span.text == "nodes[1].next"
    assert isinstance(made.value, AddressOf)
    made = statement('buffer = "text"')
    assert isinstance(made, Assign)
    assert isinstance(made.value, Text)
    made = statement("nodes = { { .value = 1 } }")
    assert isinstance(made, Assign)
    assert isinstance(made.value, Braces)


def test_a_fill_may_speak_of_the_index() -> None:
    made = statement("fill buffer with index % 256")
    assert isinstance(made, Fill)
    assert isinstance(made.value, Binary)


def test_a_run_has_its_arguments_and_what_is_expected() -> None:
    made = statement("run push(&nodes[0], 0) -> EAGAIN")
    assert isinstance(made, Run)
    assert (made.vector, len(made.arguments)) == ("push", 2)
    assert (made.cpu, made.op_count, made.flags, made.address) == (None,) * 4
    assert isinstance(made.result, Name)
    assert made.vector_span.text == "push"


def test_a_run_may_set_the_other_arguments_of_the_call_in_any_order() -> None:
    made = statement("run fence() flags 1 at &buffer on -1 count (N + 1) -> -22")
    assert isinstance(made, Run)
    assert made.cpu is not None
    assert made.op_count is not None
    assert made.flags is not None
    assert made.address is not None
    texts = [each.span.text for each in (made.cpu, made.op_count, made.flags, made.address)]
    assert texts == ["-1", "(N + 1)", "1", "&buffer"]
    assert isinstance(made.cpu, Unary)
    assert isinstance(made.result, Unary)


def test_a_run_without_a_vector_calls_what_lies_at_an_address() -> None:
    made = statement("run at 0 count 0 flags 1 -> 10")
    assert isinstance(made, Run)
    assert (made.vector, made.arguments) == (None, ())
    assert isinstance(made.address, Number)


def test_asserts_and_repetitions() -> None:
    asserted, unchanged, repeat = statements(
        "assert word == 1; assert unchanged\nrepeat N { cpu 1 }"
    )
    assert isinstance(asserted, Assert)
    assert isinstance(unchanged, AssertUnchanged)
    assert isinstance(repeat, Repeat)
    assert isinstance(repeat.statements[0], CpuChoice)


def test_every_statement_knows_its_text() -> None:
    lines = ["cpu 0", "online 0, 1", "word = 1 + 1", "run fence() on 1 -> 0", "assert unchanged"]
    assert [each.span.text for each in statements("\n".join(lines))] == lines


def test_words_of_tests_are_names_elsewhere() -> None:
    assembled("""\
        struct flags { on: u8, at: u8 }
        percpu cpu: u64
        shared run: flags
        vector assert(count: u64, with: u64) { cmpeq cpu, count; cmpeq run.on, run.at; add cpu, with }
        test "words" { run assert(cpu, run.on + run.at) -> 0; fill with with 1 }
        shared with: u8[2]
        """)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("wrd = 1", "OPV010 'wrd': the name `wrd` is unknown"),
        ("assert word == wrd", "OPV010 'wrd': the name `wrd` is unknown"),
        ("word = index", "OPV010 'index': the name `index` is unknown"),
        ("fill buffer with word + indx", "OPV010 'indx': the name `indx` is unknown"),
        ("run fence() on cpus -> 0", "OPV010 'cpus': the name `cpus` is unknown"),
        ("run pushh(1, 2) -> 0", "OPV010 'pushh': the vector `pushh` is unknown"),
        ("run push(1) -> 0", "OPV031 'run push(1) -> 0': `push` takes node, expect; 1 given"),
        ("run fence(1) -> 0", "OPV031 'run fence(1) -> 0': `fence` takes no arguments; 1 given"),
        ("run push(x, 0) -> 0", "OPV010 'x': the name `x` is unknown"),
        ("run fence() -> EAGIN", "OPV010 'EAGIN': the name `EAGIN` is unknown"),
        ("assert EAGAIN == 1", "OPV010 'EAGAIN': the name `EAGAIN` is unknown"),
        ("run fence() on 1 on 2 -> 0", "OPV009 'on': `on` is given twice"),
        ("run -> 0", "OPV009 'run': nothing to run: neither a vector nor `at` is given"),
        ("nodes[0].nxt = 1", "OPV017 'nxt': struct node has no field `nxt`"),
        ("nodes[4].next = 1", "OPV018 '4': there is no element 4: `nodes` has 4, 0 to 3"),
        ("word[0] = 1", "OPV017 'word[0]': `word` is a u64, not an array"),
        ("head->nxt = 1", "OPV017 'nxt': struct node has no field `nxt`"),
        ("word->next = 1", "OPV017 'word': `word` is a u64, not a pointer to a struct"),
        ("assert nodes[0].next->next->valu", "OPV017 'valu': struct node has no field `valu`"),
        ("fill word with 1", "OPV017 'word': `word` is a u64, no array"),
        ("assert sizeof(nod) == 1", "OPV016 'nod': the type `nod` is unknown"),
        ("assert sum(x)", "OPV010 'x': the name `x` is unknown"),
        ("assert summ(head)", "OPV010 'summ': the function `summ` is unknown"),
        ("nodes[0] = { .valu = 1 }", "OPV017 '.valu = 1': struct node has no field `valu`"),
        ("nodes[0] = { 1, x }", "OPV010 'x': the name `x` is unknown"),
        ("buffer = { 1, x }", "OPV010 'x': the name `x` is unknown"),
        ("word = { x }", "OPV010 'x': the name `x` is unknown"),
        ("cpu x", "OPV010 'x': the name `x` is unknown"),
        ("online 0..x", "OPV010 'x': the name `x` is unknown"),
        ("repeat x { }", "OPV010 'x': the name `x` is unknown"),
        ("repeat 2 { assert x }", "OPV010 'x': the name `x` is unknown"),
        ("assert [x].u32", "OPV010 'x': the name `x` is unknown"),
        ("assert head@x", "OPV010 'x': the name `x` is unknown"),
    ],
)
def test_a_test_that_speaks_of_what_is_not_there_is_one_error(text: str, expected: str) -> None:
    (found,) = errors(f'{DATA}test "t" {{ {text} }}')
    assert found.split(" ", 1)[1] == expected


def test_what_a_test_may_speak_of() -> None:
    statements("""\
        head@1 = &nodes[0]
        nodes[word].value = nodes[0].next->value + [&buffer + 1].u32 + @0x1000.u8
        assert sum(nodes[0].value) == offsetof(node, value) && !(buffer == "x") || N
        run push([&head].ptr, sizeof(buffer)) -> N + 1
        """.replace('"x"', "buffer"))


def test_the_names_of_results_are_those_of_the_interpreter() -> None:
    assert set(ERRNO_NAMES) == set(NUMBERS)
