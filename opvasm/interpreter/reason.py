"""Why a call ended as it did, in words: from its events alone."""

from __future__ import annotations

from collections.abc import Iterator

from ..abi.ops import Access
from ..codes import all_codes
from ..source import Place
from .errno import NAMES
from .events import (
    ArgumentRefused,
    CopiedIn,
    CpuRefused,
    Event,
    Faulted,
    Finished,
    Loaded,
    PinRefused,
    Queried,
    Restarted,
    Started,
    VectorRefused,
    VectorUnreadable,
)


class Reason:
    """An observer that remembers what decided a call's result."""

    def __init__(self) -> None:
        self._places: tuple[Place | None, ...] = ()
        self._started: Started | None = None
        self._loads: list[Loaded] = []
        self._decisive: Event | None = None

    def __call__(self, event: Event) -> None:
        """Take note of an event."""
        match event:
            case CopiedIn(instructions=instructions):
                self._places = tuple(each.place for each in instructions)
            case Started():
                self._started = event
                self._loads = []
            case Loaded():
                self._loads.append(event)
            case Finished(stops=True):
                self._decisive = event
            case (
                Queried()
                | ArgumentRefused()
                | VectorUnreadable()
                | VectorRefused()
                | PinRefused()
                | CpuRefused()
                | Restarted()
                | Faulted()
            ):
                self._decisive = event
            case _:
                pass

    def lines(self) -> Iterator[tuple[str, Place | None]]:
        """What decided the result, with the place of the op; nothing when every op ran."""
        event = self._decisive
        match event:
            case None:
                return
            case Queried(flag=flag, answer=answer):
                yield f"{flag} asks a question: the answer is {answer}", None
            case ArgumentRefused(argument=argument, value=value):
                yield f"argument {argument} = {value} was refused before anything else", None
            case VectorUnreadable(address=address, length=length):
                yield f"the vector at {address:#x} ({length} bytes) can't be read", None
            case VectorRefused(violation=violation):
                where = "" if violation.op is None else f"op {violation.op}: "
                title = all_codes()[violation.code].title
                yield f"{where}{title} ({violation.code})", self._place(violation.op)
            case PinRefused():
                yield describe_refusal(event), self._place(event.op)
            case CpuRefused(cpu=cpu, reason=reason):
                yield f"CPU {cpu} can't be had: {reason}", None
            case Restarted(page=page, errno=errno):
                text = (
                    f"page {page:#x} was replaced after it was pinned; the retry lost the addresses"
                )
                yield f"{text}: {NAMES[errno]}", None
            case Faulted():
                what = "write" if event.writes else "read"
                kind = "outside user space" if event.kind is None else event.kind.value
                yield (
                    f"op {event.op} faulted while it ran: {what} of {event.length} bytes at "
                    f"{event.address:#x}, page {event.page:#x} is {kind}; earlier effects stay",
                    self._place(event.op),
                )
            case Finished(op=op):
                yield f"the compare of op {op} stopped the vector", self._place(op)
                yield from ((text, None) for text in self._compared())
            case _:
                return

    def _place(self, op: int | None) -> Place | None:
        return None if op is None or op >= len(self._places) else self._places[op]

    def _compared(self) -> Iterator[str]:
        """The last two pieces that the compare read, where they differ if they do."""
        if len(self._loads) < 2:
            return
        a, b = self._loads[-2:]
        yield f"a, at {a.address:#x}: {shown_bytes(a.data)}"
        yield f"b, at {b.address:#x}: {shown_bytes(b.data)}"
        for offset, (left, right) in enumerate(zip(a.data, b.data, strict=True)):
            if left != right:
                yield f"byte {offset} differs first: {left:#04x} and {right:#04x}"
                return
        yield "they are equal"


def describe_refusal(event: PinRefused) -> str:
    """An operand's refused memory: op, operand, address, size, access, page, and what follows."""
    match event.access:
        case Access.READ:
            access = "read"
        case Access.WRITE:
            access = "write"
        case _:
            access = "read and write"
    text = (
        f"op {event.op}, operand {event.operand}: {access} of {event.length} bytes at "
        f"{event.address:#x}: {event.reason} (page {event.page:#x})"
    )
    return f"{text}; expect_fault turns it into EAGAIN" if event.expected else text


SHOWN_BYTES = 16


def shown_bytes(data: bytes) -> str:
    """The first bytes in hexadecimal, in the order of memory."""
    more = f" … ({len(data)} bytes)" if len(data) > SHOWN_BYTES else ""
    return data[:SHOWN_BYTES].hex(" ") + more
