"""Random vectors as C, compiled and run by gcc, g++ and clang, against the bytes of -f raw."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from opvasm.abi.revisions import REVISIONS, Abi, get_abi
from opvasm.formats import Listing, write
from opvasm.formats.c_header import c_header
from opvasm.program import Layout, Program, Vector, default_layout

from .random_programs import random_program
from .toolchain import WARNINGS, can_compile, need, run

VECTORS = 12
MAIN = """
#include <stdio.h>
static char percpu[3 * 8192], shared[4096], page[8192];
OPV_ALIGNED(16) static char pool[64];
static void print(const char *name, const struct cpu_op *ops, int count, size_t slots)
{
    printf("%s %zx ", name, slots);
    for (size_t i = 0; i < (size_t)count * sizeof(*ops); i++)
        printf("%02x", ((const unsigned char *)ops)[i]);
    printf("\\n");
}
int main(void)
{
"""
OPEN = """
    const struct opv_memory memory = { percpu, 8192, shared, page, pool };
    struct cpu_op ops[16];
    printf("percpu %zx\\nshared %zx\\n", (size_t)percpu, (size_t)shared);
    printf("page %zx\\npool %zx\\n", (size_t)page, (size_t)pool);
    opv_fill_pool(&memory, 1);
"""
COMPILERS = [
    pytest.param(compiler, revision, id=f"{compiler}-{revision}")
    for compiler in ("gcc", "clang", "g++")
    for revision in [each.name for each in REVISIONS]
    if compiler == "gcc" or revision in ("2017-10", "2019-04")
]


def calls(program: Program, arguments: dict[str, dict[str, int]]) -> Iterator[str]:
    """C that fills each vector and prints it."""
    for vector in program.vectors.values():
        name = vector.name
        yield "    {"
        yield f"        struct opv_{name}_arguments a;"
        for each in vector.parameters:
            value = arguments[name][each.name] % (1 << 64)
            kind = f"__typeof__(a.{each.name})"
            yield f"        a.{each.name} = ({kind}){value:#x}u;"
        yield f'        print("{name}", ops, opv_{name}(ops, &memory, 1, &a), (size_t)&a);'
        yield "    }"


def built(text: str, compiler: str, abi: Abi, folder: Path) -> dict[str, list[str]]:
    """What the program of that text prints, by its first word, of whatever byte order."""
    options = [*WARNINGS, "-std=c11"]
    if compiler == "g++":
        # An initialiser of C++ warns of each member that it leaves out.
        options = [*WARNINGS, "-Wno-missing-field-initializers", "-std=c++20"]
    if abi.model.word == 4:
        options.append("-m32")
    if abi.model.byteorder == "big":
        # gcc can store a struct the other way round, on the machine that there is.
        options += ["-U__BYTE_ORDER__", "-D__BYTE_ORDER__=__ORDER_BIG_ENDIAN__"]
        storage = "#pragma scalar_storage_order"
        header = f"{storage} big-endian\n{c_header(abi)}\n{storage} default\n"
        text = f"#include <stddef.h>\n#include <stdint.h>\n{header}{text}"
    source = folder / ("v.cc" if compiler == "g++" else "v.c")
    source.write_text(text)
    run(compiler, *options, source, "-o", folder / "v")
    return {words[0]: words[1:] for words in map(str.split, run(folder / "v").splitlines())}


def raw(program: Program, vector: Vector, layout: Layout, arguments: dict[str, int]) -> bytes:
    """The bytes of ``asm -f raw`` on CPU 1."""
    return write("raw", Listing(program, (vector,), layout, 1, arguments))


@pytest.mark.parametrize("model", ["64le", "32le", "64be", "32be"])
@pytest.mark.parametrize(("compiler", "revision"), COMPILERS)
def test_c_computes_what_binding_computes(
    compiler: str, revision: str, model: str, tmp_path: Path
) -> None:
    """Functions that fill random vectors and constant arrays of them hold the bytes of -f raw."""
    need(compiler)
    if model.endswith("be") and compiler != "gcc":
        pytest.skip("only gcc compiles for the other byte order without its C library")
    abi = get_abi(revision, model)
    if abi.model.word == 4 and not can_compile(compiler, "-m32", tmp_path):
        pytest.skip(f"{compiler} -m32 has no C library: apt install libc6-dev-i386 lib32gcc-12-dev")
    program, arguments = random_program(abi, 1, VECTORS)
    default = default_layout(abi, program.data)
    vectors = tuple(program.vectors.values())

    text = write("c", Listing(program, vectors, default)).decode()
    body = "\n".join(calls(program, arguments))
    printed = built(f"{text}{MAIN}{OPEN}{body}\n    return 0;\n}}\n", compiler, abi, tmp_path)
    areas = {name: int(printed[name][0], 16) for name in ("percpu", "shared", "page", "pool")}
    for vector in vectors:
        slots, digits = printed[vector.name]
        layout = Layout(**areas, percpu_stride=8192, slots=int(slots, 16))
        expected = raw(program, vector, layout, arguments[vector.name])
        assert bytes.fromhex(digits) == expected, vector.name

    text, body = "", ""
    for vector in vectors:
        listing = Listing(program, (vector,), default, 1, arguments[vector.name])
        one = write("c", listing).decode()
        text += one if not text else one[one.index(f"/* {vector.name}, on CPU") :]
        body += f'    print("{vector.name}", opv_{vector.name}, opv_{vector.name}_count, 0);\n'
    main = MAIN.replace("static char percpu[3 * 8192], shared[4096], page[8192];", "")
    main = main.replace("OPV_ALIGNED(16) static char pool[64];", "")
    printed = built(f"{text}{main}{body}    return 0;\n}}\n", compiler, abi, tmp_path)
    for vector in vectors:
        expected = raw(program, vector, default, arguments[vector.name])
        assert bytes.fromhex(printed[vector.name][1]) == expected, vector.name
