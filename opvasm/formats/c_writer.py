"""Vectors as C: designated initialisers of ``struct cpu_op``, with its header's names.

A bound vector is a constant array of absolute addresses.  An unbound one is a function that fills
an array from C's own addresses: ``struct opv_memory`` says where the areas lie, and a struct of the
vector's arguments gives their values and is, at the same time, the place of their slots.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ..abi.layout import OP_BYTES, UNION_OFFSET, FieldKind
from ..abi.revisions import Abi
from ..binary import encode
from ..binding import bind, pool_bytes, slot_bytes
from ..errors import Crash
from ..program import (
    Area,
    ArgumentValue,
    Data,
    Instruction,
    Pointer,
    PoolAddress,
    SlotAddress,
    Symbol,
    SymbolAddress,
    Value,
    Vector,
)
from ..text.names import best_path
from ..text.printer import Speller
from . import Listing
from .c_header import c_header
from .c_names import area_lines, area_tag, declaration, identifier, struct_lines, struct_tag
from .template import field_values

# The fields outside the union, the union's member (or nothing), and what is inside it.
Initialiser = tuple[str, str, tuple[str, ...]]
_WHOLE_UNION = ".u.__padding"
_LINE = 100
_ALIGNED = "_Alignas(16) static const unsigned char"


def write(listing: Listing) -> bytes:
    """The listing as one C file that needs no header but C's own.

    Raises BindError when arguments are given that do not bind the vector.
    """
    abi = listing.program.abi
    fills_pool = listing.arguments is None and listing.program.data.pool
    lines = [*_head(abi, "string.h" if fills_pool else None)]
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


def _head(abi: Abi, library: str | None) -> Iterator[str]:
    order = abi.model.byteorder.upper()
    yield f"/* cpu_opv vectors for revision {abi.revision.name}, data model {abi.model.name}. */"
    yield "#include <stddef.h>"
    yield "#include <stdint.h>"
    if library is not None:
        yield f"#include <{library}>"
    yield ""
    yield "#ifndef CPU_OP_ARG_LEN_MAX /* a header of cpu_opv that came first is used as it is */"
    yield c_header(abi).rstrip("\n")
    yield "#endif"
    yield ""
    yield f"#if __BYTE_ORDER__ != __ORDER_{order}_ENDIAN__"
    yield f'# error "these vectors are for a {order.lower()}-endian machine"'
    yield "#endif"
    yield f'_Static_assert(sizeof(struct cpu_op) == {OP_BYTES}, "an op is {OP_BYTES} bytes");'
    yield (
        f"_Static_assert(sizeof(void *) == {abi.model.word}, "
        f'"these vectors are for {8 * abi.model.word}-bit pointers");'
    )
    for opcode, operation in enumerate(abi.revision.operations):
        message = f"{operation.c_name} of {abi.revision.name}"
        yield f'_Static_assert({operation.c_name} == {opcode}, "{message}");'
    yield ""


# ---- bound: a constant array --------------------------------------------------------------------


def _array(vector: Vector, listing: Listing, arguments: Mapping[str, int]) -> Iterator[str]:
    program, layout = listing.program, listing.layout
    instructions = bind(vector, program, layout, listing.cpu, arguments)
    name = f"opv_{vector.name}"
    yield f"/* {vector.name}, on CPU {listing.cpu}. */"
    yield f"enum {{ {name}_count = {len(instructions)} }};"
    if instructions:
        yield f"static const struct cpu_op {name}[{len(instructions)}] = {{"
        for index, (written, bound) in enumerate(
            zip(vector.instructions, instructions, strict=True)
        ):
            yield f"    {_comment(index, written, listing, vector)}"
            yield from _statement(f"[{index}] =", _constant(bound, program.abi), ",")
        yield "};"
    else:
        yield f"static const struct cpu_op {name}[1]; /* no op: call with a count of 0 */"
    yield ""
    pool = pool_bytes(program, layout, listing.cpu)
    slots = slot_bytes(vector, program.abi, arguments)
    yield from _image(f"{name}_pool", pool, layout.pool, "the literal pool")
    yield from _image(f"{name}_slots", slots, layout.slots, "the arguments' own bytes")


def _constant(instruction: Instruction, abi: Abi) -> Initialiser:
    """An op whose values are known.  Bytes that have no name are written as the whole union."""
    operation = instruction.operation
    if operation is not None and not instruction.extra:
        return _initialiser(instruction, abi, {})
    union = encode([instruction], abi)[UNION_OFFSET:]
    opcode = str(instruction.opcode) if operation is None else operation.c_name
    values = tuple(str(byte - 256 if byte > 127 else byte) for byte in union)
    return _head_fields(opcode, instruction.length), _WHOLE_UNION, values


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
    program = listing.program
    data = program.data
    yield from struct_lines(data, program.abi)
    for area in Area:
        yield from area_lines(data, area, program.abi)
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
        yield from _pool(listing)


def _pool(listing: Listing) -> Iterator[str]:
    """A function that fills the literal pool, since addresses in it are known at run time only."""
    program = listing.program
    yield "/* Fills the literal pool for vectors that run on a CPU. */"
    yield "static inline void opv_fill_pool(const struct opv_memory *memory, int cpu)"
    yield "{"
    yield "    (void)cpu;"
    for item in program.data.pool:
        target = f"memory->pool + {item.offset}"
        if isinstance(item.value, SymbolAddress):
            address = _address(item.value, 0, program.data, None)
            yield f"    memcpy({target}, &(uint{8 * item.size}_t) {{ {address} }}, {item.size});"
            continue
        data = item.value
        if isinstance(data, int):
            data = (data % (1 << (8 * item.size))).to_bytes(item.size, program.abi.model.byteorder)
        assert isinstance(data, bytes)
        yield f"    static const unsigned char constant_{item.offset}[{item.size}] = {{"
        yield from (f"    {row}" for row in _byte_rows(data))
        yield "    };"
        yield f"    memcpy({target}, constant_{item.offset}, {item.size});"
    yield "}"
    yield ""


def _function(vector: Vector, listing: Listing) -> Iterator[str]:
    abi = listing.program.abi
    name = f"opv_{vector.name}"
    parameters = [f"struct cpu_op ops[{max(1, len(vector.instructions))}]"]
    parameters += ["const struct opv_memory *memory", "int cpu"]
    if vector.parameters:
        yield f"/* The arguments of {vector.name}; must live until the call of cpu_opv is over. */"
        yield f"struct {name}_arguments {{"
        for each in vector.parameters:
            yield f"    {declaration(each.type, each.name, abi.model)}"
        yield "};"
        for each in vector.parameters:
            place = f"offsetof(struct {name}_arguments, {identifier(each.name)})"
            yield f'_Static_assert({place} == {each.offset}, "laid out as opvasm does");'
        parameters.append(f"const struct {name}_arguments *arguments")
        yield ""
    yield f"/* Fills the ops of {vector.name} for a CPU; returns how many there are. */"
    yield f"static inline int {name}({parameters[0]},"
    yield from (f"    {each}," for each in parameters[1:-1])
    yield f"    {parameters[-1]})"
    yield "{"
    body = list(_statements(vector, listing))
    for used in ("ops", "memory", "cpu", "arguments")[: len(parameters)]:
        if not any(used in line for line in body if "/*" not in line):
            yield f"    (void){used};"
    yield from body
    yield f"    return {len(vector.instructions)};"
    yield "}"
    yield ""


def _statements(vector: Vector, listing: Listing) -> Iterator[str]:
    abi = listing.program.abi
    for index, instruction in enumerate(vector.instructions):
        yield f"    {_comment(index, instruction, listing, vector)}"
        head = f"ops[{index}] = (struct cpu_op)"
        if instruction.is_bound:
            yield from _statement(head, _constant(instruction, abi), ";")
            continue
        initialiser = _named(instruction, abi, listing.program.data, vector)
        yield from _statement(head, initialiser, ";")
        for offset, byte in instruction.extra:
            yield f"    ((unsigned char *)&ops[{index}])[{offset}] = {byte:#04x};"


def _statement(head: str, initialiser: Initialiser, end: str) -> Iterator[str]:
    """An initialiser on one line, or with a line for each field where that is too long."""
    fields, member, values = initialiser
    if not member:
        yield f"    {head} {{ {fields} }}{end}"
        return
    line = f"    {head} {{ {fields}, {member} = {{ {', '.join(values)} }} }}{end}"
    if len(line) <= _LINE:
        yield line
        return
    yield f"    {head} {{"
    yield f"        {fields},"
    yield f"        {member} = {{"
    if member == _WHOLE_UNION:
        yield f"            {', '.join(values[:8])},"
        yield f"            {', '.join(values[8:16])},"
        yield f"            {', '.join(values[16:])},"
    else:
        yield from (f"            {value}," for value in values)
    yield "        },"
    yield f"    }}{end}"


def _named(instruction: Instruction, abi: Abi, data: Data, vector: Vector) -> Initialiser:
    expressions: dict[str, str] = {}
    for operand, value, _ in instruction.operands():
        expressions[operand.name] = _address(value, instruction.length, data, vector)
    operation, immediate = instruction.operation, instruction.immediate
    if operation is not None and operation.immediate is not None and immediate is not None:
        if isinstance(immediate, ArgumentValue):
            text = f"arguments->{identifier(immediate.parameter)}{_addend(immediate.addend)}"
            expressions[operation.immediate.name] = text
        elif not isinstance(immediate, int):
            expressions[operation.immediate.name] = _address(immediate, 0, data, vector)
    return _initialiser(instruction, abi, expressions)


def _initialiser(instruction: Instruction, abi: Abi, expressions: Mapping[str, str]) -> Initialiser:
    """The op by its fields; ``expressions`` stand for those that are not known yet."""
    operation = instruction.operation
    if operation is None:
        raise Crash("an unknown op has no fields")
    fields: list[str] = []
    for field, value in field_values(instruction, abi):
        if field.name in expressions:
            fields.append(f".{field.name} = {expressions[field.name]}")
        elif isinstance(value, int) and (value or field.kind is not FieldKind.EXPECT_FAULT):
            fields.append(f".{field.name} = {_number(value)}")
    member = "" if operation.member is None else f".u.{operation.member}"
    return _head_fields(operation.c_name, instruction.length), member, tuple(fields)


def _head_fields(opcode: str, length: int) -> str:
    return f".op = {opcode}, .len = {length}{'u' if length >> 31 else ''}"


def _number(value: int) -> str:
    if value == -(1 << 63):
        return "INT64_MIN"
    return str(value) if abs(value) < 1024 else f"{value:#x}"


def _address(value: Value, size: int, data: Data, vector: Vector | None) -> str:
    """A C expression for the address; ``size`` chooses between a struct and its first member."""
    match value:
        case int():
            return _number(value)
        case SymbolAddress(symbol=name, addend=addend, cpu=cpu):
            symbol = data.symbols[name]
            if symbol.area is Area.PERCPU:
                base = f"opv_percpu_area(memory, {'cpu' if cpu is None else cpu})"
            else:
                base = f"(uintptr_t)memory->{symbol.area.value}"
            return f"{base} + {_offset(symbol, addend, size)}"
        case ArgumentValue(parameter=name, addend=addend):
            base = f"(uintptr_t)arguments->{identifier(name)}"
            parameter = None if vector is None else vector.parameter(name)
            target = (
                parameter.type.target if parameter and isinstance(parameter.type, Pointer) else None
            )
            struct = data.structs.get(target or "")
            path = best_path(struct, addend, size) if struct is not None else None
            if struct is None or not path:
                return base + _addend(addend)
            return f"{base} + offsetof(struct {struct_tag(struct.name)}, {_path(path)[1:]})"
        case SlotAddress(parameter=name, addend=addend):
            return f"(uintptr_t)&arguments->{identifier(name)}{_addend(addend)}"
        case PoolAddress(offset=offset):
            return f"(uintptr_t)memory->pool + {offset}"


def _offset(symbol: Symbol, addend: int, size: int) -> str:
    """Bytes from the start of an area: by the member's name where one begins there."""
    tag, name = area_tag(symbol.area), identifier(symbol.name)
    path = best_path(symbol.type, addend, size) if symbol.type is not None else None
    if path is None or symbol.area is Area.PAGE:
        return f"offsetof(struct {tag}, {name}){_addend(addend)}"
    return f"offsetof(struct {tag}, {name}{_path(path)})"


def _path(path: str) -> str:
    """A path of the language with C's names for its members."""
    return ".".join(
        identifier(part) if index else part for index, part in enumerate(path.split("."))
    )


def _addend(addend: int) -> str:
    return "" if addend == 0 else f" {'+' if addend > 0 else '-'} {abs(addend)}"


def _comment(index: int, instruction: Instruction, listing: Listing, vector: Vector) -> str:
    text = str(Speller(listing.program.abi, listing.program.data, vector).line(instruction))
    return f"/* op {index}: {text.replace('*/', '* /')} */"
