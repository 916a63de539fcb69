"""Statements to instructions: which op, how long, which operands, which other bytes."""

from __future__ import annotations

import pytest

from opvasm.abi.ops import BY_MNEMONIC, LengthRule
from opvasm.abi.revisions import REVISIONS, Revision
from opvasm.program import (
    ArgumentValue,
    SlotAddress,
    SymbolAddress,
    Value,
)

from .checking import errors, op, op_errors

DATA = """\
struct inner { a: u8, b: u32 }
struct node { next: ptr<node>, value: u64, pair: inner[2] }
percpu head: ptr<node>
percpu ring: node
shared nodes: node[4]
shared word: u64
shared narrow: u32
shared tiny: u8
shared buffer: u8[64]
shared other: u8[64]
const N = 3
page gone: unmapped
"""
PARAMETERS = "p: ptr, q: ptr<node>, r: ptr<u32>, n: i64, m: u64, s: u32, b: u8"


def address(operand: str) -> Value:
    """The address of an operand, as the first of a copy of 8 bytes."""
    return op(f"memcpy {operand}, [p], 8", DATA, PARAMETERS).addresses[0]


@pytest.mark.parametrize(
    ("operand", "expected"),
    [
        ("head", SymbolAddress("head")),
        ("nodes[2].value", SymbolAddress("nodes", 2 * 32 + 8)),
        ("nodes[N].value", SymbolAddress("nodes", 3 * 32 + 8)),
        ("nodes[1 + 1].value", SymbolAddress("nodes", 2 * 32 + 8)),
        ("ring.value", SymbolAddress("ring", 8)),
        ("ring@2.value", SymbolAddress("ring", 8, 2)),
        ("ring.value@2", SymbolAddress("ring", 8, 2)),
        ("head@N", SymbolAddress("head", 0, 3)),
        ("head@(N - 1)", SymbolAddress("head", 0, 2)),
        ("q->value", ArgumentValue("q", 8)),
        ("q->next", ArgumentValue("q")),
        ("[q]", ArgumentValue("q")),
        ("[p + 8]", ArgumentValue("p", 8)),
        ("[8 + p]", ArgumentValue("p", 8)),
        ("[p - 8]", ArgumentValue("p", -8)),
        ("[p + N * 8]", ArgumentValue("p", 24)),
        ("[p + 8 + 8]", ArgumentValue("p", 16)),
        ("[p + 8].u64", ArgumentValue("p", 8)),
        ("[&q->value]", ArgumentValue("q", 8)),
        ("m", SlotAddress("m")),
        ("[&m]", SlotAddress("m")),
        ("[&m + 4]", SlotAddress("m", 4)),
        ("[&buffer + 8]", SymbolAddress("buffer", 8)),
        ("[&head@1]", SymbolAddress("head", 0, 1)),
        ("[&nodes[1].value - 8]", SymbolAddress("nodes", 32)),
        ("@0x7f0000001000", 0x7F0000001000),
        ("[0x1000]", 0x1000),
        ("[0x1000 + N]", 0x1003),
        ("[m]", ArgumentValue("m")),
        ("[(&buffer + 8) + 8]", SymbolAddress("buffer", 16)),
        ("[&[p + 8]]", ArgumentValue("p", 8)),
        ("@0x1000.u64", 0x1000),
        ("[&@0x1000 + 8]", 0x1008),
        ("gone", None),
    ],
)
def test_each_form_of_an_operand_names_its_memory(operand: str, expected: Value | None) -> None:
    assert address(operand) == (SymbolAddress("gone") if expected is None else expected)


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("cmpeq.u64 N, word", "OPV015 'N': `N` is a constant, not a place in memory"),
        ("cmpeq.u64 5, word", "OPV015 '5': `5` is a value, where memory must stand"),
        ("cmpeq.u64 -5, word", "OPV015 '-5': `-5` is a value, where memory must stand"),
        ("cmpeq.u64 p + 8, word", "OPV015 'p + 8': `p + 8` is a value, where memory must stand"),
        ('cmpeq "ab", buffer', "OPV015 '\"ab\"': a text is not a place in memory"),
        ("cmpeq.u64 [head], word", "OPV015 'head': `head` is memory, where an address must stand"),
        ("cmpeq.u64 head->next, word", "OPV015 'head->next': `head->next` would follow a pointer that lies in memory"),
        ("cmpeq.u64 q->next->value, word", "OPV015 'q->next->value': `q->next->value` would follow a pointer that lies in memory"),
        ("cmpeq.u64 n->next, word", "OPV017 'n': `n` is a i64, not a pointer to a struct"),
        ("cmpeq.u64 p->next, word", "OPV017 'p': `p` is a ptr, which does not say of what struct"),
        ("cmpeq.u64 r->next, word", "OPV017 'r': `r` points to u32, not to a struct"),
        ("cmpeq.u64 q->nxt, word", "OPV017 'nxt': struct node has no field `nxt`"),
        ("cmpeq.u64 word.a, word", "OPV017 'a': `word` is a u64, not a struct, so it has no field `a`"),
        ("cmpeq.u64 word[0], word", "OPV017 'word[0]': `word` is a u64, not an array"),
        ("cmpeq.u64 [p][0], word", "OPV017 '[p][0]': `[p]` has no type"),
        ("cmpeq.u64 nodes[4].value, word", "OPV018 '4': there is no element 4: `nodes` has 4, 0 to 3"),
        ("cmpeq.u64 nodes[-1].value, word", "OPV018 '-1': there is no element -1: `nodes` has 4, 0 to 3"),
        ("cmpeq.u64 nodes[n].value, word", "OPV022 'n': `n` is a parameter, where a constant index must stand"),
        ("cmpeq.u64 nodes[word].value, word", "OPV022 'word': `word` is a variable, where a constant index must stand"),
        ("cmpeq.u64 word@1, word", "OPV015 'word@1': `word@1`: only a percpu variable has CPUs"),
        ("cmpeq.u64 q->value@1, word", "OPV015 'q->value@1': `q->value@1`: only a percpu variable has CPUs"),
        ("cmpeq.u64 head@1@2, word", "OPV015 'head@1@2': `head@1@2` names two CPUs"),
        ("cmpeq.u64 head@-1, word", "OPV019 '-1': there is no CPU -1"),
        ("cmpeq.u64 [p + n], word", "OPV022 'n': `n` is a parameter, where a constant number of bytes must stand"),
        ("cmpeq.u64 [p * 2], word", "OPV022 'p': `p` is a parameter, where a constant, or one parameter plus a constant, must stand"),
        ("cmpeq.u64 [8 - p], word", None),
        ("cmpeq.u64 [-p], word", None),
        ("cmpeq.u64 @0x1ffffffffffffffff, word", "OPV019 '0x1ffffffffffffffff': 0x1ffffffffffffffff is not an address"),
        ("cmpeq.u64 [-8], word", "OPV019 '-8': -8 is not an address"),
        ("cmpeq.u64 [&@8 - 16], word", "OPV019 '[&@8 - 16]': -8 is not an address"),
        ("cmpeq.u64 head@n, word", "OPV022 'n': `n` is a parameter, where a constant number of a CPU must stand"),
        ("cmpeq.u64 [-word], word", None),
        ("cmpeq.u64 hed, word", "OPV010 'hed': the name `hed` is unknown"),
        ("cmpeq.u64 hed->next, word", "OPV010 'hed': the name `hed` is unknown"),
        ("cmpeq.u64 [hed], word", "OPV010 'hed': the name `hed` is unknown"),
        ("cmpeq.u64 &q->value, word", "OPV022 '&q->value': `&q->value` depends on an argument; only a variable's address can stand here"),
        ("cmpeq.u64 &m, word", "OPV022 '&m': `&m` depends on an argument; only a variable's address can stand here"),
        ("cmpeq.u64 &5, word", "OPV015 '5': `5` is not a place in memory"),
        ("cmpeq.u64 sum(word), word", "OPV015 'sum(word)': `sum(word)` is not a place in memory"),
    ],
)  # fmt: skip
def test_what_is_no_operand_is_one_error_at_its_place(statement: str, message: str | None) -> None:
    (found,) = op_errors(statement, DATA, PARAMETERS)
    if message is not None:
        assert found == message


