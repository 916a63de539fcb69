"""``opvasm-asm/1``: valid by its schema, read back to the same program, wrong ones refused."""

from __future__ import annotations

import contextlib
import copy
import json
from collections.abc import Callable
from importlib.resources import files
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings, strategies as st

from opvasm.abi.revisions import Abi, get_abi
from opvasm.binary import decode
from opvasm.errors import DecodeError
from opvasm.formats import Listing, disassembly, write
from opvasm.formats.json_reader import read_program
from opvasm.program import Program, default_layout
from opvasm.source import SourceFile, Span

from ..binary.strategies import abis_and_ops
from .programs import arguments_of, program_of

SCHEMA = json.loads((files("opvasm.formats") / "schemas" / "opvasm-asm-1.json").read_text())
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)


def listing_of(program: Program) -> Listing:
    """All vectors, unbound."""
    layout = default_layout(program.abi, program.data)
    return Listing(program, tuple(program.vectors.values()), layout)


def bound(program: Program, name: str) -> Listing:
    """One vector with arguments, on CPU 1."""
    vector = program.vectors[name]
    return listing_of(program)._replace(vectors=(vector,), arguments=arguments_of(vector), cpu=1)


def test_the_schema_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


def test_what_is_written_is_valid_by_the_schema(abi: Abi) -> None:
    program = program_of(abi)
    VALIDATOR.validate(json.loads(write("json", listing_of(program))))
    for name in program.vectors:
        VALIDATOR.validate(json.loads(write("json", bound(program, name))))


def test_what_is_written_reads_back_to_the_same_program(abi: Abi) -> None:
    program = program_of(abi)
    assert read_program(write("json", listing_of(program)), "x.json") == program
    one = read_program(write("json", bound(program, "every")), "x.json")
    assert one.vectors == {"every": program.vectors["every"]}


@settings(max_examples=50)
@given(abis_and_ops)
def test_any_bytes_pass_through_json(case: tuple[Abi, bytes]) -> None:
    abi, data = case
    text = disassembly("json", data, "x.bin", abi)
    VALIDATOR.validate(json.loads(text))
    program = read_program(text.encode(), "x.json")
    assert program.abi == abi
    assert program.vectors["main"].instructions == decode(data, abi, None)


def test_addresses_and_relocations_are_what_a_hand_writes() -> None:
    """push of the common program, op 1: memcpy.u64 [node], expect?"""
    document = json.loads(write("json", listing_of(program_of(get_abi()))))
    push = document["vectors"][0]
    assert push["ops"][1]["operands"] == [
        {"field": "dst", "address": {"argument": "node", "addend": 0}, "expect_fault": 0},
        {"field": "src", "address": {"slot": "expect", "addend": 0}, "expect_fault": 1},
    ]
    assert push["relocations"][2:4] == [
        {
            "op": 1,
            "field": "dst",
            "offset": 40,
            "size": 8,
            "value": {"argument": "node", "addend": 0},
        },
        {
            "op": 1,
            "field": "src",
            "offset": 48,
            "size": 8,
            "value": {"slot": "expect", "addend": 0},
        },
    ]
    assert push["template"][64:128] == "02000000" "08000000" + "00" * 16 + "0001" + "00" * 6


def test_a_64_bit_number_keeps_all_its_digits() -> None:
    data = bytes.fromhex("04000000 08000000 0000000000000000 ffffffffffffffff 0000000000000000")
    document = json.loads(disassembly("json", data, "x", get_abi()))
    assert document["vectors"][0]["ops"][0]["immediate"]["value"] == "0xffffffffffffffff"


def test_spans_are_lines_and_columns_from_1() -> None:
    source = SourceFile("a.opv", "vector v() {\n    mb\n}\n")
    program = program_of(get_abi())
    vector = program.vectors["every"]
    (mb,) = [
        i
        for i in vector.instructions
        if i.operation and i.operation.mnemonic == "mb" and not i.extra
    ]
    placed = vector._replace(instructions=(mb._replace(place=Span(source, 17, 19)),), parameters=())
    document = json.loads(write("json", listing_of(program)._replace(vectors=(placed,))))
    assert document["vectors"][0]["ops"][0]["span"] == {
        "file": "a.opv",
        "line": 2,
        "column": 5,
        "end_line": 2,
        "end_column": 7,
    }
    VALIDATOR.validate(document)


