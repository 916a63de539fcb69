"""The whole header: head, runtime, data, functions, in the order in which C needs them."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping

from ..light_typing import NamedTuple
from ..program import Data, PoolItem, Program, Vector, section as ir
from ..text.printer import Speller
from ..text.scenario_tree import Strategy
from .context import Context
from .functions import functions
from .memory import Memory, memory_lines
from .names import Naming, area_lines, struct_lines
from .plain import LINE_MARK
from .positions import Position

ARCHITECTURES = ("x86-64", "aarch64")

# The text is C that C++ takes, too. Warnings that ask C++ (or old C) for something else are not for its reader.
_TOLERATED = (
    "#pragma GCC diagnostic push",
    "#if defined(__cplusplus)",
    '# pragma GCC diagnostic ignored "-Wold-style-cast"',
    '# pragma GCC diagnostic ignored "-Wzero-as-null-pointer-constant"',
    "# if !defined(__clang__)",
    '#  pragma GCC diagnostic ignored "-Wuseless-cast"',
    "# endif",
    "#else",
    '# pragma GCC diagnostic ignored "-Wdeclaration-after-statement"',
    "#endif",
    "#if defined(__clang__)",
    '# pragma GCC diagnostic ignored "-Wused-but-marked-unused"',
    "#endif",
    "",
)


class Request(NamedTuple):
    """What to emit.

    ``head`` are lines for the comment at the top; ``includes`` the user's own headers, as they stand
    in an #include; ``file_name`` the header's own name, for its #line directives; ``positions`` the
    parameters, by name, that are handed over as the number of an array's element; ``loading`` the sections
    that load, by name, that stand among the vectors as what their functions take.
    """

    program: Program
    vectors: tuple[Vector, ...]
    strategy: Strategy
    naming: Naming
    architectures: tuple[str, ...] = ARCHITECTURES
    includes: tuple[str, ...] = ()
    head: tuple[str, ...] = ()
    file_name: str = "header.h"
    positions: Mapping[str, Position] = {}
    loading: Mapping[str, ir.Section] = {}


def header(request: Request) -> str:
    """The text of the header.  What can't be emitted was refused before (refusals.py)."""
    lines = list(_lines(request))
    return "\n".join(_numbered(lines, request.file_name)) + "\n"


def runtime_text() -> str:
    """The part that all headers share: a program with two that differ in it is not compiled."""
    with open(f"{__file__.removesuffix('header.py')}runtime.h", encoding="utf-8") as file:
        text = file.read()
    number = f"{zlib.crc32(text.encode()):#010x}"
    return (
        f"#if defined(OPV_RUNTIME) && OPV_RUNTIME != {number}\n"
        '# error "two headers by two versions of opvasm: emit both again by one"\n'
        "#endif\n" + text.replace("#define OPV_RUNTIME 1\n", f"#define OPV_RUNTIME {number}\n")
    )


def _lines(request: Request) -> Iterator[str]:
    program, naming = request.program, request.naming
    prefix = naming.prefix
    guard = f"OPV_{prefix.upper()}_H"
    yield "/*"
    yield from (f" * {line}".rstrip().replace("*/", "* /") for line in request.head)
    yield " */"
    yield f"#ifndef {guard}"
    yield f"#define {guard}"
    yield ""
    yield from _TOLERATED
    yield from runtime_text().rstrip("\n").split("\n")
    yield ""
    if request.includes:
        yield from (f"#include {each}" for each in request.includes)
        yield ""
    yield "/* ---- data ---- */"
    yield ""
    yield from struct_lines(program.data, naming)
    yield from area_lines(program.data, naming)
    yield from memory_lines(Memory(program.data, prefix, request.strategy))
    yield from _pool(program.data, naming)
    for vector in request.vectors:
        speller = Speller(program.abi, program.data, vector)
        subscribes = request.strategy.uses_sections and request.strategy.subscription == "eager"
        own = {p.name for p in vector.parameters}
        context = Context(vector, program.data, naming, speller, subscribes=subscribes)
        loading = request.loading.get(vector.name)
        positions = {name: each for name, each in request.positions.items() if name in own}
        context = context._replace(
            positions={} if loading is not None else positions, loading=loading
        )
        for text in functions(context, request.strategy, program.abi, request.architectures):
            yield from text.split("\n")
    yield "#pragma GCC diagnostic pop"
    yield f"#endif /* {guard} */"


def _pool(data: Data, naming: Naming) -> Iterator[str]:
    """The literal pool, for constants that are not a word: its addresses stand in none of them."""
    if not data.pool:
        return
    image = bytearray(data.pool_size)
    for item in data.pool:
        image[item.offset : item.offset + item.size] = pool_bytes(item)
    yield "/* Constants that are compared or copied as memory. */"
    yield (
        f"static const unsigned char {naming.prefix}_pool[{len(image)}]"
        " __attribute__((aligned(16), unused)) = {"
    )
    for start in range(0, len(image), 12):
        yield "    " + " ".join(f"{byte:#04x}," for byte in image[start : start + 12])
    yield "};"
    yield ""


def pool_bytes(item: PoolItem) -> bytes:
    """A constant's bytes; zeros for one that is an address, which code makes on the spot."""
    match item.value:
        case bytes(raw):
            return raw
        case int(number):
            return (number % (1 << (8 * item.size))).to_bytes(item.size, "little")
        case _:
            return bytes(item.size)


def _numbered(lines: list[str], file_name: str) -> Iterator[str]:
    """Line marks as #line directives, which can be switched off."""
    count = 0
    for line in lines:
        if not line.startswith(LINE_MARK):
            count += 1
            yield line
            continue
        what = line.removeprefix(LINE_MARK)
        # The directive names the line after its own; after it come the #endif and that line.
        target = f'{count + 4} "{file_name}"' if what == "back" else what
        yield "#if !defined(OPV_NO_SOURCE_LINES)"
        yield f"#line {target}"
        yield "#endif"
        count += 3
