"""``opvasm explore --sweep``: many combinations at once, on all cores or on a cluster."""

from __future__ import annotations

import os
from time import monotonic

from ...light_typing import TYPE_CHECKING
from ..inputs.kernels import named_profiles
from ..inputs.options import whole_number
from ..inputs.runners import workers
from ..inputs.workers import HostError, chosen_jobs
from ..terminal.exits import DONE, INCONCLUSIVE, INTERRUPTED, NEGATIVE, UsageError
from ..terminal.outputs import replace_file, write_text
from ..terminal.progress import Progress
from .arguments import DEFAULT_WALKS, Options
from .limits import chosen_limits
from .sweep_inputs import sweep_files

if TYPE_CHECKING:
    from ...explorer.schedules.walks import Walks
    from ...sweep.merge import Report
    from ...sweep.plan import Axes, Sweep
    from ...sweep.results_file import ResultsFile
    from ...sweep.run import Results
    from ...sweep.unit import Settings
    from ..terminal.terminal import Terminal

FORMATS = ("human", "json", "junit")
MOST_WALKS = 10**9
# Units that a worker of a cluster is handed at once, so that the network is not part of the time.
TOGETHER = 8
_NOT_HERE = ("compare", "coverage", "require", "no_reduction", "replay")


def sweep(options: Options, terminal: Terminal) -> int:
    """Plan, explore, merge, report."""
    from ...sweep.merge import merge
    from ...sweep.plan import plan_sweep
    from ..terminal.alarm import Alarm
    from .output import PROMPT_SECONDS, in_time

    _check_usage(options)
    axes, settings = _axes(options), _settings(options)
    jobs = chosen_jobs(options, _cores())
    files = sweep_files(options, axes, terminal)
    if isinstance(files, int):
        return files
    planned = plan_sweep(files, axes, settings)
    if not planned.units:
        raise UsageError("no scenario has a strategy of --strategies")
    if options.save is not None:
        _make_folder(options.save)
    try:
        results = _run(options, planned, jobs, terminal)
    except HostError as error:
        terminal.fail(error.message, error.help)
        _tell_kept(options, terminal)
        return error.code
    report = merge(planned, results)

    def made() -> str:
        with Alarm(monotonic() + PROMPT_SECONDS if results.interrupted else None):
            return _written(options, report, terminal)

    verdicts = sorted({result.verdict for result in results.of.values()})
    text = in_time(made, results.interrupted, verdicts, terminal)
    if not isinstance(text, str):
        _tell_kept(options, terminal)
        return text
    write_text(text, options.output)
    if options.save is not None:
        _save(options.save, report, terminal)
    if results.interrupted:
        _tell_kept(options, terminal)
        return INTERRUPTED
    if report.unexpected():
        return NEGATIVE
    return INCONCLUSIVE if report.open() else DONE


def _check_usage(options: Options) -> None:
    for name in _NOT_HERE:
        if getattr(options, name):
            raise UsageError(f"--sweep and --{name.replace('_', '-')} exclude each other")
    if options.format not in FORMATS:
        raise UsageError(
            f"a sweep can't be written as {options.format}", f"one of: {', '.join(FORMATS)}"
        )
    if options.results is not None and options.resume is not None:
        raise UsageError(
            "--results and --resume exclude each other", "--resume FILE also appends to FILE"
        )
    # After hours of work is no time to find out that its outcome can't be written.
    if options.output not in (None, "-"):
        folder = os.path.dirname(options.output) or "."
        if not os.path.isdir(folder) or not os.access(folder, os.W_OK):
            raise UsageError(f"cannot write {options.output}: {folder} is not a folder to write in")


def _make_folder(path: str) -> None:
    """The folder of --save, before anything is explored."""
    try:
        os.makedirs(path, exist_ok=True)
    except OSError as error:
        raise UsageError(f"--save {path}: {error.strerror}") from None


def _cores() -> int:
    from ...sweep.runners import cores

    return cores()


def _axes(options: Options) -> Axes:
    from ...sweep.plan import Axes

    named = named_profiles(options.kernels, "--kernel")
    cpus = _numbers(options.cpus, "--cpus", 1)
    bounds = _numbers(options.preemptions, "--preemptions", 0)
    ordered = tuple(each.name for each in named) or None
    return Axes(_names(options.strategies, "--strategies"), ordered, cpus, bounds or (None,))


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


def _settings(options: Options) -> Settings:
    from ...sweep.unit import Settings

    limits = chosen_limits(options, preemptions=False)
    limited = options.max_states is not None or options.timeout is not None
    asked = options.walks is not None or options.pct is not None
    search = limited or not asked
    return Settings(limits.states, limits.seconds, _walks(options), search)


def _walks(options: Options) -> Walks:
    from ...explorer.schedules.walks import Walks

    number, depth, seed = DEFAULT_WALKS, None, 1
    if options.walks is not None:
        number = whole_number(options.walks, "--walks")
        if not 1 <= number <= MOST_WALKS:
            raise UsageError(f"--walks {number} is not within 1 to {MOST_WALKS}")
    if options.pct is not None:
        depth = whole_number(options.pct, "--pct")
        if not 1 <= depth <= 100:
            raise UsageError(f"--pct {depth} is not within 1 to 100")
    if options.seed is not None:
        seed = whole_number(options.seed, "--seed")
        if not 0 <= seed < 1 << 64:
            raise UsageError(f"--seed {seed} is not within 0 to {(1 << 64) - 1}")
    return Walks(number, seed, depth)


def _run(options: Options, planned: Sweep, jobs: int, terminal: Terminal) -> Results:
    from ...sweep.run import run_sweep

    results = _results(options, planned, terminal)
    try:
        progress = Progress("units", 0 if results is None else len(results.known))
        with workers(options, jobs) as runner:
            together = TOGETHER if options.cluster is not None else 1
            try:
                return run_sweep(planned, runner, results, progress.bar, together)
            except OSError as error:
                path = options.results or options.resume
                what = "cannot start processes" if path is None else f"cannot write {path}"
                raise UsageError(f"{what}: {error.strerror or error}") from None
            finally:
                progress.clear()
    finally:
        if results is not None:
            results.close()


def _results(options: Options, planned: Sweep, terminal: Terminal) -> ResultsFile | None:
    from ...sweep.results_file import ResultsError, new_results, old_results

    path = options.results or options.resume
    if path is None:
        return None
    try:
        if options.resume is None:
            return new_results(path, planned)
        results = old_results(path, planned)
    except ResultsError as error:
        raise UsageError(error.message, error.help) from None
    except OSError as error:
        what = "write" if options.resume is None else "go on with"
        raise UsageError(f"cannot {what} {path}: {error.strerror or error}") from None
    if results.dropped:
        terminal.remark(f"{path}: the last line was cut off and is dropped")
    left = len(planned.units) - len(results.known)
    terminal.remark(f"{path}: {len(results.known):,} units are finished, {left:,} are left")
    return results


def _tell_kept(options: Options, terminal: Terminal) -> None:
    path = options.results or options.resume
    if path is not None:
        terminal.remark(f"what is finished is in {path}; go on with --resume {path}")


def _written(options: Options, report: Report, terminal: Terminal) -> str:
    match options.format:
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
