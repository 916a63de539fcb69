"""What ``opvasm explore`` writes: its report, the replay file, what coverage lacks."""

from __future__ import annotations

from time import monotonic

from ...light_typing import TYPE_CHECKING, NamedTuple
from ..terminal.exits import UsageError
from ..terminal.outputs import picture_width, replace_file, write_text
from .arguments import Options
from .formats import FORMATS, Answer

if TYPE_CHECKING:
    from ...assembler import Assembly
    from ...explorer.answers.diagnosis import Diagnosis
    from ...explorer.answers.verdict import Report
    from ..terminal.terminal import Terminal


# Seconds for making a report, once the time for working out schedules is over.
WRITING_SECONDS = 0.5


class Written(NamedTuple):
    """What became of a report: whether required coverage is missing, whether it could be written."""

    lacking: bool
    whole: bool


def write_reports(
    options: Options,
    assembly: Assembly,
    reports: list[Report],
    required: tuple[str, ...],
    with_coverage: bool,
    terminal: Terminal,
) -> Written:
    """The report on standard output, and the replay file.

    Schedules of failures, and the report, end with the time of the last scenario, or soon after it.
    """
    from ...explorer.answers.coverage import coverage
    from ...explorer.answers.diagnose import diagnosed
    from ...explorer.setting.options import AFTER_SECONDS, OutOfTime
    from ..terminal.alarm import Alarm

    form = FORMATS[options.format]
    if options.coverage and not form.coverage:
        able = " or ".join(name for name, each in FORMATS.items() if each.coverage)
        raise UsageError(f"--coverage can't be written as {options.format}", able)
    lines = coverage(run for report in reports for run in report.runs) if with_coverage else None
    moments = [each.limits.until for each in reports if each.limits.until is not None]
    over = max(max(moments), monotonic()) + AFTER_SECONDS if moments else None
    with Alarm(over):
        reports = [diagnosed(report, form.every_schedule) for report in reports]
    answer = Answer(assembly, reports, lines, terminal.out, picture_width(options.output))
    try:
        with Alarm(None if over is None else over + WRITING_SECONDS):
            text = form.write(answer)
    except OutOfTime:
        verdicts = sorted({run.verdict for report in reports for run in report.runs})
        terminal.fail(
            f"--timeout: the time was over while the report was made (verdicts: {', '.join(verdicts)})",
            "raise --timeout, or take -f json",
        )
        return Written(lacking=False, whole=False)
    write_text(text, options.output)
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
    return Written(lacking, whole=True)


def _save(path: str, assembly: Assembly, first: Diagnosis | None, terminal: Terminal) -> None:
    from ... import __version__

    if first is None:
        terminal.remark(f"nothing failed, so {path} is not written")
        return
    from ...explorer.schedules.replay_file import replay_json

    saved = replay_json(first.replay, assembly.sources, first.verdict, first.label, __version__)
    replace_file(path, saved.encode())