@pytest.mark.parametrize(
    ("statement", "length"),
    [
        ("memcpy.u8 [p], [q]", 1),
        ("memcpy.u16 [p], [q]", 2),
        ("memcpy.u32 [p], [q]", 4),
        ("memcpy.u64 [p], [q]", 8),
        ("memcpy.ptr [p], [p]", 8),
        ("memcpy [p], [q], 0", 0),
        ("memcpy [p], [q], 4294967295", 4294967295),
        ("memcpy [p], [q], sizeof(node)", 32),
        ("memcpy.u64 word, word, 8", 8),
        ("memcpy word, nodes[0].value", 8),
        ("memcpy word, [p]", 8),
        ("memcpy [p], narrow", 4),
        ("memcpy [p], [r]", 4),
        ("memcpy [p], [q]", 32),
        ("memcpy [p], [q], 8", 8),
        ("memcpy.u16 [r], [p]", 2),
        ("memcpy [p], [p + 4].u16", 2),
        ("memcpy nodes[0], nodes[1]", 32),
        ("memcpy buffer, other", 64),
        ("memcpy buffer, other, 16", 16),
        ("memcpy.u64 buffer, word", 8),
        ("memcpy.u8 nodes[0], [p]", 1),
        ("memcpy s, narrow", 4),
        ("cmpeq head, &nodes[1]", 8),
        ("cmpeq [p], &nodes[1]", 8),
        ("cmpeq head, =0", 8),
        ("cmpeq buffer, =\"ab\"", 64),
        ("cmpeq [p], =\"ab\"", 2),
        ("cmpeq [p], ={1, 2, 3}", 3),
        ("add tiny, 1", 1),
        ("add.u16 [p], 1", 2),
        ("add [p], 1, 3", 3),
        ("lshift narrow, 3", 4),
        ("or.ptr [p], 1", 8),
        ("mb", 0),
        ("mb 8", 8),
    ],
)  # fmt: skip
def test_the_length_is_as_written_or_as_the_types_say(statement: str, length: int) -> None:
    assert op(statement, DATA, PARAMETERS).length == length


