"""The explorer's answer and the judge's, side by side."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from opvasm.assembler import Assembly, assemble
from opvasm.explorer.answers.verdict import Run, outcomes, run_configuration
from opvasm.explorer.plan.validate import strategy_table
from opvasm.explorer.setting.configuration import Configuration, configurations
from opvasm.explorer.setting.options import NO_REDUCTIONS, PYTHON, Limits, Reductions
from opvasm.expression import Call
from opvasm.program import Area, Array, Struct, Type
from opvasm.source import SourceFile
from opvasm.text.scenario_tree import Scenario, Strategy

from .expectations import Seen, met, open_to_choice
from .judge import Judge, Verdict
from .world import OWN, STRIDE, World

MODES: dict[str, Reductions] = {
    "all": Reductions(),
    **{f"without {name}": Reductions()._replace(**{name: False}) for name in Reductions._fields},
    "none": NO_REDUCTIONS,
}
# What a mode's name ends in where the engine that is the specification searches; else it is the
# one that people get: the C engine, where it was built.
IN_PYTHON = " in Python"
# More states than these are for neither side: the scenario is counted as too large.
STATES = 500
STUCK = frozenset(("livelock", "blocks"))
SECONDS = 60.0


class Answer(NamedTuple):
    """What is compared: one shape for both sides.  ``failures`` maps to whether it must be there."""

    findings: frozenset[str]
    outcomes: frozenset[Any]
    failures: dict[tuple[str, str], bool]
    levels: tuple[str, ...]


class Disagreement(NamedTuple):
    """Where the two differ: the configuration, the mode of the explorer, and both answers."""

    configuration: str
    mode: str
    judge: Answer
    explorer: Answer | str

    def text(self) -> str:
        """For people: only what differs."""
        lines = [f"{self.configuration}  reductions: {self.mode}"]
        if isinstance(self.explorer, str):
            return "\n".join(
                [*lines, f"  judge {set(self.judge.findings) or 'holds'}, explorer {self.explorer}"]
            )
        for name in ("findings", "levels"):
            ours, theirs = getattr(self.judge, name), getattr(self.explorer, name)
            if ours != theirs:
                lines.append(f"  {name}: judge {sorted(ours)}, explorer {sorted(theirs)}")
        for title, one, other in (
            ("only the judge", self.judge, self.explorer),
            ("only the explorer", self.explorer, self.judge),
        ):
            lines += [
                f"  {title}: outcome {each}"
                for each in sorted(map(str, one.outcomes - other.outcomes))
            ]
            lines += [
                f"  {title}: {kind} {label}"
                for (kind, label), must in one.failures.items()
                if must and (kind, label) not in other.failures
            ]
        return "\n".join(lines)


def read(text: str) -> Assembly:
    """A text, assembled."""
    return assemble(SourceFile("scenario.opv", text))


def compared(
    text: str, modes: tuple[str, ...] = tuple(MODES), most: int = STATES, name: str | None = None
) -> Iterator[Disagreement | frozenset[str]]:
    """Each disagreement about a text's scenarios; of each answer that is equal, the findings."""
    assembly = read(text)
    strategies = strategy_table(assembly.strategies)
    for scenario in assembly.scenarios:
        if name is not None and scenario.name != name:
            continue
        seen: list[Seen] = []
        runs: dict[str, list[Run]] = {mode: [] for mode in modes}
        for configuration in configurations(scenario, strategies):
            chosen: dict[str, Strategy] = {
                thread.name: strategy
                for thread, strategy in zip(scenario.threads, configuration.strategies, strict=True)
            }
            cpus, kernel = configuration.cpus, configuration.profile.name
            judge = Judge(assembly, scenario, cpus, kernel, chosen)
            ours = judged(judge, judge.judge(most))
            names = {thread: strategy.name for thread, strategy in chosen.items()}
            seen.append(Seen(cpus, kernel, names, ours.findings))
            for mode in modes:
                theirs = explored(assembly, scenario, configuration, judge, mode, runs[mode])
                described = f"{scenario.name}  {configuration.describe(scenario)}"
                same = not isinstance(theirs, str) and agree(ours, theirs)
                yield ours.findings if same else Disagreement(described, mode, ours, theirs)
        if open_to_choice(scenario, seen):
            continue
        expected = met(scenario, seen)
        for mode in modes:
            told = [each.met for each in outcomes(scenario, runs[mode])]
            if len(runs[mode]) == len(seen) and told != expected:
                text = f"says of what is expected {told}, and not {expected}"
                yield Disagreement(scenario.name, mode, ours, text)


def agree(ours: Answer, theirs: Answer) -> bool:
    """The explorer names the first condition that a state breaks, and one way in which a thread does
    not get done; the judge knows them all."""
    stuck, named = ours.findings & STUCK, theirs.findings & STUCK
    return (
        (ours.findings - STUCK, ours.outcomes) == (theirs.findings - STUCK, theirs.outcomes)
        and ours.levels == theirs.levels
        and named <= stuck
        and bool(named) == bool(stuck)
        and theirs.failures.keys() <= ours.failures.keys()
        and {each for each, must in ours.failures.items() if must} <= theirs.failures.keys()
    )