Change = Callable[[Any], object]


def every_document() -> Any:
    """The common program's document, bound, to be broken."""
    return json.loads(write("json", bound(program_of(get_abi()), "every")))


BROKEN: list[tuple[str, Change, str]] = [
    ("no schema", lambda d: d.pop("schema"), "lacks schema"),
    ("other schema", lambda d: d.update(schema="opvasm-asm/2"), "schema: 'opvasm-asm/2' is not"),
    ("not an object", lambda d: d.update(abi=[]), "abi: [] is not an object"),
    ("unknown revision", lambda d: d["abi"].update(revision="2016-01"), "abi.revision: '2016-01'"),
    ("unknown model", lambda d: d["abi"].update(model="16le"), "abi.model: '16le' is not one of"),
    ("page size", lambda d: d["abi"].update(page_size=4000), "abi.page_size: 4000"),
    ("unknown member", lambda d: d.update(more=1), "has a member 'more'"),
    ("no list", lambda d: d.update(vectors=None), "vectors: null is not an array"),
    (
        "bad name",
        lambda d: d["vectors"][0].update(name="a b"),
        "vectors[0].name: 'a b' is not a name",
    ),
    (
        "boolean",
        lambda d: d["vectors"][0]["ops"][1].update(len=True),
        "ops[1].len: true is not a whole",
    ),
    (
        "negative",
        lambda d: d["vectors"][0]["ops"][1].update(len=-1),
        "ops[1].len: -1 is not from 0",
    ),
    (
        "opcode",
        lambda d: d["vectors"][0]["ops"][1].update(opcode=2),
        "opcode 2 is called CPU_COMPARE_NE_OP",
    ),
    ("no such op", lambda d: d["vectors"][0]["ops"][1].update(opcode=77), "2017-11 has no such op"),
    (
        "operand order",
        lambda d: d["vectors"][0]["ops"][1]["operands"].reverse(),
        "ops[1].operands: should be a, b",
    ),
    (
        "plain number",
        lambda d: d["vectors"][0]["ops"][3]["operands"][1].update(address=5),
        "ops[3].operands[1].address: 5 is not an object",
    ),
    (
        "decimal",
        lambda d: d["vectors"][0]["ops"][3]["operands"][1].update(address="12"),
        "'12' is not a number like 0x1f",
    ),
    (
        "odd digits",
        lambda d: d["vectors"][0]["ops"][3]["operands"][1].update(address="0x1g"),
        "'0x1g' is not a number like 0x1f",
    ),
    (
        "too large",
        lambda d: d["vectors"][0]["ops"][3]["operands"][1].update(address="0x1" + "0" * 16),
        "field src can't hold",
    ),
    (
        "unknown symbol",
        lambda d: d["vectors"][0]["ops"][0]["operands"][0]["address"].update(symbol="tail"),
        "ops[0]: names the symbol tail, which is not there",
    ),
    (
        "unknown parameter",
        lambda d: d["vectors"][0]["ops"][1]["operands"][0]["address"].update(argument="m"),
        "ops[1]: names the parameter m",
    ),
    (
        "half a value",
        lambda d: d["vectors"][0]["ops"][0]["operands"][0]["address"].pop("cpu"),
        "is neither a number, a symbol",
    ),
    (
        "outside the pool",
        lambda d: d["vectors"][0]["ops"][0]["operands"][1]["address"].update(pool=44),
        "names the pool offset 44",
    ),
    (
        "immediate of a copy",
        lambda d: d["vectors"][0]["ops"][3].update(immediate={"field": "bits", "value": "0x1"}),
        "ops[3].immediate: this op takes none",
    ),
    (
        "template",
        lambda d: d["vectors"][0].update(template="00" * 512),
        "its template is not what its ops are encoded to",
    ),
    (
        "relocations",
        lambda d: d["vectors"][0]["relocations"].pop(),
        "its relocations are not those",
    ),
    (
        "bound bytes",
        lambda d: d["vectors"][0]["bound"].update(bytes="00"),
        "its bytes are not those of the ops",
    ),
    (
        "bound arguments",
        lambda d: d["vectors"][0]["bound"]["arguments"].pop("n"),
        "vector every needs a value for its parameter n",
    ),
    ("symbol twice", lambda d: d["symbols"].append(d["symbols"][0]), "symbols: head comes twice"),
    ("type", lambda d: d["symbols"][2].update(type="u24"), "'u24' is not a type of this document"),
    ("pool size", lambda d: d["pool"][0].update(size=9), "has 8 bytes and says that they are 9"),
    ("pool kind", lambda d: d["pool"][0].pop("bytes"), "has to have one of bytes and value"),
    ("hex", lambda d: d["pool"][0].update(bytes="0"), "is not hexadecimal digits"),
    (
        "pool symbol",
        lambda d: d["pool"][1]["value"].update(symbol="tail"),
        "pool[1]: names the symbol tail",
    ),
    (
        "initial outside",
        lambda d: d["symbols"][1]["initial"][0].update(offset=40),
        "leaves the 40 bytes of its symbol",
    ),
    (
        "parameter size",
        lambda d: d["vectors"][0]["parameters"][0].update(size=4),
        "a ptr<node> has 8",
    ),
    (
        "parameter type",
        lambda d: d["vectors"][0]["parameters"][0].update(type="node"),
        "a parameter is a number or a pointer",
    ),
    ("constant", lambda d: d["constants"].update(N=8), "constants.N: 8 is not a string"),
]


