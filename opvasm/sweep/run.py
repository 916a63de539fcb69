"""A sweep from its units to their results."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from ..light_typing import NamedTuple
from .plan import Sweep, weight
from .results_file import ResultsFile
from .tasks import Runner, Task
from .unit import Result, Unit
from .work import explore_units

# How many units are done and how many there are.
Tell = Callable[[int, int], None]


class Results(NamedTuple):
    """Results by the indexes of their units; all of them unless an interrupt came first."""

    of: Mapping[int, Result]
    interrupted: bool


def run_sweep(
    sweep: Sweep,
    runner: Runner,
    results: ResultsFile | None = None,
    tell: Tell | None = None,
    together: int = 1,
) -> Results:
    """Explore the units that ``results`` does not know yet, and write them there.

    ``together`` is how many units of a file a worker is handed at once.  Raises WorkersLost,
    OSError when results can't be written; what is finished by then is in the file.
    """
    known = {} if results is None else results.known
    found = {i: known[unit.key] for i, unit in enumerate(sweep.units) if unit.key in known}
    left = [i for i in _biggest_first(sweep) if i not in found]
    batches = list(_batches(left, sweep.units, together))
    texts = sweep.texts()

    def task(batch: tuple[int, ...]) -> Task:
        units = tuple(sweep.units[i] for i in batch)
        name = units[0].key + (f" and {len(units) - 1} more" if len(units) > 1 else "")
        return Task(name, explore_units, (texts[units[0].file], sweep.settings, units))

    def done(number: int, value: tuple[Result, ...]) -> None:
        for index, result in zip(batches[number], value, strict=True):
            found[index] = result
            if results is not None:
                results.add(sweep.units[index].key, result)
        if tell is not None:
            tell(len(found), len(sweep.units))

    interrupted = False
    try:
        runner.run([task(batch) for batch in batches], done)
    except KeyboardInterrupt:
        interrupted = True
    return Results(dict(sorted(found.items())), interrupted)


def _biggest_first(sweep: Sweep) -> list[int]:
    """So that no big unit is begun when all others are done."""
    scenarios = {(each.text.name, each.scenario.name): each.scenario for each in sweep.blocks}
    weights = [weight(unit, scenarios[unit.file, unit.scenario]) for unit in sweep.units]
    return sorted(range(len(weights)), key=lambda index: -weights[index])


def _batches(order: list[int], units: tuple[Unit, ...], together: int) -> Iterator[tuple[int, ...]]:
    """Units of one file each, in about the order that is given."""
    begun: dict[str, list[int]] = {}
    for index in order:
        batch = begun.setdefault(units[index].file, [])
        batch.append(index)
        if len(batch) == together:
            yield tuple(batch)
            begun[units[index].file] = []
    yield from (tuple(batch) for batch in begun.values() if batch)
