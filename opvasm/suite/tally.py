"""Counts of outcomes: a table by revision and category, and the closing line."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from .outcome import CASES, HISTORIC, SCENARIOS, TESTS, Outcome


def table(outcomes: Sequence[Outcome]) -> str:
    """How many cases of each category passed, a column for each revision; a line ends the table.

    A cell is the number that passed, or ``passed/all`` where some failed.
    """
    revisions = sorted({each.revision for each in outcomes})
    categories = sorted({each.category for each in outcomes})
    head = ["", *revisions, "all"]
    rows = [
        [category, *_cells([each for each in outcomes if each.category == category], revisions)]
        for category in categories
    ]
    rows.append(["all", *_cells(outcomes, revisions)])
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(len(head))]
    return "".join(
        "  ".join(
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        + "\n"
        for row in (head, *rows)
    )


def _cells(outcomes: Sequence[Outcome], revisions: Collection[str]) -> list[str]:
    chosen = [[each for each in outcomes if each.revision == name] for name in revisions]
    return [_cell(each) for each in (*chosen, outcomes)]


def _cell(outcomes: Sequence[Outcome]) -> str:
    passed = sum(each.passed for each in outcomes)
    if not outcomes:
        return "-"
    return str(passed) if passed == len(outcomes) else f"{passed}/{len(outcomes)}"


def closing_line(outcomes: Sequence[Outcome]) -> str:
    """``12 passed, 0 failed``."""
    passed = sum(each.passed for each in outcomes)
    return f"{passed} passed, {len(outcomes) - passed} failed"


def report(outcomes: Sequence[Outcome]) -> str:
    """Tables of the reference cases, a line for each file with tests, and the closing line."""
    parts: list[str] = []
    tests = [each for each in outcomes if each.kind in (TESTS, SCENARIOS)]
    if tests:
        files = dict.fromkeys(each.file for each in tests)
        parts.append(
            "".join(
                f"{file}: {closing_line([each for each in tests if each.file == file])}\n"
                for file in files
            )
        )
    for kind in (CASES, HISTORIC):
        listed = [each for each in outcomes if each.kind == kind]
        if listed:
            parts.append(f"{kind}, by category and revision\n{table(listed)}")
    parts.append(f"{closing_line(outcomes)}\n")
    return "\n".join(parts)
