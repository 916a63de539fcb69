"""The text for GNU as, assembled and linked by the real tools, against our own binding."""

from __future__ import annotations

from pathlib import Path

import pytest

from opvasm.abi.revisions import REVISIONS, Abi, get_abi
from opvasm.binary import encode
from opvasm.binding import bind, initial_bytes, pool_bytes, slot_bytes
from opvasm.errors import BindError
from opvasm.formats import Listing, write
from opvasm.program import (
    Area,
    ArgumentValue,
    Layout,
    Parameter,
    Program,
    Scalar,
    SlotAddress,
    SymbolAddress,
    Vector,
    default_layout,
)

from .programs import arguments_of, data_of, instruction, program_of
from .toolchain import ElfFile, need, run

BASES = {"percpu": 0x70000000, "shared": 0x60000000, "page": 0x50000000, "pool": 0x40000000}
ABIS = [get_abi(revision.name, model) for revision in REVISIONS for model in ("64le", "32le")]


def linked(text: bytes, abi: Abi, folder: Path, symbols: dict[str, int]) -> ElfFile:
    """Assembles, links the sections at their places, gives the undefined symbols their values."""
    need("as", "ld")
    source, binary, program = (folder / name for name in ("v.s", "v.o", "v"))
    source.write_bytes(text)
    narrow = abi.model.word == 4
    run("as", "--32" if narrow else "--64", "--fatal-warnings", source, "-o", binary)
    sections = {f".opv.{name}": base for name, base in BASES.items()}
    sections |= {".opv.slots": 0x20000000, ".opv.vectors": 0x10000000}
    run(
        "ld",
        *("-m", "elf_i386" if narrow else "elf_x86_64"),
        *(f"--section-start={name}={base:#x}" for name, base in sections.items()),
        *(f"--defsym={name}={value:#x}" for name, value in symbols.items()),
        *("-e", "0", "--no-warn-rwx-segments", "-o", program, binary),
    )
    return ElfFile(program)


def slots_of(elf: ElfFile, vector: Vector) -> int:
    """Where the linker put the vector's slots."""
    return elf.symbols[f"opv_{vector.name}..slots"][0] if vector.parameters else 0


@pytest.mark.parametrize("abi", ABIS, ids=str)
def test_the_linkers_bytes_are_ours_when_symbols_are_left_open(abi: Abi, tmp_path: Path) -> None:
    program = program_of(abi)
    if abi.model.word == 4:
        program = without_wide_sum(program)
    default = default_layout(abi, program.data)
    vectors = tuple(program.vectors.values())
    text = write("gas", Listing(program, vectors, default, cpu=1))
    symbols = {}
    for vector in vectors:
        for name, value in arguments_of(vector).items():
            size = next(each.type.size for each in vector.parameters if each.name == name)
            number = value % (1 << (8 * size))
            if abi.model.word == 4 and size == 8:
                symbols[f"{vector.name}.{name}.high"] = number >> 32
                number &= 0xFFFFFFFF
            symbols[f"{vector.name}.{name}"] = number
    elf = linked(text, abi, tmp_path, symbols)
    for vector in vectors:
        layout = Layout(**BASES, percpu_stride=default.percpu_stride, slots=slots_of(elf, vector))
        bound = bind(vector, program, layout, 1, arguments_of(vector))
        assert elf.symbol_bytes(f"opv_{vector.name}") == encode(bound, abi)
        assert elf.symbols[f"opv_{vector.name}..count"][0] == len(vector.instructions)
    check_data(elf, program, Layout(**BASES, percpu_stride=default.percpu_stride, slots=0))


@pytest.mark.parametrize("abi", ABIS, ids=str)
def test_the_linkers_bytes_are_ours_when_arguments_are_given(abi: Abi, tmp_path: Path) -> None:
    program = program_of(abi)
    default = default_layout(abi, program.data)
    vector = program.vectors["every"]
    arguments = arguments_of(vector)
    text = write("gas", Listing(program, (vector,), default, 2, arguments))
    elf = linked(text, abi, tmp_path, {})
    layout = Layout(**BASES, percpu_stride=default.percpu_stride, slots=slots_of(elf, vector))
    assert elf.symbol_bytes("opv_every") == encode(bind(vector, program, layout, 2, arguments), abi)
    assert elf.sections[".opv.slots"] == slot_bytes(vector, abi, arguments)
    check_data(elf, program, layout, cpu=2)