def test_a_word_of_32_bits_is_4_bytes_long() -> None:
    assert op("memcpy.ptr [p], head", DATA, PARAMETERS, model="32be").length == 4
    assert op_errors("memcpy.u64 head, [p]", DATA, PARAMETERS, model="32be") == [
        "OPV021 'head': `head` has 4 bytes, the op 8"
    ]


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("memcpy [p], [p]", "OPV020 'memcpy': how many bytes does this `memcpy` touch?"),
        ("add [p], 1", "OPV020 'add': how many bytes does this `add` touch?"),
        ("cmpeq [p], =5", "OPV020 'cmpeq': how many bytes does this `cmpeq` touch?"),
        ("memcpy word, narrow", "OPV021 'narrow': `narrow` has 4 bytes, `word` has 8"),
        ("memcpy.u32 word, [p]", "OPV021 'word': `word` has 8 bytes, the op 4"),
        ("memcpy.u64 [p], s", "OPV021 's': `s` has 4 bytes, the op 8"),
        ("memcpy word, [p], 4", "OPV021 'word': `word` has 8 bytes, the op 4"),
        ("memcpy.u64 [p], [p], 4", "OPV021 '4': the mnemonic says 8 bytes, this 4"),
        ("memcpy buffer, [p], 65", "OPV021 'buffer': `buffer` has only 64 bytes, the op 65"),
        ("memcpy.u64 nodes[0].pair[0].b, [p]", "OPV021 'nodes[0].pair[0].b': `nodes[0].pair[0].b` has 4 bytes, the op 8"),
        ("memcpy.u32 narrow, &nodes[0]", "OPV021 '&nodes[0]': `&nodes[0]` has 8 bytes, the op 4"),
        ("memcpy [p], [p], -1", "OPV019 '-1': -1 is not a length"),
        ("memcpy [p], [p], 1 << 32", "OPV019 '1 << 32': 0x100000000 is not a length"),
        ("memcpy [p], [p], n", "OPV022 'n': `n` is a parameter, where a length in bytes must stand"),
        ("memcpy [p], [p], =8", "OPV015 '=8': `=8` is not a length"),
        ("memcpy [p], [p], 8?", "OPV015 '8?': `8?` is not a length"),
        ("memcpy word", "OPV014 'memcpy word': `memcpy` takes 2 operands (dst, src); 1 is given"),
        ("memcpy word, word, 8, 8", "OPV014 'memcpy word, word, 8, 8': `memcpy` takes 2 operands (dst, src); 4 are given"),
        ("add", "OPV014 'add': `add` takes 2 operands (p, count); 0 are given"),
        ("mb 8, 8", "OPV014 'mb 8, 8': `mb` takes no operands; 2 are given"),
        ("mb.u64", "OPV014 'u64': `mb` takes no size"),
    ],
)  # fmt: skip
def test_a_missing_or_contradictory_length_is_one_error(statement: str, message: str) -> None:
    assert op_errors(statement, DATA, PARAMETERS) == [message]


