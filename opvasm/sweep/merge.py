"""What a sweep has come to: results back at their places, equal kernels folded, judged.

Nothing here depends on when, where or in which order a unit was explored.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from ..explorer.answers.verdict import (
    HOLDS,
    INCONCLUSIVE,
    VERDICT_ORDER,
    Outcome,
    outcomes,
)
from ..explorer.setting.configuration import Configuration, configurations
from ..light_typing import Any, NamedTuple
from ..text.scenario_tree import Strategy
from .plan import Block, Cell, Sweep
from .run import Results
from .unit import REFUSED, Result

# The order in which verdicts are counted.
VERDICTS = (HOLDS, *VERDICT_ORDER, INCONCLUSIVE, REFUSED)


class Example(NamedTuple):
    """A schedule that fails: its number within its scenario, the cell it was first met in."""

    number: int
    cell: Cell
    result: Result


class Found(NamedTuple):
    """A cell with its result; None: an interrupt came first.

    ``same_as`` is the kernel that was explored in its place; ``example`` the number of its
    schedule.
    """

    cell: Cell
    result: Result | None
    same_as: str | None
    example: int | None


class Judgement(NamedTuple):
    """What became of the expectations of a scenario within ``bound`` preemptions.

    ``outcomes`` is empty and ``why_not`` says why where they can't be judged by this sweep.
    """

    outcomes: tuple[Outcome, ...]
    bound: int | None
    why_not: str | None

    @property
    def as_expected(self) -> bool | None:
        """Whether every expectation was met; None where this is open or not judged."""
        if any(each.met is False for each in self.outcomes):
            return False
        return True if self.outcomes and all(each.met for each in self.outcomes) else None


class Merged(NamedTuple):
    """A scenario of a sweep: its cells in their order, its schedules, its expectations."""

    block: Block
    cells: tuple[Found, ...]
    examples: tuple[Example, ...]
    judgement: Judgement

    def rows(self) -> Iterator[tuple[Found, ...]]:
        """Cells that differ in nothing but their kernels, one tuple for each result."""
        rows: dict[object, list[Found]] = {}
        for each in self.cells:
            cell, result = each.cell, each.result
            shown: object = None
            if result is not None:
                shown = (*result[:7], result.walked, each.example)
            where = (cell.configuration.strategies, cell.configuration.cpus, cell.bound)
            rows.setdefault((where, shown), []).append(each)
        yield from (tuple(row) for row in rows.values())


class Report(NamedTuple):
    """A sweep with all that it has found."""

    sweep: Sweep
    scenarios: tuple[Merged, ...]
    complete: bool

    def counts(self) -> dict[str, int]:
        """How many combinations came to each verdict."""
        found = Counter(
            each.result.verdict
            for merged in self.scenarios
            for each in merged.cells
            if each.result is not None
        )
        return {verdict: found[verdict] for verdict in VERDICTS if found[verdict]}

    def unexpected(self) -> list[Merged]:
        """Scenarios that come out otherwise than their file says."""
        return [each for each in self.scenarios if each.judgement.as_expected is False]

    def open(self) -> list[Merged]:
        """Scenarios of which a limit keeps something from being known."""
        return [each for each in self.scenarios if _is_open(each)]


def _is_open(merged: Merged) -> bool:
    judged = merged.judgement
    return any(each.met is None for each in judged.outcomes) or any(
        each.result is not None and each.result.verdict == INCONCLUSIVE for each in merged.cells
    )


def merge(sweep: Sweep, results: Results) -> Report:
    """Put results where they belong."""
    complete = len(results.of) == len(sweep.units)
    return Report(
        sweep, tuple(_merged(sweep, block, results.of) for block in sweep.blocks), complete
    )


def _merged(sweep: Sweep, block: Block, results: Mapping[int, Result]) -> Merged:
    examples: dict[object, Example] = {}
    found = []
    for cell in block.cells:
        result = results.get(cell.unit)
        number = None
        if result is not None and result.replay is not None:
            key = _schedule_key(cell, result)
            example = examples.setdefault(key, Example(len(examples) + 1, cell, result))
            number = example.number
        explored, own = sweep.units[cell.unit].kernel, cell.configuration.profile.name
        found.append(Found(cell, result, explored if explored != own else None, number))
    return Merged(block, tuple(found), tuple(examples.values()), _judged(block, found))


def _schedule_key(cell: Cell, result: Result) -> object:
    """Equal for results that the same schedule shows, under whichever kernel."""
    replay: Mapping[str, Any] = result.replay or {}
    strategies = tuple(each.name for each in cell.configuration.strategies)
    return strategies, cell.configuration.cpus, result.label, json.dumps(replay["choices"])


class _Run(NamedTuple):
    """A cell as an expectation looks at it."""

    configuration: Configuration
    verdicts: tuple[str, ...]
    stopped: str | None

    @property
    def verdict(self) -> str:
        """One word."""
        if self.verdicts:
            return self.verdicts[0]
        return HOLDS if self.stopped is None else INCONCLUSIVE


def _judged(block: Block, found: Sequence[Found]) -> Judgement:
    """The expectations, by what was explored within the widest bound."""
    own = [each for each in found if each.cell.own]
    bounds = [each.cell.bound for each in own]
    bound = None if None in bounds else max((each or 0 for each in bounds), default=None)
    asked = [each for each in own if each.cell.bound == bound]
    strategies: dict[str, Strategy] = {
        strategy.name: strategy
        for each in block.cells
        for strategy in each.configuration.strategies
    }
    try:
        wanted = configurations(block.scenario, strategies)
    except KeyError:
        return Judgement((), bound, "this sweep leaves out strategies that it is about")
    if len(asked) < len(wanted):
        return Judgement((), bound, "this sweep leaves out combinations that it is about")
    runs = []
    for each in asked:
        if each.result is None:
            return Judgement((), bound, "the sweep was interrupted")
        result = each.result
        stopped = result.stopped if result.rule is None else f"rule {result.rule}"
        runs.append(_Run(each.cell.configuration, result.verdicts, stopped))
    return Judgement(tuple(outcomes(block.scenario, runs, bound)), bound, None)
