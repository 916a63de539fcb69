"""The coverage of ops as a table: a row for an op and a length, a column for an outcome."""

from __future__ import annotations

from collections.abc import Iterator

from .coverage import (
    ALIGNED,
    ANY,
    CALL,
    CROSSING,
    DONE,
    EFAULT,
    FAULTED,
    NOT_NOW,
    STOPPED,
    UNALIGNED,
    Cell,
    Collector,
    possible_cells,
    summary,
)

OUTCOMES = (DONE, STOPPED, EFAULT, NOT_NOW, FAULTED)
ALIGNMENTS = (ALIGNED, UNALIGNED, CROSSING)
MISSING, IMPOSSIBLE = "0", ""


def coverage_text(collector: Collector) -> str:
    """The table and the share, ending in a newline.

    A column holds how often an outcome was seen with operands aligned / unaligned / crossing a
    page; 0 is a combination that no call has reached, an empty place one that can't be.
    """
    possible = set(possible_cells(collector.revisions.values()))
    cells = possible | set(collector.counts)
    ops: dict[str, None] = {
        operation.mnemonic: None
        for revision in collector.revisions.values()
        for operation in revision.operations
    }
    rows: list[tuple[str, ...]] = [("op", "length", *OUTCOMES, "refused by a rule")]
    for op in (*ops, "unknown"):
        for length in _lengths(op, cells):
            rows.append((op, length, *_row(op, length, cells, possible, collector)))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [
        "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
    lines += ["", *_calls(cells, collector), "", *_total(collector)]
    return "\n".join(lines) + "\n"


_LENGTH_ORDER = ("0", "1", "2", "4", "8", "3..64", "65..4096", "other", "too long", ANY)


def _lengths(op: str, cells: set[Cell]) -> list[str]:
    found = {cell.length for cell in cells if cell.op == op}
    return [length for length in _LENGTH_ORDER if length in found]


def _row(
    op: str, length: str, cells: set[Cell], possible: set[Cell], collector: Collector
) -> Iterator[str]:
    for outcome in OUTCOMES:
        counts = []
        for alignment in (*ALIGNMENTS, ANY):
            cell = Cell(op, length, alignment, outcome)
            if cell in cells:
                counts.append(str(collector.counts[cell]))
        yield " / ".join(counts) if counts else IMPOSSIBLE
    refused = sorted(
        cell.outcome
        for cell in cells
        if cell.op == op and cell.length == length and cell.outcome not in OUTCOMES
    )
    yield ", ".join(f"{rule} {collector.counts[Cell(op, length, ANY, rule)]}" for rule in refused)


def _calls(cells: set[Cell], collector: Collector) -> Iterator[str]:
    yield "whole calls:"
    for cell in sorted(cell for cell in cells if cell.op == CALL):
        yield f"  {cell.outcome:<24} {collector.counts[cell]}"


def _total(collector: Collector) -> Iterator[str]:
    found = summary(collector)
    revisions = ", ".join(sorted(collector.revisions))
    yield (
        f"{found.reached} of {found.possible} combinations of op, length, alignment and outcome "
        f"were reached: {found.percent:.1f} % ({revisions})"
    )


def missing_text(collector: Collector, limit: int = 20) -> str:
    """The combinations that no call has reached, the first ``limit`` of them."""
    missing = summary(collector).missing
    lines = [
        f"  {cell.op} {cell.length} {cell.alignment}: {cell.outcome}".replace(" -", "")
        for cell in missing[:limit]
    ]
    if len(missing) > limit:
        lines.append(f"  and {len(missing) - limit} more")
    return "\n".join(lines) + "\n"
