"""One search on one core and on two: ``python -m benchmarks.two_cores``, and a table of ``explore``.

Seconds are those of the clock, since two cores are to save them: other work on the machine shows.  Each row is
searched on one core and on two in turns, and has the median of each and of the ratio of a turn.
"""

from __future__ import annotations

import os
import sys
from statistics import median
from time import perf_counter

from opvasm.assembler import assemble
from opvasm.explorer.plan.plan import Plan, make_plan
from opvasm.explorer.plan.validate import strategy_table
from opvasm.explorer.search.explore import explore
from opvasm.explorer.setting.configuration import configurations
from opvasm.explorer.setting.options import NO_REDUCTIONS, Limits, Reductions
from opvasm.source import SourceFile

from .exploring.scenarios import RESIZE, pushes
from .measure import table

TURNS = 3
MOST = 2_000_000
ROWS: dict[str, tuple[str, Reductions]] = {
    "5,2,2, no reduction": (pushes((5, 2, 2)), NO_REDUCTIONS),
    "8,2,1, no reduction": (pushes((8, 2, 1)), NO_REDUCTIONS),
    "resize, no reduction": (RESIZE, NO_REDUCTIONS),
    "5,1,3": (pushes((5, 1, 3)), Reductions()),
}


def planned(text: str) -> Plan:
    """The first configuration of a text's only scenario."""
    assembly = assemble(SourceFile("s.opv", text))
    (scenario,) = assembly.scenarios
    strategies = strategy_table(assembly.strategies)
    return make_plan(assembly.program, scenario, configurations(scenario, strategies)[0])


def _turn(plan: Plan, reductions: Reductions) -> tuple[int, float, float]:
    """The states of a search, its seconds on one core and on two."""
    seconds, answers = [], []
    for jobs in (1, 2):
        began = perf_counter()
        found = explore(plan, reductions, Limits(MOST, goes_on=False, jobs=jobs))
        seconds.append(perf_counter() - began)
        answers.append((found.states, found.transitions, found.outcomes, found.covered))
    assert answers[0] == answers[1], "two cores answer something else"
    return answers[0][0], seconds[0], seconds[1]


def measure() -> str:
    """The table."""
    rows = [["", "states", "one: s", "two: s", "times faster"]]
    for name, (text, reductions) in ROWS.items():
        plan = planned(text)
        turns = [_turn(plan, reductions) for _ in range(TURNS)]
        one, two = (median(each[column] for each in turns) for column in (1, 2))
        ratio = median(each[1] / each[2] for each in turns)
        rows.append([name, f"{turns[0][0]:,}", f"{one:.2f}", f"{two:.2f}", f"{ratio:.2f}"])
        sys.stderr.write(f"two cores: {'  '.join(rows[-1])}\n")
    here = f"{os.cpu_count()} cores here, load {os.getloadavg()[0]:.1f}"
    return table(f"One search on one core and on two, up to {MOST:,} states ({here})", rows)


if __name__ == "__main__":
    print(measure())
