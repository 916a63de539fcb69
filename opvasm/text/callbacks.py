"""The callbacks of one parse, by the names of rules: what the builders of the grammar's parts have.

Few texts have scenarios or sections that load; what makes them is imported with the first of them.
"""

from __future__ import annotations

from ..errors import Diagnostic
from ..light_typing import TYPE_CHECKING, Any
from ..source import SourceFile
from .builder import Builder
from .expression_builder import ExpressionBuilder

if TYPE_CHECKING:
    from .part_builder import PartBuilder


class Callbacks:
    """Has a callback for each rule of the grammar; ``problems`` is what is wrong with what was read."""

    def __init__(self, source: SourceFile) -> None:
        self.source = source
        self.problems: list[Diagnostic] = []
        usual = (Builder, ExpressionBuilder)
        self._parts: list[PartBuilder] = [each(source, self.problems) for each in usual]
        self._late: set[str] = set()

    def __getattr__(self, rule: str) -> Any:
        """The callback of a rule.  Raises AttributeError where no builder has one."""
        for part in self._parts:
            if hasattr(part, rule):
                return getattr(part, rule)
        kind = "section" if rule.startswith("section") else "scenario"
        if rule.startswith("_") or kind in self._late:
            raise AttributeError(f"no rule is called {rule}")
        self._late.add(kind)
        self._parts += [each(self.source, self.problems) for each in _builders(kind)]
        return getattr(self, rule)

    def renew(self, source: SourceFile) -> None:
        """Make ready for another text.  The problems that were found in the last one stay its own."""
        self.source, self.problems = source, []
        for part in self._parts:
            part.renew(source, self.problems)


def _builders(kind: str) -> tuple[type[PartBuilder], ...]:
    """The builders of a kind of texts, which are imported when one is there."""
    if kind == "section":
        from .section_builder import SectionBuilder

        return (SectionBuilder,)
    from .claim_builder import ClaimBuilder
    from .scenario_builder import ScenarioBuilder

    return ScenarioBuilder, ClaimBuilder
