"""Statements of ``test`` blocks: what they do, and what is said when they can't or do not hold."""

from __future__ import annotations

import pytest

from opvasm.interpreter.events import Event
from opvasm.scenario.events import (
    Asserted,
    CallBegins,
    CallEnds,
    CpusSet,
    MemorySet,
    StatementBegins,
    TestEvent,
)

from .build import findings, observed, run_of


@pytest.mark.parametrize(
    "statements",
    [
        "cpu 1; run bump(2) -> 0; assert count == 2 && count@1 == 2 && count@0 == 0",
        "cpu 0; run bump(2) on 3 -> 0; assert count == 0 && count@3 == 2",
        "cpu N - 1; run bump(1) -> 0; assert count@2 == 1",
        "cpus 0..7; cpu 7; run bump(1) -> 0; assert count@7 == 1",
        "cpus 0..0; cpu 0; run bump(1) on 1 -> EINVAL",
        "online 0, 2..3; cpu 0; run bump(1) on 1 -> 0; assert count@1 == 1",
        "allowed 0..1; cpu 0; run bump(1) on 2 -> EINVAL; assert unchanged",
        "allowed 1; current 3; cpu 3; run bump(1) -> 0",
        "cpu 0; word = 5; run same(5) -> 0; run same(6) -> 2; assert count == 2",
        "cpu 0; run take(&gone) -> EFAULT; assert unchanged",
        "cpu 0; run nothing() flags 1 -> EINVAL",
        "cpu 0; run nothing() count 0 -> 0",
        "cpu 0; run nothing() count 17 -> EINVAL",
        "cpu 0; run nothing() at &code -> 0; run at &code count 1 -> 0",
        "cpu 0; run at &gone count 1 -> EFAULT; run at 0 count 0 -> 0",
        "cpu 0; repeat 3 { repeat N { run bump(1) -> 0 } }; assert count == 9",
        "cpu 0; repeat 0 { run bump(1) -> 0 }; assert count == 0",
        "cpu 0; word = N; repeat word { run bump(1) -> 0 }; assert count == 3",
        "cpu 0; small.second = 2; small.second@3 = 5; assert sum(small.second) == 7",
        "cpu 0; small.second = 2; small.second@3 = 5; assert sum(small.second@3) == 5",
        "cpu 0; fill pairs with 1; fill pairs@3 with index; assert sum(pairs) == 2 + 1",
        "cpu 0; fill pairs with 1; fill pairs@3 with index; assert sum(pairs@3) == 1",
        "cpu 0; pairs[1] = 4; pairs[1]@1 = 5; assert sum(pairs[1]) == 9",
        "cpu 0; fill grid[1] with 3; assert sum(grid[1]) == 9 && sum(grid[0]) == 0",
        "cpu 0; fill table with index * index; assert table[3] == 9 && sum(table) == 14",
        "cpu 0; name = \"ab\"; assert name[1] == 'b' && name[2] == 0",
        "cpu 0; table = { 1, 2 }; assert table[1] == 2 && table[2] == 0",
        "cpu 0; nodes[1] = { .value = 7 }; assert nodes[1].value == 7 && nodes[1].next == 0",
        "cpu 0; small = { .first = 1, -2 }; assert small.first == 1 && small.second == -2",
        "cpu 0; nodes[1] = { 1, 2 }; nodes[2] = nodes[1]; assert nodes[2].value == 2",
        "cpu 0; head = &nodes[2]; nodes[2].value = 8; assert head->value == 8",
        "cpu 2; head@1 = &nodes[0]; assert head@1 != 0 && head == 0",
        "cpu 0; half = -2; assert half == -2; [&half].u16 = 0xffff; assert half == -1",
        "cpu 0; [&table + 8].u32 = 5; assert [&table[1]].u32 == 5",
    ],
)
def test_holds(statements: str) -> None:
    assert findings(statements) == ""


