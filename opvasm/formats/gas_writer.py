"""Vectors as source for GNU as: data in sections, addresses as symbols, relocations by the linker.

================  =================================================================================
``.opv.percpu``   each CPU's part of the percpu area, one stride after the other; a variable's
                  symbol stands at CPU 0's instance
``.opv.shared``   the shared variables
``.opv.page``     the pages; their kinds are for a loader to make true
``.opv.pool``     the literal pool
``.opv.slots``    the place of each vector's arguments: ``opv_NAME..slots``
``.opv.vectors``  the ops: ``opv_NAME`` (as in C), and how many: ``opv_NAME..count``
================  =================================================================================

A parameter that has no value yet is the undefined symbol ``NAME.PARAMETER``, which the linker is
told (``ld --defsym``).  A word of a 32-bit machine is half of a 64-bit field: the upper half is 0 for an
unsigned parameter of 32 bits or less, and the symbol ``….high`` for all others.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from ..abi.layout import OP_BYTES, UNION_OFFSET
from ..abi.revisions import Abi
from ..binding import bind
from ..errors import BindError, Diagnostic
from ..program import (
    Area,
    ArgumentValue,
    Data,
    Instruction,
    Parameter,
    Pointer,
    PoolAddress,
    Scalar,
    SlotAddress,
    Symbol,
    SymbolAddress,
    Value,
    Vector,
)
from ..text.printer import Speller
from . import Listing
from .template import field_values, holes

_DIRECTIVES = {1: ".byte", 2: ".2byte", 4: ".4byte", 8: ".8byte"}
_ALIGNMENT = 16


def write(listing: Listing) -> bytes:
    """The listing as one file that GNU as takes as it is, for any ELF machine of its data model.

    Raises BindError when arguments are given that do not bind the vector, and when they are not
    given for a sum that no relocation can hold: a 64-bit parameter plus an addend on a 32-bit
    machine, whose carry would be lost.
    """
    if listing.arguments is not None:
        for vector in listing.vectors:
            bind(vector, listing.program, listing.layout, listing.cpu, listing.arguments)
    problems = [*_clashes(listing)]
    if listing.arguments is None:
        problems += [each for vector in listing.vectors for each in _wide_sums(vector, listing)]
    if problems:
        raise BindError(problems)
    return ("\n".join(_lines(listing)) + "\n").encode()


def _clashes(listing: Listing) -> Iterator[Diagnostic]:
    """Variables that have the name of a vector's symbol."""
    for vector in listing.vectors:
        symbol = listing.program.data.symbols.get(_label(vector))
        if symbol is not None:
            yield Diagnostic(
                "error",
                "OPV126",
                f"the variable {symbol.name} has the name that gas is given for the vector "
                f"{vector.name}",
                symbol.place,
                help="rename one of them",
            )


def _wide_sums(vector: Vector, listing: Listing) -> Iterator[Diagnostic]:
    """Sums that would have to carry from one half of a number to the other at link time."""
    abi = listing.program.abi
    for hole in holes(vector.instructions, abi):
        value = hole.value
        if isinstance(value, ArgumentValue) and value.addend and hole.field.size > abi.model.word:
            yield Diagnostic(
                "error",
                "OPV126",
                f"op {hole.op}: a linker for {abi.model.name} can't add {value.addend} to the "
                f"parameter {value.parameter} in a field of {8 * hole.field.size} bits",
                vector.instructions[hole.op].place,
                help="give the vector's arguments their values, or leave the addend out",
            )


def _lines(listing: Listing) -> Iterator[str]:
    abi, data = listing.program.abi, listing.program.data
    yield (
        f"/* cpu_opv vectors for revision {abi.revision.name}, data model {abi.model.name}, "
        f"on CPU {listing.cpu}. */"
    )
    yield from _percpu(listing)
    for area in (Area.SHARED, Area.PAGE):
        symbols = _symbols(data, area)
        if symbols:
            yield from _section(f".opv.{area.value}", abi.page_size)
            yield from _variables(symbols, listing, listing.cpu, labels=True)
    yield from _pool(listing)
    for vector in listing.vectors:
        yield from _vector(vector, listing)
    yield ""
    yield "\t/* Without this a linker makes the whole program's stack executable. */"
    yield '\t.section .note.GNU-stack, "", %progbits'


def _section(name: str, alignment: int = _ALIGNMENT) -> Iterator[str]:
    yield ""
    yield f'\t.section {name}, "aw", %progbits'
    yield f"\t.balign {alignment}"


def _symbols(data: Data, area: Area) -> list[Symbol]:
    return sorted((s for s in data.symbols.values() if s.area is area), key=lambda s: s.offset)


# ---- data ---------------------------------------------------------------------------------------


