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
        self._sets: dict[str, frozenset[int]] = {}
        self._current: int | None = None

    def choose(self, statement: CpuSet | CpuChoice, number: Callable[[Expression], int]) -> None:
        """Take a statement into account.  Raises BadCpus for a range that is none."""
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
                    f"{first}..{last} is no range of CPUs",
                    each.span,
                    f"CPUs count from 0 to {CPUS_MAX - 1}, the smaller number first",
                )
            chosen.update(range(first, last + 1))
        self._sets[statement.which] = frozenset(chosen)

    def cpus(self, span: Span | None = None, stays: int | None = None) -> Cpus:
        """The machine's CPUs; a caller that ``stays`` keeps its CPU.  Raises BadCpus."""
        span = self._span if span is None else span
        possible = self._sets.get("cpus", frozenset(range(DEFAULT_CPUS)))
        online = self._sets.get("online", possible)
        allowed = self._sets.get("allowed", possible)
        if possible != frozenset(range(len(possible))) or not possible:
            raise BadCpus("the CPUs that exist are numbered 0, 1, 2 … without gaps", span)
        if not online <= possible or not allowed <= possible:
            raise BadCpus(f"only CPUs 0 to {len(possible) - 1} exist", span)
        if not online:
            raise BadCpus("at least one CPU must be online", span)
        current = self._current if stays is None else stays
        if current is None:
            current = self.cpu if self.cpu in online else min(online)
        if current not in online:
            raise BadCpus(f"the caller can't be on CPU {current}, which is not online", span)
        return Cpus(len(possible), online, allowed, current)