def check_data(elf: ElfFile, program: Program, layout: Layout, cpu: int = 1) -> None:
    """The sections hold what a machine would hold at first."""
    assert elf.sections[".opv.pool"] == pool_bytes(program, layout, cpu)
    assert elf.sections[".opv.shared"] == initial_bytes(program, layout, Area.SHARED, 0)
    assert elf.sections[".opv.page"] == initial_bytes(program, layout, Area.PAGE, 0)
    stride = layout.percpu_stride
    for each in range(3):
        one = initial_bytes(program, layout, Area.PERCPU, each)
        assert elf.sections[".opv.percpu"][each * stride :][: len(one)] == one
    for name, symbol in program.data.symbols.items():
        assert elf.symbols[name][0] == layout.symbol_address(symbol, 0)
        assert elf.symbols[name][2] == symbol.size


def without_wide_sum(program: Program) -> Program:
    """The program without ``add.u32 counter, n + 1``, which a 32-bit linker can't carry."""
    vector = program.vectors["every"]
    kept = tuple(each for each in vector.instructions if each.immediate != ArgumentValue("n", 1))
    assert len(kept) == len(vector.instructions) - 1
    return program._replace(
        vectors={**program.vectors, "every": vector._replace(instructions=kept)}
    )


def test_a_sum_that_needs_a_carry_is_refused_on_a_32_bit_machine() -> None:
    program = program_of(get_abi("2017-11", "32le"))
    listing = Listing(
        program, tuple(program.vectors.values()), default_layout(program.abi, program.data)
    )
    with pytest.raises(BindError) as caught:
        write("gas", listing)
    assert [each.code for each in caught.value.diagnostics] == ["OPV126"]
    assert "can't add 1 to the parameter n in a field of 64 bits" in str(caught.value)


def one_sum(abi: Abi, kind: Scalar) -> Program:
    """A vector that adds its parameter ``z`` and copies the argument's own bytes."""
    ops = (
        instruction(abi, "add", 8, (SymbolAddress("ring0"),), ArgumentValue("z")),
        instruction(abi, "memcpy", kind.size, (SymbolAddress("ring0"), SlotAddress("z"))),
    )
    parameters = (Parameter("before", Scalar("u8", 1, False), 0), Parameter("z", kind, kind.size))
    vector = Vector("v", parameters, tuple(each for each in ops if each is not None))
    return Program(abi, data_of(abi)._replace(pool=()), {"v": vector})


@pytest.mark.parametrize("model", ["64le", "32le"])
@pytest.mark.parametrize("size", [1, 2, 4, 8])
def test_a_negative_argument_is_one_symbol(size: int, model: str, tmp_path: Path) -> None:
    """-2 is given as -2 to the linker, whether it is stored in one byte or in eight."""
    abi = get_abi("2017-11", model)
    kind = Scalar(f"i{8 * size}", size, True)
    program = one_sum(abi, kind)
    vector = program.vectors["v"]
    text = write("gas", Listing(program, (vector,), default_layout(abi, program.data)))
    symbols = {"v.z": -2, "v.before": 1}
    if model == "32le":
        symbols["v.z.high"] = 0xFFFFFFFF
    elf = linked(text, abi, tmp_path, symbols)
    slot = int.from_bytes(elf.symbol_bytes("opv_v")[32:][16 : 16 + abi.model.word], "little")
    layout = Layout(**BASES, percpu_stride=4096, slots=slot - size)
    bound = bind(vector, program, layout, 0, {"before": 1, "z": -2})
    assert elf.symbol_bytes("opv_v") == encode(bound, abi)
    inside = slot - elf.addresses[".opv.slots"]
    data = elf.sections[".opv.slots"][inside : inside + size]
    assert int.from_bytes(data, "little", signed=True) == -2


def test_an_unsigned_parameter_needs_no_upper_half_on_a_32_bit_machine(tmp_path: Path) -> None:
    """The upper half of what has 32 bits is 0; only 64-bit and signed parameters have ``.high``."""
    abi = get_abi("2017-11", "32le")
    program = one_sum(abi, Scalar("u32", 4, False))
    vector = program.vectors["v"]
    text = write("gas", Listing(program, (vector,), default_layout(abi, program.data)))
    elf = linked(text, abi, tmp_path, {"v.z": 0xFFFFFFFE, "v.before": 1})
    assert elf.symbol_bytes("opv_v")[16:24] == bytes.fromhex("feffffff00000000")