@pytest.mark.parametrize(
    ("statement", "immediate"),
    [
        ("add.u64 word, 5", 5),
        ("add.u64 word, -5", -5),
        ("add.u8 [p], 300", 300),
        ("add.u64 word, -(1 << 63)", -(1 << 63)),
        ("add.u64 word, n", ArgumentValue("n")),
        ("add.u64 word, n + 1", ArgumentValue("n", 1)),
        ("add.u64 word, n - N", ArgumentValue("n", -3)),
        ("add.u64 word, sizeof(node)", 32),
        ("or.u64 word, 0xffffffffffffffff", (1 << 64) - 1),
        ("and.u64 word, ~7", (1 << 64) - 8),
        ("xor.u64 word, m", ArgumentValue("m")),
        ("lshift.u64 word, 63", 63),
        ("rshift.u64 word, 4294967295", 4294967295),
        ("lshift.u64 word, b", ArgumentValue("b")),
        ("memcpy word, word", None),
        ("mb", None),
    ],
)
def test_a_count_mask_or_number_of_bits_is_a_constant_or_an_argument(
    statement: str, immediate: Value | None
) -> None:
    assert op(statement, DATA, PARAMETERS).immediate == immediate


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("add.u64 word, 1 << 63", "OPV019 '1 << 63': 0x8000000000000000 does not fit into count"),
        ("or.u64 word, 1 << 64", "OPV019 '1 << 64': 0x10000000000000000 does not fit into mask"),
        ("or.u64 word, -(1 << 63) - 1", None),
        ("lshift.u64 word, -1", "OPV019 '-1': -1 does not fit into bits"),
        ("lshift.u64 word, 1 << 32", "OPV019 '1 << 32': 0x100000000 does not fit into bits"),
        ("add.u64 word, =1", "OPV015 '=1': count is a number that stands in the op itself"),
        ("add.u64 word, 1?", "OPV015 '1?': `?` says that memory may fault; count is a number"),
        ("add.u64 word, word", "OPV022 'word': `word` is a variable, where a constant or a parameter must stand"),
        ("add.u64 word, n + m", "OPV022 'm': `m` is a parameter, where a constant number of bytes must stand"),
        ("add.u64 word, &m", "OPV015 '&m': `&m` is the address of memory; count is a number"),
        ("add.u64 word, &word", "OPV022 '&word': `&word` is not a constant"),
        ("add.u64 word, nn", "OPV010 'nn': the name `nn` is unknown"),
    ],
)  # fmt: skip
def test_what_is_no_count_mask_or_number_of_bits_is_one_error(
    statement: str, message: str | None
) -> None:
    (found,) = op_errors(statement, DATA, PARAMETERS)
    if message is not None:
        assert found == message


