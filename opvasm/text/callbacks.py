"""The callbacks of one parse, by the names of rules: what the builders of the grammar's parts have.

Few texts have scenarios or sections that load; what makes them is imported with the first of them.
"""

from __future__ import annotations

from ..errors import Diagnostic
from ..light_typing import TYPE_CHECKING, Any
from ..source import SourceFile
from .builder import Builder

if TYPE_CHECKING:
    from .claim_builder import ClaimBuilder


class Callbacks:
    """Has a callback for each rule of the grammar; ``problems`` is what is wrong with what was read."""

    def __init__(self, source: SourceFile) -> None:
        self.source = source
        self.problems: list[Diagnostic] = []
        self._builder = Builder(source, self.problems)
        self._parts: dict[str, ClaimBuilder] = {}

    def __getattr__(self, rule: str) -> Any:
        """The callback of a rule.  Raises AttributeError where no builder has one."""
        found = getattr(self._builder, rule, None)
        return found if found is not None else getattr(self._part(rule), rule)

    def _part(self, rule: str) -> ClaimBuilder:
        part = "section" if rule.startswith("section") else "scenario"
        if part not in self._parts:
            if part == "section":
                from .section_builder import SectionBuilder

                self._parts[part] = SectionBuilder(self.source, self.problems)
            else:
                from .scenario_builder import ScenarioBuilder

                self._parts[part] = ScenarioBuilder(self.source, self.problems)
        return self._parts[part]

    def renew(self, source: SourceFile) -> None:
        """Make ready for another text.  The problems that were found in the last one stay its own."""
        self.source, self.problems = source, []
        self._builder.source, self._builder.problems = source, self.problems
        self._builder.too_high = None
        for each in self._parts.values():
            each.source, each.problems = source, self.problems
