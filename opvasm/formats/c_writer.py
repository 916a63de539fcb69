"""Vectors as C, which is C++ too: ``struct cpu_op`` filled with its header's names.

A bound vector is a constant array of absolute addresses.  An unbound one is a function that fills
an array from C's own addresses: ``struct opv_memory`` says where the areas lie, and a struct of the
vector's arguments gives their values and is, at the same time, the place of their slots.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from ..abi.layout import OP_BYTES, UNION_OFFSET, FieldKind
from ..abi.revisions import Abi
from ..binary import encode
from ..binding import bind, pool_bytes, slot_bytes
from ..program import Area, Instruction, SymbolAddress, Vector
from ..text.printer import Speller
from . import Listing
from .c_expressions import Expressions, number
from .c_header import c_header
from .c_names import area_lines, check, declaration, struct_lines
from .c_words import Spelling, identifier, vector_name
from .template import field_values

_LINE = 100
_ALIGNED = "OPV_ALIGNED(16) static const unsigned char"


def write(listing: Listing) -> bytes:
    """The listing as one file that needs no header but C's own, for C11 and C++11.

    The constant array of a bound vector needs C++20, whose initialisers name members.
    Raises BindError when arguments are given that do not bind the vector.
    """
    lines = [*_head(listing)]
    if listing.arguments is None:
        lines += _data(listing)
        for vector in listing.vectors:
            lines += _function(vector, listing)
    else:
        for vector in listing.vectors:
            lines += _array(vector, listing, listing.arguments)
    while lines[-1] == "":
        lines.pop()
    return ("\n".join(lines) + "\n").encode()


def _head(listing: Listing) -> Iterator[str]:
    abi = listing.program.abi
    order = abi.model.byteorder.upper()
    yield f"/* cpu_opv vectors for revision {abi.revision.name}, data model {abi.model.name}. */"
    yield "#include <stddef.h>"
    yield "#include <stdint.h>"
    if listing.arguments is None:
        yield "#include <string.h>"
    yield ""
    yield "#ifndef CPU_OP_ARG_LEN_MAX /* a header of cpu_opv that came first is used as it is */"
    yield c_header(abi).rstrip("\n")
    yield "#endif"
    yield ""
    yield "#ifdef __cplusplus"
    yield "# define OPV_CHECK(condition, message) static_assert(condition, message)"
    yield "# define OPV_ALIGNED(bytes) alignas(bytes)"
    yield "#else"
    yield "# define OPV_CHECK(condition, message) _Static_assert(condition, message)"
    yield "# define OPV_ALIGNED(bytes) _Alignas(bytes)"
    yield "#endif"
    yield ""
    yield f"#if __BYTE_ORDER__ != __ORDER_{order}_ENDIAN__"
    yield f'# error "these vectors are for a {order.lower()}-endian machine"'
    yield "#endif"
    yield check(f"sizeof(struct cpu_op) == {OP_BYTES}", f"an op is {OP_BYTES} bytes")
    pointers = f"these vectors are for {8 * abi.model.word}-bit pointers"
    yield check(f"sizeof(void *) == {abi.model.word}", pointers)
    for opcode, operation in enumerate(abi.revision.operations):
        message = f"{operation.c_name} of {abi.revision.name}"
        yield check(f"{operation.c_name} == {opcode}", message)
    yield ""


# ---- bound: a constant array --------------------------------------------------------------------


def _array(vector: Vector, listing: Listing, arguments: Mapping[str, int]) -> Iterator[str]:
    program, layout = listing.program, listing.layout
    instructions = bind(vector, program, layout, listing.cpu, arguments)
    name = vector_name(vector.name)
    yield f"/* {vector.name}, on CPU {listing.cpu}. */"
    yield f"enum {{ {name}_count = {len(instructions)} }};"
    if instructions:
        yield f"static const struct cpu_op {name}[{len(instructions)}] = {{"
        for index, (written, bound) in enumerate(
            zip(vector.instructions, instructions, strict=True)
        ):
            yield f"    {_comment(index, written, listing, vector)}"
            yield from _initialiser(bound, program.abi)
        yield "};"
    else:
        yield "/* No op: call with a count of 0. */"
        yield f"static const struct cpu_op {name}[1] = {{ {{ 0, 0, {{ {{ 0 }} }} }} }};"
    yield ""
    pool = pool_bytes(program, layout, listing.cpu)
    slots = slot_bytes(vector, program.abi, arguments)
    yield from _image(f"{name}_pool", pool, layout.pool, "the literal pool")
    yield from _image(f"{name}_slots", slots, layout.slots, "the arguments' own bytes")


def _initialiser(instruction: Instruction, abi: Abi) -> Iterator[str]:
    """An op whose values are known.  Bytes that have no name are written as the whole union."""
    operation = instruction.operation
    if operation is None or instruction.extra:
        union = encode([instruction], abi)[UNION_OFFSET:]
        member = "__padding"
        values = [f"'\\x{byte:02x}'" if byte else "0" for byte in union]
    else:
        member = operation.member or ""
        values = [
            f".{field.name} = {number(value)}"
            for field, value in field_values(instruction, abi)
            if isinstance(value, int) and (value or field.kind is not FieldKind.EXPECT_FAULT)
        ]
    head = f".op = {_opcode(instruction)}, .len = {_length(instruction)}"
    if not member:
        yield f"    {{ {head} }},"
        return
    line = f"    {{ {head}, .u = {{ .{member} = {{ {', '.join(values)} }} }} }},"
    if len(line) <= _LINE:
        yield line
        return
    yield "    {"
    yield f"        {head},"
    yield f"        .u = {{ .{member} = {{"
    step = 8 if member == "__padding" else 1
    for start in range(0, len(values), step):
        yield f"            {', '.join(values[start : start + step])},"
    yield "        } },"
    yield "    },"


def _opcode(instruction: Instruction) -> str:
    operation = instruction.operation
    return str(instruction.opcode) if operation is None else operation.c_name


def _length(instruction: Instruction) -> str:
    return f"{instruction.length}{'u' if instruction.length >> 31 else ''}"


def _image(name: str, data: bytes, address: int, what: str) -> Iterator[str]:
    if data:
        yield f"/* {what[0].upper()}{what[1:]}, which must lie at {address:#x}. */"
        yield f"{_ALIGNED} {name}[{len(data)}] = {{"
        yield from _byte_rows(data)
        yield "};"
        yield ""


def _byte_rows(data: bytes) -> Iterator[str]:
    for start in range(0, len(data), 12):
        yield "    " + " ".join(f"{byte:#04x}," for byte in data[start : start + 12])


# ---- unbound: a function ------------------------------------------------------------------------


def _data(listing: Listing) -> Iterator[str]:
    program, spelling = listing.program, Spelling(listing.header is not None)
    data = program.data
    if listing.header is not None:
        bracketed = listing.header[:1] in ("<", '"')
        yield f"#include {listing.header}" if bracketed else f'#include "{listing.header}"'
        yield ""
    yield from struct_lines(data, program.abi, spelling)
    for area in Area:
        yield from area_lines(data, area, program.abi, spelling)
    yield "/* Where the data lies: CPU c's part of the percpu area begins c strides into it. */"
    yield "struct opv_memory {"
    yield "    char *percpu;"
    yield "    size_t percpu_stride; /* bytes */"
    yield "    char *shared;"
    yield "    char *page;"
    yield f"    char *pool; /* {data.pool_size} bytes */"
    yield "};"
    yield ""
    yield "static inline uintptr_t opv_percpu_area(const struct opv_memory *memory, int cpu)"
    yield "{"
    yield "    return (uintptr_t)memory->percpu + (size_t)cpu * memory->percpu_stride;"
    yield "}"
    yield ""
    if data.pool:
        yield from _pool(listing, Expressions(data, spelling))


def _pool(listing: Listing, expressions: Expressions) -> Iterator[str]:
    """A function that fills the literal pool, since addresses in it are known at run time only."""
    program = listing.program
    yield "/* Fills the literal pool for vectors that run on a CPU. */"
    yield "static inline void opv_fill_pool(const struct opv_memory *memory, int cpu)"
    yield "{"
    yield "    (void)cpu;"
    for item in program.data.pool:
        name, target = f"constant_{item.offset}", f"memory->pool + {item.offset}"
        if isinstance(item.value, SymbolAddress):
            kind = f"uint{8 * item.size}_t"
            yield f"    const {kind} {name} = ({kind})({expressions.address(item.value, 0)});"
            yield f"    memcpy({target}, &{name}, {item.size});"
            continue
        data = item.value
        if isinstance(data, int):
            data = (data % (1 << (8 * item.size))).to_bytes(item.size, program.abi.model.byteorder)
        assert isinstance(data, bytes)
        yield f"    static const unsigned char {name}[{item.size}] = {{"
        yield from (f"    {row}" for row in _byte_rows(data))
        yield "    };"
        yield f"    memcpy({target}, {name}, {item.size});"
    yield "}"
    yield ""


def _function(vector: Vector, listing: Listing) -> Iterator[str]:
    abi, spelling = listing.program.abi, Spelling(listing.header is not None)
    tag = f"opv_{vector.name}_arguments"
    parameters = [f"struct cpu_op ops[{max(1, len(vector.instructions))}]"]
    parameters += ["const struct opv_memory *memory", "int cpu"]
    if vector.parameters:
        yield f"/* The arguments of {vector.name}; must live until the call of cpu_opv is over. */"
        yield f"struct {tag} {{"
        for each in vector.parameters:
            yield f"    {declaration(each.type, identifier(each.name), abi.model, spelling)}"
        yield "};"
        for each in vector.parameters:
            yield check(f"offsetof(struct {tag}, {identifier(each.name)}) == {each.offset}")
        parameters.append(f"const struct {tag} *arguments")
        yield ""
    yield f"/* Fills the ops of {vector.name} for a CPU; returns how many there are. */"
    yield f"static inline int {vector_name(vector.name)}({parameters[0]},"
    yield from (f"    {each}," for each in parameters[1:-1])
    yield f"    {parameters[-1]})"
    yield "{"
    body = list(_statements(vector, listing, Expressions(listing.program.data, spelling, vector)))
    for used in ("ops", "memory", "cpu", "arguments")[: len(parameters)]:
        if not any(re.search(rf"\b{used}\b", line) for line in body if "/*" not in line):
            yield f"    (void){used};"
    yield from body
    yield f"    return {len(vector.instructions)};"
    yield "}"
    yield ""


def _statements(vector: Vector, listing: Listing, expressions: Expressions) -> Iterator[str]:
    abi = listing.program.abi
    if vector.instructions:
        yield f"    memset(ops, 0, {len(vector.instructions)} * sizeof(*ops));"
    for index, instruction in enumerate(vector.instructions):
        op = f"ops[{index}]"
        yield f"    {_comment(index, instruction, listing, vector)}"
        yield f"    {op}.op = {_opcode(instruction)};"
        yield f"    {op}.len = {_length(instruction)};"
        operation = instruction.operation
        for field, value in field_values(instruction, abi):
            if value != 0 and operation is not None:
                text = expressions.field(field, value, instruction.length)
                yield f"    {op}.u.{operation.member}.{field.name} = {text};"
        for offset, byte in instruction.extra:
            yield f"    ((unsigned char *)&{op})[{offset}] = {byte:#04x};"


def _comment(index: int, instruction: Instruction, listing: Listing, vector: Vector) -> str:
    text = str(Speller(listing.program.abi, listing.program.data, vector).line(instruction))
    return f"/* op {index}: {text.replace('*/', '* /').replace('/*', '/ *')} */"