@pytest.mark.parametrize("revision", REVISIONS, ids=lambda each: each.name)
def test_an_op_has_the_number_of_its_revision(revision: Revision) -> None:
    for opcode, operation in enumerate(revision.operations):
        operands = ["[p]"] * len(operation.operands) + ["1"] * (operation.immediate is not None)
        suffix = "" if operation.length_rule is LengthRule.IGNORED else ".u64"
        made = op(
            f"{operation.mnemonic}{suffix} {', '.join(operands)}",
            parameters="p: ptr",
            revision=revision.name,
        )
        assert (made.opcode, made.operation) == (opcode, operation)


@pytest.mark.parametrize("revision", REVISIONS, ids=lambda each: each.name)
def test_an_op_of_another_revision_is_refused_and_those_that_have_it_are_named(
    revision: Revision,
) -> None:
    for operation in set(BY_MNEMONIC.values()) - set(revision.operations):
        text = f"vector v() {{ {operation.mnemonic} }}"
        (found,) = errors(text, revision=revision.name)
        assert found.endswith(f"the revision {revision.name} has no `{operation.mnemonic}`")
    if not revision.expect_fault:
        (found,) = op_errors("add.u64 [p]?, 1", parameters="p: ptr", revision=revision.name)
        assert found == f"OPV013 '[p]?': the revision {revision.name} has no expect_fault"


@pytest.mark.parametrize(
    ("mnemonic", "help"),
    [
        ("memcpi", "did you mean memcpy?"),
        ("memcpi.u64", "did you mean memcpy?"),
        ("cmpeg.ptr", "did you mean cmpeq?"),
        ("MEMCPY.u64", "did you mean memcpy?"),
        ("frobnicate", "the ops are cmpeq, cmpne, memcpy, add, or, and, xor, lshift, rshift, mb"),
        ("add.u128", "the sizes are .u8, .u16, .u32, .u64, .ptr"),
        (".byte", "the only directive is .raw"),
        ("sub.u64", "`add PLACE, -1` subtracts"),
        ("shl", "`lshift PLACE, BITS` shifts to the left"),
        ("smp_mb", "the full barrier is `mb`"),
    ],
)
def test_an_unknown_op_comes_with_the_nearest_one(mnemonic: str, help: str) -> None:
    """Or with what a vector has in place of another language's word."""
    from .checking import problems

    (problem,) = problems(f"shared x: u64\nvector v() {{ {mnemonic} x, x }}")
    assert (problem.code, problem.help) == ("OPV012", help)


@pytest.mark.parametrize("word", ["for", "while", "if", "return", "goto"])
def test_a_vector_has_no_branches(word: str) -> None:
    """Words that begin a loop, a condition or a jump elsewhere: the help says what has those here."""
    from .checking import problems

    (problem,) = problems(f"vector v() {{ {word} }}")
    assert problem.code == "OPV012"
    assert str(problem.help).startswith("a vector has no branches or loops: ")


def test_a_question_mark_sets_the_expect_fault_of_its_operand() -> None:
    assert op("memcpy.u64 [p]?, [q]", DATA, PARAMETERS).expect_fault == (1, 0)
    assert op("memcpy.u64 [p], [q]?", DATA, PARAMETERS).expect_fault == (0, 1)
    assert op("cmpne.u64 [p] ?, [q] ?", DATA, PARAMETERS).expect_fault == (1, 1)
    assert op("add.u64 [p]?, 1", DATA, PARAMETERS).expect_fault == (1,)
    assert op("memcpy.u64 word?, =1?", DATA, PARAMETERS).expect_fault == (1, 1)


