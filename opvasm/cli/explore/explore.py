"""``opvasm explore``: a search, a sweep, a comparison or a replay, as the options say."""

from __future__ import annotations

from ...light_typing import TYPE_CHECKING
from ..inputs.inputs import read_source
from ..inputs.kernels import HostUnknown, host_unknown, named_profiles
from ..inputs.scenario_inputs import explorable, named_scenarios
from ..terminal.exits import DONE, HOST, INCONCLUSIVE, INTERRUPTED, NEGATIVE, USAGE, UsageError
from ..terminal.outputs import picture_width, write_text
from ..terminal.progress import Progress
from .arguments import REDUCTIONS, SWEEP_ONLY, Options as Options, add_arguments as add_arguments
from .limits import chosen_limits

if TYPE_CHECKING:
    from ...assembler import Assembly
    from ...explorer.answers.verdict import Report
    from ...explorer.plan.plan import Plans
    from ...explorer.search.search import Progress as SearchProgress
    from ...explorer.setting.configuration import Configuration
    from ...explorer.setting.options import Limits, Reductions
    from ...kernels.profiles import Profile
    from ...text.scenario_tree import Scenario, Strategy
    from ..terminal.terminal import Terminal

DESCRIPTION = """\
Go through every interleaving of the threads of a file's scenarios, under each kernel and with
each strategy that they name, and say whether what they claim holds. A failure is shown as the
schedule that leads to it, with as few preemptions and steps as it takes."""
EXAMPLES = """
opvasm explore samples/races/counter.opv
opvasm explore samples/races/list.opv naive --save failure.json
opvasm explore samples/races/list.opv --replay failure.json
opvasm explore samples/races/counter.opv preempted --compare
opvasm explore samples/races/counter.opv preempted --kernel host
opvasm explore samples/races/ring.opv --coverage --require all
opvasm explore samples/races/ring.opv head_first --dump
opvasm explore samples/races/list.opv -f html -o list.html
opvasm explore big.opv --preemptions 2 --timeout 60 -f json
opvasm explore --sweep samples --results night.jsonl -f json -o night.json
opvasm explore --sweep big.opv --cpus 1,2,3 --preemptions 0,1,2 --max-states 20000 --pct 3
opvasm explore --sweep samples --resume night.jsonl --cluster tcp://127.0.0.1:8786
"""
EXITS = {
    DONE: "everything is as the scenarios expect",
    NEGATIVE: "a scenario is not as expected, or the coverage is not what is required",
    INCONCLUSIVE: "a limit was hit before there was an answer",
    HOST: "--sweep: no cluster answers, or its workers or those of --jobs die",
}


def execute(options: Options, terminal: Terminal) -> int:
    """Explore, report, compare with what is expected."""
    try:
        return _execute(options, terminal)
    except HostUnknown as problem:
        return host_unknown(problem, terminal)
    except KeyboardInterrupt as interrupt:
        from ...explorer.setting.options import OutOfTime

        if not isinstance(interrupt, OutOfTime):
            raise
        terminal.fail("--timeout: the time was over before there was an answer", "raise --timeout")
        return INCONCLUSIVE


def _execute(options: Options, terminal: Terminal) -> int:
    if options.sweep:
        from .sweep import sweep

        return sweep(options, terminal)
    _refuse_sweep_options(options)
    from ...explorer.answers.verdict import not_begun
    from ...explorer.plan.plan import Plans
    from ...explorer.plan.validate import strategy_table
    from ...explorer.setting.options import OutOfTime
    from ..terminal.alarm import Alarm
    from .output import write_reports

    if options.replay is not None:
        return _show_replay(options.replay, options, terminal)
    plans = Plans()
    limits = chosen_limits(options).started()
    try:
        with Alarm(limits.until):
            assembly = explorable(options.file, options, terminal, plans=plans)
    except OutOfTime:
        terminal.fail(
            f"--timeout: {limits.time_text()} were over while {options.file} was still being read "
            "and checked: nothing was explored",
            "raise --timeout",
        )
        return INCONCLUSIVE
    if assembly is None:
        return USAGE
    strategies = strategy_table(assembly.strategies)
    chosen = named_scenarios(options.file, assembly, options.scenarios)
    if options.compare and options.kernels:
        raise UsageError("--compare goes through every kernel", "leave out --kernel")
    chosen = [_under(scenario, named_profiles(options.kernels, "--kernel")) for scenario in chosen]
    if options.dump:
        from .dump import dump

        return dump(options, assembly, chosen, strategies)
    if options.compare:
        from .compare import compare_scenarios

        return compare_scenarios(options, assembly, chosen, strategies, limits, terminal)
    reports: list[Report] = []
    with_coverage = options.coverage or options.require is not None
    required = _required(options.require)
    reductions = _reductions(options, with_coverage)
    for scenario in chosen:
        if reports and reports[-1].interrupted:
            reports.append(not_begun(scenario, strategies, limits))
            continue
        # The first one's time began with the command.
        own = limits._replace(until=None).started() if reports else limits
        reports.append(_explore(assembly, scenario, strategies, own, reductions, plans))
    written = write_reports(options, assembly, reports, required, with_coverage, terminal)
    if written.interrupted:
        return INTERRUPTED
    if any(report.as_expected is False for report in reports) or written.lacking:
        return NEGATIVE
    known = written.whole and all(report.as_expected for report in reports)
    return DONE if known else INCONCLUSIVE


