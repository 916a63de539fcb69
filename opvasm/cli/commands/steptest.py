"""``opvasm steptest``: a real program is stepped through its sections, or aborted in them."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Callable

from ...light_typing import TYPE_CHECKING
from ..inputs.live_options import (
    ProgramOptions,
    add_no_rseq,
    add_number,
    add_program,
    add_revision,
    not_run,
    program_words,
    syscall_number,
)
from ..inputs.options import whole_number
from ..terminal.exits import DONE, HOST, INCONCLUSIVE, NEGATIVE, USAGE, UsageError

if TYPE_CHECKING:
    from ...live.aborting import Aborter, Instruction
    from ...live.launch import Run
    from ...live.sections import Wanted
    from ...live.settings import Settings
    from ..terminal.terminal import Terminal

DESCRIPTION = """\
Run a program and step every restartable section (rseq) that it enters, one instruction at a time,
as a debugger would. Does it make progress? Calls of cpu_opv are answered as by exec, so a program
that falls back to it does. With --inject-abort the program runs at full speed, and sections are
aborted at each of their instructions in turn; where the program then fails it is run again,
without its output, to find the instruction at which an abort makes it fail. A failing program's
exit code is passed on, and its death by a signal."""
EXAMPLES = """
opvasm steptest -- ./counter 100
opvasm steptest --bound 5000 -- ./counter 100 --fallback 3
opvasm steptest --section push_section -- ./list_test
opvasm steptest --inject-abort -- ./test_suite
"""
EXITS = {
    DONE: "sections were stepped, or aborted, and the program ended with 0",
    NEGATIVE: "no progress up to the bound, or an abort after a section's last store",
    INCONCLUSIVE: "the bound was reached; or no section was entered that is protected and known",
    HOST: "this host can't do it; the message says what is missing",
}
RUNS_PROGRAM = True
_BOUND = 10000
_SHARE = "1/10"
_RUNS_MAX = 64  # that look for the instruction at which an abort makes the program fail
_PATIENCE = 5.0  # how many times as long as the first run another one may take, and seconds more


class Options(ProgramOptions):
    """The options, as they were typed."""

    bound: str | None
    section: tuple[str, ...]
    inject_abort: str | None
    summary: bool


def add_arguments(parser: ArgumentParser) -> None:
    """The options, and the program after ``--``."""
    add_program(parser)
    add_revision(parser)
    parser.add_argument(
        "--bound",
        metavar="N",
        help=f"end the program after N entries into sections (default: {_BOUND}; with --inject-abort "
        "none unless every entry is aborted, 1/1)",
    )
    parser.add_argument(
        "--section",
        metavar="NAME",
        action="append",
        default=[],
        help="only this: a section's descriptor (struct rseq_cs) by its symbol, the sections of a "
        "function, or a place or an address as the report gives it; may be repeated",
    )
    parser.add_argument(
        "--inject-abort",
        metavar="1/N",
        nargs="?",
        const=_SHARE,
        help="do not step: abort at every Nth time that an instruction of a section is come to, at "
        f"full speed, each instruction in turn (without a number: {_SHARE})",
    )
    parser.add_argument(
        "--summary", action="store_true", help="at the end: cpu_opv's calls, results, ops, times"
    )
    add_number(parser)
    add_no_rseq(parser)


def execute(options: Options, terminal: Terminal) -> int:
    """Run the program under the stepper and report."""
    from ...live.host import HostCannot
    from ...live.launch import ProgramRefused
    from ...live.perf import CannotCount

    words = program_words(options, "steptest")
    try:
        return _run(options, words, terminal)
    except (HostCannot, ProgramRefused) as problem:
        return not_run(problem, terminal)
    except CannotCount as problem:
        terminal.fail(
            f"--inject-abort needs a hardware breakpoint counter: perf_event_open: {problem}",
            "kernel.perf_event_paranoid must be 2 or less, a container must allow perf_event_open, "
            "and the processor (or its virtual machine) must have debug registers; Linux 5.13",
        )
        return HOST


def _run(options: Options, words: list[str], terminal: Terminal) -> int:
    from ...abi.revisions import get_abi
    from ...live.host import probe
    from ...live.report import Summary
    from ...live.sections import Wanted
    from ...live.settings import Settings

    every = _share(options.inject_abort)
    # Who tries again whenever a section is aborted gets nowhere when each is.
    bound = _BOUND if every in (None, 1) else None
    if options.bound is not None:
        bound = whole_number(options.bound, "--bound")
        if bound < 1:
            raise UsageError(f"--bound {bound} allows nothing", "give a number of entries above 0")
    settings = Settings(get_abi(options.abi), probe(syscall_number(options)))
    summary = Summary() if options.summary else None
    runner = _Runner(settings, words, options.no_rseq, Wanted(options.section), terminal)
    run = runner.aborted(every, bound, summary) if every else runner.stepped(bound, summary)
    for line in summary.lines() if summary is not None else ():
        terminal.remark(line)
    return run


class _Runner:
    """Runs the program in one way or the other, and says what came out."""

    def __init__(
        self,
        settings: Settings,
        words: list[str],
        no_rseq: bool,
        wanted: Wanted,
        terminal: Terminal,
    ) -> None:
        self.settings = settings
        self.words = words
        self.no_rseq = no_rseq
        self.wanted = wanted
        self.terminal = terminal
        self.stopped = False

    def stepped(self, bound: int | None, summary: Callable[..., None] | None) -> int:
        """Step its sections; the exit code."""
        from ...live import launch, step_report
        from ...live.stepper import Stepper

        made: list[Stepper] = []

        def make(settings: Settings, **told: Callable[..., None]) -> Stepper:
            made.append(Stepper(settings, self.wanted, bound, **told))
            return made[0]

        run = launch.run(
            *(self.settings, self.words, self.no_rseq, summary, self._foreign()), make=make
        )
        stepper = made[0]
        for line in (
            *step_report.beginning(stepper, bool(self.wanted.words)),
            *step_report.kills(stepper),
            *step_report.stepped(stepper, run.ended, run.calls),
        ):
            self.terminal.remark(line)
        if stepper.bound_reached:
            return NEGATIVE if stepper.stuck else INCONCLUSIVE
        proven = stepper.entries - stepper.tallies.unguarded.total() > 0
        return self._code(run, proven)

    def aborted(self, every: int, bound: int | None, summary: Callable[..., None] | None) -> int:
        """Abort its sections; the exit code."""
        from time import monotonic

        from ...live import launch, step_report
        from ...live.aborting import Aborter

        made: list[Aborter] = []

        def make(settings: Settings, **told: Callable[..., None]) -> Aborter:
            made.append(Aborter(settings, self.wanted, every, bound, None, None, **told))
            return made[0]

        before = monotonic()
        run = launch.run(
            *(self.settings, self.words, self.no_rseq, summary, self._foreign()), make=make
        )
        seconds = _PATIENCE * (monotonic() - before) + _PATIENCE
        aborter = made[0]
        for line in (
            *step_report.beginning(aborter, bool(self.wanted.words)),
            *step_report.kills(aborter),
            *step_report.injected(aborter, run.ended, run.calls),
        ):
            self.terminal.remark(line)
        late = tuple(step_report.too_late(aborter))
        for line in late:
            self.terminal.remark(line)
        unknown = tuple(step_report.undecoded(aborter))
        for line in unknown:
            self.terminal.remark(line)
        aborts = aborter.aborted.total()
        if aborter.bound_reached:
            return NEGATIVE if late or aborter.stuck else INCONCLUSIVE
        if (run.ended.code or run.ended.signal) and aborts and not run.signals:
            self._find_culprits(aborter, every, seconds)
        code = self._code(run, aborts > 0 and not unknown)
        return NEGATIVE if late and code == DONE else code

    def _find_culprits(self, aborter: Aborter, every: int, seconds: float) -> None:
        """Run the program again with aborts at one instruction only, for each of them."""
        from ...live import step_report
        from ...live.aborting import Instruction

        tried = sorted(aborter.aborted)
        self.terminal.remark(
            f"running it up to {min(len(tried), _RUNS_MAX) + 1} times more, {seconds:.0f} s at the most "
            "each, to find the instruction at which an abort makes it fail"
        )
        if self._fails(every, Instruction(("", 0), 0), seconds):
            self.terminal.remark(
                "the program also fails when nothing is injected: so aborts at single instructions were "
                "not tried"
            )
            return
        found = 0
        for number, instruction in enumerate(tried[:_RUNS_MAX]):
            how = "" if self.stopped else self._fails(every, instruction, seconds)
            if self.stopped:
                self.terminal.remark(
                    f"stopped by a signal: {number} of {len(tried)} instructions were tried alone"
                )
                return
            if how:
                found += 1
                section = aborter.sections[instruction.key]
                listed = aborter.listed[instruction.key]
                self.terminal.remark(step_report.culprit(section, listed, instruction.offset, how))
        if len(tried) > _RUNS_MAX:
            self.terminal.remark(
                f"{len(tried) - _RUNS_MAX} more instructions were not tried alone: --section chooses"
            )
        elif not found:
            self.terminal.remark(
                f"with aborts at one of its {len(tried)} instructions alone the program did not fail"
            )

    def _fails(self, every: int, only: Instruction, seconds: float) -> str:
        """How the program fails with aborts at one instruction only; empty where it does not."""
        from ...live import launch, step_report
        from ...live.aborting import Aborter

        made: list[Aborter] = []

        def make(settings: Settings, **told: Callable[..., None]) -> Aborter:
            made.append(Aborter(settings, self.wanted, every, None, only, seconds, **told))
            return made[0]

        streams = launch.Streams.QUIET
        run = launch.run(self.settings, self.words, self.no_rseq, make=make, streams=streams)
        self.stopped = bool(run.signals)
        if self.stopped:
            return ""
        if made[0].bound_reached:
            return f"does not end within {seconds:.0f} s"
        failed = run.ended.code or run.ended.signal
        return step_report.ending(run.ended) if failed else ""

    def _code(self, run: Run, proven: bool) -> int:
        """The exit code of a program that came to its end, where something or nothing was proven."""
        from ...live.launch import end_like

        code = end_like(run.ended)
        if code == DONE and self.wanted.missing:
            missing = ", ".join(sorted(self.wanted.missing))
            self.terminal.fail(
                f"--section: nothing that ran has a descriptor or function {missing}"
            )
            return USAGE
        return code or (DONE if proven else INCONCLUSIVE)

    def _foreign(self) -> Callable[[int, str], None]:
        from ...live.session import unanswered

        return lambda tid, what: self.terminal.report([unanswered(tid, what)])


def _share(text: str | None) -> int | None:
    """The N of ``1/N``."""
    if text is None:
        return None
    one, slash, count = text.partition("/")
    number = whole_number(count, "--inject-abort") if one == "1" and slash else 0
    if not 1 <= number < 1 << 31:
        raise UsageError(f"--inject-abort takes 1/N, not {text!r}", "1/100 aborts one in a hundred")
    return number
