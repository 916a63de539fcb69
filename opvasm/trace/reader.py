"""Reading traces of ``opvasm-trace/1``: from the object of a line back to the event.

A trace may come from another implementation.  What it says is taken as it is; what it does not say
(the text of an op, the statement of a test) stays unknown.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, cast

from ..abi.ops import Access
from ..abi.pages import PageKind
from ..abi.revisions import DEFAULT_DATA_MODEL, DEFAULT_PAGE_SIZE, Abi, get_abi
from ..errors import DecodeError, Diagnostic
from ..interpreter import events
from ..json_values import loads
from ..machine import Cpus, Memory
from ..program import Instruction, Program, Vector
from ..scenario.events import (
    Asserted,
    CallBegins,
    CallEnds,
    CpusSet,
    MachineReady,
    MemorySet,
    StatementBegins,
)
from ..source import BytePlace, SourceFile, Span
from ..text.tree import TestStatement
from ..verifier.kernel_rules import Violation
from .json_lines import SCHEMA, Json

NO_TRACE = "OPV601"
Read = events.Event | StatementBegins | MachineReady | MemorySet | CpusSet | CallBegins | CallEnds
ReadEvent = Read | Asserted
_ACCESSES = {"read": Access.READ, "write": Access.WRITE, "read_write": Access.READ_WRITE}


class Written(NamedTuple):
    """A statement of which only the place is known."""

    span: Span


class TraceReader:
    """Turns the lines of one trace into events.

    ``program`` gives vectors and statements their meaning where the trace only names them;
    ``statements`` are the program's by their place (``file:line:column``).
    """

    def __init__(
        self,
        header: str,
        program: Program | None = None,
        statements: Mapping[str, TestStatement] | None = None,
    ) -> None:
        record = _object(header)
        if record.get("schema") != SCHEMA:
            raise ValueError(f'the first line does not say "schema": "{SCHEMA}"')
        try:
            self.abi = get_abi(
                record["revision"],
                record.get("model", DEFAULT_DATA_MODEL),
                record.get("page_size", DEFAULT_PAGE_SIZE),
            )
        except KeyError as error:
            raise ValueError(f"the header's revision or model is unknown: {error}") from None
        self.program = program
        self.statements = statements or {}

    def read(self, line: str) -> ReadEvent | None:
        """The event of a line; None for a line that changes nothing and is not known here.

        Raises ValueError, KeyError or TypeError where the line is not an event.
        """
        record = _object(line)
        name = record.get("event")
        if not isinstance(name, str):
            raise ValueError("it has no field `event`")
        match name:
            case "statement_begins":
                return StatementBegins(self._statement(record["statement"]))
            case "machine_ready":
                return MachineReady(read_memory(record["memory"], self.abi), _cpus(record["cpus"]))
            case "memory_set":
                return MemorySet(
                    _number(record["address"]),
                    bytes.fromhex(record["before"]),
                    bytes.fromhex(record["after"]),
                    _changes(record.get("changes", [])),
                )
            case "cpus_set":
                return CpusSet(_cpus(record["before"]), _cpus(record["after"]))
            case "call_begins":
                return self._call_begins(record)
            case "call_ends":
                return CallEnds(None, record["result"], record["expected"])
            case "asserted":
                return self._asserted(record)
            case _:
                make = _EVENTS.get(name)
                return None if make is None else make(record, self.abi)

    def _statement(self, record: Json | None) -> TestStatement:
        place = "" if record is None else str(record.get("place", ""))
        known = self.statements.get(place)
        if known is not None:
            return known
        text = "" if record is None else str(record.get("text", ""))
        return cast("TestStatement", Written(_span(place, text)))

    def _call_begins(self, record: Json) -> CallBegins:
        vectors: Mapping[str, Vector] = {} if self.program is None else self.program.vectors
        name = record.get("vector")
        vector = vectors.get(name) if isinstance(name, str) else None
        if vector is None and isinstance(name, str):
            vector = Vector(name, (), ())
        arguments = {key: _number(each) for key, each in record.get("arguments", {}).items()}
        address = record.get("address")
        return CallBegins(
            None,
            vector,
            (),
            arguments,
            record["cpu"],
            record["data_cpu"] if "data_cpu" in record else record["cpu"],
            None if address is None else _number(address),
        )

    def _asserted(self, record: Json) -> Asserted:
        statement = self._statement(record.get("statement"))
        finding = record.get("finding")
        place = statement.span
        found = None if finding is None else Diagnostic("error", "OPV454", str(finding), place)
        return Asserted(cast("Any", statement), found)


def no_trace(name: str, line: int, reason: str) -> DecodeError:
    """The error of a line that makes no trace."""
    return DecodeError(
        [
            Diagnostic(
                "error",
                NO_TRACE,
                f"line {line} is not a line of a trace: {reason}",
                BytePlace(name, 0, 0),
                help="opvasm docs traces describes opvasm-trace/1: a header, then one event a line",
            )
        ]
    )


def _object(line: str) -> Json:
    record = loads(line)
    if not isinstance(record, dict):
        raise ValueError("it is not a JSON object")
    return record


def _number(value: Any) -> int:
    if isinstance(value, str):
        return int(value, 0)
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise TypeError(f"{value!r} is not a number")


def _span(place: str, text: str) -> Span:
    """A span at ``file:line:column`` of a text of which only that part is known."""
    file, _, column = place.rpartition(":")
    file, _, line = file.rpartition(":")
    if not (line.isdigit() and column.isdigit() and 0 < int(line) < 1_000_000):
        source = SourceFile(place or "<trace>", text)
        return Span(source, 0, len(text))
    before = "\n" * (int(line) - 1) + " " * min(int(column) - 1, 1000)
    source = SourceFile(file, before + text)
    return Span(source, len(before), len(before) + len(text))


def read_memory(regions: Any, abi: Abi) -> Memory:
    """Memory from its regions.  Raises ValueError, KeyError or TypeError."""
    memory = Memory(abi.page_size)
    for region in regions:
        address, size = _number(region["address"]), _number(region["size"])
        if size > 1 << 30:
            raise ValueError(f"a region of {size} bytes is too large")
        memory.map(address, size, PageKind(region["kind"]))
        for start, data in region.get("bytes", []):
            memory.write(_number(start), bytes.fromhex(data))
    return memory


def _cpus(record: Json) -> Cpus:
    return Cpus(record["possible"], record["online"], record["allowed"], record["current"])


def _kind(value: str | None) -> PageKind | None:
    return None if value is None else PageKind(value)


def _changes(records: Any) -> tuple[events.PageChange, ...]:
    return tuple(
        events.PageChange(_number(each["page"]), PageKind(each["before"]), PageKind(each["after"]))
        for each in records
    )


def read_instruction(record: Json, abi: Abi) -> Instruction:
    """An op from its record.  Raises ValueError, KeyError or TypeError."""
    opcode = record["opcode"]
    operation = abi.operation(opcode)
    place = record.get("place")
    span = _span(place, "") if isinstance(place, str) else None
    extra = tuple((offset, byte) for offset, byte in record.get("extra", ()))
    if operation is None:
        return Instruction(opcode, None, record["length"], extra=extra, place=span)
    immediate = None
    if operation.immediate is not None:
        immediate = _number(record[operation.immediate.name])
    return Instruction(
        opcode,
        operation,
        record["length"],
        tuple(_number(record[each.name]) for each in operation.operands),
        tuple(_number(record.get(each.expect_fault_name, 0)) for each in operation.operands),
        immediate,
        extra,
        span,
    )


Make = Callable[[Json, Abi], events.Event]


def _plainly(kind: type, *hexadecimal: str) -> Make:
    """An event whose fields are all numbers, strings and truth values."""

    def make(record: Json, abi: Abi) -> events.Event:
        fields = kind._fields  # type: ignore[attr-defined]
        return cast(
            "events.Event",
            kind(
                **{name: record[name] for name in fields}
                | {name: _number(record[name]) for name in hexadecimal}
            ),
        )

    return make


def _pinned(record: Json, abi: Abi) -> events.Event:
    return events.Pinned(
        record["op"],
        record["operand"],
        _number(record["address"]),
        record["length"],
        _ACCESSES[record["access"]],
        record["pages"],
        _changes(record.get("changes", [])),
    )


def _pin_refused(record: Json, abi: Abi) -> events.Event:
    return events.PinRefused(
        record["op"],
        record["operand"],
        _number(record["address"]),
        record["length"],
        _ACCESSES[record["access"]],
        _number(record["page"]),
        _kind(record["kind"]),
        record["reason"],
        record["expected"],
        record["errno"],
        _changes(record.get("changes", [])),
    )


def _faulted(record: Json, abi: Abi) -> events.Event:
    return events.Faulted(
        record["op"],
        _number(record["address"]),
        record["length"],
        record["writes"],
        _number(record["page"]),
        _kind(record["kind"]),
        record["errno"],
    )


def _stored(record: Json, abi: Abi) -> events.Event:
    before, after = bytes.fromhex(record["before"]), bytes.fromhex(record["after"])
    if len(before) != len(after):
        raise ValueError("`before` and `after` of a store have different lengths")
    return events.Stored(record["op"], _number(record["address"]), before, after)


def _refused(record: Json, abi: Abi) -> events.Event:
    rule = record["violation"]
    violation = Violation(rule["code"], rule["op"], rule["field"], rule["value"], rule["limit"])
    return events.VectorRefused(violation, record["errno"])


_EVENTS: dict[str, Make] = {
    "called": _plainly(events.Called),
    "queried": _plainly(events.Queried),
    "argument_refused": _plainly(events.ArgumentRefused),
    "vector_unreadable": _plainly(events.VectorUnreadable, "address"),
    "copied_in": lambda record, abi: events.CopiedIn(
        tuple(read_instruction(each, abi) for each in record["instructions"])
    ),
    "vector_refused": _refused,
    "pinned": _pinned,
    "pin_refused": _pin_refused,
    "moved": _plainly(events.Moved),
    "runs_offline": _plainly(events.RunsOffline),
    "cpu_refused": _plainly(events.CpuRefused),
    "restarted": _plainly(events.Restarted, "page"),
    "started": lambda record, abi: events.Started(
        record["op"], read_instruction(record["instruction"], abi)
    ),
    "loaded": lambda record, abi: events.Loaded(
        record["op"], _number(record["address"]), bytes.fromhex(record["data"])
    ),
    "stored": _stored,
    "fenced": _plainly(events.Fenced),
    "faulted": _faulted,
    "finished": _plainly(events.Finished),
    "returned": _plainly(events.Returned),
}
