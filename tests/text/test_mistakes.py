"""What is said of texts that leave the grammar: the right place, plain words, nothing twice."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings, strategies as st

from opvasm.errors import ParseError
from opvasm.source import SourceFile, Span
from opvasm.text import parse_file
from opvasm.text.lalr import MISTAKE_LIMIT
from opvasm.text.tree import StructDefinition, Test, VectorDefinition

from .checking import errors, problems


def said(text: str) -> list[str]:
    """The mistakes of a text without what it means: ``line:column code message``."""
    result = []
    for each in parse_file(SourceFile("t.opv", text)).problems:
        assert isinstance(each.place, Span)
        result.append(f"{each.place.line}:{each.place.column} {each.code} {each.message}")
    return result


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("percpu head ptr", "1:13 OPV001 expected `:`, found `ptr`"),
        ("percpu head:\nshared x: u8", "1:13 OPV001 expected a type, found the end of the line"),
        ("percpu : u8", "1:8 OPV001 expected a name, found `:`"),
        ("percpu vector: u8", "1:8 OPV001 expected a name, found `vector`"),
        ("const N 8", "1:9 OPV001 expected `=`, found `8`"),
        ("const N =", "1:10 OPV001 expected a value, found the end of the file"),
        ("const N = 8 +\n", "1:14 OPV001 expected a value, found the end of the line"),
        ("const N = (8", "1:13 OPV001 expected `)`, found the end of the file"),
        ("use list", "1:5 OPV001 expected a text in double quotes, found `list`"),
        ("abi v3", "1:5 OPV001 expected a number, found `v3`"),
        ("abi 2017", "1:9 OPV001 expected `-`, found the end of the file"),
        ("page gone", "1:10 OPV001 expected `:`, found the end of the file"),
        ("struct s { a u8 }", "1:14 OPV001 expected `:`, found `u8`"),
        ("struct s { a: u8 b: u8 }", "1:18 OPV001 expected `,` or the end of the line, found `b`"),
        ("shared t: u8[2] = { 1 2 }", "1:23 OPV001 expected `,` or `}`, found `2`"),
        ("vector v( { mb }", "1:11 OPV001 expected a name with its type or `)`, found `{`"),
        ("vector v() mb }", "1:12 OPV001 expected `{`, found `mb`"),
        ("vector v() { 5 }", "1:14 OPV001 expected an op, found `5`"),
        (
            "vector v() { memcpy a b }",
            "1:23 OPV001 expected `,` or the end of the line, found `b`",
        ),
        ("vector v() { memcpy a, }", "1:24 OPV001 expected an operand, found `}`"),
        ("vector v() { memcpy , a }", "1:21 OPV001 expected an operand, found `,`"),
        ("vector v() { memcpy [a, b }", "1:23 OPV001 expected `]`, found `,`"),
        ("vector v() { memcpy a-> }", "1:25 OPV001 expected a name, found `}`"),
        ("vector v() { mb { 8 } }", "1:21 OPV001 expected `:`, found `}`"),
        ("test t { }", "1:6 OPV001 expected a text in double quotes, found `t`"),
        (
            'test "t" { run v() }',
            "1:20 OPV001 expected `->`, `at`, `count`, `flags` or `on`, found `}`",
        ),
        ('test "t" { run v() -> }', "1:23 OPV001 expected a value, found `}`"),
        ('test "t" { x }', "1:14 OPV001 expected `=`, found `}`"),
        ('test "t" { assert }', "1:19 OPV001 expected a value or `unchanged`, found `}`"),
        ('test "t" { memcpy a, b }', "1:19 OPV001 expected `=`, found `a`"),
        ('test "t" { fill x 1 }', "1:19 OPV001 expected `with`, found `1`"),
        ("}", "1:1 OPV001 expected a declaration, found `}`"),
        ("5", "1:1 OPV001 expected a declaration, found `5`"),
        ("cmpeq.u64 a, b", "1:1 OPV030 `cmpeq.u64` begins no declaration"),
        ("percu x: u8", "1:1 OPV030 `percu` begins no declaration"),
        ("vector v() { add x, 1 $ }", "1:23 OPV002 unexpected character `$`"),
        ("\0\0\0", "1:1 OPV002 unexpected characters `U+0000U+0000U+0000`"),
        ('use "list.opv', "1:5 OPV003 this string is not closed on its line"),
        ("const C = 'a", "1:11 OPV003 this character is not closed on its line"),
        ("percpu a: u8 /* no end", "1:14 OPV003 this comment is never closed"),
        ("const N = 4 /* no end", "1:13 OPV003 this comment is never closed"),
        ("vector v() {", "1:13 OPV008 a `}` is missing before the end of the file"),
        ("vector v() { mb\nvector w() { mb }", "2:1 OPV008 a `}` is missing before `vector`"),
        ("struct s { a: u8\npercpu x: u8", "2:1 OPV008 a `}` is missing before `percpu`"),
    ],
)
def test_one_mistake_is_reported_once_at_its_place(text: str, expected: str) -> None:
    (found,) = said(text)
    assert found.startswith(expected)


_RULED = "Linux {} is ruled by legacy (x86-64 and aarch64); opvasm probe asks the running one"
_COMMA = "a comma stands before the value: `store PLACE, VALUE`"


@pytest.mark.parametrize(
    ("text", "help"),
    [
        ("percu x: u8", "did you mean percpu?"),
        ("memcpy a, b", "ops stand in a vector: `vector NAME() { … }`"),
        ("counter = 1", "ops stand in a vector: `vector NAME() { … }`"),
        ("percpu page: u8", "`page` begins a declaration; choose another name"),
        ("vector v() { memcpy a b }", "a new line or `;` ends a statement"),
        (
            "scenario s {\n thread a { } }",
            "a thread says on which CPU it begins: `thread NAME @0 { … }`",
        ),
        ("scenario s {\n thread a @0 { if { } }\n}", None),
        ("# comment", "a comment begins with //"),
        ("\0", "this looks like raw ops; `opvasm disasm` reads those"),
        ("use \u201clist.opv\u201d", 'texts are written in plain quotes: "text"'),
        ("vector v() {", "close the block with `}`"),
        (
            'test "t" {\n shared x: u64\n}',
            "close the block with `}`; what it declares stands outside of blocks",
        ),
        ('vector push() { }\ntest "t" { push() }', "a call begins with `run`: `run push(…)`"),
        (
            'test "t" {\n pool nodes: node[4]\n}',
            "memory is declared outside of blocks: `shared nodes: TYPE`, or `percpu` for each CPU's own",
        ),
        ("scenario s { thread a @0 { store x 5 } }", _COMMA),
        ("scenario s { thread a @0 { store x = 1 } }", _COMMA),
        ("scenario s { forall: x == 1 }", "no colon follows: `forall CONDITION`"),
        ("scenario s { cpus = 2 }", "no sign stands before the value: `cpus VALUE`"),
        ("scenario s { init x = 2 }", "what memory holds at the start: `init { PLACE = VALUE }`"),
        (
            "scenario s { thread a @0 { store x, load x + 1 } }",
            "a load stands alone: `x = load PLACE`, then x",
        ),
        (
            "scenario s { thread a @0 { add x, 1 } }",
            "ops stand in a vector, which a thread runs: `run NAME(…)`",
        ),
        (
            "scenario s { thread a @0 { run v() { retry } } }",
            "an arm says how the thread goes on: `aborted -> retry`",
        ),
        (
            "scenario s { thread a @0 { if run v() { } } }",
            "arms say how a run goes on: `run NAME(…) { differs -> return }`",
        ),
        (
            "scenario s { thread a @0 { x: u64 = 1 } }",
            "a local needs no type: `x = VALUE`; memory of a thread's own is `own x: TYPE`",
        ),
        (
            "scenario s { thread a @0 { own x: u64 = 1 } }",
            "it begins as 0: `store x, VALUE` sets it",
        ),
        ("scenario s { for all x == 1 }", "`forall` is one word: `forall CONDITION`"),
        ("scenario s { thread a @0 { run bump } }", "a call has parentheses: `run bump()`"),
        ("scenario s { kernel legacy, 6.1 }", _RULED.format("6.1")),
        ('scenario s { kernel "4.4" }', "Linux 4.4 has no rseq: profile no_rseq"),
        ('scenario s { kernel legacy, "v2" }', "a profile's name has no quotes: `kernel v2`"),
        ("scenario s { expect holds unless kernel v6.1 }", _RULED.format("v6.1")),
        ('test "t" { run bump -> 0 }', "a call has parentheses: `run bump()`"),
        (
            "scenario s { thread a @0 { run bump(1) -> 0 } }",
            "in a thread arms say how a run goes on: `run NAME(…) { again, aborted -> retry }`",
        ),
        (
            "scenario s { thread a on 0 { } }",
            "a thread says on which CPU it begins: `thread NAME @0 { … }`",
        ),
        ("struct node {\n node *next;\n}", "the name comes first: `next: ptr<node>`"),
        ("struct node {\n struct node *next;\n}", "the name comes first: `next: ptr<node>`"),
        ("vector v(struct node *n) { mb }", "the name comes first: `n: ptr<node>`"),
        ("struct node { next: node* }", "a pointer is `ptr<node>`"),
        ("struct node { next: *node }", "a pointer is `ptr<node>`"),
        ("struct node { next: node }", "a pointer to it is `ptr<node>`"),
        ("percpu u64 counter", "the name comes first: `counter: u64`"),
        (
            "u64 counter",
            "memory is `percpu counter: u64`, one for each CPU, or `shared counter: u64`",
        ),
        ("percpu counter: uint64_t", "`uint64_t` is `u64` here"),
        ("vector v { mb }", "parentheses follow the name: `vector v()`"),
        (
            "vector pop() -> u64 { mb }",
            "a vector hands nothing back: its call answers 0, or which compare stopped it",
        ),
        ("test push { }", 'a test has a title in quotes: `test "push" { … }`'),
        (
            'scenario "x" { }',
            'a scenario has a name before its title: `scenario NAME "title" { … }`',
        ),
        ("vector v() { x++ }", "in memory a vector adds: `add x, 1`, or -1"),
        (
            "percpu x: u64\nvector v() { x = x + 1 }",
            "in memory a vector stores by `memcpy x, =5` and adds by `add x, 1`",
        ),
        ("vector v(n: ptr) { memcpy.ptr n, NULL }", "the address of nothing is `0`"),
        (
            "struct s { x: u64 }\npercpu p: u64\nvector v(n: ptr<s>) { memcpy p, n.x }",
            "what it points to has fields: `n->x`",
        ),
        (
            'shared x: u64\ntest "t" { assert *x == 1 }',
            "what a pointer points to is `x->FIELD`, or without a type `[x].u64`",
        ),
        (
            'percpu x: ptr\nvector v() { mb }\ntest "t" { assert length(x) == 1 }',
            "the conditions of a scenario have it; in a test there is `sum(x)`",
        ),
        ("vector v() { x += 1 }", "in memory a vector adds: `add PLACE, 1`"),
        ("vector v() { x -= 1 }", "in memory a vector subtracts by `add PLACE, -1`"),
        ("vector v() { add x 1 }", "operands are separated by commas"),
        ("vector v(n) { add x, n }", "a parameter has a type: `n: u64`"),
        ("vector v(a: u64, b) { add x, a }", "a parameter has a type: `b: u64`"),
        ('test "t" {\n nothing_near(1)\n}', "a call begins with `run`: `run nothing_near(…)`"),
        ('test "t" {\n asert(1)\n}', "did you mean assert?"),
        ("scenario s { thread a @0 {\n bump(3)\n} }", "a call begins with `run`: `run bump(…)`"),
        ('test "t" {\n run v()\n}', "a test says what a call must return: `run NAME(…) -> 0`"),
    ],
)
def test_a_mistake_comes_with_advice(text: str, help: str | None) -> None:
    assert problems(text)[0].help == help


def test_a_missing_brace_shows_the_one_that_is_open() -> None:
    (problem,) = problems("vector v() {\n    mb\n")
    (note,) = problem.notes
    assert str(note.place) == "t.opv:1:12"


def test_all_mistakes_of_a_file_come_in_one_run() -> None:
    text = """\
