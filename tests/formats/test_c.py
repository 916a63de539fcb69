"""The text for C, compiled by gcc and run, against our own binding and the field table."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from opvasm.abi.layout import FieldKind
from opvasm.abi.revisions import REVISIONS, Abi, get_abi
from opvasm.binary import encode
from opvasm.binding import bind, pool_bytes
from opvasm.formats import Listing, write
from opvasm.formats.c_header import c_header
from opvasm.formats.c_words import Spelling, identifier, vector_name
from opvasm.program import (
    Area,
    ArgumentValue,
    Layout,
    Member,
    Parameter,
    Program,
    Scalar,
    Struct,
    Symbol,
    SymbolAddress,
    Vector,
    default_layout,
)

from .programs import arguments_of, data_of, instruction, program_of
from .toolchain import GCC_FLAGS, WARNINGS, ElfFile, need, run

HOST_ABIS = [get_abi(revision.name, "64le") for revision in REVISIONS]
# Compilers for the other data models are rare; gcc for x86-64 can make their layouts all the same.
MODEL_FLAGS = {
    "64le": (),
    "32le": ("-m32",),
    "64be": ("-U__BYTE_ORDER__", "-D__BYTE_ORDER__=__ORDER_BIG_ENDIAN__"),
    "32be": ("-m32", "-U__BYTE_ORDER__", "-D__BYTE_ORDER__=__ORDER_BIG_ENDIAN__"),
}
# What every big-endian structure needs on a little-endian machine, so that bytes come out right.
BIG_ENDIAN = "#pragma scalar_storage_order big-endian\n"


def compiled(text: str, folder: Path, *flags: str) -> Path:
    """An object file; for -m32 without a C library, which is seldom installed."""
    need("gcc")
    (folder / "string.h").write_text(
        "void *memcpy(void *, const void *, __SIZE_TYPE__);\n"
        "void *memset(void *, int, __SIZE_TYPE__);\n"
    )
    (folder / "v.c").write_text(text)
    options = (*GCC_FLAGS, *flags, "-ffreestanding", "-I", str(folder))
    run("gcc", *options, "-c", folder / "v.c", "-o", folder / "v.o")
    return folder / "v.o"


def test_the_headers_offsets_are_the_field_tables(abi: Abi, tmp_path: Path) -> None:
    """offsetof and sizeof as gcc computes them, in every revision and data model."""
    need("gcc")
    checks = ['_Static_assert(sizeof(struct cpu_op) == 32, "size");']
    checks.append('_Static_assert(offsetof(struct cpu_op, op) == 0, "op");')
    checks.append('_Static_assert(offsetof(struct cpu_op, len) == 4, "len");')
    checks.append('_Static_assert(offsetof(struct cpu_op, u) == 8, "u");')
    plain = abi.revision.plain_pointers
    for operation in abi.revision.operations:
        checks.append(f'_Static_assert({operation.c_name} == {abi.opcode(operation)}, "opcode");')
        for field in abi.fields(operation):
            if field.name in ("op", "len") or (plain and field.kind is FieldKind.PADDING):
                continue
            member = f"struct cpu_op, u.{operation.member}.{field.name}"
            offset, size = field.offset, field.size
            if plain and field.kind is FieldKind.POINTER:
                offset, size = offset - offset % 8, 8
            checks.append(f'_Static_assert(offsetof({member}) == {offset}, "{field.name}");')
            checks.append(
                f"_Static_assert(sizeof(((struct cpu_op *)0)->u.{operation.member}.{field.name})"
                f' == {size}, "{field.name}");'
            )
    for query in abi.revision.queries:
        checks.append(f'_Static_assert({query.c_name} == {query.bit}, "flag");')
    text = f"#include <stddef.h>\n{c_header(abi)}\n" + "\n".join(checks) + "\n"
    compiled(text, tmp_path, *MODEL_FLAGS[abi.model.name])


def test_a_bound_vector_compiles_to_our_bytes(abi: Abi, tmp_path: Path) -> None:
    """The constant array in the object file is the encoder's, in every data model."""
    program = program_of(abi)
    for vector in program.vectors.values():
        layout = default_layout(abi, program.data)
        arguments = arguments_of(vector)
        text = write("c", Listing(program, (vector,), layout, 1, arguments)).decode()
        if abi.model.byteorder == "big":
            text = BIG_ENDIAN + text
        keep = f"\nconst struct cpu_op *keep(void);\nconst struct cpu_op *keep(void) {{ return opv_{vector.name}; }}\n"
        elf = ElfFile(compiled(text + keep, tmp_path, *MODEL_FLAGS[abi.model.name]))
        expected = encode(bind(vector, program, layout, 1, arguments), abi)
        assert elf.symbol_bytes(f"opv_{vector.name}") == (expected or bytes(32))


