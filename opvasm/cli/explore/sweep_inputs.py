"""The files of a sweep: found, read, assembled, checked; everything wrong is said at once."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

from ...errors import OpvasmError, ParseError
from ...light_typing import TYPE_CHECKING
from ..inputs.inputs import STDIN, read_source
from ..inputs.options import chosen_abi
from ..inputs.programs import assembled
from ..inputs.scenario_inputs import no_scenario_help
from ..terminal.exits import USAGE, UsageError
from .arguments import Options

if TYPE_CHECKING:
    from ...assembler import Assembly
    from ...source import SourceFile
    from ...sweep.plan import Axes
    from ...sweep.unit import Text
    from ..terminal.terminal import Terminal

SUFFIX = ".opv"


def sweep_files(
    options: Options, axes: Axes, terminal: Terminal
) -> list[tuple[Text, Assembly]] | int:
    """Every file that has scenarios; an exit code where something is wrong and was reported."""
    from ...explorer.plan.validate import check_scenarios
    from ...sweep.unit import Text

    abi = chosen_abi(options)
    found: list[tuple[Text, Assembly]] = []
    failed = False
    for path, named in _paths([options.file, *options.scenarios]):
        try:
            source = read_source(path)
            if not named and "scenario" not in source.text:
                continue
            assembly = assembled(source, *abi)
        except UsageError as error:
            terminal.fail(error.message, error.help)
            failed = True
            continue
        except OpvasmError as error:
            if not (isinstance(error, ParseError) and _wrong_on_purpose(path, named)):
                terminal.report(error.diagnostics)
                failed = True
            continue
        if named and not assembly.scenarios:
            terminal.fail(
                f"{path} has no scenario",
                no_scenario_help(assembly),
            )
            failed = True
        findings = check_scenarios(assembly.program, assembly.scenarios, assembly.strategies)
        terminal.report(findings)
        failed = failed or any(each.level == "error" for each in findings)
        if assembly.scenarios:
            found.append((Text(_sources(assembly.sources), *abi), assembly))
    if failed:
        return USAGE
    if not found:
        where = ", ".join([options.file, *options.scenarios])
        raise UsageError(f"no scenario in {where}", f"scenarios are in files that end in {SUFFIX}")
    _check_strategies(axes, found)
    return found


def _sources(sources: tuple[SourceFile, ...]) -> tuple[tuple[str, str], ...]:
    return tuple((each.name, each.text) for each in sources)


def _wrong_on_purpose(path: str, named: bool) -> bool:
    """Whether a file of a folder has a neighbour that says what is wrong with it (suite)."""
    from ...suite.neighbours import neighbour

    return not named and neighbour(path) is not None


def _paths(given: Sequence[str]) -> Iterator[tuple[str, bool]]:
    """Every file once, and whether it was named itself; raises UsageError for what is not there."""
    from ...suite.discovery import files_below

    seen: set[str] = set()
    for path in given:
        if path != STDIN and os.path.isdir(path):
            try:
                below = [each for each in files_below(path) if each.endswith(SUFFIX)]
            except OSError as error:
                raise UsageError(f"cannot read {error.filename}: {error.strerror}") from None
            paths = [(each, False) for each in below]
        else:
            paths = [(path, True)]
        for each, named in paths:
            identity = os.path.realpath(each)
            if identity not in seen:
                seen.add(identity)
                yield each, named


def _check_strategies(axes: Axes, found: list[tuple[Text, Assembly]]) -> None:
    """Names of ``--strategies`` that no file knows.  Raises UsageError."""
    from ...explorer.plan.validate import strategy_table

    known: dict[str, None] = {}
    for _, assembly in found:
        known |= dict.fromkeys(strategy_table(assembly.strategies))
    for name in axes.strategies or ():
        if name not in known:
            from ...suggestion import did_you_mean, listing

            help = did_you_mean(name, known) or f"there are: {listing(known)}"
            raise UsageError(f"--strategies: no file has a strategy {name!r}", help)
