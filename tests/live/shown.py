"""Holds every call of a program against what the debugger would have shown of it.

    python tests/live/shown.py PROGRAM ARGS…

Prints how many calls were shown and each that did something else; ends as the program did.
"""

from __future__ import annotations

import sys

from opvasm.abi.revisions import get_abi
from opvasm.debugger.load import session_of_call
from opvasm.interpreter.events import Returned
from opvasm.live import launch
from opvasm.live.attach import Attached, StoppedCall, Then
from opvasm.live.call import Call
from opvasm.live.compare import differences
from opvasm.live.host import probe
from opvasm.live.pattern import parse_pattern
from opvasm.live.replay import replay
from opvasm.live.report import Names
from opvasm.live.settings import Settings

ABI = get_abi("2017-12")


class Everything:
    """Runs each call on its copy, forwards, backwards and forwards again, and lets it go."""

    def __init__(self) -> None:
        self.shown: list[object] = []
        self.count = 0
        self.wrong: list[str] = []

    def started(self, pid: int) -> None:
        """Nothing to do."""

    def stopped(self, call: StoppedCall) -> Then:
        """Walk the call."""
        session = session_of_call(
            call.machine, call.program, call.layout, call.arguments, call.names
        )
        for _ in range(2):
            session.goto(sys.maxsize)
            session.goto(0)
        self.shown = [*session.movements]
        return Then.GO_ON

    def returned(self, stopped: StoppedCall, call: Call | None) -> None:
        """Compare."""
        self.count += 1
        if call is None:
            return
        result = next(each.result for each in self.shown if isinstance(each, Returned))
        found = differences(self.shown, replay(call, ABI))
        if result != call.result or found:
            self.wrong.append(f"call {stopped.number}: {result} and {call.result}, {found}")


def main() -> int:
    """The exit code of the program, or 99 where something else was shown."""
    front = Everything()
    settings = Settings(ABI, probe(None), record=True)

    def make(settings: Settings, **told: object) -> Attached:
        return Attached(settings, [parse_pattern("any")], front, Names())

    run = launch.run(settings, sys.argv[1:], make=make)
    print(f"{front.count} calls were shown")
    print("\n".join(front.wrong))
    return 99 if front.wrong else run.ended.code


if __name__ == "__main__":
    sys.exit(main())