MAIN = """
#include <stdio.h>

static char percpu[3 * 4096], shared[4096], page[8192];
_Alignas(16) static char pool[64];

static void print(const char *name, const void *data, size_t size)
{
    printf("%s ", name);
    for (size_t i = 0; i < size; i++)
        printf("%02x", ((const unsigned char *)data)[i]);
    printf("\\n");
}

int main(void)
{
    const struct opv_memory memory = { percpu, 4096, shared, page, pool };
    struct cpu_op ops[32];
    int cpu = 1, count;
    printf("percpu %zx\\nshared %zx\\npage %zx\\npool %zx\\n",
        (size_t)percpu, (size_t)shared, (size_t)page, (size_t)pool);
    opv_fill_pool(&memory, cpu);
    print("poolbytes", pool, POOL_SIZE);
CALLS
    return 0;
}
"""


def calls(program: Program) -> Iterator[str]:
    """C that fills each vector and prints its bytes and where its arguments lie."""
    for vector in program.vectors.values():
        name = vector.name
        memory = "ops, &memory, cpu"
        yield "    memset(ops, 0, sizeof(ops));"
        if vector.parameters:
            values = ", ".join(
                f".{'short_' if key == 'short' else key} = {value:#x}{'u' if value > 0 else ''}"
                for key, value in arguments_of(vector).items()
            )
            yield f"    struct opv_{name}_arguments {name}_arguments = {{ {values} }};"
            yield f'    printf("{name}.slots %zx\\n", (size_t)&{name}_arguments);'
            memory += f", &{name}_arguments"
        yield f"    count = opv_{name}({memory});"
        yield f'    print("{name}", ops, (size_t)count * sizeof(struct cpu_op));'


@pytest.mark.parametrize("abi", HOST_ABIS, ids=str)
def test_an_unbound_vector_filled_by_c_is_what_binding_makes(abi: Abi, tmp_path: Path) -> None:
    """A program fills the ops at run time and prints them with the addresses it has."""
    need("gcc")
    program = program_of(abi)
    vectors = tuple(program.vectors.values())
    text = write("c", Listing(program, vectors, default_layout(abi, program.data))).decode()
    main = MAIN.replace("CALLS", "\n".join(calls(program)))
    main = main.replace("POOL_SIZE", str(program.data.pool_size))
    (tmp_path / "v.c").write_text(text + main)
    run("gcc", *GCC_FLAGS, tmp_path / "v.c", "-o", tmp_path / "v")
    printed = dict(line.split(" ", 1) for line in run(tmp_path / "v").splitlines())
    for vector in vectors:
        layout = Layout(
            percpu=int(printed["percpu"], 16),
            percpu_stride=4096,
            shared=int(printed["shared"], 16),
            page=int(printed["page"], 16),
            pool=int(printed["pool"], 16),
            slots=int(printed.get(f"{vector.name}.slots", "0"), 16),
        )
        expected = encode(bind(vector, program, layout, 1, arguments_of(vector)), abi)
        assert read_part(printed[vector.name], vector, abi) == masked(expected, vector, abi)
        assert bytes.fromhex(printed["poolbytes"]) == pool_bytes(program, layout, 1)


