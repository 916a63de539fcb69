"""Binding: addresses by hand arithmetic, and every way in which it can't be done."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from opvasm.abi.ops import ADD, MEMCPY
from opvasm.abi.revisions import get_abi
from opvasm.binary import encode
from opvasm.binding import bind, initial_bytes, parameter_range, pool_bytes, slot_bytes
from opvasm.errors import BindError
from opvasm.program import (
    Area,
    ArgumentValue,
    Data,
    Instruction,
    Layout,
    Parameter,
    Pointer,
    PoolAddress,
    PoolItem,
    Program,
    Scalar,
    SlotAddress,
    Symbol,
    SymbolAddress,
    Value,
    Vector,
)

ABI = get_abi()
LAYOUT = Layout(
    percpu=0x10000, percpu_stride=0x1000, shared=0x20000, page=0x30000, pool=0x40000, slots=0x50000
)
SYMBOLS = {
    "head": Symbol("head", Area.PERCPU, 0x10, 8, Pointer(None, 8), initial=((0, 8, 7),)),
    "word": Symbol(
        "word",
        Area.SHARED,
        0x20,
        8,
        Scalar("u64", 8, False),
        initial=((0, 4, -2), (4, 4, SymbolAddress("head", 1))),
    ),
    "gone": Symbol("gone", Area.PAGE, 0x1000, 0x1000, None),
}
POOL = (
    PoolItem(0, 3, b"abc"),
    PoolItem(8, 8, SymbolAddress("head", 4)),
    PoolItem(16, 2, -1),
)
PARAMETERS = (
    Parameter("node", Pointer("node", 8), 0),
    Parameter("n", Scalar("i8", 1, True), 8),
    Parameter("count", Scalar("u16", 2, False), 10),
)
ARGUMENTS = {"node": 0xABC, "n": -3, "count": 0x1234}


def program(*pool: PoolItem) -> Program:
    """A program with three symbols and a literal pool."""
    return Program(ABI, Data(SYMBOLS, {}, {}, pool or POOL), {})


def memcpy(destination: Value, source: Value) -> Vector:
    """A vector of one memcpy, with PARAMETERS."""
    return Vector("v", PARAMETERS, (Instruction(2, MEMCPY, 8, (destination, source), (0, 0)),))


def add(count: Value) -> Vector:
    """A vector of one add, with PARAMETERS."""
    return Vector("v", PARAMETERS, (Instruction(3, ADD, 8, (0x1000,), (0,), count),))


@pytest.mark.parametrize(
    ("value", "address"),
    [
        (0x77, 0x77),
        (SymbolAddress("head"), 0x10000 + 3 * 0x1000 + 0x10),
        (SymbolAddress("head", 5, 1), 0x10000 + 0x1000 + 0x10 + 5),
        (SymbolAddress("word", -4), 0x20020 - 4),
        (SymbolAddress("gone", 2), 0x31002),
        (ArgumentValue("node"), 0xABC),
        (ArgumentValue("node", 8), 0xABC + 8),
        (SlotAddress("count", 1), 0x50000 + 10 + 1),
        (PoolAddress(8), 0x40008),
    ],
)
def test_each_kind_of_address_is_the_sum_of_its_parts(value: Value, address: int) -> None:
    """On CPU 3: base of the area, the CPU's strides where percpu, offset, addend."""
    (bound,) = bind(memcpy(value, 0), program(), LAYOUT, 3, ARGUMENTS)
    assert bound.addresses == (address, 0)
    assert bound.is_bound


def test_a_count_may_be_negative_and_may_be_a_sum() -> None:
    (bound,) = bind(add(ArgumentValue("n", -5)), program(), LAYOUT, 0, ARGUMENTS)
    assert bound.immediate == -8


def test_bound_ops_can_be_encoded() -> None:
    bound = bind(memcpy(SymbolAddress("head"), PoolAddress(8)), program(), LAYOUT, 1, ARGUMENTS)
    assert encode(bound, ABI).hex() == (
        "02000000080000001010010000000000" + "0800040000000000" + "0000000000000000"
    )


def test_the_pool_holds_constants_and_addresses_of_the_cpu() -> None:
    image = pool_bytes(program(), LAYOUT, 2)
    assert image == b"abc" + bytes(5) + (0x12014).to_bytes(8, "little") + b"\xff\xff"


def test_slots_hold_the_arguments_at_their_offsets() -> None:
    vector = memcpy(0, 0)
    assert slot_bytes(vector, ABI, ARGUMENTS) == bytes.fromhex("bc0a000000000000 fd 00 3412")
    big = slot_bytes(vector, get_abi("2017-11", "64be"), ARGUMENTS)
    assert big == bytes.fromhex("0000000000000abc fd 00 1234")


def test_initial_bytes_are_those_of_the_area_and_zero_elsewhere() -> None:
    percpu = initial_bytes(program(), LAYOUT, Area.PERCPU, 0)
    assert percpu == bytes(16) + b"\7" + bytes(7)
    shared = initial_bytes(program(), LAYOUT, Area.SHARED, 1)
    assert shared == bytes(0x20) + b"\xfe\xff\xff\xff" + (0x11011).to_bytes(4, "little")
    assert initial_bytes(program(), LAYOUT, Area.PAGE, 0) == bytes(0x2000)


