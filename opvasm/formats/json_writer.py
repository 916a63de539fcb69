"""A program as JSON, ``opvasm-asm/1``: everything that another tool needs to load or to show it.

Numbers of up to 64 bits are strings in hexadecimal, since many JSON readers keep only 53 bits of
a number.  Offsets, sizes and lengths, which are small, are plain numbers of bytes.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from ..abi.revisions import Abi
from ..binary import decode, encode
from ..binding import bind, pool_bytes, slot_bytes
from ..light_typing import Any
from ..program import (
    ArgumentValue,
    Instruction,
    Layout,
    Parameter,
    PoolAddress,
    PoolItem,
    SlotAddress,
    Struct,
    Symbol,
    SymbolAddress,
    Value,
    Vector,
)
from ..source import BytePlace, Place, Span
from ..text.names import type_text
from . import Listing
from .json_sections import steps_json
from .listing import listing_of
from .template import holes, template

SCHEMA = "opvasm-asm/1"
Json = dict[str, Any]


def write(listing: Listing) -> bytes:
    """The listing as JSON text, two spaces a level, with a newline at the end.

    Raises BindError when arguments are given that do not bind the vector.
    """
    return (json.dumps(document(listing), indent=2, ensure_ascii=False) + "\n").encode()


def document(listing: Listing) -> Json:
    """The listing as the value that the JSON text holds."""
    program = listing.program
    data = program.data
    return {
        "schema": SCHEMA,
        "abi": abi_json(program.abi),
        "constants": {name: hexadecimal(value) for name, value in data.constants.items()},
        "structs": [_struct(each) for each in data.structs.values()],
        "symbols": [_symbol(each) for each in data.symbols.values()],
        "pool": [_pool_item(each) for each in data.pool],
        "vectors": [_vector(each, listing) for each in listing.vectors],
        **_sections(listing),
    }


def abi_json(abi: Abi) -> Json:
    """The revision and the machine; ``inferred`` where no kernel source of it was found."""
    return {
        "revision": abi.revision.name,
        "inferred": abi.revision.inferred,
        "model": abi.model.name,
        "page_size": abi.page_size,
    }


def hexadecimal(value: int) -> str:
    """A number as ``0x1f`` or ``-0x5``."""
    return f"{value:#x}"


def value_json(value: Value) -> str | Json:
    """A number, or what it will be made from when the vector is bound."""
    match value:
        case int():
            return hexadecimal(value)
        case SymbolAddress(symbol=symbol, addend=addend, cpu=cpu):
            return {"symbol": symbol, "cpu": cpu, "addend": addend}
        case ArgumentValue(parameter=parameter, addend=addend):
            return {"argument": parameter, "addend": addend}
        case SlotAddress(parameter=parameter, addend=addend):
            return {"slot": parameter, "addend": addend}
        case PoolAddress(offset=offset):
            return {"pool": offset}


def _span(place: Place | None) -> Json:
    """The member ``span`` of a thing that stands in a text or in raw bytes."""
    match place:
        case None:
            return {}
        case Span(file=file, start=start, end=end):
            line, column = file.line_column(start)
            end_line, end_column = file.line_column(end)
            return {
                "span": {
                    "file": file.name,
                    "line": line,
                    "column": column,
                    "end_line": end_line,
                    "end_column": end_column,
                }
            }
        case BytePlace(name=name, start=start, end=end):
            return {"span": {"file": name, "start": start, "end": end}}


def _struct(struct: Struct) -> Json:
    return {
        "name": struct.name,
        "size": struct.size,
        "alignment": struct.alignment,
        "members": [
            {"name": each.name, "type": type_text(each.type), "offset": each.offset}
            for each in struct.members
        ],
    }


def _symbol(symbol: Symbol) -> Json:
    return {
        "name": symbol.name,
        "area": symbol.area.value,
        "offset": symbol.offset,
        "size": symbol.size,
        "type": None if symbol.type is None else type_text(symbol.type),
        "page_kind": symbol.page_kind.value,
        "initial": [
            {"offset": offset, "size": size, "value": value_json(value)}
            for offset, size, value in symbol.initial
        ],
        **_span(symbol.place),
    }


def _pool_item(item: PoolItem) -> Json:
    head = {"offset": item.offset, "size": item.size}
    if isinstance(item.value, bytes):
        return {**head, "bytes": item.value.hex()}
    return {**head, "value": value_json(item.value)}


def _vector(vector: Vector, listing: Listing) -> Json:
    abi = listing.program.abi
    result: Json = {
        "name": vector.name,
        "verified": vector.verified,
        "parameters": [_parameter(each) for each in vector.parameters],
        "ops": ops_json(vector.instructions, abi),
        "template": template(vector.instructions, abi).hex(),
        "relocations": relocations_json(vector, abi),
        **_span(vector.place),
    }
    if listing.arguments is not None:
        result["bound"] = _bound(vector, listing, listing.arguments)
    return result


def _sections(listing: Listing) -> Json:
    """The member ``sections`` of a program that has any; a listing of chosen vectors has all of them."""
    found = [
        {
            "name": each.name,
            "verified": each.verified,
            "parameters": [_parameter(one) for one in each.parameters],
            "results": list(each.results),
            "steps": steps_json(each.body),
            **_span(each.place),
        }
        for each in listing.program.sections.values()
    ]
    return {"sections": found} if found else {}


def relocations_json(vector: Vector, abi: Abi) -> list[Json]:
    """Where in the template a loader has to store what."""
    return [
        {
            "op": hole.op,
            "field": hole.field.name,
            "offset": hole.offset,
            "size": hole.field.size,
            "value": value_json(hole.value),
        }
        for hole in holes(vector.instructions, abi)
    ]


def _parameter(parameter: Parameter) -> Json:
    return {
        "name": parameter.name,
        "type": type_text(parameter.type),
        "slot": parameter.offset,
        "size": parameter.type.size,
        **_span(parameter.place),
    }


def ops_json(instructions: Sequence[Instruction], abi: Abi) -> list[Json]:
    """The ops, each with its fields under the header's names."""
    return [_op(index, each, abi) for index, each in enumerate(instructions)]