def _percpu(listing: Listing) -> Iterator[str]:
    """The instances of CPU 0 up to the last one that anything names."""
    data = listing.program.data
    symbols = _symbols(data, Area.PERCPU)
    if not symbols:
        return
    stride = listing.layout.percpu_stride
    last = max([listing.cpu, *_named_cpus(listing)])
    yield from _section(".opv.percpu", listing.program.abi.page_size)
    for cpu in range(last + 1):
        yield f"\t/* CPU {cpu} */"
        yield from _variables(symbols, listing, cpu, labels=cpu == 0)
        yield f"\t.zero {stride - data.area_size(Area.PERCPU)}"


def _named_cpus(listing: Listing) -> Iterator[int]:
    """The CPUs that are written down somewhere: ``head@2``."""
    data = listing.program.data
    values: list[Value | bytes | None] = [item.value for item in data.pool]
    for symbol in data.symbols.values():
        values += [value for _, _, value in symbol.initial]
    for vector in listing.vectors:
        for instruction in vector.instructions:
            values += [*instruction.addresses, instruction.immediate]
    for value in values:
        if isinstance(value, SymbolAddress) and value.cpu is not None:
            yield value.cpu


def _variables(
    symbols: Iterable[Symbol], listing: Listing, cpu: int, labels: bool
) -> Iterator[str]:
    """An area from its start to the end of its last variable, with initial values."""
    position = 0
    for symbol in symbols:
        if symbol.offset > position:
            yield f"\t.zero {symbol.offset - position}"
        if labels:
            yield f"\t.globl {symbol.name}"
            yield f"\t.type {symbol.name}, %object"
            yield f"\t.size {symbol.name}, {symbol.size}"
            kind = f" /* {symbol.page_kind.value} */" if symbol.area is Area.PAGE else ""
            yield f"{symbol.name}:{kind}"
        inside = 0
        for offset, size, value in sorted(symbol.initial, key=lambda each: each[0]):
            if offset > inside:
                yield f"\t.zero {offset - inside}"
            yield f"\t{_DIRECTIVES[size]} {_expression(value, listing, cpu, None)}"
            inside = offset + size
        if symbol.size > inside:
            yield f"\t.zero {symbol.size - inside}"
        position = symbol.offset + symbol.size


def _pool(listing: Listing) -> Iterator[str]:
    pool = sorted(listing.program.data.pool, key=lambda item: item.offset)
    if not pool:
        return
    yield from _section(".opv.pool")
    yield "opv..pool:"
    position = 0
    for item in pool:
        if item.offset > position:
            yield f"\t.zero {item.offset - position}"
        if isinstance(item.value, bytes):
            if item.value:
                yield f"\t.byte {', '.join(f'{byte:#04x}' for byte in item.value)}"
        else:
            text = _expression(item.value, listing, listing.cpu, None)
            yield f"\t{_DIRECTIVES[item.size]} {text}"
        position = item.offset + item.size


# ---- vectors ------------------------------------------------------------------------------------


def _vector(vector: Vector, listing: Listing) -> Iterator[str]:
    abi = listing.program.abi
    name = _label(vector)
    if vector.parameters:
        yield from _section(".opv.slots")
        yield f"{name}..slots:"
        yield from _slots(vector, listing)
    yield from _section(".opv.vectors")
    yield f"\t.globl {name}, {name}..count"
    yield f"\t.type {name}, %object"
    yield f"\t.size {name}, {OP_BYTES * len(vector.instructions)}"
    yield f"\t.set {name}..count, {len(vector.instructions)}"
    yield f"{name}:"
    speller = Speller(abi, listing.program.data, vector)
    for index, instruction in enumerate(vector.instructions):
        yield f"\t/* op {index}: {str(speller.line(instruction)).replace('*/', '* /')} */"
        yield from _op(instruction, vector, listing)


def _label(vector: Vector) -> str:
    """A vector's symbol; vectors and variables may share a name, and no name has a dot in it."""
    return f"opv_{vector.name}"


def _slots(vector: Vector, listing: Listing) -> Iterator[str]:
    abi, arguments = listing.program.abi, listing.arguments
    position = 0
    wide: list[Parameter] = []
    for each in vector.parameters:
        if each.offset > position:
            yield f"\t.zero {each.offset - position}"
        position = each.offset + each.type.size
        if arguments is not None:
            yield f"\t{_DIRECTIVES[each.type.size]} {_number(arguments[each.name])} /* {each.name} */"
        elif _has_wide_slot(each, listing):
            yield f"\t.zero {each.type.size} /* {each.name} has a word of its own below */"
            wide.append(each)
        else:
            yield from _store(ArgumentValue(each.name), each.type.size, each.name, abi, vector)
    if wide:
        yield f"\t.balign {abi.model.word}"
    for each in wide:
        yield from _store(ArgumentValue(each.name), abi.model.word, each.name, abi, vector)


