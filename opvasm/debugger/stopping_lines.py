"""The lines at which a run can stop; a breakpoint on another line goes to the next of them, as in gdb."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from ..program import Program
from ..program.flat import flatten
from ..source import Place, Span
from ..text.tree import Repeat, Test, TestStatement


def lines_of(program: Program, tests: Iterable[Test]) -> dict[str, set[int]]:
    """The lines of each file, by its name, that hold an op, an instruction or a statement."""
    lines: dict[str, set[int]] = {}
    for place in _places(program, tests):
        if isinstance(place, Span):
            lines.setdefault(place.file.name, set()).add(place.line)
    return lines


def next_line(lines: Collection[int], asked: int) -> int | None:
    """The first of these lines from one on; None where all come before it."""
    return min((each for each in lines if each >= asked), default=None)


def _places(program: Program, tests: Iterable[Test]) -> Iterator[Place | None]:
    """Where a run can stop: every op, every instruction of a section, every statement."""
    for vector in program.vectors.values():
        for instruction in vector.instructions:
            yield instruction.place
    for section in program.sections.values():
        for each in flatten(section):
            yield each.step.place
    pending: list[TestStatement] = [each for test in tests for each in test.statements]
    while pending:
        statement = pending.pop()
        if isinstance(statement, Repeat):
            pending.extend(statement.statements)
        else:
            yield statement.span
