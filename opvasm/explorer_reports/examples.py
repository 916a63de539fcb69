"""The counterexamples of comparison tables: numbered, named, told in a sentence."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ..codes import all_codes
from ..explorer.answers.text_report import why_text
from ..light_typing import NamedTuple
from .comparison import Cell, Table


class Example(NamedTuple):
    """A counterexample of a table: its number there, its cell, the file it is saved as."""

    number: int
    scenario: str
    cell: Cell
    file: str


def examples(tables: Sequence[Table]) -> tuple[Example, ...]:
    """The counterexamples of some tables, numbered from 1.

    Kernels with equal rules share one, and environments in which the same schedule fails.
    """
    found: dict[object, Example] = {}
    for table in tables:
        for cell in table.cells:
            if cell.diagnosis is not None and _key(cell, table) not in found:
                name = table.scenario.name
                parts = (name, cell.strategy, cell.kernel, cell.environment)
                file = "-".join(part.replace(" ", "_") for part in parts) + ".json"
                found[_key(cell, table)] = Example(len(found) + 1, name, cell, file)
    return tuple(found.values())


def _key(cell: Cell, table: Table) -> object:
    assert cell.diagnosis is not None
    replay = cell.diagnosis.replay
    events = tuple((m.decision, m.micro.text, m.micro.aborts) for m in replay.moments)
    return table.scenario.name, cell.strategy, cell.verdict, cell.diagnosis.label, events


def numbers(tables: Sequence[Table]) -> dict[int, int]:
    """The number of each counterexample by the ``id`` of its diagnosis."""
    of = {_key_of(each, tables): each.number for each in examples(tables)}
    return {
        id(cell.diagnosis): of[_key(cell, table)]
        for table in tables
        for cell in table.cells
        if cell.diagnosis is not None
    }


def _key_of(example: Example, tables: Sequence[Table]) -> object:
    table = next(each for each in tables if each.scenario.name == example.scenario)
    return _key(example.cell, table)


def rule_name(code: str) -> str:
    """``R4`` where a code is about one of the rules R1 to R8; else the code."""
    found = re.search(r"\((R\d)\)", all_codes()[code].title)
    return found[1] if found else code


def cell_text(cell: Cell, number: int | None) -> str:
    """``holds 57``, ``fails 29 [1]``, ``refused R1``, ``not begun``."""
    if cell.rule is not None:
        return f"refused {rule_name(cell.rule)}"
    if cell.states is None:
        return "not begun"
    mark = f" [{number}]" if number is not None else ""
    return f"{cell.verdict} {cell.states:,}{mark}"


def example_text(example: Example) -> str:
    """What goes wrong, in how many steps, after how many preemptions."""
    cell = example.cell
    assert cell.diagnosis is not None
    found = cell.diagnosis
    size = f"{len(found.replay.moments)} steps"
    if cell.preemptions is not None:
        size += f", {cell.preemptions} preemption{'' if cell.preemptions == 1 else 's'}"
    why = why_text(found.replay.plan, found)
    return f"{cell.strategy}, {cell.kernel}, {cell.environment}: {found.label} ({size})" + (
        f"; {why}" if why else ""
    )
