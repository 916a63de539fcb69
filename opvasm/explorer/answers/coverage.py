"""What the explored schedules have exercised, op by op: the answer to "the fallback is never run"."""

from __future__ import annotations

from collections.abc import Iterable

from ...light_typing import NamedTuple
from ...program import Program
from ...text.scenario_tree import RSEQ
from ..steps.step import METHOD_OF
from .verdict import Run

REQUIREMENTS = ("executed", "differs", "aborted")


class Line(NamedTuple):
    """An op of a vector, or an instruction of a section, run one way.

    ``events`` is what happened there: ``executed``, ``compare failed``, ``left`` (a section by an
    exit), ``aborted by …``.
    """

    vector: str
    op: int
    method: str
    compares: bool
    events: tuple[str, ...]

    def missing(self, required: Iterable[str]) -> tuple[str, ...]:
        """What was asked for and never happened."""
        found = []
        for each in required:
            match each:
                case "executed":
                    absent = "executed" not in self.events
                case "differs":
                    absent = self.compares and not {"compare failed", "left"} & {*self.events}
                case _:
                    aborted = any(event.startswith("aborted") for event in self.events)
                    absent = self.method == RSEQ and not aborted
            if absent:
                found.append(each)
        return tuple(found)


def coverage(runs: Iterable[Run]) -> tuple[Line, ...]:
    """Every op of every vector that the runs can run, with what happened there in any of them."""
    events: dict[tuple[str, int, str], set[str]] = {}
    compares: dict[tuple[str, int, str], bool] = {}
    for run in runs:
        plan = run.found.plan
        for code in plan.codes:
            for step in code.steps:
                if step.operation is not None:
                    vector, op = step.operation
                    key = (vector, op, METHOD_OF[step.guard])
                    events.setdefault(key, set())
                    compares[key] = _compares(plan.image.program, vector, op)
        for vector, op, method, what in run.found.covered:
            events.setdefault((vector, op, method), set()).add(what)
    return tuple(
        Line(*key, compares.get(key, False), tuple(sorted(events[key]))) for key in sorted(events)
    )


def _compares(program: Program, name: str, op: int) -> bool:
    """Whether an op compares; of a section, whether an instruction can leave it."""
    section = program.sections.get(name)
    if section is None:
        operation = program.vectors[name].instructions[op].operation
        return operation is not None and operation.is_compare
    from ...program.flat import Branch, flatten, settled

    code = flatten(section)
    step = code[op].step
    return isinstance(step, Branch) and settled(code, step.target) is not None


def coverage_lines(lines: Iterable[Line]) -> list[str]:
    """The table for people."""
    rows = [
        (f"{line.vector}[{line.op}]", line.method, ", ".join(line.events) or "never")
        for line in lines
    ]
    if not rows:
        return ["no vector is run"]
    first = max(len(row[0]) for row in rows)
    return [f"{name:<{first}}  {method:<4}  {events}" for name, method, events in rows]
