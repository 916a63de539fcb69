"""``opvasm explore --sweep``: many combinations at once, on all cores or on a cluster."""

from __future__ import annotations

import os

from ...light_typing import TYPE_CHECKING
from ..inputs.kernels import named_profiles
from ..inputs.options import whole_number
from ..inputs.workers import HostError, add_workers, chosen_jobs, workers
from ..terminal.exits import DONE, INCONCLUSIVE, INTERRUPTED, NEGATIVE, UsageError
from ..terminal.outputs import replace_file, write_text
from ..terminal.progress import Progress
from .limits import chosen_limits
from .sweep_inputs import sweep_files

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from ...explorer.schedules.walks import Walks
    from ...sweep.merge import Report
    from ...sweep.plan import Axes, Sweep
    from ...sweep.results_file import ResultsFile
    from ...sweep.run import Results
    from ...sweep.unit import Settings
    from ..terminal.terminal import Terminal

FORMATS = ("human", "json", "junit")
# Random schedules after a search that hit its limit, unless --walks says another number.
DEFAULT_WALKS = 100
MOST_WALKS = 10**9
# Units that a worker of a cluster is handed at once, so that the network is no part of the time.
TOGETHER = 8
# Options of a sweep alone, by their names among the arguments.
ONLY_HERE = ("cpus", "strategies", "walks", "pct", "seed", "jobs", "cluster",
             "results", "resume")  # fmt: skip
_NOT_HERE = ("compare", "coverage", "require", "no_reduction", "replay")


def add_sweep(parser: ArgumentParser) -> None:
    """The options that only a sweep has."""
    parser.add_argument(
        "--sweep",
        action="store_true",
        help="FILE and SCENARIO are files and folders: explore all their scenarios with every "
        "strategy, under every kernel (-f human, json or junit)",
    )
    parser.add_argument(
        "--cpus",
        metavar="LIST",
        help="--sweep: with these numbers of CPUs, as 1,2,3 (default: the scenario's own)",
    )
    parser.add_argument(
        "--strategies",
        metavar="LIST",
        help="--sweep: only with these strategies (default: all of the file, and rseq, opv, lock)",
    )
    parser.add_argument(
        "--walks",
        metavar="N",
        help="--sweep: follow N random schedules instead of a search; with --max-states or "
        f"--timeout, after a search that hit the limit (default: {DEFAULT_WALKS} then)",
    )
    parser.add_argument(
        "--pct",
        metavar="DEPTH",
        help="--sweep: random schedules by priorities that change DEPTH - 1 times (PCT)",
    )
    parser.add_argument(
        "--seed", metavar="S", help="--sweep: what random schedules derive from (default: 1)"
    )
    add_workers(parser, "with --sweep one for each CPU")
    parser.add_argument(
        "--results",
        metavar="FILE",
        help="--sweep: append each finished unit to this new file, for --resume",
    )
    parser.add_argument(
        "--resume",
        metavar="FILE",
        help="--sweep: go on with the sweep whose results are in FILE; what is finished is not "
        "explored again",
    )


def refuse_sweep_options(arguments: Namespace) -> None:
    """Options that mean nothing without ``--sweep``.  Raises UsageError."""
    for name in ONLY_HERE:
        if getattr(arguments, name) is not None:
            raise UsageError(f"--{name} needs --sweep")


def sweep(arguments: Namespace, terminal: Terminal) -> int:
    """Plan, explore, merge, report."""
    from ...sweep.merge import merge
    from ...sweep.plan import plan_sweep

    _check_usage(arguments)
    axes, settings = _axes(arguments), _settings(arguments)
    jobs = chosen_jobs(arguments, _cores())
    files = sweep_files(arguments, axes, terminal)
    if isinstance(files, int):
        return files
    planned = plan_sweep(files, axes, settings)
    if not planned.units:
        raise UsageError("no scenario has a strategy of --strategies")
    if arguments.save is not None:
        _make_folder(arguments.save)
    try:
        results = _run(arguments, planned, jobs, terminal)
    except HostError as error:
        terminal.fail(error.message, error.help)
        _tell_kept(arguments, terminal)
        return error.code
    report = merge(planned, results)
    write_text(_written(arguments, report, terminal), arguments.output)
    if arguments.save is not None:
        _save(arguments.save, report, terminal)
    if results.interrupted:
        _tell_kept(arguments, terminal)
        return INTERRUPTED
    if report.unexpected():
        return NEGATIVE
    return INCONCLUSIVE if report.open() else DONE


def _check_usage(arguments: Namespace) -> None:
    for name in _NOT_HERE:
        if getattr(arguments, name):
            raise UsageError(f"--sweep and --{name.replace('_', '-')} exclude each other")
    if arguments.format not in FORMATS:
        raise UsageError(
            f"a sweep can't be written as {arguments.format}", f"one of: {', '.join(FORMATS)}"
        )
    if arguments.results is not None and arguments.resume is not None:
        raise UsageError(
            "--results and --resume exclude each other", "--resume FILE also appends to FILE"
        )
    # After hours of work is no time to find out that its outcome can't be written.
    if arguments.output not in (None, "-"):
        folder = os.path.dirname(arguments.output) or "."
        if not os.path.isdir(folder) or not os.access(folder, os.W_OK):
            raise UsageError(f"cannot write {arguments.output}: {folder} is no folder to write in")