def read_part(digits: str, vector: Vector, abi: Abi) -> bytes:
    """The printed bytes without those that C leaves open and no kernel reads."""
    return masked(bytes.fromhex(digits), vector, abi)


def masked(data: bytes, vector: Vector, abi: Abi) -> bytes:
    """Zeros where a union member is shorter than the union, unless the vector sets the byte."""
    image = bytearray(data)
    for index, each in enumerate(vector.instructions):
        named = {offset for offset, _ in each.extra}
        for offset in set(abi.unused(each.operation)) - named:
            image[32 * index + offset] = 0
    return bytes(image)


@pytest.mark.parametrize("abi", [get_abi(r.name, "32le") for r in REVISIONS], ids=str)
def test_an_unbound_vector_compiles_on_a_32_bit_machine(abi: Abi, tmp_path: Path) -> None:
    """With its data at the offsets that opvasm gave it, as the assertions in the text say."""
    program = program_of(abi)
    vectors = tuple(program.vectors.values())
    text = write("c", Listing(program, vectors, default_layout(abi, program.data))).decode()
    assert text.count("laid out as opvasm does") >= len(program.data.symbols)
    compiled(text, tmp_path, "-m32")


def test_a_program_for_another_machine_does_not_compile(tmp_path: Path) -> None:
    need("gcc")
    for model, words in (("64be", "big-endian machine"), ("32le", "for 32-bit pointers")):
        program = program_of(get_abi("2017-11", model))
        layout = default_layout(program.abi, program.data)
        text = write("c", Listing(program, tuple(program.vectors.values()), layout)).decode()
        with pytest.raises(AssertionError, match=words):
            compiled(text, tmp_path)


def test_a_header_of_another_revision_does_not_go_unnoticed(tmp_path: Path) -> None:
    """The opcodes 3, 4, 5 changed their meaning: the text checks the header that came first."""
    program = program_of(get_abi("2017-11"))
    listing = Listing(
        program, tuple(program.vectors.values()), default_layout(program.abi, program.data)
    )
    text = c_header(get_abi("2019-04")) + write("c", listing).decode()
    with pytest.raises(AssertionError, match="CPU_ADD_OP of 2017-11"):
        compiled(text, tmp_path)
    compiled(c_header(get_abi("2017-11")) + write("c", listing).decode(), tmp_path)


def test_names_that_c_has_taken_get_an_underscore() -> None:
    program = program_of(get_abi())
    layout = default_layout(program.abi, program.data)
    text = write("c", Listing(program, tuple(program.vectors.values()), layout)).decode()
    assert "uint8_t int_[4];" in text
    assert "int16_t short_;" in text


# What C23, C++23 and gcc's own modes take, by their standards' lists.
_OF_STANDARDS = """
    _Alignas _Alignof _Atomic _BitInt _Bool _Complex _Decimal32 _Generic _Imaginary _Noreturn
    _Static_assert _Thread_local asm auto bool break case char const constexpr continue default do
    double else enum extern false float for goto if inline int long nullptr register restrict return
    short signed sizeof static static_assert struct switch thread_local true typedef typeof
    typeof_unqual union unsigned void volatile while __LINE__ __FILE__ __func__ __COUNTER__ __asm__
    alignas and and_eq bitand bitor catch char16_t class compl concept const_cast consteval co_await
    decltype delete dynamic_cast explicit export friend mutable namespace new noexcept not not_eq
    operator or or_eq private protected public reinterpret_cast requires static_cast template this
    throw try typeid typename using virtual wchar_t xor xor_eq uint64_t size_t uintptr_t NULL
    SIZE_MAX INT64_MIN CPU_OP_ARG_LEN_MAX CPU_OP_POINTER linux unix
"""
C_WORDS = tuple(_OF_STANDARDS.split())
OUR_WORDS: tuple[str, ...] = (
    "fill_pool",
    "percpu_area",
    "memory",
    "percpu",
    "shared",
    "pool",
    "cpu_op",
    "ops",
    "cpu",
)
OUR_WORDS += ("arguments", "main")
OTHERS = ("opv_x", "_SIZE_T", "kept_SIZE_T", "kept_kept_SIZE_T", "kept__LINE__", "kept_x", "kept")


