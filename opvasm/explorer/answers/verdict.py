"""From a scenario to a verdict: every configuration explored, and compared with what is expected."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from ...light_typing import NamedTuple, Protocol
from ...program import Program
from ...text.scenario_tree import Expectation, Scenario, Strategy
from ..model.judging import VERDICT_OF
from ..plan.plan import Plan, Plans, make_plan
from ..search.explore import explore
from ..search.progress import ENDLESS, Answer, broken, check_progress
from ..search.search import Found, Progress
from ..setting.configuration import Configuration, concerns, configurations
from ..setting.options import INTERRUPTED, Limits, OutOfTime, Reductions
from .diagnosis import Diagnosis

HOLDS, INCONCLUSIVE = "holds", "inconclusive"
# From bad to worse is from right to left.
VERDICT_ORDER = ("fails", "deadlock", "livelock", "blocks", ENDLESS)


class Run(NamedTuple):
    """One configuration, explored.

    ``verdicts`` are what was found against the scenario (``fails``, ``deadlock``, ``livelock``,
    ``blocks``, ``endless``: no execution ends, so that nothing is said of final states); empty when
    everything holds, and ``stopped`` says why that may be too early to say.  ``diagnosis`` is there
    once it was asked for (diagnose.diagnosed).
    """

    configuration: Configuration
    found: Found
    answers: tuple[Answer, ...]
    verdicts: tuple[str, ...]
    stopped: str | None
    seconds: float
    diagnosis: Diagnosis | None = None

    @property
    def verdict(self) -> str:
        """One word: the worst that was found."""
        if self.verdicts:
            return self.verdicts[0]
        return INCONCLUSIVE if self.stopped is not None else HOLDS


class Judged(Protocol):
    """What an expectation asks of a configuration that was explored."""

    @property
    def configuration(self) -> Configuration:
        """Which one it is."""

    @property
    def verdicts(self) -> tuple[str, ...]:
        """What was found against the scenario."""

    @property
    def verdict(self) -> str:
        """The worst of it, or that it holds, or that this is open."""

    @property
    def stopped(self) -> str | None:
        """The limit that was hit before everything was seen."""


class Outcome(NamedTuple):
    """What became of one ``expect``: met, not met (``met`` False), or open (None), and why."""

    expectation: Expectation | None
    met: bool | None
    reason: str


class Report(NamedTuple):
    """A scenario with all its configurations explored.

    ``not_begun`` are those that come after all ``runs``, where the time was over or an interrupt came.
    ``undiagnosed`` says that the time was over before the schedule of a failure was worked out,
    ``interrupted`` that an interrupt has ended it, or came before it was begun.
    """

    scenario: Scenario
    runs: tuple[Run, ...]
    outcomes: tuple[Outcome, ...]
    limits: Limits
    not_begun: tuple[Configuration, ...] = ()
    undiagnosed: bool = False
    interrupted: bool = False

    @property
    def as_expected(self) -> bool | None:
        """Whether every expectation was met; None when some are open and none has failed."""
        if any(outcome.met is False for outcome in self.outcomes):
            return False
        return None if any(outcome.met is None for outcome in self.outcomes) else True


def was_interrupted(runs: Sequence[Run]) -> bool:
    """Whether an interrupt has ended the last of some runs; no other one is begun then."""
    return bool(runs) and runs[-1].stopped == INTERRUPTED


Reporter = Callable[[Configuration, Progress], None]


def run_scenario(
    program: Program,
    scenario: Scenario,
    strategies: Mapping[str, Strategy],
    limits: Limits | None = None,
    reductions: Reductions | None = None,
    report: Reporter | None = None,
    plans: Plans | None = None,
) -> Report:
    """Explore every configuration of a scenario and judge it by its ``expect`` lines.

    Raises ScenarioError where its text is wrong (see validate.check_scenarios).  KeyboardInterrupt
    ends the exploration, as the end of the time does; what was found so far is then in ``runs``, and
    the configurations that were not begun are in ``not_begun``, and open.  ``plans`` are what
    the check of the scenario has made.
    """
    limits = (limits or Limits()).started()
    plans = plans or Plans()
    runs: list[Run] = []
    every, interrupted = configurations(scenario, strategies), False
    try:
        for configuration in every:
            if runs and limits.over:
                break
            plan = plans.take(program, scenario, configuration)
            runs.append(run_plan(plan, limits, reductions, report))
            if was_interrupted(runs):
                break
    except OutOfTime:
        pass
    except KeyboardInterrupt:  # between two searches
        interrupted = True
    return _report(scenario, runs, every, limits, interrupted or was_interrupted(runs))


def not_begun(
    scenario: Scenario, strategies: Mapping[str, Strategy], limits: Limits | None = None
) -> Report:
    """The report of a scenario that comes after one which was interrupted: everything is open."""
    return _report(scenario, [], configurations(scenario, strategies), limits or Limits(), True)


def _report(
    scenario: Scenario,
    runs: list[Run],
    every: tuple[Configuration, ...],
    limits: Limits,
    interrupted: bool,
) -> Report:
    rest = every[len(runs) :]
    why = INTERRUPTED if interrupted else limits.time_text()
    open_ = [_Open(each, why) for each in rest]
    judged = tuple(outcomes(scenario, [*runs, *open_], limits.preemptions))
    return Report(scenario, tuple(runs), judged, limits, rest, interrupted=interrupted)


def run_configuration(
    program: Program,
    scenario: Scenario,
    configuration: Configuration,
    limits: Limits,
    reductions: Reductions | None = None,
    report: Reporter | None = None,
) -> Run:
    """Explore one configuration."""
    return run_plan(make_plan(program, scenario, configuration), limits, reductions, report)


def run_plan(
    plan: Plan,
    limits: Limits,
    reductions: Reductions | None = None,
    report: Reporter | None = None,
) -> Run:
    """Explore the configuration of a plan."""
    configuration = plan.configuration
    limits = limits.started()

    def tell(progress: Progress) -> None:
        if report is not None:
            report(configuration, progress)

    said = tell if report is not None else None
    found = explore(plan, reductions, limits, report=said, keeps=True)
    stopped = found.stopped
    answers: tuple[Answer, ...] = ()
    if stopped is None:
        try:
            answers = check_progress(plan, limits)
        except KeyboardInterrupt as interrupt:
            stopped = limits.stopped_by(interrupt)
    stopped = stopped or next((a.stopped for a in answers if a.stopped), None)
    verdicts = {VERDICT_OF[failure.kind] for failure in found.failures}
    verdicts |= {trouble.kind for trouble in broken(answers)}
    if found.stopped is None:
        # Beyond the bound there may be a witness, and an end.
        bound = bound_text(limits.preemptions)
        endless = not found.outcomes and _speaks_of_ends(plan)
        if bound is None:
            verdicts |= {"fails"} if found.missing else set()
            verdicts |= {ENDLESS} if endless and not verdicts else set()
        elif found.missing or (endless and not verdicts):
            stopped = stopped or bound
    return Run(
        configuration=configuration,
        found=found,
        answers=answers,
        verdicts=tuple(each for each in VERDICT_ORDER if each in verdicts),
        stopped=stopped,
        seconds=found.seconds,
    )


def bound_text(preemptions: int | None) -> str | None:
    """What leaves an answer open where only schedules with so many preemptions were looked at."""
    if preemptions is None:
        return None
    return f"the bound of {preemptions} preemption{'' if preemptions == 1 else 's'}"


def _speaks_of_ends(plan: Plan) -> bool:
    """Whether a scenario says nothing where no execution ends: it claims nothing else."""
    judge = plan.judge
    return bool(judge.final) or not (judge.always or judge.quiescent or plan.scenario.progress)


def outcomes(
    scenario: Scenario, runs: Sequence[Judged], bound: int | None = None
) -> Iterator[Outcome]:
    """What became of each expectation; ``runs`` are all configurations of the scenario.

    That something goes wrong is not refuted by schedules with at most ``bound`` preemptions: that
    stays open.
    """
    judged = tuple(_outcomes(scenario, runs))
    limit = bound_text(bound)
    if limit is None:
        return iter(judged)
    free = [run if run.verdicts else _Open(run.configuration, limit) for run in runs]
    within = tuple(_outcomes(scenario, free))
    return iter(
        other if each.met is False else each for each, other in zip(judged, within, strict=True)
    )


class _Open(NamedTuple):
    """A configuration of which it is not known whether it holds."""

    configuration: Configuration
    stopped: str
    verdicts: tuple[str, ...] = ()
    verdict: str = INCONCLUSIVE


def _outcomes(scenario: Scenario, runs: Sequence[Judged]) -> Iterator[Outcome]:
    if not scenario.expectations:
        yield _all_hold(None, runs)
    for expectation in scenario.expectations:
        meant = [r for r in runs if concerns(expectation, scenario, r.configuration)]
        if expectation.verdict != HOLDS:
            yield _some_show(expectation, meant)
            continue
        outcome = _all_hold(expectation, meant)
        if outcome.met and expectation.mode == "unless":
            excepted = [r for r in runs if r not in meant]
            outcome = _exception(expectation, excepted) or outcome
        yield outcome


def _all_hold(expectation: Expectation | None, runs: Sequence[Judged]) -> Outcome:
    wrong = [run for run in runs if run.verdicts]
    if wrong:
        return Outcome(expectation, False, f"{wrong[0].verdict} in {len(wrong)} of {len(runs)}")
    unsure = [run for run in runs if run.stopped is not None]
    if unsure:
        return Outcome(expectation, None, f"stopped by {unsure[0].stopped}")
    if not runs:
        return Outcome(expectation, False, "no configuration is meant")
    return Outcome(expectation, True, f"holds in {len(runs)} of {len(runs)}")


def _some_show(expectation: Expectation, runs: Sequence[Judged]) -> Outcome:
    showing = [run for run in runs if expectation.verdict in run.verdicts]
    if showing:
        reason = f"{expectation.verdict} in {len(showing)} of {len(runs)}"
        return Outcome(expectation, True, reason)
    unsure = [run for run in runs if run.stopped is not None]
    if unsure:
        return Outcome(expectation, None, f"stopped by {unsure[0].stopped}")
    what = sorted({run.verdict for run in runs}) or ["no configuration is meant"]
    return Outcome(expectation, False, f"{', '.join(what)} in {len(runs)} of {len(runs)}")


def _exception(expectation: Expectation, excepted: Sequence[Judged]) -> Outcome | None:
    """An ``unless`` that nothing needs any more is out of date."""
    if any(run.verdicts for run in excepted):
        return None
    unsure = [run for run in excepted if run.stopped is not None]
    if unsure:
        return Outcome(expectation, None, f"stopped by {unsure[0].stopped}")
    if not excepted:
        return Outcome(expectation, False, "unless names no configuration of this scenario")
    return Outcome(expectation, False, "what unless excepts holds as well")
