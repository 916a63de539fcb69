"""``opvasm test``: tests are found, chosen, run and reported."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

from ...engines import EngineError
from ...light_typing import TYPE_CHECKING
from ...suite.discovery import SUFFIXES, files_below
from ...suite.selection import SelectionError
from ..inputs.options import chosen_abi, chosen_quirks
from ..inputs.workers import HostError, chosen_jobs
from ..terminal.exits import DONE, HOST, NEGATIVE, USAGE, UsageError
from ..terminal.outputs import replace_file, write_text
from .arguments import Options as Options, add_arguments as add_arguments
from .pieces import AS_WRITTEN, Setup, chosen, pieces, run_piece, started_engine
from .results import Results

if TYPE_CHECKING:
    from ...suite.coverage import Collector
    from ..terminal.terminal import Terminal

DESCRIPTION = """\
Run the tests of .opv files and the reference cases of .jsonl files; folders are searched.
A reference case that runs into a mistake of a historic kernel is run twice: as a kernel
without the mistake answers and, with that quirk on, as the historic one did. What is wrong
with NAME.opv must be exactly what its neighbour NAME.expected holds, where there is one.
-a, --model and --page-size are for .opv files: a reference case says for which it is."""
EXAMPLES = """
opvasm test samples
opvasm test cases.jsonl -k 'cpu-mask and 2017-11'
opvasm test cases.jsonl --plugin './my-implementation --answer-cases'
opvasm test samples/ops -a 2017-11
opvasm test samples cases.jsonl --junit results.xml --jobs 4
opvasm test samples cases.jsonl --coverage --require 80
opvasm test cases.jsonl --against reference './my-implementation --answer-cases'
"""
EXITS = {
    DONE: "all pass",
    NEGATIVE: "at least one fails, the engines differ, or less is covered than required",
    HOST: "no cluster answers, or its workers or those of --jobs die",
}


def execute(options: Options, terminal: Terminal) -> int:
    """Find, run, report."""
    from ...suite.tally import report

    try:
        wanted = chosen(options.expression)
    except SelectionError as error:
        raise UsageError(f"-k {options.expression!r}: {error}") from None
    quirks = chosen_quirks(options.quirks)
    jobs = chosen_jobs(options, 1)
    files = list(_files(options.paths))
    if options.against is not None:
        from .against import run_against

        if chosen_abi(options) != AS_WRITTEN:
            raise UsageError("--against runs reference cases, and each case has its own ABI")

        return run_against(options, files, wanted, quirks)
    required = _required(options)
    coverage = _collector(options)
    setup = Setup(
        expression=options.expression,
        engine=options.engine,
        plugin=options.plugin,
        quirks=None if quirks is None else tuple(quirks),
        coverage=coverage is not None,
        abi=chosen_abi(options),
    )
    results = Results(terminal, coverage, setup.options)
    try:
        _run(options, files, setup, results, jobs)
    except HostError as error:
        terminal.fail(error.message, error.help)
        return error.code
    if results.engine is not None:
        raise UsageError(results.engine)
    outcomes, unreadable = results.outcomes, results.unreadable
    if options.junit is not None:
        from ...suite.junit import junit

        replace_file(options.junit, junit(outcomes).encode())
    if not outcomes and not unreadable:
        raise _no_test(options, files)
    if outcomes:
        write_text(report(outcomes), None)
    if unreadable:
        terminal.fail(f"{unreadable} file{'s' if unreadable > 1 else ''} could not be read")
        return USAGE
    passed = all(each.passed for each in outcomes)
    if coverage is not None and not _covered(coverage, required, terminal):
        passed = False
    return DONE if passed else NEGATIVE


def _run(options: Options, files: list[str], setup: Setup, results: Results, jobs: int) -> None:
    """Here or with workers.  Raises HostError where there are none; no progress is shown any more."""
    try:
        if jobs == 1 and options.cluster is None:
            run_here(files, setup, results)
        else:
            from .with_workers import run_with_workers

            run_with_workers(options, files, setup, results, jobs)
    finally:
        results.progress.clear()


def _no_test(options: Options, files: Sequence[str]) -> UsageError:
    where = ", ".join(options.paths)
    which = f" matches -k {options.expression!r}" if options.expression.strip() else ""
    return UsageError(
        f"no test in {where}{which}",
        None if files else f"tests are in files that end in {' or '.join(SUFFIXES)}",
    )


def run_here(files: list[str], setup: Setup, results: Results) -> None:
    """One file after the other, in this process, with one engine."""
    try:
        engine = started_engine(setup, results.coverage)
    except EngineError as error:
        results.engine = str(error)
        return
    try:
        for piece in pieces(files, shared=False):
            if not results.end(run_piece(piece, setup, engine, results.coverage, results.tell)):
                return
    finally:
        engine.close()


def _required(options: Options) -> float | None:
    """The share that ``--require`` asks for, in percent."""
    if options.require is None:
        return None
    try:
        percent = float(options.require.removesuffix("%"))
    except ValueError:
        percent = -1.0
    if not 0 <= percent <= 100:
        raise UsageError(f"--require takes 0 to 100 percent, not {options.require!r}")
    return percent


def _collector(options: Options) -> Collector | None:
    if not options.coverage and options.require is None:
        return None
    if options.plugin is not None:
        raise UsageError("--coverage looks into this package's own interpreter, not into a plugin")
    from ...suite.coverage import Collector

    return Collector()


def _covered(coverage: Collector, required: float | None, terminal: Terminal) -> bool:
    """Print the coverage; whether it is as much as was required."""
    from ...suite.coverage import summary
    from ...suite.coverage_table import coverage_text, missing_text

    write_text("\n" + coverage_text(coverage), None)
    percent = summary(coverage).percent
    if required is None or percent >= required:
        return True
    terminal.fail(f"{percent:.1f} % is covered, {required:g} % is required; missing:")
    terminal.remark("\n" + missing_text(coverage).rstrip())
    return False


def _files(paths: Sequence[str]) -> Iterator[str]:
    for path in paths:
        if os.path.isdir(path):
            try:
                yield from files_below(path)
            except OSError as error:
                raise UsageError(f"cannot read {error.filename}: {error.strerror}") from None
        elif not path.endswith(SUFFIXES):
            raise UsageError(
                f"{path}: its name does not say what it holds",
                f"tests are in files that end in {' or '.join(SUFFIXES)}",
            )
        else:
            yield path