def defined_macros(*flags: str) -> list[str]:
    """The macros that gcc and the headers of the text define, and their guards without the last underscore."""
    lines = run(
        "gcc",
        *flags,
        "-dM",
        "-E",
        "-include",
        "stdint.h",
        "-include",
        "string.h",
        "-x",
        "c",
        "/dev/null",
    )
    names = [line.split()[1].partition("(")[0] for line in lines.splitlines()]
    return [*names, *(name[:-1] for name in names if name.endswith("_") and name[-2] != "_")]


@pytest.mark.parametrize(
    ("compiler", "standard"), [("gcc", "gnu17"), ("gcc", "c11"), ("g++", "gnu++20")]
)
def test_a_name_may_be_any_word_of_c(compiler: str, standard: str, tmp_path: Path) -> None:
    """Variables, structs, members, parameters and vectors called like keywords, macros or our own."""
    need(compiler, "gcc")
    words = sorted({*C_WORDS, *OUR_WORDS, *defined_macros()})
    abi = get_abi()
    data = data_of(abi)
    kind = Scalar("u64", 8, False)
    structs = {word: Struct(word, (Member(word, kind, 0),), 8, 8) for word in words}
    symbols = [
        Symbol(word, area, 8 * index, 8, structs[word])
        for area, half in ((Area.PERCPU, words[::2]), (Area.SHARED, words[1::2]))
        for index, word in enumerate(half)
    ]
    vectors = {}
    for word in words:
        row = instruction(abi, "add", 8, (SymbolAddress(word),), ArgumentValue(word))
        assert row is not None
        vectors[word] = Vector(word, (Parameter(word, kind, 0),), (row,))
    data = data._replace(symbols={each.name: each for each in symbols}, structs=structs)
    program = Program(abi, data._replace(pool=()), vectors)
    text = write("c", Listing(program, tuple(vectors.values()), default_layout(abi, data))).decode()
    source = tmp_path / ("v.cc" if compiler == "g++" else "v.c")
    source.write_text(text)
    run(compiler, f"-std={standard}", *WARNINGS, "-c", source, "-o", tmp_path / "v.o")


def test_no_two_names_become_one() -> None:
    """A name that is another one with an underscore is not that one's replacement."""
    names = [name + "_" * more for name in (*C_WORDS, *OUR_WORDS, *OTHERS) for more in range(3)]
    for spell in (identifier, Spelling(False).tag, vector_name):
        assert len({spell(name) for name in names}) == len(names)


def test_structs_may_be_those_of_the_users_header(tmp_path: Path) -> None:
    """With a header the text declares no struct again, and refuses one that is laid out otherwise."""
    need("gcc")
    program = program_of(get_abi())
    listing = Listing(
        program, (program.vectors["push"],), default_layout(program.abi, program.data)
    )
    text = write("c", listing._replace(header="mine.h")).decode()
    node = "struct node { struct node *next; unsigned long value; };\n"
    ring = "struct ring { unsigned long head, slot[4]; };\n"
    (tmp_path / "mine.h").write_text(f"#pragma once\n{node}{ring}")
    (tmp_path / "v.c").write_text('#include "mine.h"\n' + text)
    run("gcc", *GCC_FLAGS, "-c", tmp_path / "v.c", "-o", tmp_path / "v.o")
    (tmp_path / "mine.h").write_text(f"#pragma once\n{node.replace('long', 'int')}{ring}")
    with pytest.raises(AssertionError, match="laid out as opvasm does"):
        run("gcc", *GCC_FLAGS, "-c", tmp_path / "v.c", "-o", tmp_path / "v.o")