@pytest.mark.parametrize(
    ("statement", "expect_fault", "extra"),
    [
        ("memcpy.u64 [p], [q] { 26: 0xff, 31: 1 }", (0, 0), ((26, 0xFF), (31, 1))),
        ("memcpy.u64 [p], [q] { 31: 1, 26: 2 }", (0, 0), ((26, 2), (31, 1))),
        ("memcpy.u64 [p], [q] { 24: 2, 25: 0x80, }", (2, 0x80), ()),
        ("memcpy.u64 [p], [q]? { 24: 2 }", (2, 1), ()),
        ("lshift.u64 [p], 1 { 20: 3, 24: 4 }", (3,), ((24, 4),)),
        ("mb { 8: 1, 9: 0 }", (), ((8, 1),)),
        ("add.u64 [p], 1 { N * 9: 'a' }", (0,), ((27, 97),)),
    ],
)
def test_braces_set_the_bytes_that_no_field_uses(
    statement: str, expect_fault: tuple[int, ...], extra: tuple[tuple[int, int], ...]
) -> None:
    made = op(statement, DATA, PARAMETERS)
    assert (made.expect_fault, made.extra) == (expect_fault, extra)


def test_the_padding_word_of_a_pointer_of_32_bits_can_be_set() -> None:
    assert op("add.u32 [p], 1 { 12: 1 }", parameters="p: ptr", model="32le").extra == ((12, 1),)
    assert op("add.u32 [p], 1 { 8: 1 }", parameters="p: ptr", model="32be").extra == ((8, 1),)


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("add.u64 [p], 1 { 8: 1 }", "OPV029 '8': byte 8 belongs to a field"),
        ("add.u64 [p], 1 { 0: 1 }", "OPV029 '0': byte 0 belongs to a field"),
        ("add.u64 [p], 1 { 32: 1 }", "OPV029 '32': an op has no byte 32"),
        ("add.u64 [p], 1 { -1: 1 }", "OPV029 '-1': an op has no byte -1"),
        ("add.u64 [p], 1 { x: 1 }", "OPV010 'x': the name `x` is unknown"),
        ("add.u64 [p], 1 { 26: 256 }", "OPV019 '256': 256 does not fit into a byte"),
        ("add.u64 [p], 1 { 26: 1, 26: 1 }", "OPV029 '26': byte 26 has its value already"),
        ("add.u64 [p]?, 1 { 24: 1 }", "OPV029 '24': byte 24 has its value already"),
    ],
)
def test_a_byte_that_cannot_be_set_is_one_error(statement: str, message: str) -> None:
    assert op_errors(statement, DATA, PARAMETERS) == [message]


def test_raw_is_the_op_that_its_bytes_are() -> None:
    text = "02000000 08000000 0010000000000000 0020000000000000 0001000000000000"
    raw = op(f'.raw "{text}"')
    written = op("memcpy.u64 @0x1000, @0x2000?")
    assert raw._replace(place=None) == written._replace(place=None, parts=())


def test_raw_keeps_an_op_that_the_revision_does_not_have() -> None:
    raw = op('.raw "63000000 05000000' + "ab" * 24 + '"')
    assert (raw.opcode, raw.operation, raw.length) == (99, None, 5)
    assert raw.extra == tuple((offset, 0xAB) for offset in range(8, 32))


@pytest.mark.parametrize(
    "statement",
    ['.raw "00"', ".raw 5", ".raw", '.raw "' + "zz" * 32 + '"', '.raw "' + "00" * 32 + '", 1',
     '.raw "' + "00" * 33 + '"', '.raw "' + "00" * 32 + '" { 8: 1 }'],
)  # fmt: skip
def test_raw_takes_exactly_one_op(statement: str) -> None:
    (found,) = op_errors(statement)
    assert found.startswith("OPV028")


def test_every_error_of_an_op_is_reported() -> None:
    assert [each.split(" ")[0] for each in op_errors("memcpy hed, tial { 8: 1 }", DATA)] == [
        *("OPV010", "OPV010", "OPV029"),
    ]
