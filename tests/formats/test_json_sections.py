"""Sections in ``opvasm-asm/1``: every step and value is read back, and what is no section is refused."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest

from opvasm.assembler import assemble
from opvasm.errors import DecodeError
from opvasm.formats import Listing, write
from opvasm.formats.json_reader import read_program
from opvasm.program import Program, default_layout
from opvasm.source import SourceFile
from opvasm.text.section_printer import section_text
from opvasm.text.vocabulary import vocabulary
from opvasm.verifier.section_report import section_report

from .test_json import VALIDATOR
from .test_samples import spelled_nowhere

TEXT = """
struct item { next: ptr<item>, value: u64 }
percpu head: ptr<item>
percpu count: u64
percpu log: u8[64]
shared all: u32
section every(p: ptr<item>, n: u32, big: u64) -> x, old {
    x: u64 = 0
    old: u32 = 7
    id = cpu_id
    exit moved if id != n || mm_cid == 9
    h = load head, acquire
    exit empty if h == 0
    next = load [h].u64
    wide: u128 = load [&log].u128
    store [&log + 16].u128, wide
    y = choose(big > 4, ~big, -big) << 3
    z = u32(y) >> 2 & 15
    if !(z == 3) { store count@n, y, release } else { store count += big }
    old = fetch_add all, z
    w = xchg all, 4
    cmpxchg all, old, w
    loop 4 { copy log[1], [p], u64(n); break if z < 2; x = x + 1 }
    loop { v = load log[n]; x = x ^ u64(v); break if v != 1 }
    barrier
    syscall switches
    commit head, ptr(next)
    x = x + 1
}
section other() { old = commit cmpxchg all, 1, 2; exit lost if old != 1 }
unverified section third(d: i64) { s: i32 = load [&all].i32; exit a if i64(s) < d; commit count += 1 }
section fourth() { commit fetch_or all, 8 }
"""


def program() -> Program:
    """The sections above."""
    return assemble(SourceFile("s.opv", TEXT)).program


@cache
def _text() -> bytes:
    known = program()
    return write("json", Listing(known, (), default_layout(known.abi, known.data)))


def written() -> Any:
    """Their document."""
    return json.loads(_text())


def read(document: Any) -> Program:
    """A document read back."""
    return read_program(json.dumps(document).encode(), "s.json")


def test_every_step_and_value_is_read_back() -> None:
    """The document is valid by its schema and has the same sections, which are written alike."""
    document = written()
    VALIDATOR.validate(document)
    known, again = program(), read(document)
    assert {name: spelled_nowhere(each) for name, each in known.sections.items()} == again.sections
    for name, each in known.sections.items():
        assert section_text(each, known.data) == section_text(again.sections[name], again.data)


def test_pointers_to_whatever_has_a_type() -> None:
    """What a pointer points to may be an array or a pointer, in structs, parameters and locals."""
    text = """
