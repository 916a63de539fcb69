"""The reference interpreter's account of a real call: from what the thread met, event by event.

The functions that define the ops run again on the recorded bytes.  So a trace of a live program and
one of the simulated machine are made of the same events, and the native stub is held to the
definition at every recorded call.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from ..abi.layout import ByteOrder
from ..abi.revisions import Abi
from ..errors import Crash
from ..interpreter.errno import EFAULT, EINVAL
from ..interpreter.events import (
    Called,
    CopiedIn,
    Event,
    Faulted,
    Fenced,
    Finished,
    Loaded,
    Returned,
    Started,
    Stored,
    VectorRefused,
    VectorUnreadable,
)
from ..interpreter.machine import run_op
from ..interpreter.prepared import Prepared
from ..program import Instruction
from .call import Call
from .stub import Recorded, chunk_of


class ReplayDiffers(Crash):
    """The reference interpreter came to something else than the thread did."""


class _RecordedMemory:
    """What one op met, as memory: each load gives the bytes that the thread loaded."""

    __slots__ = (
        "_first",
        "_instruction",
        "_loads",
        "_op",
        "_second",
        "byteorder",
        "chunk",
        "events",
    )

    def __init__(
        self, op: int, instruction: Instruction, where: Recorded, record: bytes, abi: Abi
    ) -> None:
        self.byteorder: ByteOrder = abi.model.byteorder
        self.chunk = chunk_of(abi)
        self.events: list[Event] = []
        self._op = op
        self._instruction = instruction
        length = instruction.length
        self._first = record[where.first : where.first + length]
        self._second = record[where.second : where.second + length]
        self._loads = 0

    def load(self, address: int, length: int) -> bytes:
        """The recorded bytes; a compare loads of a and b in turn."""
        operation = self._instruction.operation
        assert operation is not None
        turn = self._loads % 2 if operation.is_compare else 0
        self._loads += 1
        # Of a compare the operand is a or b; of everything else the last one is read.
        start = self._instruction.addresses[turn if operation.is_compare else -1]
        assert isinstance(start, int)
        data = (self._second if turn else self._first)[address - start :][:length]
        self.events.append(Loaded(self._op, address, data))
        return data

    def store(self, address: int, data: bytes | bytearray) -> None:
        """Hold the definition's value against what the thread stored."""
        operation = self._instruction.operation
        start = self._instruction.addresses[0]
        assert operation is not None
        assert isinstance(start, int)
        if operation.member == "memcpy_op":
            before = self._second[address - start :][: len(data)]
        else:
            before = self._first
            if self._second != data:
                raise ReplayDiffers(
                    f"op {self._op} ({operation.mnemonic}) stored {self._second.hex()}, "
                    f"the reference interpreter {bytes(data).hex()}"
                )
        self.events.append(Stored(self._op, address, before, bytes(data)))

    def barrier(self) -> None:
        """A fence, as the definition places it."""
        self.events.append(Fenced(self._op))


def replay(call: Call, abi: Abi) -> Iterator[Event]:
    """The events of a call, in order, ending with Returned.

    Raises ReplayDiffers when the reference interpreter does not come to the call's result, or to a
    value that the thread stored.
    """
    _, cpuopcnt, cpu, flags = call.arguments
    yield Called(cpuopcnt, cpu, flags, -1 if call.current is None else call.current)
    yield from _after_entry(call, abi)
    yield Returned(call.result)


def _after_entry(call: Call, abi: Abi) -> Iterator[Event]:
    if call.plan is None:
        if call.ended is not None:
            yield call.ended
        elif call.result == -EFAULT:
            yield VectorUnreadable(call.arguments.vector, call.arguments.cpuopcnt * 32, EFAULT)
        return
    prepared = call.plan.prepared
    yield CopiedIn(prepared.instructions)
    if prepared.violation is not None:
        yield VectorRefused(prepared.violation, EINVAL)
        return
    yield from call.outcomes
    if call.ended is not None and call.ended not in call.outcomes:
        yield call.ended
    if call.placed is not None and call.placed is not call.ended:
        yield call.placed
    if call.record is not None and call.native is not None:
        yield from _ops(call, prepared, abi)


def _ops(call: Call, prepared: Prepared, abi: Abi) -> Iterator[Event]:
    """The ops that ran; checks the result."""
    assert call.native is not None
    assert call.record is not None
    faulted = call.fault_op
    if faulted is None and len(call.native.recorded) < len(prepared.instructions):
        faulted = len(call.native.recorded) - 1  # a store that was known to fault
    result = 0
    for op, instruction in enumerate(prepared.instructions):
        yield Started(op, instruction)
        if op == faulted and call.result == -EFAULT:
            address = instruction.addresses[0]
            assert isinstance(address, int)
            yield Faulted(op, address, instruction.length, True, address, None, EFAULT)
            result = -EFAULT
            break
        memory = _RecordedMemory(op, instruction, call.native.recorded[op], call.record, abi)
        stops = run_op(prepared, op, memory)
        yield from memory.events
        yield Finished(op, stops)
        if stops:
            result = op + 1
            break
    if result != call.result:
        raise ReplayDiffers(
            f"the thread came to {call.result}, the reference interpreter to {result}"
        )


class LiveCallBegins(NamedTuple):
    """A thread of a program called; ``seconds`` since the program was started."""

    pid: int
    tid: int
    seconds: float
    address: int


class LiveCallEnds(NamedTuple):
    """The call is answered.  ``waited`` and ``preempted`` count how often the thread was switched
    out while its ops ran, where that could have let another thread in."""

    pid: int
    tid: int
    result: int
    microseconds: float
    waited: int
    preempted: int
