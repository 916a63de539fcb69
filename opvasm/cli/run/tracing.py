"""The tracer that ``--trace`` asks for, writing to standard output."""

from __future__ import annotations

from collections.abc import Mapping

from ...light_typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from ...interpreter import Machine
    from ...interpreter.events import Event
    from ...program import Layout, Program, Vector
    from ...report.style import Style
    from ...scenario.events import TestEvent
    from ...scenario.runner import Result
    from ...text.tree import Test


class Tracer(Protocol):
    """Told of everything that a test does, and of its end."""

    def __call__(self, event: TestEvent | Event) -> None:
        """Something happened."""

    def end(self, result: Result) -> None:
        """The test is over."""


class CallTracer(Protocol):
    """Told of one call."""

    def begin(self, vector: Vector, cpu: int, arguments: Mapping[str, int]) -> None:
        """The call is about to be made."""

    def __call__(self, event: Event) -> None:
        """Something happened."""

    def end(self, result: int) -> None:
        """The call has returned."""


def begin_trace(kind: str, program: Program) -> None:
    """Write what comes before everything: the header of a trace for machines."""
    if kind == "jsonl":
        from ...trace.json_lines import header

        _write(header(program.abi))


def write_event(event: TestEvent | Event) -> None:
    """One event of a trace for machines."""
    from ...trace.json_lines import event_record

    _write(event_record(event))


def tracer_of_test(kind: str, program: Program, layout: Layout, test: Test, style: Style) -> Tracer:
    """The tracer of a test."""
    match kind:
        case "human":
            from ...trace.tests import TestTrace

            return TestTrace(program, layout, test, print, style)
        case "jsonl":
            return _JsonTest(test)
        case _:
            return _Silent()


def tracer_of_call(
    kind: str, program: Program, layout: Layout, style: Style, machine: Machine | None = None
) -> CallTracer:
    """The tracer of one call that no test makes; a trace for machines begins with ``machine``."""
    match kind:
        case "human":
            return _HumanCall(program, layout, style)
        case "jsonl":
            return _JsonCall(machine)
        case _:
            return _Silent()


class _Silent:
    def begin(self, vector: Vector, cpu: int, arguments: Mapping[str, int]) -> None:
        pass

    def __call__(self, event: object) -> None:
        pass

    def end(self, result: object) -> None:
        pass


class _HumanCall:
    def __init__(self, program: Program, layout: Layout, style: Style) -> None:
        from ...trace.human import CallTrace

        self._trace = CallTrace(program, layout, print, style)
        self._style = style

    def begin(self, vector: Vector, cpu: int, arguments: Mapping[str, int]) -> None:
        listed = ", ".join(f"{name} = {_shown(value)}" for name, value in arguments.items())
        print(f"{self._style.strong(f'{vector.name}({listed})')}  on CPU {cpu}")
        self._trace.begin(vector)

    def __call__(self, event: Event) -> None:
        self._trace(event)

    def end(self, result: int) -> None:
        pass


def _shown(value: int) -> str:
    return str(value) if -4096 < value < 4096 else f"{value:#x}"


def _write(record: object) -> None:
    import json

    print(json.dumps(record, separators=(",", ":"), ensure_ascii=False))


class _JsonLines:
    """JSON objects, one a line."""

    def __init__(self) -> None:
        from ...trace.json_lines import event_record

        self._record = event_record

    def __call__(self, event: TestEvent | Event) -> None:
        _write(self._record(event))


class _JsonTest(_JsonLines):
    def __init__(self, test: Test) -> None:
        super().__init__()
        _write({"event": "test_begins", "name": test.name, "place": str(test.span)})

    def end(self, result: Result) -> None:
        findings = [str(each) for each in result.findings]
        _write({"event": "test_ends", "passed": result.passed, "findings": findings})


class _JsonCall(_JsonLines):
    def __init__(self, machine: Machine | None) -> None:
        super().__init__()
        if machine is not None:
            from ...scenario.events import MachineReady

            self(MachineReady(machine.memory, machine.cpus))

    def begin(self, vector: Vector, cpu: int, arguments: Mapping[str, int]) -> None:
        from ...scenario.events import CallBegins

        self(CallBegins(None, vector, vector.instructions, arguments, cpu, cpu))

    def end(self, result: int) -> None:
        from ...scenario.events import CallEnds

        self(CallEnds(None, result, result))
