"""The generator reaches every word of the language."""

from __future__ import annotations

from opvasm.explorer.plan.validate import check_scenarios

from .campaign import covered
from .compare import read
from .generator import make
from .words import SIZES


def test_every_combination_is_generated() -> None:
    """In 10,000 scenarios no statement × strategy × environment × kernel, no op × strategy is missing."""
    assert covered(1, range(10_000), 3).missing() == []


def test_what_is_generated_is_valid() -> None:
    """Each text assembles, and nothing is wrong with its scenario, in each size."""
    for number in range(0, 10_000, 37):
        assembly = read(make(1, number, number % len(SIZES)).text)
        found = check_scenarios(assembly.program, assembly.scenarios, assembly.strategies)
        assert [each for each in found if each.level == "error"] == [], number