percpu head ptr
shared ok: u64
struct node { next: ptr, value u64, last: u8 }
vector push(node ptr<node>, expect: u64) {
    cmpeq.u64 ok, expect
    memcpy.u64 ok expect
    memcpy.u64 ok, =5 =6
    add.u64 ok, 1
}
const N = * 2
test "t" {
    cpu
    run push(1, 2) - 0
    assert ok == 1
    repeat 3 { assert ok = 2; assert ok == 1 }
}
page gone unmapped
vector fine() { add.u64 ok, 1 }
"""
    assert [each.split(" ")[0] for each in said(text)] == [
        *("1:13", "3:32", "4:18", "6:19", "7:23", "10:11", "12:8", "13:20", "15:26", "17:11"),
    ]


def test_what_could_be_read_around_a_mistake_is_kept() -> None:
    parsed = parse_file(
        SourceFile(
            "t.opv",
            """\
struct node { next: ptr, value u64, last: u8 }
vector push(a: u64, b u8, c: u64) {
    memcpy.u64 a b
    mb
}
test "t" { cpu; assert 1; repeat 2 { x =; assert 2 } }
""",
        )
    )
    struct, vector, test = parsed.file.declarations
    assert isinstance(struct, StructDefinition)
    assert [each.name for each in struct.fields] == ["next", "last"]
    assert isinstance(vector, VectorDefinition)
    assert [each.name for each in vector.parameters] == ["a", "c"]
    assert [each.mnemonic for each in vector.ops] == ["mb"]
    assert isinstance(test, Test)
    assert len(test.statements) == 2
    assert {"value", "b"} <= parsed.skipped_names


def test_nobody_complains_about_names_in_text_that_could_not_be_read() -> None:
    text = """\
        percpu tail u64
        vector push(node ptr) { memcpy.u64 tail, node }
        test "t" { run push(1) -> 0; tail = 1; run lost() -> 0 }
        vector lost(]) { mb }
        """
    assert errors(text) == [
        "1:13 OPV001 'u64': expected `:`, found `u64`",
        "2:18 OPV001 'ptr': expected `:`, found `ptr`",
        "4:13 OPV001 ']': expected a name with its type or `)`, found `]`",
    ]


def test_one_bad_character_does_not_cause_more_errors_on_its_line() -> None:
    assert [each.split(" ")[:2] for each in errors("percpu a$b: u8\npercpu c: u$8 extra")] == [
        ["1:9", "OPV002"],
        ["2:12", "OPV002"],
    ]


def test_a_wrong_number_is_not_complained_about_a_second_time() -> None:
    assert [each.split(" ")[1] for each in errors("shared a: u8 = 0x1g\nshared b: u8[09]")] == [
        "OPV004",
        "OPV004",
    ]


def test_a_comment_that_is_not_closed_ends_what_is_read() -> None:
    """Each further `/*` would be looked for an end of, through the whole rest of the text."""
    assert said("percpu a b " + "/* " * 20_000) == [
        "1:10 OPV001 expected `:`, found `b`",
        "1:12 OPV003 this comment is never closed",
    ]


def test_a_text_that_is_something_else_is_not_gone_through_to_its_end() -> None:
    text = "this is no such file at all\n" * 1000
    found = problems(text)
    assert len(found) == MISTAKE_LIMIT
    assert found[-1].help == "this is the 100th mistake, and the rest of the text was not read"


@pytest.mark.parametrize(
    "text",
    ["", "\n", "\r\n\r\n", " \t ", "// only a comment", "/* a\nb */", ";;;\n;", "\f\v"],
)
def test_an_empty_text_is_a_program_without_anything(text: str) -> None:
    assert problems(text) == ()


def test_lines_may_end_as_on_other_systems() -> None:
    text = "shared a: u64\r\nvector v() {\r\n    add.u64 a, 1 // one\r\n    mb\r\n}\r\n"
    assert problems(text) == ()
    (problem,) = problems(text.replace("add.u64 a,", "add.u64 b,"))
    assert str(problem.place) == "t.opv:3:13"


@pytest.mark.parametrize(
    "text",
    [
        "vector v() {" * 5000,
        'test "t" { ' + "repeat 2 { " * 5000,
        'test "t" { ' + "repeat 2 { " * 5000 + "}" * 5000,
        "shared t: u8 = " + "{" * 5000,
        "shared t: u8 = " + "{" * 5000 + "}" * 5000,
        "percpu p: " + "ptr<" * 5000 + "u8" + ">" * 5000,
        "percpu p: u8" + "[1]" * 5000,
        "struct s { a: " * 5000,
        "vector v() { mb " + "{ 8: " * 5000,
        "((((" * 5000,
        "}" * 5000,
        "\n".join(f"const C{i} = C{i + 1}" for i in range(5000)),
        "\n".join(f"struct s{i} {{ a: s{i + 1} }}" for i in range(5000)),
        "struct s0 { a: u8 }\n" + "\n".join(f"struct s{i} {{ a: s{i - 1} }}" for i in range(1, 99)),
    ],
    ids=lambda text: text[:16].replace("\n", " "),
)
def test_whatever_is_nested_or_chained_without_end_is_an_error_and_nothing_worse(
    text: str,
) -> None:
    assert problems(text)


def test_chains_of_definitions_in_their_order_have_no_limit() -> None:
    lines = ["const C0 = 1", *(f"const C{i} = C{i - 1} + 1" for i in range(1, 3000))]
    assert problems("\n".join(lines)) == ()


PIECES = [
    *("percpu", "shared", "vector", "unverified", "test", "struct", "const", "page", "use", "abi"),
    *("scenario", "strategy", "run", "cpu", "assert", "repeat", "fill", "with", "on", "unchanged"),
    *("x", "head", "u64", "ptr", "memcpy.u64", "add", "cmpeq", "a.b", "mb", ".raw", "thread"),
    *("{", "}", "(", ")", "[", "]", ",", ";", ":", "=", "==", "->", "@", "&", "?", "<", ">>", ".."),
    *("0", "8", "0x1f", "2017-11", "09", '"text"', '"', "'c'", "'", "//", "/*", "*/", "\n", "\n\n"),
    *("$", "\0", "ä", "+", "-", "*", "/", "!", "~", "||", "."),
]


@given(st.lists(st.sampled_from(PIECES), max_size=60))
@settings(max_examples=200)
@example(["vector", "v", "(", ")", "{", "\n", "vector", "{", "(", "}"])
@example(['test "', "{", "repeat", "{", "{", "}", "vector"])
def test_any_soup_of_words_is_read_or_refused_with_places_inside_the_text(
    pieces: list[str],
) -> None:
    """Never an exception of another kind, never a place outside of the text."""
    text = " ".join(pieces)
    for each in problems(text):
        assert isinstance(each.place, Span)
        assert 0 <= each.place.start <= each.place.end <= len(text)
        assert each.code.startswith("OPV")


GOOD = """\
struct node { next: ptr<node>, value: u64 }
percpu head: ptr<node>
shared nodes: node[2] = { { &nodes[1], 1 } }
vector push(node: ptr<node>, expect: u64) {
    cmpeq.u64 head, expect
    memcpy.u64 node->next, expect?
    memcpy.u64 head, node
}
test "push" {
    cpu 0
    nodes[0].value = 4
    run push(&nodes[0], 0) on 0 -> 0
    assert head == &nodes[0]
}
"""


@given(st.data())
@settings(max_examples=200)
def test_a_text_with_a_piece_cut_out_is_read_or_refused(data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(GOOD) - 1))
    end = data.draw(st.integers(start, len(GOOD)))
    problems(GOOD[:start] + data.draw(st.sampled_from(["", " ", "\n", "}", "{", "("])) + GOOD[end:])


@given(st.text(max_size=80))
@settings(max_examples=100)
def test_any_characters_are_read_or_refused(text: str) -> None:
    problems(text)


def test_a_parse_error_carries_everything_in_the_order_of_the_text() -> None:
    with pytest.raises(ParseError) as caught:
        raise ParseError(problems("percpu a u8\npercpu b: u7\npercpu c u8"))
    lines = [each.place.line for each in caught.value.diagnostics if isinstance(each.place, Span)]
    assert lines == [1, 2, 3]