def _make_folder(path: str) -> None:
    """The folder of --save, before anything is explored."""
    try:
        os.makedirs(path, exist_ok=True)
    except OSError as error:
        raise UsageError(f"--save {path}: {error.strerror}") from None


def _cores() -> int:
    from ...sweep.runners import cores

    return cores()


def _axes(arguments: Namespace) -> Axes:
    from ...sweep.plan import Axes

    named = named_profiles(arguments.kernels, "--kernel")
    cpus = _numbers(arguments.cpus, "--cpus", 1)
    bounds = _numbers(arguments.preemptions, "--preemptions", 0)
    ordered = tuple(each.name for each in named) or None
    return Axes(_names(arguments.strategies, "--strategies"), ordered, cpus, bounds or (None,))


def _names(text: str | None, option: str) -> tuple[str, ...] | None:
    if text is None:
        return None
    names = tuple(dict.fromkeys(each.strip() for each in text.split(",") if each.strip()))
    if not names:
        raise UsageError(f"{option} {text!r} names nothing")
    return names


def _numbers(text: str | None, option: str, least: int) -> tuple[int, ...] | None:
    names = _names(text, option)
    if names is None:
        return None
    from ...text.claim_builder import CPUS_MAX

    numbers = sorted({whole_number(each, option) for each in names})
    most = CPUS_MAX if option == "--cpus" else 1_000_000
    for number in numbers:
        if not least <= number <= most:
            raise UsageError(f"{option}: {number} is not within {least} to {most}")
    return tuple(numbers)


def _settings(arguments: Namespace) -> Settings:
    from ...sweep.unit import Settings

    limits = chosen_limits(arguments, preemptions=False)
    limited = arguments.max_states is not None or arguments.timeout is not None
    asked = arguments.walks is not None or arguments.pct is not None
    search = limited or not asked
    return Settings(limits.states, limits.seconds, _walks(arguments), search)


def _walks(arguments: Namespace) -> Walks:
    from ...explorer.schedules.walks import Walks

    number, depth, seed = DEFAULT_WALKS, None, 1
    if arguments.walks is not None:
        number = whole_number(arguments.walks, "--walks")
        if not 1 <= number <= MOST_WALKS:
            raise UsageError(f"--walks {number} is not within 1 to {MOST_WALKS}")
    if arguments.pct is not None:
        depth = whole_number(arguments.pct, "--pct")
        if not 1 <= depth <= 100:
            raise UsageError(f"--pct {depth} is not within 1 to 100")
    if arguments.seed is not None:
        seed = whole_number(arguments.seed, "--seed")
        if not 0 <= seed < 1 << 64:
            raise UsageError(f"--seed {seed} is not within 0 to {(1 << 64) - 1}")
    return Walks(number, seed, depth)


def _run(arguments: Namespace, planned: Sweep, jobs: int, terminal: Terminal) -> Results:
    from ...sweep.run import run_sweep

    results = _results(arguments, planned, terminal)
    try:
        progress = Progress("units", 0 if results is None else len(results.known))
        with workers(arguments, jobs) as runner:
            together = TOGETHER if arguments.cluster is not None else 1
            try:
                return run_sweep(planned, runner, results, progress.bar, together)
            except OSError as error:
                path = arguments.results or arguments.resume
                what = "cannot start processes" if path is None else f"cannot write {path}"
                raise UsageError(f"{what}: {error.strerror or error}") from None
            finally:
                progress.clear()
    finally:
        if results is not None:
            results.close()


def _results(arguments: Namespace, planned: Sweep, terminal: Terminal) -> ResultsFile | None:
    from ...sweep.results_file import ResultsError, new_results, old_results

    path = arguments.results or arguments.resume
    if path is None:
        return None
    try:
        if arguments.resume is None:
            return new_results(path, planned)
        results = old_results(path, planned)
    except ResultsError as error:
        raise UsageError(error.message, error.help) from None
    except OSError as error:
        what = "write" if arguments.resume is None else "go on with"
        raise UsageError(f"cannot {what} {path}: {error.strerror or error}") from None
    if results.dropped:
        terminal.remark(f"{path}: the last line was cut off and is dropped")
    left = len(planned.units) - len(results.known)
    terminal.remark(f"{path}: {len(results.known):,} units are finished, {left:,} are left")
    return results


def _tell_kept(arguments: Namespace, terminal: Terminal) -> None:
    path = arguments.results or arguments.resume
    if path is not None:
        terminal.remark(f"what is finished is in {path}; go on with --resume {path}")


def _written(arguments: Namespace, report: Report, terminal: Terminal) -> str:
    match arguments.format:
        case "json":
            from ...sweep.json_report import report_json

            return report_json(report)
        case "junit":
            from ...suite.junit import junit
            from ...sweep.findings import sweep_outcomes

            return junit(list(sweep_outcomes(report)))
        case _:
            from ...sweep.text_report import report_text

            return report_text(report, terminal.out)


def _save(folder: str, report: Report, terminal: Terminal) -> None:
    from ...sweep.examples import saved_examples

    count = 0
    for name, text in saved_examples(report):
        replace_file(os.path.join(folder, name), text.encode())
        count += 1
    if not count:
        terminal.remark(f"nothing failed, so nothing is written to {folder}")
