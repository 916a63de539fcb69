"""docs/trust.md has a place for each figure that ``benchmarks.trust --write`` puts there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from benchmarks.trust_page import FIGURES, Figure, fill

PAGE = (Path(__file__).parents[1] / "docs" / "trust.md").read_text()


@pytest.mark.parametrize("figure", FIGURES)
def test_a_figure_has_one_place(figure: Figure) -> None:
    """And as many numbers there as there are in what is printed."""
    (found,) = re.finditer(figure.written, PAGE, re.MULTILINE)
    assert len(found.groups()) == re.compile(figure.printed).groups


def test_figures_are_put_in_their_places() -> None:
    """The last row of the mutants, and of a long text's; nothing else changes."""
    printed = {
        "mutants": "file  mutants\nall   1000  5  6  7  8\n",
        "assembling": "  10,000  0.5  9  1\n  100,000       9.15   10,926  246\n",
    }
    page = fill(PAGE, printed)
    assert "of 1,000 mutants 5 are caught by the reference cases, 6 by the\n  samples, 7 by" in page
    assert "100,000 of them took 9.15 seconds and 246 MB" in page
    assert len(page.splitlines()) == len(PAGE.splitlines())
    assert sum(a != b for a, b in zip(page.splitlines(), PAGE.splitlines(), strict=True)) == 2 + 1


def test_a_figure_that_is_not_printed_is_an_error() -> None:
    """The page is not written with an old one."""
    with pytest.raises(ValueError, match="is not in what sweep prints"):
        fill(PAGE, {"sweep": "no rows"})
