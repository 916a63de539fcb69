"""What ``opvasm explore`` writes: its report, the replay file, what coverage lacks."""

from __future__ import annotations

from ...light_typing import TYPE_CHECKING
from ..terminal.exits import UsageError
from ..terminal.outputs import picture_width, replace_file, write_text
from .arguments import Options
from .formats import FORMATS, Answer

if TYPE_CHECKING:
    from ...assembler import Assembly
    from ...explorer.answers.diagnosis import Diagnosis
    from ...explorer.answers.verdict import Report
    from ..terminal.terminal import Terminal


def write_reports(
    options: Options,
    assembly: Assembly,
    reports: list[Report],
    required: tuple[str, ...],
    with_coverage: bool,
    terminal: Terminal,
) -> bool:
    """The report on standard output, the replay file; True when required coverage is missing."""
    from ...explorer.answers.coverage import coverage
    from ...explorer.answers.diagnose import diagnosed

    form = FORMATS[options.format]
    if options.coverage and not form.coverage:
        able = " or ".join(name for name, each in FORMATS.items() if each.coverage)
        raise UsageError(f"--coverage can't be written as {options.format}", able)
    lines = coverage(run for report in reports for run in report.runs) if with_coverage else None
    reports = [diagnosed(report, form.every_schedule) for report in reports]
    answer = Answer(assembly, reports, lines, terminal.out, picture_width(options.output))
    write_text(form.write(answer), options.output)
    if options.save is not None:
        found = (run.diagnosis for report in reports for run in report.runs)
        _save(options.save, assembly, next(filter(None, found), None), terminal)
    lacking = False
    for line in lines or ():
        missing = line.missing(required)
        if missing:
            lacking = True
            terminal.remark(
                f"{line.vector}[{line.op}] as {line.method} was never: {', '.join(missing)}"
            )
    return lacking


def _save(path: str, assembly: Assembly, first: Diagnosis | None, terminal: Terminal) -> None:
    from ... import __version__

    if first is None:
        terminal.remark(f"nothing failed, so {path} is not written")
        return
    from ...explorer.schedules.replay_file import replay_json

    saved = replay_json(first.replay, assembly.sources, first.verdict, first.label, __version__)
    replace_file(path, saved.encode())