const N = 2
struct item { next: ptr<ptr<item>>, some: ptr<item[4]>, many: ptr<u64[N]>[3] }
percpu count: u64
section s(n: ptr<u64[4]>, m: ptr<ptr>) { x = n; y: ptr<ptr<item[N]>[2]> = 0; commit count += 1 }
vector v(n: ptr<item[2]>) { add count, 1 }
"""
    known = assemble(SourceFile("s.opv", text)).program
    vectors = tuple(known.vectors.values())
    layout = default_layout(known.abi, known.data)
    document = write("json", Listing(known, vectors, layout))
    VALIDATOR.validate(json.loads(document))
    again = read_program(document, "s.json")
    assert again.sections["s"] == spelled_nowhere(known.sections["s"])
    assert again.data.structs == known.data.structs


def test_what_a_text_may_hold_in_each_other_is_read_back() -> None:
    """The deepest expression and the deepest blocks that the language takes."""
    sums = " + ".join(["n"] * 99)
    blocks = "if n { " * 31 + "exit a " + "} " * 31
    text = f"percpu log: u64[4]\nsection s(n: u64) {{ {blocks}; commit log[{sums}], {sums} }}\n"
    known = assemble(SourceFile("s.opv", text)).program
    layout = default_layout(known.abi, known.data)
    again = read_program(write("json", Listing(known, (), layout)), "s.json")
    assert again.sections == {"s": spelled_nowhere(known.sections["s"])}


def steps(document: Any) -> list[Any]:
    """The steps of the first section."""
    found: list[Any] = document["sections"][0]["steps"]
    return found


def _parameter(document: Any) -> Any:
    return document["sections"][0]["parameters"][0]


def _shift(document: Any) -> Any:
    """The value ``choose(…) << 3``."""
    (found,) = (each["value"] for each in steps(document) if each.get("local") == "y")
    return found


Change = Callable[[Any], object]
BROKEN: list[tuple[str, Change, str]] = [
    ("no step", lambda d: steps(d)[0].pop("step"), "steps[0]: is no step"),
    ("unknown step", lambda d: steps(d)[0].update(step="jump"), "'jump' is not one of load, set"),
    ("missing member", lambda d: steps(d)[0].pop("value"), "steps[0]: lacks value"),
    ("more", lambda d: steps(d)[0].update(more=1), "has a member 'more'"),
    ("no value", lambda d: steps(d)[0].update(value={}), "has none of the members number"),
    (
        "too large",
        lambda d: steps(d)[1].update(value={"number": "0x100000000", "type": "u32"}),
        "does not fit",
    ),
    (
        "pointer",
        lambda d: steps(d)[0]["value"].update(type="ptr<nothing>"),
        "'ptr<nothing>' is not a type of a register",
    ),
    ("type", lambda d: steps(d)[0]["value"].update(type="u7"), "'u7' is not a type of a register"),
    (
        "width",
        lambda d: steps(d)[0].update(value={"number": "0x1", "type": "u8"}),
        "x has another type elsewhere",
    ),
    ("symbol", lambda d: steps(d)[4]["address"].update(symbol="tail"), "names the symbol tail"),
    (
        "parameter",
        lambda d: steps(d)[3]["condition"]["left"]["right"].update(argument="q"),
        "no such parameter q",
    ),
    ("a parameter set", lambda d: steps(d)[0].update(local="p"), "p is not a local"),
    ("operator", lambda d: steps(d)[3]["condition"].update(operator="/"), "'/' is not one of"),
    ("never set", lambda d: steps(d).pop(4), "reads h where it may not be set"),
    ("no commit", lambda d: steps(d).__delitem__(slice(-2, None)), "can end without a commit"),
    ("after", lambda d: steps(d).append({"step": "barrier"}), "comes after the commit"),
    ("label", lambda d: steps(d)[3].update(label="ok"), "no exit can be called ok"),
    ("label word", lambda d: steps(d)[3].update(label="test"), "test is a word of the language"),
    ("section word", lambda d: d["sections"][1].update(name="page"), "can't be a name"),
    ("local word", lambda d: steps(d)[0].update(local="loop"), "loop is a word of the language"),
    ("parameter word", lambda d: _parameter(d).update(name="sizeof"), "can't be a parameter"),
    (
        "hidden",
        lambda d: steps(d).insert(0, steps(d)[0] | {"local": "count"}),
        "uses count, of which it has its own",
    ),
    ("shift", lambda d: _shift(d).update(right={"number": "0x40", "type": "u8"}), "64 bits by 64"),
    (
        "sign",
        lambda d: d["sections"][2]["steps"][1]["condition"].update(
            left={"number": "0x1", "type": "u64"}
        ),
        "has a sign with one that has none",
    ),
    ("break", lambda d: steps(d).insert(0, {"step": "break", "condition": None}), "in no loop"),
    ("result", lambda d: d["sections"][0].update(results=["q"]), "names each local that a step"),
    ("twice", lambda d: d["sections"][1].update(name="every"), "every comes twice"),
    (
        "endless",
        lambda d: steps(d).insert(0, {"step": "loop", "times": None, "body": []}),
        "never ends",
    ),
    (
        "one percpu",
        lambda d: steps(d)[4].update(
            address={"symbol": "all", "addend": 0, "cpu": {"number": "0x0", "type": "u32"}}
        ),
        "all is not a percpu variable",
    ),
]


@pytest.mark.parametrize(
    ("change", "message"), [row[1:] for row in BROKEN], ids=[r[0] for r in BROKEN]
)
def test_what_is_no_section_is_refused(change: Change, message: str) -> None:
    """With its path and the reason."""
    document = written()
    change(document)
    with pytest.raises(DecodeError) as caught:
        read(document)
    assert message in str(caught.value)


def test_blocks_and_values_in_each_other_have_a_limit() -> None:
    """A value of a thousand parts in each other is an error, and no end of the stack."""
    document = written()
    value: Any = {"argument": "big", "type": "u64"}
    for _ in range(400):
        value = {"operator": "~", "operand": value, "type": "u64"}
    steps(document)[0]["value"] = value
    with pytest.raises(DecodeError, match="values in each other"):
        read(document)


def _places(value: Any, found: list[tuple[Any, Any]]) -> list[tuple[Any, Any]]:
    """Every member and element of a document, with what it is in."""
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, each in items:
        found.append((value, key))
        if isinstance(each, dict | list):
            _places(each, found)
    return found


def test_a_garbled_document_is_read_or_refused() -> None:
    """Whatever is put where, the answer is sections that a text can have as well, or an error."""
    generator = random.Random(1)
    declared = TEXT[: TEXT.index("section every")]
    words = [*vocabulary().keywords, *vocabulary().declarations]
    refused = taken = 0
    for _ in range(300):
        document = written()
        inner, key = generator.choice(_places(document["sections"], []))
        others = _places(document["sections"], [])
        other, at = generator.choice(others)
        inner[key] = generator.choice(
            [None, 0, -1, "", "x", "u64", "0x1", "0x40", True, [], {}, copy.deepcopy(other[at])]
        )
        if key in ("local", "label", "name") and generator.random() < 0.7:
            inner[key] = generator.choice(words)
        try:
            found = read(document)
        except DecodeError:
            refused += 1
            continue
        taken += 1
        for each in found.sections.values():
            section_report(each, found.data)
        texts = [section_text(each, found.data) for each in found.sections.values()]
        # Raises where the text's reader refuses what the document's took.
        assert assemble(SourceFile("again.opv", declared + "".join(texts))).program.sections
    assert refused > 80
    assert taken > 5