@pytest.mark.parametrize(
    ("statements", "said"),
    [
        ("cpu 0; run bump(1) -> 1", "error[OPV453]: the call returned 0, not 1"),
        ("cpu 0; run take(&gone) -> 0", "error[OPV453]: the call returned EFAULT, not 0"),
        ("cpu 0; run take(&gone) -> EAGAIN", "the call returned EFAULT, not EAGAIN"),
        ("cpu 0; assert count == 1", "error[OPV454]: `count == 1` does not hold"),
        ("cpu 0; assert count == 1", "note: count is 0"),
        ("cpu 0; word = 0x123456; assert word == 1", "note: word is 0x123456"),
        ("cpu 0; assert count == 0 && word == 2", "note: word is 0"),
        ("cpu 0; assert 0", "error[OPV454]: `0` does not hold"),
        ("cpu 0; table = { 1 }; assert table == nodes[0]", "OPV454"),
        (
            "cpu 0; run bump(1) -> 0; assert unchanged",
            "error[OPV455]: the last call changed 1 byte",
        ),
        ("cpu 0; run bump(1) -> 0; assert unchanged", "note: count@0: 0x00 became 0x01"),
        (
            "cpu 0; run bump(-1) -> 0; assert unchanged",
            "error[OPV455]: the last call changed 4 bytes",
        ),
        ("cpu 0; run bump(-1) -> 0; assert unchanged", "note: count@0 + 3: 0x00 became 0xff"),
    ],
)
def test_does_not_hold(statements: str, said: str) -> None:
    result = run_of(f"{statements}\nword = 1")
    assert not result.passed
    assert said in findings(statements)


@pytest.mark.parametrize(
    ("statements", "said"),
    [
        ("cpu 0; byte = 256", "error[OPV451]: 256 does not fit u8: 0 to 255"),
        ("cpu 0; half = 40000", "40000 does not fit i16: -32768 to 32767"),
        ("cpu 0; fill name with index * 100", "300 does not fit u8"),
        ("cpu 0; nodes[0] = { 1, 2, 3 }", "struct node has only 2 fields"),
        ("cpu 0; nodes[0] = { .value = 1, 2 }", "struct node has only 2 fields"),
        ("cpu 0; nodes[0] = { .next = 1, .next = 2 }", "`next` has its value already"),
        ("cpu 0; name = { .first = 1 }", "an array has elements, no fields"),
        ("cpu 0; name = { 1, 2, 3, 4, 5 }", "5 values for 4 elements"),
        ('cpu 0; name = "abcde"', "the string has 5 bytes, the place 4"),
        ("cpu 0; word = { 1 }", "these parts do not fit the place's type"),
        ("cpu 0; nodes[0] = word", "`word` is not 16 bytes of such a place"),
        ("cpu 0; word = 1 / count", "error[OPV451]: division by zero"),
        ("cpu 0; word = [&gone].u64", "it can't be read: read of 8 bytes at 0x5000"),
        ("cpu 0; gone[0] = 1", "it can't be set: write of 1 byte at"),
        ("cpu 0; assert head->value == 1", "it can't be read: read of 8 bytes at 0x8: 0x0 is"),
        (
            "cpu 0; assert table[count - 1] == 0",
            "there is no element -1: `table` has 4, 0 to 3",
        ),
        ("cpu 0; assert count@4 == 0", "CPU 4 does not exist; there are 0 to 3"),
        ("cpu 0; [&word] = 5", "the place has no type; write `[address].u64` or another size"),
        ("cpu 0; assert [&word] == 5", "`[&word]` has no type; write `[address].u64`"),
        ("cpu 0; assert table == 5", "`table` and `5` can't be compared"),
        ("cpu 0; word = table", "`table` is 32 bytes, where a number is needed"),
        (
            "cpu 0; repeat 0 - 1 { run nothing() -> 0 }",
            "error[OPV451]: -1 times is less than never",
        ),
        ("cpu 0; repeat 1 { repeat 1 / count { run nothing() -> 0 } }", "division by zero"),
        (
            "cpu 0; run nothing() on (1 << 40) -> 0",
            "does not fit cpu: the call takes a signed 32-bit number",
        ),
        ("cpu 0; run nothing() on 4294967295 -> 0", "4294967295 does not fit cpu"),
        ("cpu 0; run nothing() flags 2147483648 -> 0", "2147483648 does not fit flags"),
        ("cpu 0; run nothing() count 2147483648 -> 0", "2147483648 does not fit cpuopcnt"),
        ("cpu 0; run nothing() at -1 -> 0", "-0x1 is not an address"),
        ("cpu 0; run nothing() count 2 -> 0", "error[OPV452]: count 2 of a vector of 1 ops"),
        ("cpu 0; run nothing() at &gone -> 0", "the 32 bytes of the vector can't be placed"),
        ("cpu 0; run bump(1 << 63) -> 0", "error[OPV102]: 0x8000000000000000 does not fit i64"),
        ("cpu 0; run same(0 - 1) -> 0", "error[OPV102]: -1 does not fit u64"),
        ("cpu 4", "error[OPV456]: only CPUs 0 to 3 exist"),
        ("cpu 4", "help: to ask for one that does not exist, write `on 4` after a `run`"),
        ("cpu 0; word = 1; cpu -1", "error[OPV456]: only CPUs 0 to 3 exist"),
        ("cpus 0..3; online 9; cpu 0", "error[OPV456]: only CPUs 0 to 3 exist"),
        ("allowed 9; cpu 0", "error[OPV456]: only CPUs 0 to 3 exist"),
        ("cpus 1..2; cpu 1", "the CPUs that exist are numbered 0, 1, 2 … without gaps"),
        ("cpus 3..0; cpu 0", "3..0 is not a range of CPUs"),
        ("cpus 0..5000; cpu 0", "0..5000 is not a range of CPUs"),
        ("online 1..3; current 0; cpu 0", "the caller can't be on CPU 0, which is not online"),
        ("cpu 0; word = 1; cpus 0..7", "the CPUs that exist can't change in the middle of a test"),
        ("cpu word", "`word` is not a constant"),
        ("cpus 0..1; online 5; repeat 2 { run nothing() -> 0 }", "only CPUs 0 to 1 exist"),
    ],
)
def test_can_not_be_carried_out_and_the_test_ends(statements: str, said: str) -> None:
    text = findings(f"{statements}\nassert 1 == 2")
    assert said in text
    assert "OPV454" not in text, "the test went on"
    assert text.count("error[") == 1


