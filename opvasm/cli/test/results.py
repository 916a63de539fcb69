"""What a run of ``opvasm test`` has found so far, shown as it comes."""

from __future__ import annotations

from ...light_typing import TYPE_CHECKING
from ...suite.outcome import SCENARIOS, Outcome
from ..terminal.outputs import write_text
from ..terminal.progress import Progress
from .pieces import Ran

if TYPE_CHECKING:
    from ...suite.coverage import Collector
    from ..terminal.terminal import Terminal


class Results:
    """What was found so far, and shown as it came."""

    def __init__(self, terminal: Terminal, coverage: Collector | None, options: str = "") -> None:
        self.terminal = terminal
        self.coverage = coverage
        self.options = options
        self.progress = Progress("tests")
        self.outcomes: list[Outcome] = []
        self.unreadable = 0
        self.engine: str | None = None

    def tell(self, outcome: Outcome) -> None:
        """One outcome; failures are shown at once."""
        self.outcomes.append(outcome)
        self.progress.step()
        if not outcome.passed:
            self.progress.clear()
            _show_failure(outcome, self.options, self.terminal)

    def end(self, ran: Ran) -> bool:
        """What ended a piece, whose outcomes were told; False when no other is to be run."""
        if ran.ended_early:
            self.progress.clear()
            self.unreadable += 1
            if ran.unreadable is not None:
                self.terminal.fail(*ran.unreadable)
            else:
                self.terminal.report(ran.findings)
        if ran.counts is not None and self.coverage is not None:
            self.coverage.add(ran.counts)
        self.engine = ran.engine
        return ran.engine is None


def _show_failure(outcome: Outcome, options: str, terminal: Terminal) -> None:
    from ...report.excerpt import printable
    from ...report.human import render_all

    style = terminal.out
    title = f"{outcome.file}: {outcome.name}"
    kind = "" if outcome.findings else f" ({outcome.revision}, {outcome.category}, {outcome.kind})"
    text = f"{style.bad('FAILED')} {style.strong(printable(title))}{kind}\n"
    if outcome.findings:
        text += render_all(outcome.findings, style)
    else:
        text += f"  {printable(outcome.problem or '')}\n"
        if outcome.kind == SCENARIOS:
            from shlex import join

            command = join(["opvasm", "explore", outcome.file, outcome.name])
            text += f"  {style.help(f'why: {printable(command)}{options}')}\n"
    write_text(text, None)
