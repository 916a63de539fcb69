"""How one test or one reference case went."""

from __future__ import annotations

from ..errors import Diagnostic
from ..light_typing import NamedTuple

TESTS = "tests"
SCENARIOS = "scenarios"
CASES = "reference cases"
HISTORIC = "reference cases, as the historic kernel"


class Outcome(NamedTuple):
    """One result; ``problem`` and ``findings`` are empty when it passed.

    ``kind`` is TESTS, SCENARIOS, CASES or HISTORIC; ``category`` the case's, or the file of a test or scenario.
    ``seconds`` is the time it took.
    """

    kind: str
    file: str
    name: str
    revision: str
    category: str
    problem: str | None = None
    findings: tuple[Diagnostic, ...] = ()
    seconds: float = 0.0

    @property
    def passed(self) -> bool:
        """Whether everything was as expected."""
        return self.problem is None
