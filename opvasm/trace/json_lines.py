"""A trace as JSON lines, ``opvasm-trace/1``: a header, then one object for each event.

An object has the event's name (``stored``, ``pin_refused``, …) and the event's fields.  Addresses,
arguments and immediates are strings in hexadecimal, bytes are hexadecimal digits in the order of memory, an op is its
index.  The fields of each event are in ``opvasm/trace/opvasm-trace-1.json``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from ..abi.ops import Access
from ..abi.revisions import Abi
from ..errors import Diagnostic
from ..interpreter.events import Event
from ..light_enum import Enum
from ..machine import Cpus, Memory
from ..program import Instruction, Vector
from ..program.flat import Simple
from ..program.section import Section
from ..scenario.events import TestEvent
from ..text.section_printer import instruction_text

SCHEMA = "opvasm-trace/1"
Json = dict[str, Any]
# Runs of bytes that are worth writing down: up to seven zeros are kept within one.
_NOT_ZERO = re.compile(rb"[^\0]+(?:\0{1,7}[^\0]+)*")
_ADDRESSES = frozenset({"address", "page"})
_ACCESS = {Access.READ: "read", Access.WRITE: "write", Access.READ_WRITE: "read_write"}


def header(abi: Abi) -> Json:
    """The first line: the schema and the machine."""
    return {
        "schema": SCHEMA,
        "revision": abi.revision.name,
        "inferred": abi.revision.inferred,
        "model": abi.model.name,
        "page_size": abi.page_size,
    }


def event_record(event: TestEvent | Event) -> Json:
    """An event as the object of its line."""
    record: Json = {"event": _snake(type(event).__name__)}
    for name, value in event._asdict().items():
        record[name] = _plain(value, name)
    return record


def _snake(name: str) -> str:
    return "".join(f"_{each.lower()}" if each.isupper() else each for each in name).lstrip("_")


def _plain(value: object, name: str) -> Any:
    """A field as JSON has it; ``name`` tells addresses from numbers."""
    match value:
        case None | bool() | str() | float():
            return value
        case Access():
            return _ACCESS[value]
        case Enum():
            return value.value
        case int():
            return f"{value:#x}" if name in _ADDRESSES else value
        case bytes() | bytearray():
            return value.hex()
        case Instruction():
            return _instruction(value)
        case Vector() | Section():
            return value.name
        case _ if isinstance(value, Simple):
            place = None if value.place is None else str(value.place)
            return {"text": instruction_text(value), "place": place}
        case Diagnostic():
            return str(value)
        case Memory():
            return list(_regions(value))
        case Cpus():
            return {
                "possible": value.possible,
                "online": sorted(value.online),
                "allowed": sorted(value.allowed),
                "current": value.current,
            }
        case dict():  # arguments and results, which may need all of 64 bits
            return {key: f"{each:#x}" for key, each in value.items()}
        case _ if hasattr(value, "span"):  # a statement of the test: where it is written
            return {"place": str(value.span), "text": value.span.text}
        case tuple() if hasattr(value, "_asdict"):
            return {key: _plain(each, key) for key, each in value._asdict().items()}
        case tuple():
            return [_plain(each, name) for each in value]
        case _:
            return str(value)


def _regions(memory: Memory) -> Iterator[Json]:
    """Mapped pages, those that touch and are of one kind as one; only bytes that are not zero."""
    region: Json | None = None
    end = 0
    for number in sorted(memory.pages):
        page, start = memory.pages[number], number << memory.shift
        if region is None or start != end or region["kind"] != page.kind.value:
            if region is not None:
                yield region
            region = {"address": f"{start:#x}", "size": 0, "kind": page.kind.value, "bytes": []}
        end = start + memory.page_size
        region["size"] += memory.page_size
        region["bytes"] += [
            [f"{start + match.start():#x}", match.group().hex()]
            for match in _NOT_ZERO.finditer(page.data)
        ]
    if region is not None:
        yield region


def _instruction(instruction: Instruction) -> Json:
    """An op of a call; a value that is not bound yet is null."""
    record: Json = {
        "opcode": instruction.opcode,
        "mnemonic": instruction.operation.mnemonic if instruction.operation else None,
        "length": instruction.length,
        "place": None if instruction.place is None else str(instruction.place),
    }
    for operand, address, flag in instruction.operands():
        record[operand.name] = f"{address:#x}" if isinstance(address, int) else None
        record[operand.expect_fault_name] = flag
    operation = instruction.operation
    if operation is not None and operation.immediate is not None:
        immediate = instruction.immediate
        record[operation.immediate.name] = f"{immediate:#x}" if isinstance(immediate, int) else None
    if instruction.extra:
        record["extra"] = [list(each) for each in instruction.extra]
    return record
