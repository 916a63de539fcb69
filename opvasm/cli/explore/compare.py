"""``opvasm explore --compare``: the table, and its counterexamples as replay files."""

from __future__ import annotations

import os
from time import monotonic

from ...light_typing import TYPE_CHECKING
from ..terminal.exits import DONE, INCONCLUSIVE, INTERRUPTED, UsageError
from ..terminal.outputs import replace_file, write_text
from ..terminal.progress import Progress
from .arguments import Options

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ...assembler import Assembly
    from ...explorer.setting.options import Limits
    from ...explorer_reports.comparison import Table
    from ...text.scenario_tree import Scenario, Strategy
    from ..terminal.terminal import Terminal

FORMATS = ("human", "json", "html")


def compare_scenarios(
    options: Options,
    assembly: Assembly,
    scenarios: list[Scenario],
    strategies: dict[str, Strategy],
    limits: Limits,
    terminal: Terminal,
) -> int:
    """Explore every combination, write the table, save the counterexamples."""
    from ...explorer.setting.options import AFTER_SECONDS
    from ...explorer_reports.comparison import compare, not_begun
    from ..terminal.alarm import Alarm
    from .output import PROMPT_SECONDS, in_time

    if options.format not in FORMATS:
        raise UsageError(
            f"--compare can't be written as {options.format}", f"one of: {', '.join(FORMATS)}"
        )
    if options.coverage or options.require is not None or options.no_reduction:
        raise UsageError("--compare goes with no --coverage, --require or --no-reduction")
    save = options.save
    if save is not None and os.path.exists(save) and not os.path.isdir(save):
        raise UsageError(f"--save {save} is not a folder", "--compare saves many files")
    progress = Progress("configurations")
    tables: list[Table] = []
    try:
        for scenario in scenarios:
            if tables and not tables[-1].complete:
                tables.append(not_begun(scenario))
                continue
            own = limits._replace(until=None).started() if tables else limits
            with Alarm(None if own.until is None else own.until + AFTER_SECONDS):
                tables.append(compare(assembly.program, scenario, strategies, own, progress.show))
    finally:
        progress.clear()
    interrupted = not all(table.complete for table in tables)

    def made() -> str:
        with Alarm(monotonic() + PROMPT_SECONDS if interrupted else None):
            return _written(options, assembly, tables, terminal)

    verdicts = sorted({cell.verdict for table in tables for cell in table.cells})
    text = in_time(made, interrupted, verdicts, terminal)
    if not isinstance(text, str):
        return text
    write_text(text, options.output)
    if options.save is not None:
        _save(options.save, assembly, tables, terminal)
    if interrupted:
        return INTERRUPTED
    open_ = any(cell.verdict == "inconclusive" for table in tables for cell in table.cells)
    return INCONCLUSIVE if open_ else DONE


def _written(
    options: Options, assembly: Assembly, tables: Sequence[Table], terminal: Terminal
) -> str:
    from ... import __version__

    if options.format == "json":
        from ...explorer_reports.comparison_json import comparison_json

        return comparison_json(assembly.sources, tables, __version__)
    if options.format == "html":
        from ...explorer_reports.comparison_html import comparison_html

        return comparison_html(assembly.sources, tables)
    from ...explorer_reports.comparison_text import comparison_text

    return comparison_text(tables, terminal.out)


def _save(folder: str, assembly: Assembly, tables: Sequence[Table], terminal: Terminal) -> None:
    from ... import __version__
    from ...explorer_reports.comparison_json import saved
    from ...explorer_reports.examples import examples

    found = examples(tables)
    if not found:
        terminal.remark(f"nothing failed, so nothing is written to {folder}")
        return
    try:
        os.makedirs(folder, exist_ok=True)
    except OSError as error:
        raise UsageError(f"cannot make the folder {folder}: {error.strerror}") from None
    for each in found:
        text = saved(each, assembly.sources, __version__)
        replace_file(os.path.join(folder, each.file), text.encode())
