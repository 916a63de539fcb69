"""From files and axes to the units of a sweep, in an order that depends on nothing else."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256

from .._version import __version__
from ..assembler import Assembly
from ..explorer.plan.validate import strategy_table
from ..explorer.setting.configuration import Configuration, configurations, kernel_abilities, strip
from ..explorer.setting.statements import walk
from ..kernels.profiles import PROFILES
from ..light_typing import Any, NamedTuple
from ..text.scenario_tree import RunVector, Scenario, Strategy
from .unit import Settings, Text, Unit

AS_WRITTEN = "as written"


class Axes(NamedTuple):
    """What is combined; None stands for all that there is.

    ``cpus`` None: those of the scenario.  ``bounds`` are numbers of preemptions, None: unbounded.
    """

    strategies: tuple[str, ...] | None = None
    kernels: tuple[str, ...] | None = None
    cpus: tuple[int, ...] | None = None
    bounds: tuple[int | None, ...] = (None,)


class Cell(NamedTuple):
    """One combination.  ``own``: the file itself asks for it.

    ``unit`` is the index of the unit that stands for it: kernels that a scenario can't tell apart
    share one.
    """

    label: str
    configuration: Configuration
    bound: int | None
    own: bool
    unit: int


class Block(NamedTuple):
    """A scenario with its cells, by strategy, CPUs, bound and kernel, in this order."""

    text: Text
    revision: str
    scenario: Scenario
    cells: tuple[Cell, ...]


class Sweep(NamedTuple):
    """Everything that is to be done: equal ones have equal results (``seconds`` of settings aside)."""

    settings: Settings
    axes: Axes
    blocks: tuple[Block, ...]
    units: tuple[Unit, ...]

    def texts(self) -> dict[str, Text]:
        """The files by their names."""
        return {block.text.name: block.text for block in self.blocks}

    def options(self) -> dict[str, Any]:
        """The axes and settings as JSON."""
        settings = self.settings
        return {
            "strategies": _listed(self.axes.strategies),
            "kernels": list(self.axes.kernels or PROFILES),
            "cpus": _listed(self.axes.cpus),
            "preemptions": list(self.axes.bounds),
            "search": settings.search,
            "max_states": settings.states,
            "timeout": settings.seconds,
            "walks": settings.walks.number,
            "pct": settings.walks.depth,
            "seed": settings.walks.seed,
        }

    def identity(self) -> str:
        """A hash of all that the results depend on: version, options, texts, units."""
        parts = [
            __version__,
            self.options(),
            {name: [each.sha256, *each[1:]] for name, each in self.texts().items()},
            [unit.key for unit in self.units],
        ]
        return sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _listed(values: Sequence[object] | None) -> list[object] | None:
    return None if values is None else list(values)


def plan_sweep(files: Sequence[tuple[Text, Assembly]], axes: Axes, settings: Settings) -> Sweep:
    """The units of some files' scenarios, which must have been checked (validate.py)."""
    units: list[Unit] = []
    blocks = [
        Block(
            text,
            assembly.program.abi.revision.name,
            scenario,
            tuple(_cells(text, assembly, scenario, axes, units)),
        )
        for text, assembly in files
        for scenario in assembly.scenarios
    ]
    kept = tuple(block for block in blocks if block.cells)
    return Sweep(settings, axes, kept, tuple(units))


def _cells(
    text: Text, assembly: Assembly, scenario: Scenario, axes: Axes, units: list[Unit]
) -> Iterator[Cell]:
    known = strategy_table(assembly.strategies)
    own = {
        (each.cpus, each.profile.name, tuple(s.name for s in each.strategies))
        for each in configurations(scenario, known)
    }
    numbers = axes.cpus or range(scenario.cpus[0], scenario.cpus[1] + 1)
    kernels = [PROFILES[name] for name in axes.kernels or PROFILES]
    for names in _choices(scenario, known, axes):
        chosen = tuple(known[name] for name in names)
        pairs = tuple(zip((t.name for t in scenario.threads), names, strict=True))
        for cpus in numbers:
            for bound in axes.bounds:
                standing: dict[object, int] = {}
                for profile in kernels:
                    configuration = Configuration(cpus, profile, chosen)
                    abilities = kernel_abilities(scenario, configuration)
                    if abilities not in standing:
                        standing[abilities] = len(units)
                        units.append(
                            Unit(text.name, scenario.name, pairs, profile.name, cpus, bound)
                        )
                    yield Cell(
                        label=_label(scenario, names),
                        configuration=configuration,
                        bound=bound,
                        own=(cpus, profile.name, names) in own,
                        unit=standing[abilities],
                    )


def _choices(
    scenario: Scenario, known: Mapping[str, Strategy], axes: Axes
) -> Iterator[tuple[str, ...]]:
    """What the scenario itself asks for, then every other strategy for all threads alike."""
    threads, wanted = scenario.threads, axes.strategies
    own = dict.fromkeys(
        tuple(strategy.name for strategy in each.strategies)
        for each in configurations(scenario, known)
    )
    alike = (tuple(thread.strategy or name for thread in threads) for name in known)
    seen: set[object] = set()
    for names in (*own, *(each for each in alike if each not in own)):
        free = {n for n, t in zip(names, threads, strict=True) if t.strategy is None}
        if wanted is not None and not free <= set(wanted):
            continue
        # Strategies that differ in nothing but their names are one, unless the file asks for both.
        shape = tuple(strip(known[name]._replace(name="", span=None)) for name in names)
        if names in own or shape not in seen:
            seen.add(shape)
            yield names


def _label(scenario: Scenario, names: tuple[str, ...]) -> str:
    """The strategy of the threads that do not name their own, in short."""
    pairs = zip(scenario.threads, names, strict=True)
    free = [(thread.name, name) for thread, name in pairs if thread.strategy is None]
    if not free:
        return AS_WRITTEN
    if len({name for _, name in free}) == 1:
        return free[0][1]
    return " ".join(f"{thread}={name}" for thread, name in free)


def weight(unit: Unit, scenario: Scenario) -> float:
    """About how long a unit takes, next to others: the number of interleavings, very roughly."""
    guess = 1.0
    for thread, (_, strategy) in zip(scenario.threads, unit.strategies, strict=True):
        runs = sum(isinstance(each, RunVector) for each in walk(thread.body))
        length = sum(1 for _ in walk(thread.body)) + runs * (2 if strategy == "opv" else 6)
        guess *= float(length + 1) ** min(thread.count, 8)
    return guess * (1 + len(scenario.environment)) * (1 + len(scenario.progress))
