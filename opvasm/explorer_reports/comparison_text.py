"""Comparison tables for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..codes import all_codes
from ..explorer.answers.verdict import INCONCLUSIVE
from ..kernels.profiles import PROFILES
from ..report.style import PLAIN, Paint, Style
from .comparison import REFUSED, Cell, Table
from .examples import cell_text, example_text, examples, numbers, rule_name

GOOD, OPEN = ("holds",), (INCONCLUSIVE, REFUSED)


def comparison_text(tables: Sequence[Table], style: Style = PLAIN) -> str:
    """The tables, and below them a line for each counterexample."""
    known, found = numbers(tables), examples(tables)
    lines: list[str] = []
    for table in tables:
        lines += _table(table, known, style)
        own = [each for each in found if each.scenario == table.scenario.name]
        lines += [f"  [{each.number}] {example_text(each)}" for each in own]
        codes = sorted({cell.rule for cell in table.cells if cell.rule is not None})
        lines += [f"  {rule_name(code)}: {all_codes()[code].title}" for code in codes]
        if not table.complete:
            lines.append(style.warning("  interrupted: the rest of this table is missing"))
        lines.append("")
    lines.append("Numbers are states. Kernels whose rules are the same for a scenario share a run.")
    return "\n".join(lines) + "\n"


def _table(table: Table, known: Mapping[int, int], style: Style) -> list[str]:
    title = f"  {table.scenario.title}" if table.scenario.title else ""
    rows = [
        [cell_text(cell, known.get(id(cell.diagnosis))) for cell in row] for row in table.rows()
    ]
    columns = _columns(rows)
    names = list(PROFILES)
    alike = [(names[first], [names[each] for each in others]) for first, *others in columns]
    head = ["strategy", "environment", *(f"{a} +{len(b)}" if b else a for a, b in alike)]
    body = [
        [row[0].strategy, row[0].environment, *(texts[first] for first, *_ in columns)]
        for row, texts in zip(table.rows(), rows, strict=True)
    ]
    widths = [max(len(line[i]) for line in [head, *body]) for i in range(len(head))]
    lines = [style.strong(f"Scenario {table.scenario.name}") + f"  cpus={table.cpus}{title}"]
    lines.append("  " + "  ".join(n.ljust(w) for n, w in zip(head, widths, strict=True)).rstrip())
    before = ""
    for row, texts in zip(table.rows(), body, strict=True):
        first = texts[0] if texts[0] != before else ""
        before = texts[0]
        cells = [first.ljust(widths[0]), texts[1].ljust(widths[1])]
        for (first_of, *_), text, width in zip(columns, texts[2:], widths[2:], strict=True):
            cells.append(_paint(row[first_of], style)(text) + " " * (width - len(text)))
        lines.append("  " + "  ".join(cells).rstrip())
    lines += [f"  {a} +{len(b)}: also {', '.join(b)}" for a, b in alike if b]
    lines += [f"  {each.name}: {each.meaning}" for each in table.environments]
    late = {each.stopped for row in table.rows() for each in row if each.verdict == INCONCLUSIVE}
    lines += [
        f"  inconclusive, not begun: stopped by {each}" for each in sorted(filter(None, late))
    ]
    return lines


def _columns(rows: Sequence[Sequence[str]]) -> list[list[int]]:
    """The kernels of each column: those whose cells say the same in every row, by their number."""
    found: dict[tuple[str, ...], list[int]] = {}
    for index in range(len(PROFILES)):
        found.setdefault(tuple(row[index] for row in rows), []).append(index)
    return list(found.values())


def _paint(cell: Cell, style: Style) -> Paint:
    if cell.verdict in GOOD:
        return style.good
    return style.warning if cell.verdict in OPEN else style.bad