def _op(index: int, instruction: Instruction, abi: Abi) -> Json:
    operation = instruction.operation
    immediate = None
    if operation is not None and operation.immediate is not None:
        assert instruction.immediate is not None
        immediate = {
            "field": operation.immediate.name,
            "value": value_json(instruction.immediate),
        }
    return {
        "index": index,
        "opcode": instruction.opcode,
        "name": None if operation is None else operation.c_name,
        "mnemonic": None if operation is None else operation.mnemonic,
        "member": None if operation is None else operation.member,
        "len": instruction.length,
        "operands": [
            {"field": operand.name, "address": value_json(value), "expect_fault": flag}
            for operand, value, flag in instruction.operands()
        ],
        "immediate": immediate,
        "unused": [{"offset": offset, "byte": byte} for offset, byte in instruction.extra],
        **_span(instruction.place),
    }


def _bound(vector: Vector, listing: Listing, arguments: Any) -> Json:
    program, layout = listing.program, listing.layout
    instructions = bind(vector, program, layout, listing.cpu, arguments)
    return {
        "cpu": listing.cpu,
        "arguments": {name: hexadecimal(value) for name, value in arguments.items()},
        "layout": _layout(layout),
        "bytes": encode(instructions, program.abi).hex(),
        "pool": pool_bytes(program, layout, listing.cpu).hex(),
        "slots": slot_bytes(vector, program.abi, arguments).hex(),
    }


def _layout(layout: Layout) -> Json:
    return {name: hexadecimal(value) for name, value in layout._asdict().items()}


def disassembly(data: bytes, source_name: str, abi: Abi) -> str:
    """The JSON of an array of struct cpu_op: a program whose one vector, ``main``, is bound.

    Raises DecodeError for bytes that are not whole ops.
    """
    return write(listing_of(decode(data, abi, source_name), abi)).decode()
