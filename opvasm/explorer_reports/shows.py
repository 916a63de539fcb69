"""A schedule as data for a page: its rows, the memory after each, the line of the source."""

from __future__ import annotations

from collections.abc import Iterator

from ..explorer.plan.plan import Plan
from ..explorer.schedules.diagram import Row, rows_of
from ..explorer.schedules.schedule import Replay
from ..explorer.steps.work import Range
from ..light_typing import Any
from ..program import Area
from ..source import SourceFile, Span


def show_data(
    replay: Replay, sources: tuple[SourceFile, ...], moment: int | None = None
) -> dict[str, Any]:
    """Everything that the page's script needs to show a schedule step by step.

    ``cells`` are the bytes that any step touches, by name; a step holds the values that it changed,
    as pairs of a cell's index and its new value.  ``file`` counts from 0 in ``sources``, ``line``
    from 1; both are those of the step before where a step is not written anywhere.  ``opens`` is how
    many steps are done when the page opens: up to ``moment`` (index in the schedule; None: all).
    """
    plan = replay.plan
    touched = _cells(replay)
    places = _places(replay, sources)
    before = _values(replay, -1, touched)
    registers = _registers(replay, -1)
    steps: list[dict[str, Any]] = []
    data: dict[str, Any] = {
        "cpus": plan.configuration.cpus,
        "threads": list(plan.names),
        "cells": [plan.image.describe(start, end - start, plan.names) for start, end in touched],
        "initial": before,
        "registers": registers,
        "steps": steps,
        "cycle": None,
        "opens": 0,
    }
    rows = rows_of(replay, [])
    ends = _ends(rows, len(replay.moments))
    for row in rows:
        if row.mark == "~ ":
            data["cycle"] = len(steps)
        elif row.number is None:
            steps[-1]["aborts"].append({"cpu": row.cpu, "thread": row.thread, "text": row.text})
        else:
            index = row.number - 1
            now, locals_ = _values(replay, index, touched), _registers(replay, ends[row.number])
            file, line = places[index]
            steps.append(
                {
                    "number": row.number,
                    "cpu": row.cpu,
                    "thread": row.thread,
                    "mark": _MARKS[row.mark],
                    "text": row.text,
                    "aborts": [],
                    "changes": [[i, v] for i, v in enumerate(now) if v != before[i]],
                    "registers": locals_ if locals_ != registers else None,
                    "file": file,
                    "line": line,
                }
            )
            before, registers = now, locals_
    data["opens"] = sum(moment is None or step["number"] <= moment + 1 for step in steps)
    return data


def _ends(rows: list[Row], count: int) -> dict[int, int]:
    """For the number of each step its last moment: what threads do to registers has no row."""
    numbers = [row.number for row in rows if row.number is not None]
    return {n: after - 2 for n, after in zip(numbers, [*numbers[1:], count + 1], strict=True)}


_MARKS = {
    "> ": "begin",
    "| ": "inside",
    "`>": "commit",
    "# ": "vector",
    "! ": "event",
    "  ": "plain",
}


def _cells(replay: Replay) -> list[Range]:
    """The bytes that a schedule touches and those of small variables, none of them twice."""
    wanted = set(_declared(replay.plan))
    for moment in replay.moments:
        wanted.update(moment.micro.loads)
        wanted.update((start, start + len(new)) for start, _, new in moment.micro.stores)
    found: list[Range] = []
    for start, end in sorted(wanted, key=lambda each: (each[0], each[1])):
        if not found or start >= found[-1][1]:
            found.append((start, end))
        elif end > found[-1][1]:
            found.append((found[-1][1], end))
    return found


def _declared(plan: Plan) -> Iterator[Range]:
    """The variables of the file that are one number each."""
    for symbol in plan.program.data.symbols.values():
        if symbol.area is Area.PAGE or symbol.size not in (1, 2, 4, 8):
            continue
        for cpu in range(plan.configuration.cpus if symbol.area is Area.PERCPU else 1):
            start = plan.image.index(plan.image.layout.symbol_address(symbol, cpu))
            yield start, start + symbol.size


def _values(replay: Replay, index: int, touched: list[Range]) -> list[str]:
    memory, image = replay.state(index).memory, replay.plan.image
    found = []
    for start, end in touched:
        if end - start > 8:
            found.append(memory[start:end].hex(" "))
        else:
            number = int.from_bytes(memory[start:end], image.byteorder)
            found.append(image.describe_value(number, replay.plan.names))
    return found


def _registers(replay: Replay, index: int) -> list[list[list[str]]]:
    """The locals of each thread, as pairs of name and value."""
    plan, state = replay.plan, replay.state(index)
    return [
        [
            [name, plan.image.describe_value(local[register], plan.names)]
            for name, register in code.registers.items()
            if "$" not in name
        ]
        for code, local in zip(plan.codes, state.threads, strict=True)
    ]


def _places(replay: Replay, sources: tuple[SourceFile, ...]) -> list[tuple[int, int]]:
    """The file and line of each moment."""
    found: list[tuple[int, int]] = []
    here = (0, replay.plan.scenario.span.line)
    for moment in replay.moments:
        step = moment.micro.step
        if step is not None and isinstance(step.place, Span):
            place = step.place
            names = [each.name for each in sources]
            if place.file.name in names:
                here = (names.index(place.file.name), place.line)
        found.append(here)
    return found