@pytest.mark.parametrize(
    ("change", "words"), [row[1:] for row in BROKEN], ids=[r[0] for r in BROKEN]
)
def test_a_broken_document_is_refused_with_the_path_of_what_is_wrong(
    change: Change, words: str
) -> None:
    document = every_document()
    change(document)
    with pytest.raises(DecodeError) as caught:
        read_program(json.dumps(document).encode(), "x.json")
    assert words in str(caught.value)
    assert str(caught.value).startswith("x.json")


def test_everything_wrong_is_told_at_once() -> None:
    document = every_document()
    document["vectors"][0]["ops"][0]["len"] = "8"
    document["vectors"][0]["ops"][2]["len"] = None
    document["symbols"][0]["area"] = "nowhere"
    with pytest.raises(DecodeError) as caught:
        read_program(json.dumps(document).encode(), "x.json")
    text = str(caught.value)
    assert all(word in text for word in ("ops[0].len", "ops[2].len", "symbols[0].area"))


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "x.json:1:1: error[OPV123]: not JSON"),
        (b'{\n  "schema" 1}', "x.json:2:12: error[OPV123]: not JSON"),
        (b"\xff", "is UTF-8 text"),
        (b"[" * 100_000, "x.json"),
        (b"[]", "[] is not an object"),
        (b"1" * 5000, "x.json"),
    ],
)
def test_what_is_no_json_says_where(data: bytes, words: str) -> None:
    with pytest.raises(DecodeError) as caught:
        read_program(data, "x.json")
    assert words in str(caught.value)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.floats(allow_nan=False),
    lambda children: st.lists(children, max_size=3)
    | st.dictionaries(st.sampled_from(["op", "len", "pool", "symbol", "x"]), children, max_size=3),
    max_leaves=5,
)


@settings(max_examples=200)
@given(st.data(), values)
def test_any_value_anywhere_is_read_or_refused_but_never_crashes(
    data: st.DataObject, replacement: Any
) -> None:
    document = copy.deepcopy(EVERY)
    place = document
    for _ in range(data.draw(st.integers(0, 6))):
        keys: list[Any] = list(place) if isinstance(place, dict) else list(range(len(place)))
        if not keys:
            break
        key = data.draw(st.sampled_from(keys))
        if not isinstance(place[key], dict | list) or data.draw(st.booleans()):
            place[key] = replacement
            break
        place = place[key]
    with contextlib.suppress(DecodeError):
        read_program(json.dumps(document).encode(), "x.json")


EVERY = every_document()
