"""Strategy x kernel x environment: what each way of running a scenario's vectors comes to."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from ..explorer.answers.diagnose import diagnose
from ..explorer.answers.diagnosis import Diagnosis
from ..explorer.answers.verdict import INCONCLUSIVE, Run, run_plan
from ..explorer.plan.plan import ScenarioError, make_plan
from ..explorer.plan.validate import section_findings
from ..explorer.setting.configuration import Configuration, kernel_abilities, strip
from ..explorer.setting.options import INTERRUPTED, Limits, OutOfTime
from ..kernels.profiles import PROFILES, Profile
from ..light_typing import NamedTuple
from ..program import Program
from ..text.scenario_tree import Scenario, Strategy
from .environments import Environment, environments, put_in

REFUSED, AS_WRITTEN = "refused", "as written"
# What a livelock leaves and what a wait for a stalled thread is, in the words of the table.
WORDS = {"blocks": "blocked"}


class Cell(NamedTuple):
    """One way to run a scenario, and what became of it.

    ``verdict`` is holds, fails, deadlock, livelock, blocked, inconclusive or refused; ``rule`` the
    code that refused it.  ``preemptions`` is the fewest that the failure needs (None: not known or
    no failure), ``states`` None where nothing was searched.  ``same_as`` is the kernel whose rules are
    the same for this scenario, so that nothing was explored again.
    """

    strategy: str
    kernel: str
    environment: str
    verdict: str
    rule: str | None = None
    states: int | None = None
    preemptions: int | None = None
    stopped: str | None = None
    diagnosis: Diagnosis | None = None
    same_as: str | None = None


class Table(NamedTuple):
    """All cells of a scenario, by strategy, environment and kernel, in this order."""

    scenario: Scenario
    cpus: int
    environments: tuple[Environment, ...]
    cells: tuple[Cell, ...]
    complete: bool

    def rows(self) -> Iterator[tuple[Cell, ...]]:
        """The cells of each strategy and environment, one for each kernel."""
        count = len(PROFILES)
        for start in range(0, len(self.cells), count):
            yield self.cells[start : start + count]


Tell = Callable[[str], None]


def compare(
    program: Program,
    scenario: Scenario,
    strategies: Mapping[str, Strategy],
    limits: Limits,
    tell: Tell | None = None,
) -> Table:
    """Explore a scenario with every strategy, under every kernel and in every environment.

    Threads that name their own strategy keep it.  The number of CPUs is the largest that the
    scenario names.  An interrupt leaves the table with ``complete`` False.  The time of the limits is
    that of the whole table; cells that it does not suffice for are inconclusive.
    """
    limits = limits.started()
    found = environments(scenario)
    cells: list[Cell] = []
    complete = True
    for strategy in _strategies(scenario, strategies):
        for environment in found:
            if not complete:
                break
            put = put_in(scenario, environment)
            row = _Row(program, put, strategy, strategies, limits, environment.name)
            for profile in PROFILES.values():
                if tell is not None:
                    tell(f"{scenario.name}: {row.name}, {profile.name}, {environment.name}")
                cells.append(row.cell(profile))
                if cells[-1].stopped == INTERRUPTED:
                    complete = False
                    break
    whole = len(cells) // len(PROFILES) * len(PROFILES)
    return Table(scenario, scenario.cpus[1], found, tuple(cells[:whole]), complete)


def not_begun(scenario: Scenario) -> Table:
    """The table of a scenario that comes after one which was interrupted."""
    return Table(scenario, scenario.cpus[1], environments(scenario), (), complete=False)


def _strategies(scenario: Scenario, known: Mapping[str, Strategy]) -> Iterator[Strategy | None]:
    """Each that differs in more than its name; None where every thread names its own."""
    if all(thread.strategy is not None for thread in scenario.threads):
        yield None
        return
    seen: set[object] = set()
    for strategy in known.values():
        shape = strip(strategy._replace(name="", span=None))
        if shape not in seen:
            seen.add(shape)
            yield strategy


class _Row:
    """One strategy in one environment, under one kernel after the other."""

    def __init__(
        self,
        program: Program,
        scenario: Scenario,
        strategy: Strategy | None,
        known: Mapping[str, Strategy],
        limits: Limits,
        environment: str,
    ) -> None:
        self.program = program
        self.scenario = scenario
        self.limits = limits
        self.environment = environment
        self.name = AS_WRITTEN if strategy is None else strategy.name
        chosen = [
            known[thread.strategy] if thread.strategy is not None else strategy
            for thread in scenario.threads
        ]
        self.chosen = tuple(each for each in chosen if each is not None)
        self.rule = self._refusal()
        self.known: dict[object, Cell] = {}

    def _refusal(self) -> str | None:
        """The code of the rule that keeps a vector from being run as this strategy wants."""
        threads = tuple(
            thread._replace(strategy=strategy.name)
            for thread, strategy in zip(self.scenario.threads, self.chosen, strict=True)
        )
        known = {each.name: each for each in self.chosen}
        findings = section_findings(self.program, self.scenario._replace(threads=threads), known)
        return next((each.code for each in findings if each.level == "error"), None)

    def cell(self, profile: Profile) -> Cell:
        """What becomes of it under one kernel."""
        blank = Cell(self.name, profile.name, self.environment, REFUSED, self.rule)
        if self.rule is not None:
            return blank
        stopped = self.limits.time_text() if self.limits.seconds is not None else None
        late = blank._replace(verdict=INCONCLUSIVE, rule=None, stopped=stopped)
        if self.limits.over:
            return late
        try:
            return self._explored(profile, blank)
        except OutOfTime:
            return late
        except KeyboardInterrupt:  # between two searches
            return late._replace(stopped=INTERRUPTED)

    def _explored(self, profile: Profile, blank: Cell) -> Cell:
        configuration = Configuration(self.scenario.cpus[1], profile, self.chosen)
        try:
            plan = make_plan(self.program, self.scenario, configuration)
        except ScenarioError as error:
            return blank._replace(rule=error.diagnostics[0].code)
        key = kernel_abilities(self.scenario, configuration)
        if key not in self.known:
            self.known[key] = self._of(run_plan(plan, self.limits), blank)
            return self.known[key]
        first = self.known[key]
        return first._replace(kernel=profile.name, same_as=first.kernel)

    def _of(self, run: Run, blank: Cell) -> Cell:
        diagnosis, stopped = None, run.stopped
        try:
            if run.verdicts and stopped != INTERRUPTED:
                diagnosis = diagnose(run, self.limits)
        except OutOfTime:
            pass
        except KeyboardInterrupt:
            stopped = INTERRUPTED
        return blank._replace(
            verdict=WORDS.get(run.verdict, run.verdict),
            rule=None,
            states=run.found.states,
            preemptions=None if diagnosis is None else diagnosis.preemptions,
            stopped=stopped,
            diagnosis=diagnosis,
        )