def test_a_program_with_vectors_keeps_its_stack_from_being_executed(tmp_path: Path) -> None:
    """The object says that it needs no executable stack, so the linker makes none."""
    need("as", "ld", "readelf")
    program = program_of(get_abi())
    listing = Listing(
        program, (program.vectors["empty"],), default_layout(program.abi, program.data)
    )
    (tmp_path / "v.s").write_bytes(write("gas", listing))
    run("as", tmp_path / "v.s", "-o", tmp_path / "v.o")
    run("ld", "-e", "0", "--fatal-warnings", tmp_path / "v.o", "-o", tmp_path / "v")
    stack = next(
        line for line in run("readelf", "-lW", tmp_path / "v").splitlines() if "GNU_STACK" in line
    )
    assert " RW " in stack


@pytest.mark.parametrize("model", ["64be", "32be"])
def test_the_bytes_of_big_endian_text_are_in_the_order_of_the_fields(model: str) -> None:
    """No big-endian assembler is at hand: the directives are summed up by a reader of our own."""
    abi = get_abi("2017-11", model)
    program = program_of(abi)
    vector = program.vectors["every"]
    layout = default_layout(abi, program.data)
    listing = Listing(program, (vector,), layout, 1, arguments_of(vector))
    text = write("gas", listing).decode()
    ops = text[text.index("\nopv_every:\n") :]
    symbols = {name: layout.symbol_address(each, 0) for name, each in program.data.symbols.items()}
    symbols |= {"opv..pool": layout.pool, "opv_every..slots": layout.slots}
    bound = bind(vector, program, layout, 1, arguments_of(vector))
    assert summed_up(ops, symbols) == encode(bound, abi)


def summed_up(text: str, symbols: dict[str, int]) -> bytes:
    """The bytes of .byte, .4byte, .8byte and .zero lines, big-endian."""
    data = b""
    for line in text.splitlines():
        directive, _, rest = line.partition("/*")[0].strip().partition(" ")
        size = {".byte": 1, ".4byte": 4, ".8byte": 8}.get(directive)
        if directive == ".zero":
            data += bytes(int(rest))
        elif size is not None:
            for value in rest.split(","):
                terms = value.replace(" - ", " + -").split(" + ")
                numbers = [symbols[t] if t in symbols else int(t, 0) for t in map(str.strip, terms)]
                data += (sum(numbers) % (1 << (8 * size))).to_bytes(size, "big")
    return data


def test_a_vector_is_readable_in_the_assemblers_text() -> None:
    abi = get_abi()
    row = instruction(abi, "add", 8, (ArgumentValue("p"),), 1)
    assert row is not None
    program = program_of(abi)
    vector = program.vectors["push"]._replace(instructions=(row,), parameters=())
    text = write("gas", Listing(program, (vector,), default_layout(abi, program.data))).decode()
    assert "\t/* op 0: add.u64 [p], 1 */\n\t.4byte 3 /* op */\n\t.4byte 8 /* len */\n" in text
    assert (
        "\t.8byte push.p /* p */\n\t.8byte 1 /* count */\n\t.byte 0 /* expect_fault_p */\n" in text
    )


def test_vectors_variables_and_parameters_may_share_their_names(tmp_path: Path) -> None:
    """A variable push, a vector push, a parameter count: three symbols, none of them lost."""
    abi = get_abi()
    data = data_of(abi)
    symbol = data.symbols["counter"]._replace(name="push")
    row = instruction(abi, "add", 4, (SymbolAddress("push"),), ArgumentValue("count"))
    assert row is not None
    vector = Vector("push", (Parameter("count", Scalar("i64", 8, True), 0),), (row, row))
    program = Program(abi, data._replace(symbols={"push": symbol}, pool=()), {"push": vector})
    listing = Listing(program, (vector,), default_layout(abi, program.data))
    elf = linked(write("gas", listing), abi, tmp_path, {"push.count": 77})
    assert elf.symbols["opv_push..count"][0] == 2
    layout = listing.layout._replace(percpu=BASES["percpu"])
    expected = encode(bind(vector, program, layout, 0, {"count": 77}), abi)
    assert elf.symbol_bytes("opv_push") == expected


def test_a_variable_with_the_name_of_a_vectors_symbol_is_refused() -> None:
    program = program_of(get_abi())
    symbol = program.data.symbols["head"]._replace(name="opv_push")
    data = program.data._replace(symbols={**program.data.symbols, "opv_push": symbol})
    program = program._replace(data=data)
    vectors = (program.vectors["push"],)
    with pytest.raises(BindError, match="the variable opv_push has the name"):
        write("gas", Listing(program, vectors, default_layout(program.abi, data)))
