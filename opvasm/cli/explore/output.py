"""What ``opvasm explore`` writes: its report, the replay file, what coverage lacks."""

from __future__ import annotations

from time import monotonic

from ...light_typing import TYPE_CHECKING, NamedTuple
from ..terminal.exits import INCONCLUSIVE, INTERRUPTED, UsageError
from ..terminal.outputs import picture_width, replace_file, write_text
from .arguments import Options
from .formats import FORMATS, Answer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ...assembler import Assembly
    from ...explorer.answers.coverage import Line
    from ...explorer.answers.diagnosis import Diagnosis
    from ...explorer.answers.verdict import Report
    from ..terminal.terminal import Terminal


# Seconds for making a report, once the time for working out schedules is over.
WRITING_SECONDS = 0.5
# Seconds for schedules, and then for the report, where an interrupt asks for an answer now.
PROMPT_SECONDS = 0.3


class Written(NamedTuple):
    """What became of a report: whether required coverage is missing, whether it could be written.

    ``interrupted``: an interrupt came before it was made, or while it was.
    """

    lacking: bool
    whole: bool
    interrupted: bool


def write_reports(
    options: Options,
    assembly: Assembly,
    reports: list[Report],
    required: tuple[str, ...],
    with_coverage: bool,
    terminal: Terminal,
) -> Written:
    """The report on standard output, and the replay file.

    Schedules of failures end with the time of their scenario, or soon after it, and the report with
    that of the last one; both soon after an interrupt.
    """
    from ...explorer.answers.coverage import coverage
    from ...explorer.setting.options import AFTER_SECONDS
    from ..terminal.alarm import Alarm

    form = FORMATS[options.format]
    if options.coverage and not form.coverage:
        able = " or ".join(name for name, each in FORMATS.items() if each.coverage)
        raise UsageError(f"--coverage can't be written as {options.format}", able)
    interrupted = any(each.interrupted for each in reports)
    lines: tuple[Line, ...] | None = None

    def made() -> str:
        nonlocal reports, lines
        if with_coverage:
            lines = coverage(run for report in reports for run in report.runs)
        reports = all_diagnosed(reports, form.every_schedule)
        answer = Answer(assembly, reports, lines, terminal.out, picture_width(options.output))
        moments = [each.limits.until for each in reports if each.limits.until is not None]
        over: float | None = None
        if interrupted:
            over = monotonic() + PROMPT_SECONDS
        elif moments:
            over = max(max(moments) + AFTER_SECONDS, monotonic()) + WRITING_SECONDS
        with Alarm(over):
            return form.write(answer)

    verdicts = sorted({run.verdict for report in reports for run in report.runs})
    text = in_time(made, interrupted, verdicts, terminal)
    if not isinstance(text, str):
        return Written(lacking=False, whole=False, interrupted=text == INTERRUPTED)
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
    return Written(lacking, True, interrupted)


def all_diagnosed(reports: Sequence[Report], every: bool) -> list[Report]:
    """The reports with schedules of what fails: ``every`` one, or the first of each.

    Each has the rest of its own time, and a second; after an interrupt there is little for all.
    """
    from ...explorer.answers.diagnose import diagnosed
    from ...explorer.setting.options import AFTER_SECONDS
    from ..terminal.alarm import Alarm

    prompt = monotonic() + PROMPT_SECONDS
    found = []
    for report in reports:
        over = report.limits.until
        if any(each.interrupted for each in reports):
            over = prompt
        elif over is not None:
            over = max(over, monotonic()) + AFTER_SECONDS
        with Alarm(over):
            found.append(diagnosed(report, every))
    return found


def in_time(
    made: Callable[[], str], interrupted: bool, verdicts: Sequence[str], terminal: Terminal
) -> str | int:
    """A report; where its time is over first, or an interrupt comes, this is said instead.

    The exit code for that is given then: INTERRUPTED, also where an interrupt has set the time.
    """
    from ...explorer.setting.options import OutOfTime

    while_made = f"while the report was made (verdicts: {', '.join(verdicts) or 'none'})"
    try:
        return made()
    except KeyboardInterrupt as interrupt:
        if interrupted or not isinstance(interrupt, OutOfTime):
            terminal.fail(f"interrupted {while_made}: it is not written")
            return INTERRUPTED
        terminal.fail(
            f"--timeout: the time was over {while_made}", "raise --timeout, or take -f json"
        )
        return INCONCLUSIVE


def _save(path: str, assembly: Assembly, first: Diagnosis | None, terminal: Terminal) -> None:
    from ... import __version__

    if first is None:
        terminal.remark(f"nothing failed, so {path} is not written")
        return
    from ...explorer.schedules.replay_file import replay_json

    saved = replay_json(first.replay, assembly.sources, first.verdict, first.label, __version__)
    replace_file(path, saved.encode())
