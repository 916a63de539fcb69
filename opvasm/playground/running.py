"""The tests of a text, run and traced."""

from __future__ import annotations

from ..light_typing import Any
from ..program import default_layout
from ..report.style import COLORED
from ..scenario.runner import run_test
from ..trace.tests import TestTrace
from .texts import Text, assembled

LINES_MAX = 4000


class _Lines:
    """The first lines of a trace, and how many more there were."""

    def __init__(self) -> None:
        self.kept: list[str] = []
        self.dropped = 0

    def write(self, line: str) -> None:
        if len(self.kept) < LINES_MAX:
            self.kept.append(line)
        else:
            self.dropped += 1

    def text(self) -> str:
        more = f"… and {self.dropped:,} more lines\n" if self.dropped else ""
        return "".join(f"{line}\n" for line in self.kept) + more


def run(text: Text) -> dict[str, Any]:
    """Each test's name, whether it passed, and its trace; what was ``expected`` is in the trace."""
    assembly = assembled(text)
    program = assembly.program
    layout = default_layout(program.abi, program.data)
    tests = []
    for test in assembly.tests:
        lines = _Lines()
        trace = TestTrace(program, layout, test, lines.write, COLORED)
        result = run_test(program, test, layout=layout, observe=trace)
        trace.end(result)
        tests.append({"name": test.name, "passed": result.passed, "text": lines.text()})
    return {"tests": tests}
