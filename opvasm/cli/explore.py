"""``opvasm explore``."""

from __future__ import annotations

from ..light_typing import TYPE_CHECKING
from .exits import DONE, INCONCLUSIVE, INTERRUPTED, NEGATIVE, USAGE, UsageError
from .inputs import read_source
from .options import add_abi, add_output, chosen_abi, whole_number
from .outputs import replace_file, write_text
from .programs import assembled
from .progress import Progress

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from ..assembler import Assembly
    from ..explorer.configuration import Configuration
    from ..explorer.diagnose import Diagnosis
    from ..explorer.options import Limits, Reductions
    from ..explorer.search import Progress as SearchProgress
    from ..explorer.verdict import Report
    from ..text.scenario_tree import Scenario, Strategy
    from .terminal import Terminal

DESCRIPTION = """\
Go through every interleaving of the threads of a file's scenarios, under each kernel and with
each strategy that they name, and say whether what they claim holds. A failure is shown as the
schedule that leads to it, with as few preemptions and steps as it takes."""
EXAMPLES = """
opvasm explore samples/races/counter.opv
opvasm explore samples/races/aba.opv naive --save failure.json
opvasm explore samples/races/aba.opv --replay failure.json
opvasm explore samples/races/ring.opv --coverage --require all
opvasm explore big.opv --preemptions 2 --timeout 60 -f json
"""
EXITS = {
    DONE: "everything is as the scenarios expect",
    NEGATIVE: "a scenario is not as expected, or the coverage is not what is required",
    INCONCLUSIVE: "a limit was hit before there was an answer",
}
REDUCTIONS = ("fuse", "dead", "collapse", "groups", "symmetry")


def add_arguments(parser: ArgumentParser) -> None:
    """The options."""
    parser.add_argument("file", metavar="FILE", help="the text (-: standard input)")
    parser.add_argument(
        "scenarios",
        metavar="SCENARIO",
        nargs="*",
        default=[],
        help="only these (default: all of the file)",
    )
    add_abi(parser)
    add_output(parser)
    parser.add_argument(
        "-f",
        "--format",
        choices=("human", "json"),
        default="human",
        help="for people (default), or opvasm-explore/1",
    )
    parser.add_argument(
        "--max-states",
        metavar="N",
        default="1000000",
        help="stop a search after N states (default: 1000000)",
    )
    parser.add_argument("--timeout", metavar="S", help="stop a search after S seconds")
    parser.add_argument(
        "--preemptions",
        metavar="K",
        help="only schedules in which a thread that could go on loses its CPU at most K times",
    )
    parser.add_argument(
        "--no-reduction",
        metavar="NAME",
        action="append",
        default=[],
        help=f"search without one of: {', '.join(REDUCTIONS)}, or all; may be repeated",
    )
    parser.add_argument(
        "--save", metavar="OUT", help="write the schedule of the first failure as a replay file"
    )
    parser.add_argument("--replay", metavar="FILE", help="only show the schedule of a replay file")
    parser.add_argument(
        "--coverage", action="store_true", help="say of each op what has happened there"
    )
    parser.add_argument(
        "--require",
        metavar="WHAT",
        help="exit 1 unless each op was: executed, differs (each compare failed), aborted (each op "
        "of a section was aborted at), several with commas, or all",
    )


def execute(arguments: Namespace, terminal: Terminal) -> int:
    """Explore, report, compare with what is expected."""
    from ..explorer.validate import check_scenarios, strategy_table

    assembly = assembled(read_source(arguments.file), *chosen_abi(arguments))
    findings = check_scenarios(assembly.program, assembly.scenarios, assembly.strategies)
    if findings:
        terminal.report(findings)
    if any(each.level == "error" for each in findings):
        return USAGE
    strategies = strategy_table(assembly.strategies)
    if arguments.replay is not None:
        return _show_replay(arguments, assembly, strategies, terminal)
    chosen = _chosen(arguments, assembly)
    reports = []
    with_coverage = arguments.coverage or arguments.require is not None
    required = _required(arguments.require)
    limits, reductions = _limits(arguments), _reductions(arguments, with_coverage)
    interrupted = False
    for scenario in chosen:
        report = _explore(assembly, scenario, strategies, limits, reductions)
        reports.append(report)
        if any(run.stopped == "an interrupt" for run in report.runs):
            interrupted = True
            break
    lacking = _write(arguments, assembly, reports, required, with_coverage, terminal)
    if interrupted:
        return INTERRUPTED
    if any(report.as_expected is False for report in reports) or lacking:
        return NEGATIVE
    return INCONCLUSIVE if any(report.as_expected is None for report in reports) else DONE


def _chosen(arguments: Namespace, assembly: Assembly) -> list[Scenario]:
    known = {scenario.name: scenario for scenario in assembly.scenarios}
    if not known:
        raise UsageError(f"{arguments.file} has no scenario", "see grammar/README.md, Scenarios")
    for name in arguments.scenarios:
        if name not in known:
            from ..suggestion import did_you_mean

            raise UsageError(
                f"{arguments.file} has no scenario {name!r}",
                did_you_mean(name, known) or f"there are: {', '.join(known)}",
            )
    return [known[name] for name in arguments.scenarios or known]


