"""Tests run and scenarios explored from an editor."""

from __future__ import annotations

from collections.abc import Callable

from ...errors import OpvasmError
from ...explorer.answers.library import explore, explore_text
from ...explorer.answers.verdict import INCONCLUSIVE
from ...explorer.search.search import Progress
from ...explorer.setting.configuration import Configuration
from ...explorer.setting.options import Limits
from ...scenario.runner import run_test
from ..document import Document
from .lenses import Result

# Enough for every sample; a person who waits longer than this asks on the command line.
STATES_MAX = 500_000
SECONDS_MAX = 60.0


def run_of(document: Document, name: str) -> Result | None:
    """A test run on a fresh machine; None where the document has none of that name."""
    assembly = document.assembly
    test = next((each for each in assembly.tests if each.name == name), None)
    if test is None:
        return None
    if any(each.level == "error" for each in document.resolved.problems):
        return Result(False, "not run: the text has errors", "")
    done = run_test(assembly.program, test)
    details = "\n".join(f"{each.message}" for each in done.findings)
    return Result(done.passed, "passed" if done.passed else "failed", details)


def exploration_of(
    document: Document,
    name: str,
    report: Callable[[str], None] = lambda _: None,
    check: Callable[[], None] = lambda: None,
) -> Result | None:
    """A scenario explored; ``report`` is told how far it is, ``check`` may end it by raising."""
    if all(each.name != name for each in document.assembly.scenarios):
        return None
    if any(each.level == "error" for each in document.resolved.problems):
        return Result(False, "not explored: the text has errors", "")

    def progress(configuration: Configuration, so_far: Progress) -> None:
        check()
        report(f"{so_far.states:,} states")

    limits = Limits(states=STATES_MAX, seconds=SECONDS_MAX)
    try:
        reports = explore(document.assembly, name, limits=limits, report=progress)
    except OpvasmError as error:
        return Result(False, "can't be explored", str(error))
    done = reports[0]
    verdicts = sorted({run.verdict for run in done.runs} | {INCONCLUSIVE for _ in done.not_begun})
    expected = "as expected" if done.as_expected else "not as expected"
    text = f"{', '.join(verdicts)}, {expected}"
    return Result(bool(done.as_expected), text, explore_text(reports))
