"""Reference cases: complete calls of cpu_opv with what came back (docs/cases.md)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from .abi.layout import OP_BYTES
from .abi.pages import PageKind
from .abi.revisions import REVISIONS
from .errors import DecodeError, Diagnostic
from .json_values import loads
from .light_typing import Any, NamedTuple
from .source import SourceFile, Span

PERMISSIONS: dict[str, PageKind] = {
    "rw": PageKind.MAPPED,
    "ro": PageKind.READONLY,
    "zero": PageKind.ZERO,
    "zero_ro": PageKind.ZERO_READONLY,
    "cow": PageKind.COPY_ON_WRITE,
    "special": PageKind.SPECIAL,
    "device": PageKind.DEVICE,
    "nc": PageKind.NONCACHED,
}
# The cases are calls on 64-bit little-endian machines with this page size (bytes).
PAGE_SIZE = 4096
# Far above what a call can touch (16 ops); keeps a mistyped size from eating the machine.
_LARGEST_MEMORY = 64 << 20
_LARGEST_ADDRESS = (1 << 64) - 1
_MOST_CPUS = 4096
_INT32 = (-(1 << 31), (1 << 31) - 1)  # what the system call takes


class Region(NamedTuple):
    """Mapped memory: address and size in bytes, kind of its pages, the byte that fills it, runs."""

    address: int
    size: int
    kind: PageKind
    fill: int
    runs: tuple[tuple[int, bytes], ...]


class Expectation(NamedTuple):
    """A result and the bytes that have changed, as runs; ``undefined`` ranges may hold anything."""

    result: int
    runs: tuple[tuple[int, bytes], ...]
    undefined: tuple[tuple[int, int], ...] = ()


class Case(NamedTuple):
    """One call.  ``text`` is the line it was read from, for engines that take it as it is.

    ``vector_address`` None: the vector lies out of the way of every op.  ``intended`` is the answer
    of a kernel without ``historic_bug``; None where there is no bug or the answer is the same.
    """

    identifier: str
    category: str
    revision: str
    vector: bytes
    vector_address: int | None
    cpuopcnt: int
    cpu: int
    flags: int
    memory: tuple[Region, ...]
    possible: int
    online: tuple[int, ...]
    allowed: tuple[int, ...]
    current: int
    expect: Expectation
    historic_bug: str | None
    intended: Expectation | None
    text: str

    def expectation(self, historic: bool) -> Expectation:
        """What is expected of a kernel that has the bug, or of one that has it mended."""
        if historic or self.intended is None:
            return self.expect
        return self.intended


def read_cases(source: SourceFile) -> Iterator[Case]:
    """The cases of a JSON Lines text, in order; empty lines are passed over.

    Raises DecodeError (OPV450) at the first line that is not a case, with the field that is wrong.
    """
    start = 0
    for line in source.text.splitlines(keepends=True):
        text = line.strip()
        if text:
            try:
                yield read_case(text)
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                span = Span(source, start, start + len(line.rstrip("\r\n")))
                raise DecodeError([_no_case(span, error)]) from None
        start += len(line)


def _no_case(span: Span, error: Exception) -> Diagnostic:
    reason = f"field {error} is missing" if isinstance(error, KeyError) else str(error)
    return Diagnostic(
        "error",
        "OPV450",
        f"this line is not a reference case: {reason}",
        span,
        help="opvasm docs cases describes the format: one JSON object a line",
    )


def read_case(text: str) -> Case:
    """A case from its JSON text.  Raises ValueError, KeyError or TypeError where it is none."""
    record = loads(text)
    if not isinstance(record, dict):
        raise TypeError("it is not a JSON object")
    revision = next((each for each in REVISIONS if each.name == record["abi"]), None)
    if revision is None:
        raise ValueError(f"abi {record['abi']!r} is not a revision")
    vector = bytes.fromhex(record["vector"])
    if len(vector) % OP_BYTES:
        raise ValueError(f"vector has {len(vector)} bytes, not a multiple of {OP_BYTES}")
    cpus, intended = record["cpus"], record.get("intended")
    count = _number(record, "cpuopcnt", *_INT32)
    possible = _number(cpus, "nr", 1, _MOST_CPUS)
    address = record.get("vector_addr")
    if address is None and len(vector) // OP_BYTES < count <= revision.vector_length_max:
        raise ValueError(f"vector has {len(vector) // OP_BYTES} ops, cpuopcnt asks for {count}")
    memory = tuple(_region(each) for each in record["memory"])
    if sum(region.size for region in memory) > _LARGEST_MEMORY:
        raise ValueError(f"its memory is larger than {_LARGEST_MEMORY >> 20} MiB")
    online = _cpu_list(cpus, "online", possible)
    current = _number(cpus, "current", 0, possible - 1)
    if current not in online:
        raise ValueError(f"the current CPU {current} is not online")
    return Case(
        identifier=str(record["id"]),
        category=str(record["cat"]),
        revision=record["abi"],
        vector=vector,
        vector_address=None if address is None else _address(address),
        cpuopcnt=count,
        cpu=_number(record, "cpu", *_INT32),
        flags=_number(record, "flags", *_INT32),
        memory=memory,
        possible=possible,
        online=online,
        allowed=_cpu_list(cpus, "allowed", possible),
        current=current,
        expect=_expectation(record["expect"]),
        historic_bug=_bug(record.get("historic_bug")),
        intended=None if intended is None else _expectation(intended),
        text=text,
    )


def _bug(name: object) -> str | None:
    if name is not None and not isinstance(name, str):
        raise TypeError(f"historic_bug is {json.dumps(name)[:40]}, not the name of one")
    return name


def _number(record: Mapping[str, Any], field: str, low: int, high: int) -> int:
    value = record[field]
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{field} is {json.dumps(value)[:40]}, not a whole number")
    if not low <= value <= high:
        raise ValueError(f"{field} is {value}, not a number from {low} to {high}")
    return value


def _cpu_list(cpus: Mapping[str, Any], field: str, possible: int) -> tuple[int, ...]:
    return tuple(_number({field: each}, field, 0, possible - 1) for each in cpus[field])


def _address(text: Any) -> int:
    if not isinstance(text, str):
        raise TypeError(f"the address {json.dumps(text)[:40]} is not a string of hex digits")
    value = int(text, 16)
    if not 0 <= value <= _LARGEST_ADDRESS:
        raise ValueError(f"the address {text[:40]} is not one of 64 bits")
    return value


def _region(record: Mapping[str, Any]) -> Region:
    address, size = _address(record["addr"]), _number(record, "size", 0, _LARGEST_MEMORY)
    if address % PAGE_SIZE or size % PAGE_SIZE:
        raise ValueError(f"region {record['addr']} is not made of whole pages")
    if record["perm"] not in PERMISSIONS:
        raise ValueError(f"perm {record['perm']!r} is none of {', '.join(PERMISSIONS)}")
    runs = tuple(_run(each) for each in record.get("bytes", ()))
    for start, data in runs:
        if not address <= start <= start + len(data) <= address + size:
            raise ValueError(f"the bytes at {start:#x} are not all in the region {record['addr']}")
    fill = _number(record, "fill", 0, 255) if "fill" in record else 0
    return Region(address, size, PERMISSIONS[record["perm"]], fill, runs)


def _run(record: list[Any]) -> tuple[int, bytes]:
    start, digits, *count = record
    data = bytes.fromhex(digits)
    if len(count) > 1:
        raise ValueError(f"a run has {len(record)} members, not two or three")
    if count:
        data *= _number({"a run's count": count[0]}, "a run's count", 0, _LARGEST_MEMORY)
    return _address(start), data


def _expectation(record: Mapping[str, Any]) -> Expectation:
    return Expectation(
        _number(record, "ret", *_INT32),
        tuple(_run(each) for each in record["memory_after"]),
        tuple(
            (_address(start), _number({"undefined": size}, "undefined", 0, _LARGEST_MEMORY))
            for start, size in record.get("undefined", ())
        ),
    )
