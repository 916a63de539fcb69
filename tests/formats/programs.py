"""Programs written by hand as IR, with every kind of operand, for every revision and data model."""

from __future__ import annotations

from opvasm.abi.layout import DATA_MODELS
from opvasm.abi.ops import Operation
from opvasm.abi.pages import PageKind
from opvasm.abi.revisions import REVISIONS, Abi, get_abi
from opvasm.program import (
    Area,
    ArgumentValue,
    Array,
    Data,
    Instruction,
    Layout,
    Member,
    Parameter,
    Pointer,
    PoolAddress,
    PoolItem,
    Program,
    Scalar,
    SlotAddress,
    Struct,
    Symbol,
    SymbolAddress,
    Value,
    Vector,
)

ABIS = [get_abi(revision.name, model.name) for revision in REVISIONS for model in DATA_MODELS]
ARGUMENTS = {"node": 0x6000_0010, "expect": 5, "n": 7, "short": -2, "mask": 0xFFFF_0000_FFFF_0001}
ARGUMENTS |= {"bits": 3}
U64 = Scalar("u64", 8, False)


def operation(abi: Abi, mnemonic: str) -> Operation | None:
    """The revision's op of that mnemonic."""
    return next((each for each in abi.revision.operations if each.mnemonic == mnemonic), None)


def instruction(
    abi: Abi,
    mnemonic: str,
    length: int,
    addresses: tuple[Value, ...] = (),
    immediate: Value | None = None,
    flags: tuple[int, ...] = (),
    extra: tuple[tuple[int, int], ...] = (),
) -> Instruction | None:
    """An op, or None where the revision has none of that mnemonic."""
    row = operation(abi, mnemonic)
    if row is None:
        return None
    opcode = abi.opcode(row)
    assert opcode is not None
    no_flags = (0,) * len(row.operands)
    flags = (flags or no_flags) if abi.revision.expect_fault else no_flags
    return Instruction(opcode, row, length, addresses, flags, immediate, extra)


def data_of(abi: Abi) -> Data:
    """Variables of every area, with structs, arrays, initial values and pool constants."""
    word = abi.model.word
    pointer = Pointer("node", word)
    node = Struct("node", (Member("next", pointer, 0), Member("value", U64, 8)), 16, 8)
    ring = Struct("ring", (Member("head", U64, 0), Member("slot", Array(U64, 4, 32), 8)), 40, 8)
    symbols = [
        Symbol("head", Area.PERCPU, 0, word, pointer),
        Symbol(
            "ring0", Area.PERCPU, 8, 40, ring, initial=((8, 8, 0x1122334455667788), (16, 8, -1))
        ),
        Symbol("counter", Area.PERCPU, 48, 4, Scalar("i32", 4, True)),
        Symbol(
            "nodes",
            Area.SHARED,
            0,
            128,
            Array(node, 8, 128),
            initial=((0, word, SymbolAddress("nodes", 16)), (8, 8, 77)),
        ),
        Symbol("int", Area.SHARED, 128, 4, Array(Scalar("u8", 1, False), 4, 4)),
        Symbol("table", Area.SHARED, 136, 32, Array(U64, 4, 32), initial=((0, 8, 1), (24, 8, 4))),
        Symbol(
            "gone", Area.PAGE, 0, 8192, Array(Scalar("u8", 1, False), 8192, 8192), PageKind.UNMAPPED
        ),
    ]
    order = abi.model.byteorder
    pool = (
        PoolItem(0, 8, (5).to_bytes(8, order)),
        PoolItem(8, word, SymbolAddress("nodes", 32)),
        PoolItem(16, word, SymbolAddress("head", 0, 2)),
        PoolItem(24, word, SymbolAddress("ring0", 8)),
        PoolItem(32, 5, b"te*/t"),
        PoolItem(40, 4, -3),
    )
    structs = {"node": node, "ring": ring}
    return Data({each.name: each for each in symbols}, structs, {"NODES": 8}, pool)


def program_of(abi: Abi) -> Program:
    """A program with three vectors: ``push`` (as in a list), ``every`` and ``empty``."""
    word = abi.model.word
    node = Parameter("node", Pointer("node", word), 0)
    push_parameters = (node, Parameter("expect", U64, 8))
    memcpy = [
        instruction(abi, "cmpeq", 8, (SymbolAddress("head"), SlotAddress("expect"))),
        instruction(abi, "memcpy", 8, (ArgumentValue("node"), SlotAddress("expect")), None, (0, 1)),
        instruction(abi, "memcpy", 8, (SymbolAddress("head"), SlotAddress("node"))),
    ]
    every_parameters = (
        node,
        Parameter("n", Scalar("i64", 8, True), 8),
        Parameter("mask", U64, 16),
        Parameter("bits", Scalar("u32", 4, False), 24),
        Parameter("short", Scalar("i16", 2, True), 28),
    )
    p = (SymbolAddress("counter"),)
    every = [
        instruction(
            abi,
            "cmpeq",
            8,
            (SymbolAddress("ring0", 16, 2), PoolAddress(0)),
            None,
            (1, 0),
            ((31, 9),),
        ),
        instruction(abi, "cmpne", 5, (ArgumentValue("node", 8), PoolAddress(32)), None, (0, 200)),
        instruction(abi, "memcpy", 128, (SymbolAddress("nodes"), SymbolAddress("gone", 100))),
        instruction(abi, "memcpy", 4, (SymbolAddress("int"), 0x6000_1000)),
        instruction(abi, "memcpy", word, (SymbolAddress("nodes", 16), PoolAddress(8))),
        instruction(abi, "memcpy", 4, (SymbolAddress("nodes", 17), PoolAddress(40))),
        instruction(abi, "memcpy.release", 2, (SlotAddress("short"), SlotAddress("bits", 1))),
        instruction(abi, "add", 4, p, ArgumentValue("n", 1), (1,)),
        instruction(abi, "add", 8, p, -(1 << 63)),
        instruction(abi, "add.release", 3, p, -5),
        instruction(abi, "or", 4, p, ArgumentValue("mask")),
        instruction(abi, "and", 4, p, (1 << 64) - 1),
        instruction(abi, "xor", 1, p, 0x55, (0,), ((26, 0x80), (27, 0xFF))),
        instruction(abi, "lshift", 4, p, ArgumentValue("bits"), (1,)),
        instruction(abi, "rshift", 8, (0x10,), 63, (7,), ((31, 0xFE),)),
        instruction(abi, "mb", 0),
        instruction(abi, "mb", 99, extra=((8, 1), (31, 2))),
        Instruction(-1, None, 0xFFFF_FFFF, extra=tuple((k, k * 8) for k in range(8, 32))),
    ]
    if abi.model.word == 4:
        padding = 12 if abi.model.byteorder == "little" else 8
        every.append(instruction(abi, "memcpy", 1, (1, 2), extra=((padding, 0xAA),)))
    vectors = [
        Vector("push", push_parameters, tuple(each for each in memcpy if each is not None)),
        Vector("every", every_parameters, tuple(each for each in every if each is not None), False),
        Vector("empty", (), ()),
    ]
    return Program(abi, data_of(abi), {each.name: each for each in vectors})


def arguments_of(vector: Vector) -> dict[str, int]:
    """Arguments for a vector of ``program_of``."""
    return {each.name: ARGUMENTS[each.name] for each in vector.parameters}


LAYOUT_32 = Layout(0x7000_0000, 0x1000, 0x6000_0000, 0x5000_0000, 0x4000_0000, 0x2000_0000)