def codes_of(error: BindError) -> list[str]:
    """The codes of an error's findings, in order."""
    return [each.code for each in error.diagnostics]


def test_missing_unknown_and_unfitting_arguments_come_in_one_error() -> None:
    with pytest.raises(BindError) as caught:
        bind(memcpy(0, 0), program(), LAYOUT, 0, {"nod": 1, "n": 128, "count": -1})
    assert codes_of(caught.value) == ["OPV100", "OPV101", "OPV102", "OPV102"]
    text = str(caught.value)
    assert "vector v needs a value for its parameter node: ptr<node>" in text
    assert "vector v has no parameter nod" in text
    assert "128 does not fit i8" in text
    assert "-1 does not fit u16" in text
    helps = [each.help for each in caught.value.diagnostics]
    assert "give it one (on a command line: --arg node=VALUE)" in helps
    assert "did you mean node?" in helps
    assert "a i8 of 64le is from -128 to 127" in helps


def test_a_vector_without_parameters_says_that_it_takes_none() -> None:
    with pytest.raises(BindError) as caught:
        bind(Vector("v", (), ()), program(), LAYOUT, 0, {"x": 1})
    assert caught.value.diagnostics[0].help == "it takes none"


def test_a_pointer_outside_the_models_word_is_refused() -> None:
    narrow = Parameter("p", Pointer(None, 4), 0)
    vector = Vector("v", (narrow,), ())
    target = Program(get_abi("2017-11", "32le"), Data(SYMBOLS, {}, {}, ()), {})
    assert bind(vector, target, LAYOUT, 0, {"p": 0xFFFF_FFFF}) == ()
    for value in (1 << 32, -1):
        with pytest.raises(BindError, match="does not fit ptr"):
            bind(vector, target, LAYOUT, 0, {"p": value})


@pytest.mark.parametrize(
    ("vector", "words", "help"),
    [
        (
            memcpy(ArgumentValue("node", -0xABD), 0),
            "op 0: the address dst would be -1",
            "node = 0xabc - 2749",
        ),
        (memcpy(0, ArgumentValue("n")), "op 0: the address src would be -3", "it is n = -3"),
        (memcpy(SymbolAddress("head", -0x10011), 0), "would be -1", "it is head of CPU 0 - 65553"),
        (add(1 << 63), "op 0: the value of count would be 0x8000000000000000", None),
    ],
)
def test_what_does_not_fit_its_field_says_where_it_came_from(
    vector: Vector, words: str, help: str | None
) -> None:
    with pytest.raises(BindError) as caught:
        bind(vector, program(), LAYOUT, 0, ARGUMENTS)
    (diagnostic,) = caught.value.diagnostics
    assert diagnostic.code == "OPV103"
    assert words in diagnostic.message
    assert (help or "") in (diagnostic.help or "")


def test_a_constant_that_does_not_fit_its_pool_item_is_an_error() -> None:
    with pytest.raises(BindError, match="the constant at pool offset 0 would be 0x10000"):
        pool_bytes(program(PoolItem(0, 2, 1 << 16)), LAYOUT, 0)


def test_an_initial_address_that_does_not_fit_is_an_error() -> None:
    high = LAYOUT._replace(percpu=1 << 40)
    with pytest.raises(BindError, match="the initial value of word"):
        initial_bytes(program(), high, Area.SHARED, 0)


@pytest.mark.parametrize("value", [SymbolAddress("nobody"), ArgumentValue("x"), SlotAddress("x")])
def test_a_name_that_is_not_there_is_an_error_not_a_traceback(value: Value) -> None:
    with pytest.raises(BindError) as caught:
        bind(memcpy(value, 0), program(), LAYOUT, 0, ARGUMENTS)
    assert codes_of(caught.value) == ["OPV109"]


def test_a_negative_cpu_is_refused_everywhere() -> None:
    for attempt in (
        lambda: bind(memcpy(0, 0), program(), LAYOUT, -1, ARGUMENTS),
        lambda: pool_bytes(program(), LAYOUT, -1),
        lambda: initial_bytes(program(), LAYOUT, Area.PERCPU, -1),
    ):
        with pytest.raises(BindError) as caught:
            attempt()
        assert "OPV108" in codes_of(caught.value)


@given(st.sampled_from(PARAMETERS), st.integers(-(1 << 65), 1 << 65))
def test_an_argument_is_taken_exactly_when_its_type_holds_it(
    parameter: Parameter, value: int
) -> None:
    vector = Vector("v", (parameter,), ())
    low, high = parameter_range(parameter)
    if low <= value <= high:
        stored = slot_bytes(vector, ABI, {parameter.name: value})[parameter.offset :]
        signed = isinstance(parameter.type, Scalar) and parameter.type.signed
        assert int.from_bytes(stored, "little", signed=signed) == value
    else:
        with pytest.raises(BindError):
            slot_bytes(vector, ABI, {parameter.name: value})
