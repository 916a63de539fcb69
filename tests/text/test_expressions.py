"""Expressions: structure, precedence, values; Python's own operators are the second opinion."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from opvasm.errors import ParseError
from opvasm.expression import (
    AddressOf,
    Arrow,
    AtCpu,
    Binary,
    Call,
    Expression,
    Index,
    Load,
    Member,
    Name,
    Number,
    OffsetOf,
    SizeOf,
    Unary,
    Unevaluable,
    constant,
    height,
)
from opvasm.text import parse_expression


def value(text: str) -> int:
    return constant(parse_expression(text), lambda leaf: None)


def shape(node: Expression) -> str:
    """An expression with every part in parentheses, so that its structure shows."""
    match node:
        case Number(value=number):
            return str(number)
        case Name(name=name):
            return name
        case Member(base=base, name=name):
            return f"({shape(base)}.{name})"
        case Arrow(base=base, name=name):
            return f"({shape(base)}->{name})"
        case Index(base=base, position=position):
            return f"({shape(base)}[{shape(position)}])"
        case AtCpu(base=base, cpu=cpu):
            return f"({shape(base)}@{shape(cpu)})"
        case AddressOf(place=place):
            return f"(&{shape(place)})"
        case Load(address=address):
            return f"[{shape(address)}]"
        case Unary(operator=operator, operand=operand):
            return f"({operator}{shape(operand)})"
        case Binary(operator=operator, left=left, right=right):
            return f"({shape(left)} {operator} {shape(right)})"
        case Call(function=function, arguments=arguments):
            return f"{function}({', '.join(map(shape, arguments))})"
        case SizeOf(type=type):
            return f"sizeof({type.name}{''.join(f'[{shape(each)}]' for each in type.counts)})"
        case OffsetOf(type=type, path=path):
            return f"offsetof({type.name}, {'.'.join(path)})"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a + b * c", "(a + (b * c))"),
        ("a - b - c", "((a - b) - c)"),
        ("a << 1 + b", "(a << (1 + b))"),
        ("flags & 1 == 0", "((flags & 1) == 0)"),
        ("a | b ^ c & d", "(a | (b ^ (c & d)))"),
        ("a && b || c && d", "((a && b) || (c && d))"),
        ("!a == b", "((!a) == b)"),
        ("-a.b[2]", "(-((a.b)[2]))"),
        ("- -1", "(-(-1))"),
        ("&nodes[2].next", "(&((nodes[2]).next))"),
        ("&head + 8", "((&head) + 8)"),
        ("x->f", "(x->f)"),
        ("x->f.g->h", "(((x->f).g)->h)"),
        ("nodes[2].next->value", "(((nodes[2]).next)->value)"),
        ("head@2", "(head@2)"),
        ("ring@2.slot[1]", "(((ring@2).slot)[1])"),
        ("head@(n + 1)", "(head@(n + 1))"),
        ("head@-1", "(head@(-1))"),
        ("[p + 8]", "[(p + 8)]"),
        ("[p + 8].u32", "([(p + 8)].u32)"),
        ("@0x10", "[16]"),
        ("sum(counter)", "sum(counter)"),
        ("f()", "f()"),
        ("f(a, b + 1,)", "f(a, (b + 1))"),
        ("sizeof(node[2][n])", "sizeof(node[2][n])"),
        ("offsetof(node, a.b)", "offsetof(node, a.b)"),
        ("(a)", "a"),
        ("(a + b) * c", "((a + b) * c)"),
        ("run + cpu + at", "((run + cpu) + at)"),
    ],
)
def test_an_expression_has_the_structure_that_its_operators_say(text: str, expected: str) -> None:
    assert shape(parse_expression(text)) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("10", 10),
        ("0x1F", 31),
        ("0b101", 5),
        ("0o17", 15),
        ("1_000_000", 1_000_000),
        ("'c'", 99),
        (r"'\n'", 10),
        (r"'\x7f'", 127),
        (r"'\''", 39),
        ("-7 / 2", -3),
        ("7 / -2", -3),
        ("-7 % 2", -1),
        ("7 % -2", 1),
        ("~0", -1),
        ("!5 + !0", 1),
        ("1 << 64", 1 << 64),
        ("-1 >> 1", -1),
        ("0 && 1 / 0", 0),
        ("1 || 1 / 0", 1),
        ("3 > 2 && 2 >= 2 && 1 < 2 && 1 <= 1 && 1 != 2", 1),
    ],
)
def test_a_constant_has_its_value(text: str, expected: int) -> None:
    assert value(text) == expected


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("1 / 0", "division by zero"),
        ("1 % (2 - 2)", "division by zero"),
        ("1 << -1", "a shift by -1 is outside 0..1024"),
        ("1 >> 1025", "a shift by 1025 is outside 0..1024"),
        ("1 << 1024 << 1023", None),
        ("1 << 1024 << 1024", "a number of more than 2048 bits is of no use"),
        (
            "(1 << 1024 << 1023) + (1 << 1024 << 1023)",
            "a number of more than 2048 bits is of no use",
        ),
        ("(1 << 1024) * (1 << 1024)", "a number of more than 2048 bits is of no use"),
        ("head", "`head` is not a constant"),
        ("&head", "`&head` is not a constant"),
        ("f(1)", "`f(1)` is not a constant"),
    ],
)
def test_what_has_no_value_says_why(text: str, reason: str | None) -> None:
    if reason is None:
        assert value(text) == 1 << 2047
        return
    with pytest.raises(Unevaluable) as caught:
        value(text)
    assert caught.value.reason == reason


@st.composite
def python_expressions(draw: st.DrawFn, depth: int = 4) -> str:
    """Arithmetic that both languages write and mean alike (no division, no chained comparison)."""
    if depth == 0 or draw(st.booleans()):
        return str(draw(st.integers(0, 40)))
    kind = draw(st.sampled_from(["binary", "unary", "group", "compare"]))
    left = draw(python_expressions(depth=depth - 1))
    if kind == "unary":
        return f"{draw(st.sampled_from('-~+'))}({left})"
    if kind == "group":
        return f"({left})"
    right = draw(python_expressions(depth=depth - 1))
    if kind == "compare":
        return f"(({left}) {draw(st.sampled_from(['==', '!=', '<', '<=', '>', '>=']))} ({right}))"
    return f"{left} {draw(st.sampled_from(['+', '-', '*', '&', '|', '^']))} {right}"


@given(python_expressions())
def test_precedence_and_arithmetic_are_those_of_python(text: str) -> None:
    assert value(text) == int(eval(text))


@given(st.integers(-50, 50), st.integers(-50, 50).filter(bool))
def test_division_and_remainder_belong_together(left: int, right: int) -> None:
    quotient, remainder = value(f"({left}) / ({right})"), value(f"({left}) % ({right})")
    assert quotient * right + remainder == left
    assert abs(remainder) < abs(right)
    assert remainder == 0 or (remainder < 0) == (left < 0)


@given(st.integers(0, 1 << 70), st.sampled_from(["d", "x", "X", "o", "b", "_", "_x"]))
def test_a_number_reads_as_python_writes_it(number: int, form: str) -> None:
    prefix = {"x": "0x", "X": "0x", "o": "0o", "b": "0b", "_x": "0x"}.get(form, "")
    assert value(prefix + format(number, form)) == number


@pytest.mark.parametrize(
    "text",
    ["", "a +", "a b", "(a", "a)", "a = b", "run x -> 0", "a;b", "1 2", "{1}", '"text"', "vector"],
)
def test_what_is_no_expression_is_a_parse_error(text: str) -> None:
    with pytest.raises(ParseError):
        parse_expression(text)


def test_an_expression_may_be_broken_over_lines() -> None:
    assert shape(parse_expression("(a\n + b\n)\n")) == "(a + b)"
    assert shape(parse_expression("a +\n// more\nb")) == "(a + b)"


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("head@2", "head@2"),
        (" a.bb.c ", "a.bb.c"),
        ("(a + b) * c", "(a + b) * c"),
        ("x->f . g", "x->f . g"),
        ("nodes[ 2 ]", "nodes[ 2 ]"),
    ],
)
def test_the_span_of_an_expression_is_its_text(text: str, part: str) -> None:
    assert parse_expression(text).span.text == part


def test_the_spans_of_parts_are_their_texts() -> None:
    node = parse_expression("nodes[2].next->value.more")
    texts = []
    while isinstance(node, Member | Arrow | Index):
        texts.append(node.span.text)
        node = node.base
    assert texts == [
        "nodes[2].next->value.more",
        "nodes[2].next->value",
        "nodes[2].next",
        "nodes[2]",
    ]


@pytest.mark.parametrize(
    "text",
    [
        "(" * 20_000 + "1" + ")" * 20_000,
        "-" * 20_000 + "1",
        "[" * 20_000,
        "1" + "+1" * 20_000,
        "a" + "[0]" * 20_000,
        "a" + ".b" * 20_000,
        "a" + "->b" * 20_000,
        "f(" * 20_000,
        "a@" * 20_000,
        "!" * 200 + "(" * 200 + "1" + ")" * 200,
        "sizeof(u8" + "[1]" * 20_000 + ")",
    ],
    ids=lambda text: text[:9],
)
def test_whatever_is_nested_without_end_is_an_error(text: str) -> None:
    with pytest.raises(ParseError) as caught:
        parse_expression(text)
    assert "OPV006" in [each.code for each in caught.value.diagnostics]


def test_what_is_accepted_is_not_high() -> None:
    text = "(((" * 20 + "x" + " + 1) * 2) - a[0])" * 20
    assert height(parse_expression(text)) <= 100
