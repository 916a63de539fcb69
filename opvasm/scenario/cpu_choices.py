"""Which CPUs a test's machine has, as its ``cpus``, ``online``, ``allowed``, ``current`` say."""

from __future__ import annotations

from collections.abc import Callable

from ..errors import Diagnostic
from ..expression import Expression
from ..machine import Cpus
from ..source import Span
from ..text.tree import CpuChoice, CpuSet
from .world import DEFAULT_CPUS

BAD_CPUS = "OPV456"
CPUS_MAX = 4096


class BadCpus(Exception):
    """CPUs that no machine has; ``finding`` says why."""

    def __init__(self, message: str, span: Span, advice: str | None = None) -> None:
        super().__init__(message)
        self.finding = Diagnostic("error", BAD_CPUS, message, span, help=advice)


class CpuChoices:
    """What the statements so far have said; ``cpu`` is the one that calls ask for."""

    def __init__(self, test_span: Span) -> None:
        self.cpu = 0
        self._span = test_span
        self._spans: dict[str, Span] = {}
        self._sets: dict[str, frozenset[int]] = {}
        self._current: int | None = None

    def choose(self, statement: CpuSet | CpuChoice, number: Callable[[Expression], int]) -> None:
        """Take a statement into account.  Raises BadCpus for a range that is none."""
        self._spans[statement.which] = statement.span
        if isinstance(statement, CpuChoice):
            cpu = number(statement.cpu)
            if statement.which == "current":
                self._current = cpu
            else:
                self.cpu = cpu
            return
        chosen: set[int] = set()
        for each in statement.ranges:
            first, last = number(each.first), number(each.last)
            if not 0 <= first <= last < CPUS_MAX:
                raise BadCpus(
                    f"{first}..{last} is not a range of CPUs",
                    each.span,
                    f"CPUs count from 0 to {CPUS_MAX - 1}, the smaller number first",
                )
            chosen.update(range(first, last + 1))
        self._sets[statement.which] = frozenset(chosen)

    def cpus(self, stays: int | None = None) -> Cpus:
        """The machine's CPUs; a caller that ``stays`` keeps its CPU.  Raises BadCpus."""
        possible = self._sets.get("cpus", frozenset(range(DEFAULT_CPUS)))
        online = self._sets.get("online", possible)
        allowed = self._sets.get("allowed", possible)
        if possible != frozenset(range(len(possible))) or not possible:
            raise self._bad("the CPUs that exist are numbered 0, 1, 2 … without gaps", "cpus")
        for which, chosen in (("online", online), ("allowed", allowed)):
            if not chosen <= possible:
                raise self._bad(f"only CPUs 0 to {len(possible) - 1} exist", which)
        if self.cpu not in possible:
            raise self._bad(
                f"only CPUs 0 to {len(possible) - 1} exist",
                "cpu",
                f"to ask for one that does not exist, write `on {self.cpu}` after a `run`",
            )
        current = self._current if stays is None else stays
        if current is None:
            current = self.cpu if self.cpu in online else min(online)
        if current not in online:
            message = f"the caller can't be on CPU {current}, which is not online"
            raise self._bad(message, "current" if stays is None else "online")
        return Cpus(len(possible), online, allowed, current)

    def _bad(self, message: str, which: str, advice: str | None = None) -> BadCpus:
        """The finding at the statement that said so."""
        return BadCpus(message, self._spans.get(which, self._span), advice)
