"""How many states a reduction could save at most that forgets memory which nobody will read.

``python -m benchmarks.dead_memory [FILE.opv ...]``: without files, scenarios that ``explore`` is measured with.
Every state of a configuration is visited, without the reductions that leave memory alone, and every
step's accesses are noted.  A byte of a state is live where some way from there reads it before it is written.
States that differ only in bytes that are not live would be one; that is the best that any such
reduction can do, since what it knows beforehand is never more than what all schedules show.

Final memory is an answer (a scenario's outcomes, its claims), so all of it counts as read at the end;
the last column has what could be saved if nothing were.
"""

from __future__ import annotations

import sys
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator
from pathlib import Path

from opvasm.assembler import assemble
from opvasm.explorer.model.model import Model
from opvasm.explorer.plan.plan import Plan, make_plan
from opvasm.explorer.plan.validate import strategy_table
from opvasm.explorer.search.explore import explore
from opvasm.explorer.search.search import Found
from opvasm.explorer.setting.configuration import configurations
from opvasm.explorer.setting.options import PYTHON, Limits, Reductions
from opvasm.explorer.steps.ids import IDS_SIZE
from opvasm.explorer.steps.state import STEP
from opvasm.explorer.steps.work import Range
from opvasm.source import SourceFile

from .exploring.scenarios import RESIZE, pushes
from .measure import table

MOST = 300_000
# Without `collapse` nothing that touches memory joins a step, so that no step reads what it wrote.
REDUCTIONS = Reductions(collapse=False, groups=False, symmetry=False)
ROWS = {
    **{",".join(map(str, row)): pushes(row) for row in ((3, 1, 2), (5, 1, 1), (4, 2, 2))},
    "resize": RESIZE,
}


def _bits(ranges: Iterable[Range]) -> int:
    return sum(((1 << end - start) - 1) << start for start, end in set(ranges))


def _kept(plan: Plan) -> int:
    """Bytes that are looked at without an access: locks, flags, and ids that the kernel writes."""
    start = plan.image.lock_start
    ids = [(first, first + IDS_SIZE) for first in plan.ids if first is not None]
    return _bits([(start, start + 2 * plan.configuration.cpus), *ids])


def _live(found: Found, last: int) -> list[int]:
    """The live bytes of each state, as bits; ``last`` are those of a state that nothing follows."""
    model, states = Model(found.plan, True), found.graph.states
    before: dict[int, list[tuple[int, int, int]]] = defaultdict(list)
    goes_on = set()
    for edge in found.graph.edges:
        reads, writes = 0, 0
        if edge.decision.kind is STEP:
            taken = model.step(states[edge.source], edge.decision.thread)
            reads, writes = _bits(taken.reads), _bits(taken.writes)
        before[edge.target].append((edge.source, reads, ~writes))
        goes_on.add(edge.source)
    kept = _kept(found.plan)
    live = [kept if number in goes_on else kept | last for number in range(len(states))]
    waiting = deque(reversed(range(len(states))))
    while waiting:
        target = waiting.popleft()
        for source, reads, rest in before[target]:
            grown = live[source] | reads | live[target] & rest
            if grown != live[source]:
                live[source] = grown
                waiting.append(source)
    return live


def _left(found: Found, last: int) -> int:
    """How many states there are without what is not live in them."""
    left = set()
    for live, state in zip(_live(found, last), found.graph.states, strict=True):
        memory = bytes(byte if live >> index & 1 else 0 for index, byte in enumerate(state.memory))
        left.add(state._replace(memory=memory))
    return len(left)


def rows(name: str, text: str) -> Iterator[list[str]]:
    """A row for the first configuration of each scenario that has at most MOST states."""
    assembly = assemble(SourceFile(name, text))
    strategies = strategy_table(assembly.strategies)
    for scenario in assembly.scenarios:
        plan = make_plan(assembly.program, scenario, configurations(scenario, strategies)[0])
        limits = Limits(MOST, goes_on=False, engine=PYTHON)
        found = explore(plan, REDUCTIONS, limits, keep_edges=True)
        if found.stopped is not None:
            yield [name, scenario.name, f"more than {MOST}", "", ""]
            continue
        everything = (1 << len(plan.memory)) - 1
        counts = (found.states, _left(found, everything), _left(found, 0))
        yield [name, scenario.name, *map(str, counts)]


def main(files: list[str]) -> int:
    """Print the table."""
    texts = {file: Path(file).read_text(encoding="utf-8") for file in files} or ROWS
    lines = [["", "scenario", "states", "left", "if no memory were read at the end"]]
    for name, text in texts.items():
        lines += rows(name, text)
    print(table("Memory that nobody will read", lines))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
