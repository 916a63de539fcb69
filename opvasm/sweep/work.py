"""What a worker does: explore a few units of one file."""

from __future__ import annotations

import json
from functools import lru_cache
from time import monotonic, process_time

from .._version import __version__
from ..assembler import Assembly, assemble
from ..errors import Crash
from ..explorer.answers.diagnose import diagnose
from ..explorer.answers.verdict import HOLDS, INCONCLUSIVE, run_configuration
from ..explorer.model.judging import VERDICT_OF
from ..explorer.plan.plan import ScenarioError, make_plan
from ..explorer.plan.validate import section_findings, strategy_table
from ..explorer.schedules.replay_file import replay_json
from ..explorer.schedules.schedule import Replay, follow
from ..explorer.schedules.walks import WalksTaken, walk
from ..explorer.setting.configuration import Configuration
from ..explorer.setting.options import AFTER_SECONDS, INTERRUPTED, Limits, OutOfTime
from ..kernels.profiles import PROFILES
from ..light_typing import Any
from ..source import SourceFile
from ..text.scenario_tree import Scenario, Strategy
from .unit import REFUSED, Result, Settings, Text, Unit, Walked

# Files whose assembled form a worker keeps; units of one file mostly come together.
KEPT = 32


def explore_units(text: Text, settings: Settings, units: tuple[Unit, ...]) -> tuple[Result, ...]:
    """Explore units of a file that has been checked."""
    found = []
    for unit in units:
        try:
            found.append(_File.of(text).explore(unit, settings))
        except Exception as error:
            raise Crash(f"{unit.key}: {type(error).__name__}: {error}") from error
    return tuple(found)


def assembled_text(text: Text) -> Assembly:
    """A file from its texts; nothing is read from disk.  Raises ParseError."""
    files = {name: SourceFile(name, each) for name, each in text.sources}
    first = files[text.name]
    return assemble(
        first,
        revision=text.revision,
        model=text.model,
        page_size=text.page_size,
        loader=files.__getitem__,
    )


class _File:
    """A file, assembled once for all of its units that come to this worker."""

    def __init__(self, text: Text) -> None:
        self.assembly = assembled_text(text)
        self.scenarios = {each.name: each for each in self.assembly.scenarios}
        self.strategies = strategy_table(self.assembly.strategies)
        self.refusals: dict[object, str | None] = {}

    @staticmethod
    @lru_cache(KEPT)
    def of(text: Text) -> _File:
        """The file of a text."""
        return _File(text)

    def explore(self, unit: Unit, settings: Settings) -> Result:
        """One unit, and the time that it took."""
        started = process_time()
        result = self._explore(unit, settings)
        return result._replace(seconds=process_time() - started)

    def _explore(self, unit: Unit, settings: Settings) -> Result:
        scenario = self.scenarios[unit.scenario]
        chosen = tuple(self.strategies[name] for _, name in unit.strategies)
        rule = self._refusal(scenario, chosen)
        if rule is not None:
            return Result(REFUSED, rule=rule)
        configuration = Configuration(unit.cpus, PROFILES[unit.kernel], chosen)
        try:
            if settings.search:
                return self._search(scenario, configuration, settings, unit)
            return self._walk(scenario, configuration, settings, unit, Result(INCONCLUSIVE))
        except ScenarioError as error:
            return Result(REFUSED, rule=error.diagnostics[0].code)

    def _refusal(self, scenario: Scenario, chosen: tuple[Strategy, ...]) -> str | None:
        """The code of the rule that keeps a vector from being run as a strategy wants."""
        key = (scenario.name, tuple(each.name for each in chosen))
        if key not in self.refusals:
            threads = tuple(
                thread._replace(strategy=strategy.name)
                for thread, strategy in zip(scenario.threads, chosen, strict=True)
            )
            put = scenario._replace(threads=threads)
            known = {each.name: each for each in chosen}
            found = section_findings(self.assembly.program, put, known)
            self.refusals[key] = next((each.code for each in found if each.level == "error"), None)
        return self.refusals[key]

    def _search(
        self, scenario: Scenario, configuration: Configuration, settings: Settings, unit: Unit
    ) -> Result:
        # Random schedules for a second would make the result depend on the machine.
        limits = Limits(settings.states, settings.seconds, unit.bound, goes_on=False)
        run = run_configuration(self.assembly.program, scenario, configuration, limits)
        if run.stopped == INTERRUPTED:
            raise KeyboardInterrupt
        result = Result(run.verdict, run.verdicts, stopped=run.stopped, states=run.found.states)
        if run.verdicts:
            try:
                diagnosis = diagnose(run, limits, explained=False)
            except OutOfTime:
                return result._replace(label="its schedule could not be worked out in time")
            if diagnosis is None:  # what must be reached at some time never is
                label = f"{', '.join(run.found.missing)} is never reached"
                return result._replace(label=label)
            return result._replace(
                preemptions=diagnosis.preemptions,
                label=diagnosis.label,
                replay=self._saved(diagnosis.replay, diagnosis.verdict, diagnosis.label),
            )
        if run.verdict == HOLDS or not settings.walks.number:
            return result
        return self._walk(scenario, configuration, settings, unit, result)

    def _walk(
        self,
        scenario: Scenario,
        configuration: Configuration,
        settings: Settings,
        unit: Unit,
        result: Result,
    ) -> Result:
        """Random schedules; ``result`` is what is known without them."""
        walks = settings.walks
        plan = make_plan(self.assembly.program, scenario, configuration)
        # After a search that its time has ended they must not take any time they like.
        late = settings.seconds is not None
        until = monotonic() + AFTER_SECONDS if late else None
        taken = walk(plan, walks, unit.name, unit.bound, until)
        failing = None if taken.trouble is None else taken.number - 1
        walked = Walked(walks.seed, walks.depth, taken.number, taken.cut, taken.steps, failing)
        if taken.trouble is None:
            stopped = result.stopped or _walks_text(taken)
            return result._replace(stopped=stopped, walked=walked)
        verdict, label = VERDICT_OF[taken.trouble.kind], taken.trouble.label
        replay = follow(plan, list(taken.decisions))
        return result._replace(
            verdict=verdict,
            verdicts=(verdict,),
            stopped=result.stopped or "the failure that a walk has met",
            label=label,
            walked=walked,
            replay=self._saved(replay, verdict, label),
        )

    def _saved(self, replay: Replay, verdict: str, label: str) -> dict[str, Any]:
        sources = self.assembly.sources
        document: dict[str, Any] = json.loads(
            replay_json(replay, sources, verdict, label, __version__)
        )
        return document


def _walks_text(taken: WalksTaken) -> str:
    return f"{taken.number} random schedule{'' if taken.number == 1 else 's'}"