def judged(judge: Judge, verdict: Verdict) -> Answer:
    names = Names(judge.world)
    lists = _lists(judge.scenario)

    def cell(values: tuple[int, ...] | None, listed: bool) -> tuple[int, ...] | None:
        if values is None:
            return None
        plain = tuple(map(names.plain, values))
        return plain if listed else tuple(sorted(plain))

    rows = frozenset(tuple(map(cell, row, lists)) for row in verdict.outcomes)
    failures: dict[tuple[str, str], bool] = {}
    for (kind, label), must in verdict.failures.items():
        key = (kind, names.any_copy(label))
        failures[key] = failures.get(key, False) or must
    return Answer(verdict.findings, rows, failures, verdict.levels)


def explored(
    assembly: Assembly,
    scenario: Scenario,
    configuration: Configuration,
    judge: Judge,
    mode: str,
    runs: list[Run] | None = None,
) -> Answer | str:
    """The explorer's answer in a mode, or what became of it instead; its run is added to ``runs``."""
    names = Names(judge.world)
    engine = PYTHON if mode.endswith(IN_PYTHON) else None
    limits = Limits(seconds=SECONDS, goes_on=False, engine=engine)
    reductions = MODES[mode.removesuffix(IN_PYTHON)]
    try:
        run = run_configuration(assembly.program, scenario, configuration, limits, reductions)
    except Exception as error:  # whatever it is, it is no answer
        return f"ends with {error!r}"
    if run.stopped is not None:
        return f"is stopped by {run.stopped}"
    if runs is not None:
        runs.append(run)
    lists = _lists(scenario)

    def cell(text: str, listed: bool) -> tuple[int, ...] | None:
        if text == "fault":
            return None
        if listed:
            return () if text == "empty" else tuple(map(names.number, text.split(",")))
        return tuple(sorted(map(names.number, text.split(","))))

    rows = frozenset(
        tuple(map(cell, row, lists)) if scenario.observed else () for row in run.found.outcomes
    )
    failures = {
        (each.kind, "" if each.kind == "deadlock" else names.any_copy(each.label)): True
        for each in run.found.failures
    }
    levels = tuple(each.level for each in run.answers)
    return Answer(frozenset(run.verdicts), rows, failures, levels)


def _lists(scenario: Scenario) -> list[bool]:
    """Which columns of the table of outcomes are lists: their nodes stand in order."""
    return [isinstance(each, Call) and each.function == "list" for each in scenario.observed]


class Names:
    """Addresses by their names in the table of outcomes, so that no layout matters."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.addresses: dict[str, int] = {}
        for symbol in world.data.symbols.values():
            for cpu in range(world.cpus):
                suffix = f"@{cpu}" if symbol.area is Area.PERCPU else ""
                self._add(symbol.name, suffix, symbol.type, world.symbol(symbol.name, cpu))
        for (number, name), place in world.own.items():
            owner = world.copies[number][0].name
            self._add(f"{owner}.{name}", "", place.type, self.plain(place.address))
        for number, (thread, _) in enumerate(world.copies):
            self.addresses[f"{thread.name}.cpu_id_start"] = self.plain(0x40000000 + number * STRIDE)

    def _add(self, name: str, suffix: str, kind: Type | None, address: int) -> None:
        self.addresses.setdefault(name + suffix, address)
        if isinstance(kind, Struct):
            for member in kind.members:
                self._add(f"{name}.{member.name}", suffix, member.type, address + member.offset)
        if isinstance(kind, Array):
            for index in range(kind.count):
                self._add(
                    f"{name}[{index}]", suffix, kind.element, address + index * kind.element.size
                )

    def plain(self, value: int) -> int:
        """A number; memory of a copy's own is that of the first copy."""
        for base in (OWN, 0x40000000):
            copy, rest = divmod(value - base, STRIDE)
            if 0 <= copy < len(self.world.copies) and rest < 4096:
                thread = self.world.copies[copy][0]
                first = next(n for n, (each, _) in enumerate(self.world.copies) if each is thread)
                return base + first * STRIDE + rest
        return value

    def number(self, text: str) -> int:
        """A cell of the table of outcomes."""
        text = text.strip().removeprefix("&")
        if re.fullmatch(r"-?(0x[0-9a-f]+|\d+)", text):
            return int(text, 0)
        for name in (text, self.any_copy(text)):
            if name in self.addresses:
                return self.addresses[name]
        inside = re.fullmatch(r"(.*?)\+(\d+)((?:@\d+)?)", text)
        if inside is None:
            raise ValueError(text)
        return self.number(inside[1] + inside[3]) + int(inside[2])

    def any_copy(self, text: str) -> str:
        """A text without the numbers of a thread's copies."""
        for each in self.world.scenario.threads:
            if each.count > 1:
                text = re.sub(rf"\b{each.name}\d+\b", each.name, text)
        return text
