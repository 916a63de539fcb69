"""Which calls a pattern means."""

from __future__ import annotations

import pytest

from opvasm.abi import ops
from opvasm.abi.revisions import get_abi
from opvasm.live.image import LAYOUT, program_of
from opvasm.live.pattern import BadPattern, Subject, parse_pattern
from opvasm.live.symbols import Named
from opvasm.machine import Memory
from opvasm.program import Instruction
from opvasm.scenario.evaluate import Scope

ABI = get_abi("2017-11")
HEAD, COUNT = 0x1000, 0x1008


def _subject() -> Subject:
    """A call of cmpeq head, memcpy head, add count on CPU 1, the 17th, which would answer EAGAIN."""
    instructions = (
        Instruction(0, ops.CMPEQ, 8, (HEAD, 0x7000), (0, 0)),
        Instruction(2, ops.MEMCPY, 8, (HEAD, 0x7008), (0, 0)),
        Instruction(3, ops.ADD, 4, (COUNT,), (0,), 1),
    )
    memory = Memory(ABI.page_size)
    memory.map(0x1000, 0x1000, data=(3).to_bytes(8, "little") + (9).to_bytes(4, "little"))
    program = program_of([Named(HEAD, 8, "head"), Named(COUNT, 4, "count.0")], ABI)
    numbers = {"cpu": 1, "ops": 3, "flags": 0, "tid": 50, "pid": 49, "nr": 17}
    return Subject(
        numbers,
        lambda: instructions,
        lambda: frozenset({"head", "count"}),
        lambda: -11,
        lambda: Scope(program, LAYOUT, 1, 2, memory.read, numbers),
    )


@pytest.mark.parametrize(
    "text",
    [
        "any",
        "memcpy",
        "cmpeq-memcpy",
        "memcpy-add",
        "cmpeq-memcpy-add",
        "sym=head",
        "sym=tail,h*",
        "addr=0x1004",
        "addr=0x100b",
        "addr=0..0x1000",
        "cpu=1",
        "cpu=0,1",
        "nr=10..20",
        "tid=50",
        "pid=49",
        "ops=3",
        "flags=0",
        "result=EAGAIN",
        "result=-11",
        "result=0,-20..-1",
        "memcpy sym=head cpu=1 nr=17",
        "any if head == 3",
        "if count_0 == 9 && cpu == 1",
        "memcpy if nr > 16",
    ],
)
def test_meant(text: str) -> None:
    """All terms hold, and the condition."""
    assert parse_pattern(text).matches(_subject()) == ""


@pytest.mark.parametrize(
    "text",
    [
        "xor",
        "memcpy-cmpeq",
        "cmpeq-add",
        "sym=hea",
        "addr=0x100c",
        "addr=0xfff",
        "cpu=0",
        "nr=18..20",
        "result=0..16",
        "memcpy cpu=0",
        "any if head == 4",
        "xor if head == 3",
    ],
)
def test_not_meant(text: str) -> None:
    """One term that fails is enough."""
    assert parse_pattern(text).matches(_subject()) is None


def test_a_condition_without_a_value_means_the_call_and_says_so() -> None:
    """A misspelt variable must not make the program run past everything in silence."""
    remark = parse_pattern("any if haed == 3").matches(_subject())
    assert remark is not None
    assert "haed" in remark


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "empty"),
        ("mempcy", "'mempcy' is not an op"),
        ("cpu=", "a value is missing"),
        ("cpu=one", "'one' is not a number"),
        ("cpu=3..1", "holds nothing"),
        ("result=EPERM", "one of EAGAIN"),
        ("symbol=head", "'symbol'"),
        ("any if ", "expression is missing"),
    ],
)
def test_refused(text: str, message: str) -> None:
    """What means nothing is refused with what is wrong."""
    with pytest.raises(BadPattern, match=message):
        parse_pattern(text)


def test_variables_of_a_process_have_types_and_names_of_the_language() -> None:
    """Numbers by their size, words where a variable is aligned and made of them, bytes otherwise."""
    program = program_of(
        [
            Named(0x1000, 8, "head"),
            Named(0x2000, 24, "nodes"),
            Named(0x3004, 24, "odd"),
            Named(0x4000, 3, "flags"),
            Named(0x5000, 4, "count.0"),
            Named(0x6000, 8, "vector"),
            Named(0x7000, 8, "head"),
            Named(0x8000, 0, "marker"),
            Named(0x9000, 8, "environ@@GLIBC_2.2.5"),
        ],
        ABI,
    )
    symbols = program.data.symbols
    assert {name: str(each.type.size) if each.type else "" for name, each in symbols.items()} == {
        "head": "8",
        "nodes": "24",
        "odd": "24",
        "flags": "3",
        "count_0": "4",
        "_vector": "8",
        "environ": "8",
    }
    assert LAYOUT.symbol_address(symbols["head"], 3) == 0x1000
    assert getattr(symbols["nodes"].type, "count", None) == 3
    assert getattr(symbols["odd"].type, "count", None) == 24
