"""``opvasm steptest``."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from ..light_typing import TYPE_CHECKING
from .exits import DONE, HOST, INCONCLUSIVE, NEGATIVE, USAGE, UsageError
from .live_options import add_number, add_program, add_revision, program_words, syscall_number
from .options import whole_number

if TYPE_CHECKING:
    from ..live.stepper import Stepper
    from .terminal import Terminal

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
    INCONCLUSIVE: "some sections were completed, but the bound was reached",
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
        help="a section descriptor (struct rseq_cs) by its symbol, where the executable has no "
        "section __rseq_cs; may be repeated",
    )
    parser.add_argument(
        "--inject-abort",
        metavar="1/N",
        help="do not step: abort every Nth entry into a section, at full speed",
    )
    add_number(parser)


def execute(arguments: Namespace, terminal: Terminal) -> int:
    """Run the program under the stepper and report."""
    from ..live.host import HostCannot
    from ..live.launch import ProgramRefused
    from ..live.sections import NoSections

    words = program_words(arguments, "steptest")
    try:
        return _run(arguments, words, terminal)
    except HostCannot as problem:
        terminal.report([problem.diagnostic])
        return HOST
    except ProgramRefused as problem:
        terminal.report([problem.diagnostic])
        return HOST if problem.host else USAGE
    except NoSections as problem:
        terminal.fail(str(problem))
        return USAGE
    except ImportError:
        terminal.fail("steptest reads executables with pyelftools", "pip install 'opvasm[elf]'")
        return HOST


def _run(arguments: Namespace, words: list[str], terminal: Terminal) -> int:
    from functools import partial

    from ..abi.revisions import get_abi
    from ..live import launch
    from ..live.host import probe
    from ..live.sections import find_descriptors
    from ..live.settings import Settings
    from ..live.stepper import Stepper

    bound = whole_number(arguments.bound, "--bound")
    if bound < 1:
        raise UsageError(f"--bound {bound} allows nothing", "give a number of entries above 0")
    inject = _share(arguments.inject_abort)
    host = probe(syscall_number(arguments))
    places = find_descriptors(launch.find_program(words[0]), arguments.section)
    settings = Settings(get_abi(arguments.abi), host)
    made: list[Stepper] = []

    def make(*given: object, **named: object) -> Stepper:
        build = partial(Stepper, places=places, bound=None if inject else bound, inject=inject)
        made.append(build(*given, **named))  # type: ignore[arg-type]
        return made[0]

    run = launch.run(settings, words, make=make)
    stepper = made[0]
    _report(stepper, run, inject, terminal)
    if stepper.bound_reached:
        completed = sum(stepper.tally(each).completed for each in stepper.sections)
        return INCONCLUSIVE if completed else NEGATIVE
    return launch.end_like(run.ended)


def _report(stepper: Stepper, run: object, inject: int | None, terminal: Terminal) -> None:
    calls = getattr(run, "calls", 0)
    for section in stepper.sections:
        tally = stepper.tally(section)
        if inject is None and tally.entered:
            terminal.remark(
                f"section {section.start:#x} (descriptor {section.name}): entered "
                f"{tally.entered}, completed {tally.completed}, aborted {tally.aborted}, "
                f"left otherwise {tally.left}"
            )
    completed = sum(stepper.tally(each).completed for each in stepper.sections)
    if inject is not None:
        total = stepper.total_entries()
        terminal.remark(f"aborted {stepper.entries} of {total} entries; {calls} calls of cpu_opv")
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