def _has_wide_slot(parameter: Parameter, listing: Listing) -> bool:
    """Whether a parameter without a value has a whole word as its slot.

    x86-64's relocation of 32 bits refuses what is negative, so that a symbol can't be -1 both in four
    bytes and in eight.
    """
    size = parameter.type.size
    signed = isinstance(parameter.type, Scalar) and parameter.type.signed
    return listing.arguments is None and signed and size == 4 < listing.program.abi.model.word


def _slot_offset(vector: Vector, name: str, listing: Listing) -> int:
    """Where an argument's own bytes lie, from the start of the vector's slots."""
    wide = [each.name for each in vector.parameters if _has_wide_slot(each, listing)]
    parameter = vector.parameter(name)
    assert parameter is not None
    if name not in wide:
        return parameter.offset
    model = listing.program.abi.model
    end = max(each.offset + each.type.size for each in vector.parameters)
    cells = -(-end // model.word) * model.word
    inside = 0 if model.byteorder == "little" else model.word - parameter.type.size
    return cells + wide.index(name) * model.word + inside


def _op(instruction: Instruction, vector: Vector, listing: Listing) -> Iterator[str]:
    """The 32 bytes, field by field in the order of their offsets."""
    abi = listing.program.abi
    extra = dict(instruction.extra)
    yield f"\t.4byte {instruction.opcode} /* op */"
    yield f"\t.4byte {instruction.length} /* len */"
    position = UNION_OFFSET
    for field, value in field_values(instruction, abi):
        yield from _unused(position, field.offset, extra)
        known = _with_arguments(value, listing.arguments)
        if isinstance(known, ArgumentValue):
            yield from _store(known, field.size, field.name, abi, vector)
        else:
            text = _expression(known, listing, listing.cpu, vector)
            yield f"\t{_DIRECTIVES[field.size]} {text} /* {field.name} */"
        position = field.end
    yield from _unused(position, OP_BYTES, extra)


def _unused(start: int, end: int, extra: Mapping[int, int]) -> Iterator[str]:
    """The bytes that no field covers."""
    if start == end:
        return
    data = [extra.get(offset, 0) for offset in range(start, end)]
    if any(data):
        yield f"\t.byte {', '.join(f'{byte:#04x}' for byte in data)}"
    else:
        yield f"\t.zero {end - start}"


def _with_arguments(value: Value, arguments: Mapping[str, int] | None) -> Value:
    if arguments is not None and isinstance(value, ArgumentValue):
        return arguments[value.parameter] + value.addend
    return value


def _store(value: ArgumentValue, size: int, remark: str, abi: Abi, vector: Vector) -> Iterator[str]:
    """An argument; one that is wider than a relocation is stored in halves."""
    symbol = f"{vector.name}.{value.parameter}"
    low = f"\t{_DIRECTIVES[min(size, abi.model.word)]} {symbol}{_addend(value.addend)}"
    if size <= abi.model.word:
        yield f"{low} /* {remark} */"
        return
    parameter = vector.parameter(value.parameter)
    declared = None if parameter is None else parameter.type
    unsigned = isinstance(declared, Pointer) or (
        isinstance(declared, Scalar) and not declared.signed and declared.size <= abi.model.word
    )
    upper = "0" if unsigned else f"{symbol}.high"
    halves = [f"{low} /* {remark}, lower half */", f"\t.4byte {upper} /* upper half */"]
    yield from halves if abi.model.byteorder == "little" else reversed(halves)


def _expression(value: Value, listing: Listing, cpu: int, vector: Vector | None) -> str:
    """What the assembler adds up: a number, or a symbol and a number."""
    match value:
        case int():
            return _number(value)
        case SymbolAddress(symbol=name, addend=addend, cpu=named):
            if listing.program.data.symbols[name].area is Area.PERCPU:
                addend += (cpu if named is None else named) * listing.layout.percpu_stride
            return name + _addend(addend)
        case SlotAddress(parameter=name, addend=addend):
            assert vector is not None
            return f"{_label(vector)}..slots{_addend(_slot_offset(vector, name, listing) + addend)}"
        case ArgumentValue(parameter=name, addend=addend):
            assert vector is not None
            return f"{vector.name}.{name}{_addend(addend)}"
        case PoolAddress(offset=offset):
            return f"opv..pool{_addend(offset)}"


def _number(value: int) -> str:
    return str(value) if abs(value) < 1024 else f"{value:#x}"


def _addend(addend: int) -> str:
    return "" if addend == 0 else f" {'+' if addend > 0 else '-'} {abs(addend)}"
