"""``opvasm test``."""

from __future__ import annotations

import os
from collections.abc import Iterator

from ...abi.revisions import QUIRKS
from ...engines import ENGINE_NAMES, EngineError
from ...light_typing import TYPE_CHECKING
from ...suite.discovery import SUFFIXES, files_below
from ...suite.selection import SelectionError
from ..inputs.options import add_abi, chosen_abi, chosen_quirks
from ..inputs.workers import HostError, add_workers, chosen_jobs
from ..terminal.exits import DONE, HOST, NEGATIVE, USAGE, UsageError
from ..terminal.outputs import replace_file, write_text
from .pieces import AS_WRITTEN, Setup, chosen, pieces, run_piece, started_engine
from .results import Results

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

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
opvasm test tests/conformance -k 'cpu-mask and 2017-11'
opvasm test cases.jsonl --plugin './my-implementation --answer-cases'
opvasm test samples/ops -a 2017-11
opvasm test samples cases.jsonl --junit results.xml --jobs 4
opvasm test samples tests/conformance --coverage --require 80
opvasm test cases.jsonl --against reference './my-implementation --answer-cases'
"""
EXITS = {
    DONE: "all pass",
    NEGATIVE: "at least one fails, the engines differ, or less is covered than required",
    HOST: "no cluster answers, or its workers or those of --jobs die",
}


def add_arguments(parser: ArgumentParser) -> None:
    """The options."""
    parser.add_argument("paths", metavar="PATH", nargs="+", help=".opv, .jsonl or a folder")
    parser.add_argument(
        "-k",
        dest="expression",
        metavar="EXPR",
        default="",
        help="only what contains these words: 'push and not (stale or empty)'",
    )
    add_abi(parser)
    engine = parser.add_mutually_exclusive_group()
    engine.add_argument(
        "--engine",
        choices=ENGINE_NAMES,
        default=ENGINE_NAMES[0],
        help=f"what runs reference cases (default: {ENGINE_NAMES[0]})",
    )
    engine.add_argument(
        "--plugin", metavar="CMD", help="a command that answers reference cases, one a line"
    )
    parser.add_argument(
        "--quirks",
        metavar="NAMES",
        help=f"none, all, or some of: {', '.join(QUIRKS)} (default: none, then each case's own)",
    )
    engine.add_argument(
        "--against",
        nargs=2,
        metavar=("A", "B"),
        help="run reference cases on two engines or plugin commands and stop at the first event "
        "that differs",
    )
    parser.add_argument(
        "--coverage",
        action="store_true",
        help="print which op, length, alignment and outcome the tests and cases have reached",
    )
    parser.add_argument(
        "--require",
        metavar="PERCENT",
        help="with --coverage: fail when less than this share of the combinations was reached",
    )
    parser.add_argument("--junit", metavar="OUT", help="also write the results as JUnit XML")
    add_workers(parser, "1")


def execute(arguments: Namespace, terminal: Terminal) -> int:
    """Find, run, report."""
    from ...suite.tally import report

    try:
        wanted = chosen(arguments.expression)
    except SelectionError as error:
        raise UsageError(f"-k {arguments.expression!r}: {error}") from None
    quirks = chosen_quirks(arguments.quirks)
    jobs = chosen_jobs(arguments, 1)
    files = list(_files(arguments.paths))
    if arguments.against is not None:
        from .against import run_against

        if chosen_abi(arguments) != AS_WRITTEN:
            raise UsageError("--against runs reference cases, and each case has its own ABI")

        return run_against(arguments, files, wanted, quirks)
    required = _required(arguments)
    coverage = _collector(arguments)
    setup = Setup(
        expression=arguments.expression,
        engine=arguments.engine,
        plugin=arguments.plugin,
        quirks=None if quirks is None else tuple(quirks),
        coverage=coverage is not None,
        abi=chosen_abi(arguments),
    )
    results = Results(terminal, coverage, setup.options)
    try:
        if jobs == 1 and arguments.cluster is None:
            run_here(files, setup, results)
        else:
            from .with_workers import run_with_workers

            run_with_workers(arguments, files, setup, results, jobs)
    except HostError as error:
        results.progress.clear()
        terminal.fail(error.message, error.help)
        return error.code
    finally:
        results.progress.clear()
    if results.engine is not None:
        raise UsageError(results.engine)
    outcomes, unreadable = results.outcomes, results.unreadable
    if arguments.junit is not None:
        from ...suite.junit import junit

        replace_file(arguments.junit, junit(outcomes).encode())
    if not outcomes and not unreadable:
        where = ", ".join(arguments.paths)
        which = f" matches -k {arguments.expression!r}" if arguments.expression.strip() else ""
        raise UsageError(
            f"no test in {where}{which}",
            None if files else f"tests are in files that end in {' or '.join(SUFFIXES)}",
        )
    if outcomes:
        write_text(report(outcomes), None)
    if unreadable:
        terminal.fail(f"{unreadable} file{'s' if unreadable > 1 else ''} could not be read")
        return USAGE
    passed = all(each.passed for each in outcomes)
    if coverage is not None and not _covered(coverage, required, terminal):
        passed = False
    return DONE if passed else NEGATIVE


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


def _required(arguments: Namespace) -> float | None:
    """The share that ``--require`` asks for, in percent."""
    if arguments.require is None:
        return None
    try:
        percent = float(arguments.require.removesuffix("%"))
    except ValueError:
        percent = -1.0
    if not 0 <= percent <= 100:
        raise UsageError(f"--require takes 0 to 100 percent, not {arguments.require!r}")
    return percent


def _collector(arguments: Namespace) -> Collector | None:
    if not arguments.coverage and arguments.require is None:
        return None
    if arguments.plugin is not None:
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


def _files(paths: list[str]) -> Iterator[str]:
    for path in paths:
        if os.path.isdir(path):
            try:
                yield from files_below(path)
            except OSError as error:
                raise UsageError(f"cannot read {error.filename}: {error.strerror}") from None
        elif not path.endswith(SUFFIXES):
            raise UsageError(
                f"{path}: what it holds can't be told from its name",
                f"tests are in files that end in {' or '.join(SUFFIXES)}",
            )
        else:
            yield path
