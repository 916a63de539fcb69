"""Reference cases: complete calls of cpu_opv with what came back (tests/conformance/FORMAT.md)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from .abi.layout import OP_BYTES
from .abi.pages import PageKind
from .abi.revisions import REVISIONS
from .errors import DecodeError, Diagnostic
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

    Raises DecodeError (OPV450) at the first line that is no case, with the field that is wrong.
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
        f"this line is no reference case: {reason}",
        span,
        help="tests/conformance/FORMAT.md describes the format: one JSON object a line",
    )


def read_case(text: str) -> Case:
    """A case from its JSON text.  Raises ValueError, KeyError or TypeError where it is none."""
    record = json.loads(text)
    if not isinstance(record, dict):
        raise TypeError("it is not a JSON object")
    if record["abi"] not in {revision.name for revision in REVISIONS}:
        raise ValueError(f"abi {record['abi']!r} is no revision")
    vector = bytes.fromhex(record["vector"])
    if len(vector) % OP_BYTES:
        raise ValueError(f"vector has {len(vector)} bytes, not a multiple of {OP_BYTES}")
    cpus = record["cpus"]
    address = record.get("vector_addr")
    intended = record.get("intended")
    return Case(
        identifier=str(record["id"]),
        category=str(record["cat"]),
        revision=record["abi"],
        vector=vector,
        vector_address=None if address is None else int(address, 16),
        cpuopcnt=int(record["cpuopcnt"]),
        cpu=int(record["cpu"]),
        flags=int(record["flags"]),
        memory=tuple(_region(each) for each in record["memory"]),
        possible=int(cpus["nr"]),
        online=tuple(cpus["online"]),
        allowed=tuple(cpus["allowed"]),
        current=int(cpus["current"]),
        expect=_expectation(record["expect"]),
        historic_bug=record.get("historic_bug"),
        intended=None if intended is None else _expectation(intended),
        text=text,
    )


def _region(record: Mapping[str, Any]) -> Region:
    address, size = int(record["addr"], 16), int(record["size"])
    if address % PAGE_SIZE or size % PAGE_SIZE:
        raise ValueError(f"region {record['addr']} is not made of whole pages")
    if record["perm"] not in PERMISSIONS:
        raise ValueError(f"perm {record['perm']!r} is none of {', '.join(PERMISSIONS)}")
    return Region(
        address,
        size,
        PERMISSIONS[record["perm"]],
        int(record.get("fill", 0)),
        tuple(_run(each) for each in record.get("bytes", ())),
    )


def _run(record: list[Any]) -> tuple[int, bytes]:
    data = bytes.fromhex(record[1])
    return int(record[0], 16), data * int(record[2]) if len(record) > 2 else data


def _expectation(record: Mapping[str, Any]) -> Expectation:
    return Expectation(
        int(record["ret"]),
        tuple(_run(each) for each in record["memory_after"]),
        tuple((int(address, 16), int(length)) for address, length in record.get("undefined", ())),
    )
