"""Values of expressions on a machine."""

from __future__ import annotations

import pytest

from opvasm.expression import Unevaluable

from .build import value_of


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1 + 2 * 3", 7),
        ("-7 / 2", -3),  # towards zero, as in C
        ("-7 % 2", -1),
        ("7 / -2", -3),
        ("1 << 4 | 3", 19),
        ("6 & 3 == 2", 1),  # unlike C: comparisons bind less tightly
        ("!0 + !5", 1),
        ("~0", -1),
        ("1 && 2", 1),
        ("0 || 0", 0),
        ("0 && 1 / 0", 0),
        ("1 || 1 / 0", 1),
        ("2 < 3 && 3 <= 3 && 4 > 3 && 4 >= 4 && 1 != 2", 1),
        ("N", 3),
        ("word", 0),
        ("sizeof(u16)", 2),
        ("sizeof(ptr)", 8),
        ("sizeof(pair)", 4),  # u8, a byte of padding, i16
        ("sizeof(node)", 16),
        ("sizeof(nodes)", 48),
        ("sizeof(u16[N])", 6),
        ("sizeof(grid)", 12),
        ("offsetof(pair, second)", 2),
        ("offsetof(node, value)", 8),
        ("&table[2] - &table", 16),
        ("&grid[1][2] - &grid", 10),
        ("&nodes[1].value - &nodes[0]", 24),
        ("&count@2 - &count@1", 4096),  # one page of 4096 bytes a CPU
        ("&small.second - &small", 2),
        ("&word == &byte", 0),
        ("[&word].u8", 0),
        ("sum(table)", 0),
        ("sum(count)", 0),
        ("sum(word)", 0),
    ],
)
def test_has_the_value(text: str, value: int) -> None:
    assert value_of(text) == value


def test_an_array_or_struct_is_its_bytes() -> None:
    assert value_of("name") == bytes(4)
    assert value_of("nodes[0]") == bytes(16)
    assert value_of("name == name") == 1
    assert value_of("name != [&word].pair") == 0


def test_a_percpu_name_is_that_of_the_cpu_it_is_evaluated_for() -> None:
    assert value_of("&count == &count@2", cpu=2) == 1
    assert value_of("&count == &count@2", cpu=1) == 0


def test_further_names_come_first() -> None:
    assert value_of("index + N", names={"index": 4}) == 7
    assert value_of("word", names={"word": 9}) == 9


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("wird", "the name `wird` is unknown; did you mean word?"),
        ("word.first", "`word` is a u64, not a struct, so it has no field `first`"),
        ("small.third", "struct pair has no field `third`"),
        ("word[0]", "`word` is a u64, not an array"),
        ("table[4]", "there is no element 4: `table` has 4, 0 to 3"),
        ("table[-1]", "there is no element -1: `table` has 4, 0 to 3"),
        ("word->value", "`word` is a u64, not a pointer to a struct"),
        ("head->value", "it can't be read"),
        ("gone[0]", "it can't be read"),
        ("count@-1", "CPU -1 does not exist"),
        ("1 / 0", "division by zero"),
        ("1 % 0", "division by zero"),
        ("1 << 5000", "a shift by 5000 is outside 0..1024"),
        ("1 >> -1", "a shift by -1"),
        ("name + 1", "`name` and `1` can't be joined by +"),
        ("name < name", "can't be compared"),
        ("-name", "`name` is 4 bytes, where a number is needed"),
        ("name && 1", "`name` is 4 bytes, where a number is needed"),
        ("&5", "`5` is not a place in memory"),
        ("[&word]", "has no type"),
        ("[&word].u65", "the type `u65` is unknown; did you mean u64?"),
        ("sum(nodes)", "`sum` adds numbers, not arrays or structs"),
        ("sum(1)", "`1` is not a place in memory"),
        ("total(word)", "`total` with 1 arguments is not a function here; there is `sum(x)`"),
        ("sum(word, word)", "`sum` with 2 arguments"),
        ("sizeof(nod)", "no type is called `nod`; did you mean node?"),
        ("offsetof(node, nxt)", "struct node has no field `nxt`; did you mean next?"),
        ("offsetof(u64, nxt)", "`u64` is a u64, not a struct"),
    ],
)
def test_has_no_value(text: str, reason: str) -> None:
    with pytest.raises(Unevaluable) as caught:
        value_of(text)
    assert reason in caught.value.reason
    assert caught.value.span.text in text
