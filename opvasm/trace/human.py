"""A trace that a person reads: op by op, operands by name, values before and after, and why."""

from __future__ import annotations

from collections.abc import Callable

from ..abi.ops import Access
from ..interpreter.errno import result_name
from ..interpreter.events import (
    ArgumentRefused,
    Called,
    CopiedIn,
    CpuRefused,
    Event,
    Faulted,
    Fenced,
    Finished,
    Loaded,
    Moved,
    Pinned,
    PinRefused,
    Queried,
    Restarted,
    Returned,
    RunsOffline,
    Started,
    Stored,
    VectorRefused,
    VectorUnreadable,
)
from ..program import Layout, Program, Vector
from ..report.style import PLAIN, Style
from .names import Names
from .op import OpRecord, spelled

_VERBS = {Access.READ: "read", Access.WRITE: "write", Access.READ_WRITE: "read and write"}


class CallTrace:
    """An observer of one machine: writes each call's ops and its result, a line at a time.

    ``write`` takes a line without its newline.  Call ``begin`` before each call, with the vector
    that it makes, so that arguments and ops get their names.
    """

    def __init__(
        self,
        program: Program,
        layout: Layout,
        write: Callable[[str], None],
        style: Style = PLAIN,
        indent: str = "  ",
    ) -> None:
        self._program = program
        self._layout = layout
        self._write = write
        self._style = style
        self._indent = indent
        self._reason = ""
        self._instructions: CopiedIn | None = None
        self._record: OpRecord | None = None
        self.begin(None)

    def begin(self, vector: Vector | None) -> None:
        """The next call is of this vector; None for ops that no text names."""
        self._names = Names(self._program, self._layout, vector)
        self._vector = vector
        self._reason = ""
        self._record = None
        self._instructions = None

    def __call__(self, event: Event) -> None:
        """Write what is worth a line, and remember what decides the result."""
        match event:
            case Called() | Pinned():
                pass
            case Started():
                self._record = OpRecord(event, self._names)
                text = spelled(self._vector, event.op, event.instruction, self._names)
                self._line(f"{self._style.dim(f'op {event.op:<2}')}  {text}")
            case CopiedIn():
                self._instructions = event
            case Loaded() | Stored():
                if self._record is not None:
                    self._record.add(event)
            case Fenced():
                self._line("       barrier: every earlier access comes before every later one")
            case Finished():
                self._finished(event)
            case Moved(source=source, target=target):
                if source != target:
                    self._line(f"moved from CPU {source} to CPU {target}")
            case RunsOffline(cpu=cpu, current=current):
                self._line(f"CPU {cpu} is offline: runs on CPU {current} under the global mutex")
            case Returned():
                self._returned(event)
            case _:
                self._reason = self._why(event)

    def _not_run(self, op: int | None) -> None:
        """The line of an op that decided the result without being run."""
        if op is not None and self._instructions is not None:
            instruction = self._instructions.instructions[op]
            text = spelled(self._vector, op, instruction, self._names)
            self._line(f"{self._style.dim(f'op {op:<2}')}  {text}  {self._style.dim('(not run)')}")

    def _line(self, text: str) -> None:
        self._write(f"{self._indent}{text}")

    def _finished(self, event: Finished) -> None:
        record = self._record
        if record is None:
            return
        for line in record.lines(self._style):
            self._line(f"       {line}")
        operation = record.started.instruction.operation
        if operation is not None and operation.is_compare and event.stops:
            self._reason = f"op {event.op} stopped the vector: {record.comparison()}"
        self._record = None

    def _why(
        self,
        event: (
            Queried
            | ArgumentRefused
            | VectorUnreadable
            | VectorRefused
            | PinRefused
            | CpuRefused
            | Restarted
            | Faulted
        ),
    ) -> str:
        """What an event that ends the call says."""
        match event:
            case Queried(flag=flag):
                return f"the answer to {flag}; nothing else was looked at"
            case ArgumentRefused(argument=argument, value=value):
                return f"the argument {argument} = {value} is refused before anything is read"
            case VectorUnreadable(address=address, length=length):
                return f"the {length} bytes of the vector at {self._where(address)} can't be read"
            case VectorRefused():
                from ..verifier.kernel_report import kernel_diagnostics

                self._not_run(event.violation.op)
                instructions = self._instructions.instructions if self._instructions else ()
                found = kernel_diagnostics(
                    [event.violation], instructions, self._program.abi, "vector"
                )
                where = "" if event.violation.op is None else f"op {event.violation.op}: "
                return f"{where}{found[0].message} ({event.violation.code}); nothing ran"
            case PinRefused():
                self._not_run(event.op)
                text = self._access(event.op, event.operand, event.access, event.length)
                answer = "; expect_fault makes it EAGAIN, not EFAULT" if event.expected else ""
                return f"{text} {self._where(event.address)}: {event.reason}; nothing ran{answer}"
            case CpuRefused(cpu=cpu, reason=reason):
                return f"CPU {cpu}: {reason}; nothing ran"
            case Restarted(page=page):
                return f"page {page:#x} was replaced while pinned, and the retry lost the addresses"
            case Faulted():
                return self._faulted(event)

    def _faulted(self, event: Faulted) -> str:
        record = self._record
        operand = ""
        if record is not None:
            for line in record.lines(self._style):
                self._line(f"       {line}")
            for each, address, _ in record.started.instruction.operands():
                if isinstance(address, int) and (
                    address <= event.address < address + record.started.instruction.length
                ):
                    operand = each.name
        access = Access.WRITE if event.writes else Access.READ
        kind = "outside user space" if event.kind is None else event.kind.value
        text = self._access(event.op, operand, access, event.length)
        return (
            f"{text} {self._where(event.address)}: page {event.page:#x} is {kind}; "
            "what ran before stays done"
        )

    def _access(self, op: int, operand: str, access: Access, length: int) -> str:
        named = f", operand {operand}" if operand else ""
        return f"op {op}{named}: {_VERBS[access]} of {length} bytes at"

    def _where(self, address: int) -> str:
        near = self._names.near(address)
        return f"{address:#x}" if near is None else f"{address:#x} ({near})"

    def _returned(self, event: Returned) -> None:
        result = event.result
        why = self._reason
        if not why:
            count = len(self._instructions.instructions) if self._instructions else 0
            why = f"all {count} ops ran" if count != 1 else "the op ran"
        paint = self._style.good if result == 0 else self._style.warning
        self._line(f"{paint(f'-> {result_name(result)}')}  {why}")