def test_goes_on_after_what_does_not_hold() -> None:
    result = run_of("cpu 0; assert 1 == 2; run bump(1) -> 7; assert count == 9; assert count == 1")
    assert [each.code for each in result.findings] == ["OPV454", "OPV453", "OPV454"]
    assert result.calls == 1


def test_each_test_has_a_machine_of_its_own() -> None:
    assert run_of("cpu 0; run bump(1) -> 0; assert count == 1").passed
    assert run_of("cpu 0; assert count == 0").passed


def test_unchanged_speaks_of_the_last_call_alone() -> None:
    text = "cpu 0; run bump(1) -> 0; run nothing() -> 0; word = 9; assert unchanged"
    assert findings(text) == ""


def test_unchanged_counts_bytes_that_hold_another_value_not_stores() -> None:
    assert findings("cpu 0; run bump(0) -> 0; assert unchanged") == ""


def test_a_refused_vector_says_which_rule_refused_it() -> None:
    text = findings("cpu 0; run nothing() count 17 -> 0")
    assert "the call returned EINVAL, not 0" in text
    assert "17" in text.split("note:", 1)[1]


def test_a_failed_compare_says_both_values() -> None:
    text = findings("cpu 0; word = 0x1234; run same(0x4321) -> 0")
    assert "the call returned 2, not 0" in text
    assert "0x1234" in text
    assert "0x4321" in text


def test_a_fault_says_operand_address_size_and_symbol() -> None:
    text = findings("cpu 0; run take(&gone + 8) -> 0")
    assert "op 0, operand src: read of 8 bytes" in text
    assert "0x500000000008" in text


def test_quirks_are_passed_on() -> None:
    statements = "allowed 0; cpu 0; run bump(1) on 1 -> EAGAIN"
    assert not run_of(statements).passed
    assert run_of(statements, quirks=("cpu-not-allowed",)).passed


def test_a_vector_at_an_address_lies_there_afterwards() -> None:
    # mb is op 9 of 2017-11 (abi.md section 1.2): a little-endian 32-bit 9, then zeros.
    assert findings("cpu 0; run nothing() at &code -> 0; assert [&code].u64 == 9") == ""


def test_memory_that_a_test_sets_is_no_longer_untouched() -> None:
    # 2017-11 refuses to read a page that was never touched (abi.md section 2.4).
    assert findings("cpu 0; run take(&fresh) -> EFAULT") == ""
    assert findings("cpu 0; fresh[9] = 1; run take(&fresh) -> 0") == ""


def test_an_observer_is_told_of_statements_settings_calls_and_assertions_in_order() -> None:
    told: list[TestEvent | Event] = []
    result = observed("cpu 0; word = 5; run same(6) -> 2; current 1; assert word == 5", told.append)
    assert result.passed
    kinds = (StatementBegins, MemorySet, CallBegins, CallEnds, CpusSet, Asserted)
    names = [type(each).__name__ for each in told if isinstance(each, kinds)]
    assert names == [
        *("StatementBegins",),  # cpu 0
        *("StatementBegins", "MemorySet"),  # word = 5
        *(
            "StatementBegins",
            "MemorySet",
            "CallBegins",
            "CallEnds",
        ),  # the argument's slot, the call
        *("StatementBegins", "CpusSet"),  # current 1
        *("StatementBegins", "Asserted"),
    ]
    ends = [each for each in told if isinstance(each, CallEnds)]
    assert [(each.result, each.expected) for each in ends] == [(2, 2)]
