"""Lines of traces that others have written: what they mean, and what is not a line of a trace."""

from __future__ import annotations

import json
from typing import Any

import pytest

from opvasm.abi.pages import PageKind
from opvasm.interpreter.events import Stored, VectorUnreadable
from opvasm.scenario.events import Asserted, CallBegins, CpusSet, MachineReady, StatementBegins
from opvasm.trace.reader import ReadEvent, TraceReader, read_instruction

CPUS = {"possible": 2, "online": [0, 1], "allowed": [0], "current": 1}


def read(**record: Any) -> ReadEvent | None:
    """The event of one line, of a trace of 2017-11 without its program."""
    reader = TraceReader(json.dumps({"schema": "opvasm-trace/1", "revision": "2017-11"}))
    return reader.read(json.dumps(record))


def test_addresses_are_numbers_or_hexadecimal() -> None:
    """JSON readers lose digits of numbers above 2**53, so both are taken."""
    for address in ("0x1000", 4096):
        stored = read(event="stored", op=1, address=address, before="00", after="ff")
        assert stored == Stored(1, 0x1000, b"\x00", b"\xff")
    unreadable = read(event="vector_unreadable", address="0x10", length=32, errno=14)
    assert unreadable == VectorUnreadable(0x10, 32, 14)


def test_memory_and_cpus_come_in_regions_and_sets() -> None:
    """Bytes that are not said are zero."""
    region = {"address": "0x2000", "size": 4096, "kind": "readonly", "bytes": [["0x2008", "07"]]}
    ready = read(event="machine_ready", memory=[region], cpus=CPUS)
    assert isinstance(ready, MachineReady)
    assert ready.memory.read(0x2007, 3) == b"\x00\x07\x00"
    assert ready.memory.kind(0x2000) is PageKind.READONLY
    changed = read(event="cpus_set", before=CPUS, after={**CPUS, "current": 0})
    assert isinstance(changed, CpusSet)
    assert (changed.before.current, changed.after.current) == (1, 0)


def test_a_statement_stands_where_the_trace_says() -> None:
    """file:line:column; a place of another spelling is kept as it is."""
    begun = read(event="statement_begins", statement={"place": "a:b.opv:7:5", "text": "cpu 0"})
    assert isinstance(begun, StatementBegins)
    span = begun.statement.span
    assert (span.file.name, span.line, span.column, span.text) == ("a:b.opv", 7, 5, "cpu 0")
    for place in ("somewhere", "x.opv:0:1", "x.opv:9999999:1"):
        other = read(event="statement_begins", statement={"place": place, "text": "cpu 0"})
        assert isinstance(other, StatementBegins)
        assert (other.statement.span.file.name, other.statement.span.text) == (place, "cpu 0")
    nowhere = read(event="statement_begins", statement=None)
    assert isinstance(nowhere, StatementBegins)
    assert nowhere.statement.span.file.name == "<trace>"


def test_a_call_and_an_assertion_are_known_by_their_names() -> None:
    """A vector that no program describes has its name and no parameters."""
    begun = read(event="call_begins", vector="push", arguments={"node": "0x10"}, cpu=1)
    assert isinstance(begun, CallBegins)
    assert begun.vector is not None
    assert (begun.vector.name, begun.arguments, begun.data_cpu) == ("push", {"node": 16}, 1)
    failed = read(event="asserted", statement={"place": "x.opv:1:1", "text": "t"}, finding="no")
    assert isinstance(failed, Asserted)
    assert failed.finding is not None
    assert failed.finding.message == "no"


def test_an_event_that_is_not_known_is_passed_over() -> None:
    """A later version may tell more."""
    assert read(event="cache_missed", address="0x10") is None


@pytest.mark.parametrize(
    ("record", "error", "reason"),
    [
        ({}, ValueError, "no field `event`"),
        ({"event": 5}, ValueError, "no field `event`"),
        ({"event": "stored", "op": 0, "address": True, "before": "", "after": ""}, TypeError, "True is not a number"),
        ({"event": "stored", "op": 0, "address": None, "before": "", "after": ""}, TypeError, "None is not a number"),
        ({"event": "machine_ready", "memory": [{"address": 0, "size": 1 << 31, "kind": "mapped"}], "cpus": CPUS}, ValueError, "too large"),
        ({"event": "machine_ready", "memory": [{"address": 0, "size": 4096, "kind": "holes"}], "cpus": CPUS}, ValueError, "holes"),
        ({"event": "cpus_set", "before": CPUS}, KeyError, "after"),
    ],
)  # fmt: skip
def test_what_is_no_event_is_an_error(
    record: dict[str, Any], error: type[Exception], reason: str
) -> None:
    """The caller adds the line."""
    with pytest.raises(error, match=reason):
        read(**record)


def test_an_unknown_op_keeps_its_bytes_and_place() -> None:
    """Its operands mean nothing, so it has none."""
    reader = TraceReader(json.dumps({"schema": "opvasm-trace/1", "revision": "2017-11"}))
    record = {"opcode": 99, "length": 8, "extra": [[8, 255]], "place": "x.opv:3:5"}
    found = read_instruction(record, reader.abi)
    assert (found.operation, found.opcode, found.length) == (None, 99, 8)
    assert found.extra == ((8, 255),)
    assert str(found.place) == "x.opv:3:5"
