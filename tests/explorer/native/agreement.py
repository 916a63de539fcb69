"""Both engines on one configuration, or the C engine on several cores, and where they differ."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from opvasm.assembler import Assembly, assemble
from opvasm.errors import OpvasmError
from opvasm.explorer.native.built import Refused
from opvasm.explorer.plan.plan import Plan, make_plan
from opvasm.explorer.plan.validate import check_scenarios, strategy_table
from opvasm.explorer.search.native_search import NativeSearch
from opvasm.explorer.search.search import Found, Search
from opvasm.explorer.setting.configuration import configurations
from opvasm.explorer.setting.options import NO_REDUCTIONS, Limits, Reductions
from opvasm.source import SourceFile
from tests.oracle.generator import make

ROOT = Path(__file__).parents[3]
# What is compared of two searches, beside the graph.
ANSWERS = (
    *("states", "expanded", "transitions", "outcomes", "bad_outcomes", "failures", "stopped"),
    *("covered", "missing", "growth"),
)


class Mode(NamedTuple):
    """How a configuration is searched."""

    reductions: Reductions
    preemptions: int | None = None


# Each reduction alone and on top of those that it builds on; and a bound.
MODES: dict[str, Mode] = {
    "none": Mode(NO_REDUCTIONS),
    "fuse": Mode(NO_REDUCTIONS._replace(fuse=True)),
    "dead": Mode(NO_REDUCTIONS._replace(dead=True)),
    "groups": Mode(NO_REDUCTIONS._replace(groups=True)),
    "symmetry": Mode(NO_REDUCTIONS._replace(symmetry=True)),
    "collapse": Mode(Reductions(groups=False, symmetry=False)),
    "without symmetry": Mode(Reductions(symmetry=False)),
    "all": Mode(Reductions()),
    "bound 1": Mode(Reductions(), 1),
    "bound 0 alone": Mode(NO_REDUCTIONS, 0),
}


class Compared(NamedTuple):
    """One search by both: what differs (nothing: they agree), or why the C engine refused."""

    where: str
    mode: str
    differs: tuple[str, ...]
    refused: str | None
    states: int


def differences(python: Found, native: Found, edges: bool = True) -> list[str]:
    """Everything in which two searches differ, their graphs included (without ``edges``: not those)."""
    differs = [
        f"{name}: {getattr(python, name)!r} is {getattr(native, name)!r}"
        for name in ANSWERS
        if getattr(python, name) != getattr(native, name)
    ]
    if differs:
        return differs
    ours, theirs = python.graph, native.graph
    numbers = range(python.states)
    if any(ours.states[n] != theirs.states[n] for n in numbers):
        differs.append("states")
    if any(ours.came_from[n] != theirs.came_from[n] for n in numbers):
        differs.append("how a state was first reached")
    if edges and ours.edges != theirs.edges:
        differs.append("edges")
    return differs


def compared(plan: Plan, where: str, mode: str, states: int) -> Compared:
    """Search by both engines, and compare everything that they answer."""
    reductions, preemptions = MODES[mode]
    limits = Limits(states, preemptions=preemptions, goes_on=False)
    python = Search(plan, reductions, limits, keep_edges=True).run()
    try:
        native = NativeSearch(plan, reductions, limits, keep_edges=True).run()
    except Refused as reason:
        return Compared(where, mode, (), str(reason), python.states)
    differs = differences(python, native)
    return Compared(where, mode, tuple(differs), None, python.states)


def threads_compared(
    plan: Plan, where: str, mode: str, states: int, threads: tuple[int, ...]
) -> Iterator[Compared]:
    """Search by the C engine on one core, and on each of so many; compare everything that it answers."""
    reductions, preemptions = MODES[mode]
    limits = Limits(states, preemptions=preemptions, goes_on=False)
    try:
        alone = NativeSearch(plan, reductions, limits, keep_edges=True).run()
        for jobs in threads:
            several = limits._replace(jobs=jobs)
            # What is kept of edges is another way through the engine.
            for edges in (True, False):
                found = NativeSearch(plan, reductions, several, keep_edges=edges).run()
                differs = differences(alone, found, edges)
                name = f"{mode}, {jobs} threads"
                yield Compared(where, name, tuple(differs), None, alone.states)
    except Refused as reason:
        yield Compared(where, mode, (), str(reason), 0)


def all_compared(
    assembly: Assembly,
    where: str,
    modes: tuple[str, ...],
    states: int,
    threads: tuple[int, ...] = (),
) -> Iterator[Compared]:
    """Every configuration of every scenario of a text, in some modes."""
    strategies = strategy_table(assembly.strategies)
    for scenario in assembly.scenarios:
        for configuration in configurations(scenario, strategies):
            plan = make_plan(assembly.program, scenario, configuration)
            name = f"{where} {scenario.name}  {configuration.describe(scenario)}"
            for mode in modes:
                if threads:
                    yield from threads_compared(plan, name, mode, states, threads)
                else:
                    yield compared(plan, name, mode, states)


def _name(path: Path) -> str:
    """A file by its place in the repository, where it has one there."""
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else str(path)


def file_compared(
    path: Path, modes: tuple[str, ...], states: int, threads: tuple[int, ...] = ()
) -> Iterator[Compared]:
    """The scenarios of a file; none where the file is wrong on purpose."""
    try:
        assembly = assemble(SourceFile(str(path), path.read_text()))
    except OpvasmError:
        return
    found = check_scenarios(assembly.program, assembly.scenarios, assembly.strategies)
    if not any(each.level == "error" for each in found):
        yield from all_compared(assembly, _name(path), modes, states, threads)


def text_compared(
    text: str, where: str, modes: tuple[str, ...], states: int, threads: tuple[int, ...] = ()
) -> Iterator[Compared]:
    """The scenarios of a text."""
    yield from all_compared(assemble(SourceFile(where, text)), where, modes, states, threads)


# A seed and a number, or a file; the modes; states after which both stop; numbers of threads.
Work = tuple[int, int, Path | None, tuple[str, ...], int, tuple[int, ...]]


def done(work: Work) -> list[Compared]:
    """A piece of a campaign; here, since processes can't take it from ``__main__``."""
    seed, number, path, modes, states, threads = work
    if path is not None:
        return list(file_compared(path, modes, states, threads))
    text = make(seed, number).text
    return list(text_compared(text, f"{seed}/{number}", modes, states, threads))