def _limits(arguments: Namespace) -> Limits:
    from ..explorer.options import Limits

    states = _positive(arguments.max_states, "--max-states")
    seconds = None
    if arguments.timeout is not None:
        try:
            seconds = float(arguments.timeout)
        except ValueError:
            seconds = -1.0
        if not 0 < seconds < 1e9:
            raise UsageError(f"--timeout: {arguments.timeout!r} is no number of seconds above 0")
    preemptions = None
    if arguments.preemptions is not None:
        preemptions = whole_number(arguments.preemptions, "--preemptions")
        if preemptions < 0:
            raise UsageError(f"--preemptions {preemptions} is less than 0")
    return Limits(states, seconds, preemptions)


def _positive(text: str, option: str) -> int:
    number = whole_number(text, option)
    if number < 1:
        raise UsageError(f"{option} {number} is less than 1")
    return number


def _reductions(arguments: Namespace, coverage: bool) -> Reductions:
    from ..explorer.options import NO_REDUCTIONS, Reductions

    reductions = Reductions()
    for name in arguments.no_reduction:
        if name == "all":
            return NO_REDUCTIONS
        if name not in REDUCTIONS:
            choice = ", ".join(REDUCTIONS)
            raise UsageError(f"--no-reduction: there is no {name!r}", f"one of: {choice}, all")
        reductions = reductions._replace(**{name: False})
    # Which op a section is aborted at can only be seen where each op is a step.
    return reductions._replace(collapse=False) if coverage else reductions


def _required(text: str | None) -> tuple[str, ...]:
    from ..explorer.coverage import REQUIREMENTS

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
) -> Report:
    from ..explorer.verdict import run_scenario

    progress = Progress("states")

    def tell(configuration: Configuration, at: SearchProgress) -> None:
        rate = at.states / at.seconds if at.seconds else 0.0
        size = "" if at.estimate is None else f" of at least about {at.estimate:,}"
        progress.show(
            f"{scenario.name}: {at.states:,} states{size}, {rate:,.0f} a second, "
            f"{at.waiting:,} waiting"
        )

    try:
        return run_scenario(assembly.program, scenario, strategies, limits, reductions, tell)
    finally:
        progress.clear()


def _write(
    arguments: Namespace,
    assembly: Assembly,
    reports: list[Report],
    required: tuple[str, ...],
    with_coverage: bool,
    terminal: Terminal,
) -> bool:
    """The report on standard output, the replay file; True when required coverage is missing."""
    from .. import __version__
    from ..explorer.coverage import coverage
    from ..explorer.diagnose import diagnose

    lines = coverage(run for report in reports for run in report.runs) if with_coverage else None
    diagnoses: dict[int, Diagnosis] = {}
    first = None
    for report in reports:
        for run in report.runs:
            found = diagnose(run, report.limits) if _wanted(arguments, report, diagnoses) else None
            if found is not None:
                diagnoses[id(run)] = found
                first = first or found
    if arguments.format == "json":
        from ..explorer.json_report import report_json

        text = report_json(assembly.sources, reports, diagnoses, lines, __version__)
    else:
        text = _human(reports, diagnoses, terminal)
        if lines is not None:
            from ..explorer.coverage import coverage_lines

            text += "Coverage\n" + "\n".join(coverage_lines(lines)) + "\n"
    write_text(text, arguments.output)
    if arguments.save is not None:
        if first is None:
            terminal.remark(f"nothing failed, so {arguments.save} is not written")
        else:
            from ..explorer.replay_file import replay_json

            saved = replay_json(
                first.replay, assembly.sources, first.verdict, first.label, __version__
            )
            replace_file(arguments.save, saved.encode())
    lacking = False
    for line in lines or ():
        missing = line.missing(required)
        if missing:
            lacking = True
            terminal.remark(
                f"{line.vector}[{line.op}] as {line.method} was never: {', '.join(missing)}"
            )
    return lacking


def _wanted(arguments: Namespace, report: Report, known: dict[int, Diagnosis]) -> bool:
    """One schedule a scenario is enough for people; a machine gets all."""
    return arguments.format == "json" or not any(id(run) in known for run in report.runs)


def _human(reports: list[Report], diagnoses: dict[int, Diagnosis], terminal: Terminal) -> str:
    from ..explorer.text_report import answer_lines, diagnosis_lines, outcome_line, run_lines

    style = terminal.out
    blocks = []
    for report in reports:
        for run in report.runs:
            lines = run_lines(report, run, style) + answer_lines(run)
            if id(run) in diagnoses:
                lines += diagnosis_lines(run.found.plan, diagnoses[id(run)], style)
            blocks.append("\n".join(lines))
        blocks.append("\n".join(outcome_line(each, style) for each in report.outcomes))
    return "\n\n".join(blocks) + "\n"


def _show_replay(
    arguments: Namespace,
    assembly: Assembly,
    strategies: dict[str, Strategy],
    terminal: Terminal,
) -> int:
    from ..explorer.diagram import diagram
    from ..explorer.replay_file import read_replay, replay

    found = read_replay(read_source(arguments.replay).text, arguments.replay)
    followed = replay(assembly.program, assembly.sources, assembly.scenarios, strategies, found)
    lines = diagram(followed, terminal.out)
    lines.append(f"      {terminal.out.bad(found.label)}")
    write_text("\n".join(lines) + "\n", arguments.output)
    return DONE