def _refuse_sweep_options(options: Options) -> None:
    """Options that mean nothing without ``--sweep``.  Raises UsageError."""
    for name in SWEEP_ONLY:
        if getattr(options, name) is not None:
            raise UsageError(f"--{name} needs --sweep")


def _under(scenario: Scenario, profiles: tuple[Profile, ...]) -> Scenario:
    """A scenario under kernels of the command line, if there are some.

    What it expects of the kernels that it names itself is passed over: it must hold.
    """
    if not profiles:
        return scenario
    kernels = tuple(each.name for each in profiles)
    return scenario._replace(kernels=kernels, expectations=())


def _reductions(options: Options, coverage: bool) -> Reductions:
    from ...explorer.setting.options import NO_REDUCTIONS, Reductions

    reductions = Reductions()
    for name in options.no_reduction:
        if name == "all":
            return NO_REDUCTIONS
        if name not in REDUCTIONS:
            choice = ", ".join(REDUCTIONS)
            raise UsageError(f"--no-reduction: there is no {name!r}", f"one of: {choice}, all")
        reductions = reductions._replace(**{name: False})
    # Which op a section is aborted at can only be seen where each op is a step.
    return reductions._replace(collapse=False) if coverage else reductions


def _required(text: str | None) -> tuple[str, ...]:
    from ...explorer.answers.coverage import REQUIREMENTS

    if text is None:
        return ()
    if text == "all":
        return REQUIREMENTS
    names = tuple(each.strip() for each in text.split(",") if each.strip())
    for name in names:
        if name not in REQUIREMENTS:
            choice = ", ".join(REQUIREMENTS)
            raise UsageError(f"--require: there is no {name!r}", f"one of: {choice}, all")
    return names


def _explore(
    assembly: Assembly,
    scenario: Scenario,
    strategies: dict[str, Strategy],
    limits: Limits,
    reductions: Reductions,
    plans: Plans,
) -> Report:
    from ...explorer.answers.verdict import run_scenario
    from ...explorer.setting.options import AFTER_SECONDS
    from ..terminal.alarm import Alarm

    progress = Progress("states")

    def tell(configuration: Configuration, at: SearchProgress) -> None:
        rate = at.states / at.seconds if at.seconds else 0.0
        progress.show(
            f"{scenario.name}: {at.states:,} states{_size(at)}, {rate:,.0f} a second, "
            f"{at.waiting:,} waiting"
        )

    try:
        with Alarm(None if limits.until is None else limits.until + AFTER_SECONDS):
            return run_scenario(
                *(assembly.program, scenario, strategies, limits, reductions, tell, plans)
            )
    finally:
        progress.clear()


def _size(at: SearchProgress) -> str:
    """How large a search will be, as far as somebody knows."""
    if at.estimate is None:
        return ""
    if at.rest is None or at.memory is None:
        return f" of at least about {at.estimate:,}"
    return f" of about {at.estimate:,} ({at.rest:,.0f} s to go, {at.memory >> 20:,} MiB in the end)"


def _show_replay(schedule: str, options: Options, terminal: Terminal) -> int:
    from ...explorer.plan.validate import strategy_table
    from ...explorer.schedules.diagram import diagram
    from ...explorer.schedules.replay_file import read_replay, replay

    found = read_replay(read_source(schedule).text, schedule)
    assembly = explorable(options.file, options, terminal, found)
    if assembly is None:
        return USAGE
    strategies = strategy_table(assembly.strategies)
    followed = replay(assembly.program, assembly.sources, assembly.scenarios, strategies, found)
    lines = diagram(followed, terminal.out, picture_width(options.output))
    lines.append(f"      {terminal.out.bad(found.label)}")
    write_text("\n".join(lines) + "\n", options.output)
    return DONE
