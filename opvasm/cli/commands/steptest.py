"""``opvasm steptest``."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from os.path import basename

from ...light_typing import TYPE_CHECKING
from ..inputs.live_options import (
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
    from ...live.launch import Run
    from ...live.stepper import Stepper
    from ..terminal.terminal import Terminal

DESCRIPTION = """\
Run a program and step every restartable section (rseq) that it enters, one instruction at a time,
as a debugger would. Does it get on? Calls of cpu_opv are answered as by exec, so a program
that falls back to it does. With --inject-abort the program runs at full speed, and every Nth
section is aborted, so that its fallback is exercised."""
EXAMPLES = """
opvasm steptest -- ./counter 100
opvasm steptest --bound 5000 -- ./counter 100 --fallback 3
opvasm steptest --section push_section -- ./list_test
opvasm steptest --inject-abort 1/100 -- ./test_suite
"""
EXITS = {
    DONE: "the program ended well",
    NEGATIVE: "no section was completed within the bound, or the program failed",
    INCONCLUSIVE: "some sections were completed, but the bound was reached; or there were none",
    HOST: "this host can't do it; the message says what is missing",
}
RUNS_PROGRAM = True


def add_arguments(parser: ArgumentParser) -> None:
    """The options, and the program behind ``--``."""
    add_program(parser)
    add_revision(parser)
    parser.add_argument(
        "--bound",
        metavar="N",
        default="10000",
        help="end the program after N entries into sections (default: 10000)",
    )
    parser.add_argument(
        "--section",
        metavar="SYMBOL",
        action="append",
        default=[],
        help="only this: a section's descriptor (struct rseq_cs) by its symbol, or the sections of a "
        "function; may be repeated",
    )
    parser.add_argument(
        "--inject-abort",
        metavar="1/N",
        help="do not step: abort every Nth entry into a section, at full speed",
    )
    parser.add_argument(
        "--summary", action="store_true", help="at the end: cpu_opv's calls, results, ops, times"
    )
    add_number(parser)
    add_no_rseq(parser)


def execute(arguments: Namespace, terminal: Terminal) -> int:
    """Run the program under the stepper and report."""
    from ...live.host import HostCannot
    from ...live.launch import ProgramRefused
    from ...live.stepper import CannotCount

    words = program_words(arguments, "steptest")
    try:
        return _run(arguments, words, terminal)
    except (HostCannot, ProgramRefused) as problem:
        return not_run(problem, terminal)
    except CannotCount as problem:
        terminal.fail(
            f"--inject-abort needs a hardware breakpoint counter: perf_event_open: {problem}",
            "kernel.perf_event_paranoid must be 2 or less, a container must allow perf_event_open, "
            "and the processor (or its virtual machine) must have debug registers; Linux 5.13",
        )
        return HOST
    except ImportError:
        terminal.fail("steptest reads executables with pyelftools", "pip install 'opvasm[elf]'")
        return HOST


def _run(arguments: Namespace, words: list[str], terminal: Terminal) -> int:
    import elftools  # noqa: F401 - nothing could be found without it

    from ...abi.revisions import get_abi
    from ...live import launch
    from ...live.host import probe
    from ...live.report import Summary
    from ...live.sections import Wanted
    from ...live.settings import Settings
    from ...live.stepper import Stepper

    bound = whole_number(arguments.bound, "--bound")
    if bound < 1:
        raise UsageError(f"--bound {bound} allows nothing", "give a number of entries above 0")
    inject = _share(arguments.inject_abort)
    host = probe(syscall_number(arguments))
    wanted = Wanted(arguments.section)
    settings = Settings(get_abi(arguments.abi), host)
    summary = Summary() if arguments.summary else None
    made: list[Stepper] = []

    def make(settings: Settings, **told: Callable[..., None]) -> Stepper:
        made.append(Stepper(settings, wanted, None if inject else bound, inject, **told))
        return made[0]

    run = launch.run(settings, words, arguments.no_rseq, summary, _foreign(terminal), make=make)
    stepper = made[0]
    _report(stepper, run, inject, terminal)
    for line in summary.lines() if summary is not None else ():
        terminal.remark(line)
    if stepper.bound_reached:
        return INCONCLUSIVE if stepper.completed else NEGATIVE
    code = launch.end_like(run.ended)
    if code == DONE and wanted.missing:
        missing = ", ".join(sorted(wanted.missing))
        terminal.fail(f"--section: nothing that ran has a descriptor or function {missing}")
        return USAGE
    return code or (DONE if stepper.sections else INCONCLUSIVE)


def _foreign(terminal: Terminal) -> Callable[[int, str], None]:
    from ...live.session import unanswered

    return lambda tid, what: terminal.report([unanswered(tid, what)])


def _report(stepper: Stepper, run: Run, inject: int | None, terminal: Terminal) -> None:
    calls = run.calls
    for section in sorted(stepper.sections.values()):
        tally = stepper.tally(section)
        if inject is None and tally.entered:
            terminal.remark(
                f"section {section.place} ({basename(section.file)}, descriptor "
                f"{section.descriptor:#x}): entered {tally.entered}, completed {tally.completed}, "
                f"aborted {tally.aborted}, left otherwise {tally.left}"
            )
    completed = stepper.completed
    if not stepper.sections:
        terminal.remark(
            "no restartable section was found: nothing that ran has a section __rseq_cs, or what "
            "--section names"
        )
    elif inject is not None:
        total = stepper.total_entries()
        terminal.remark(f"aborted {stepper.entries} of {total} entries; {calls} calls of cpu_opv")
        if stepper.uncovered > 0:
            terminal.remark(
                f"{stepper.uncovered} more sections were left alone: a processor watches "
                f"{len(stepper.sections) - stepper.uncovered}; --section chooses"
            )
    elif stepper.bound_reached:
        verdict = "some progress" if completed else "no progress"
        terminal.remark(
            f"{verdict}: {completed} of {stepper.entries} sections were completed in "
            f"{stepper.steps} steps, then the program was ended; {calls} calls of cpu_opv"
        )
    else:
        terminal.remark(
            f"the program came to its end: {completed} of {stepper.entries} sections were "
            f"completed in {stepper.steps} steps; {calls} calls of cpu_opv"
        )


def _share(text: str | None) -> int | None:
    """The N of ``1/N``."""
    if text is None:
        return None
    one, slash, count = text.partition("/")
    number = whole_number(count, "--inject-abort") if one == "1" and slash else 0
    if not 1 <= number < 1 << 31:
        raise UsageError(f"--inject-abort takes 1/N, not {text!r}", "1/100 aborts one in a hundred")
    return number
