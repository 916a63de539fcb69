"""Comparison tables as a page, with every counterexample to step through."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

from ..codes import all_codes
from ..kernels.profiles import PROFILES
from ..source import SourceFile
from .comparison import Cell, Table
from .examples import cell_text, examples, numbers, rule_name
from .page import Page, diagnosis_html, verdict_class, word


def comparison_html(sources: tuple[SourceFile, ...], tables: Sequence[Table]) -> str:
    """The whole page."""
    page = Page(f"{sources[0].name}: every strategy, kernel and environment", sources)
    add_tables(page, tables)
    return page.text()


def add_tables(page: Page, tables: Sequence[Table]) -> None:
    """Add the tables to a page, each with its counterexamples below."""
    known = numbers(tables)
    for table in tables:
        page.add(_table(table, known))
        for each in examples(tables):
            if each.scenario == table.scenario.name and each.cell.diagnosis is not None:
                cell, found = each.cell, each.cell.diagnosis
                where = f"{cell.strategy}, {cell.kernel}, {cell.environment}"
                page.add(
                    f'<details class="run" id="c{each.number}"><summary>[{each.number}] '
                    f"{escape(where)}: {word(cell.verdict)} {escape(found.label)}</summary>"
                    f"<div>{diagnosis_html(found)}{page.show(found.replay, found.conflict)}</div></details>"
                )


def _table(table: Table, known: Mapping[int, int]) -> str:
    title = f" – {escape(table.scenario.title)}" if table.scenario.title else ""
    lines = [
        f"<h2>{escape(table.scenario.name)}{title}</h2>",
        f'<p class="soft">cpus {table.cpus}. Numbers are states; kernels whose rules are the same '
        "for a scenario share a run. [n] is the shortest counterexample.</p>",
    ]
    if not table.complete:
        lines.append('<p class="open">Interrupted: the rest of this table is missing.</p>')
    heads = "".join(
        f'<th scope="col" title="{escape(each.summary)}">{escape(each.name)}</th>'
        for each in PROFILES.values()
    )
    lines.append('<div class="scroll" tabindex="0"><table class="matrix mono">')
    lines.append(f"<tr><th>strategy</th><th>environment</th>{heads}</tr>")
    meanings = {each.name: each.meaning for each in table.environments}
    for row in table.rows():
        name = row[0].environment
        cells = "".join(_cell(cell, known.get(id(cell.diagnosis))) for cell in row)
        lines.append(
            f'<tr><th scope="row">{escape(row[0].strategy)}</th>'
            f'<th scope="row" title="{escape(meanings[name])}">{escape(name)}</th>{cells}</tr>'
        )
    lines.append("</table></div>")
    notes = [f"{name}: {meaning}" for name, meaning in meanings.items()]
    codes = sorted({cell.rule for cell in table.cells if cell.rule is not None})
    notes += [f"{rule_name(code)}: {all_codes()[code].title}" for code in codes]
    lines.append(f'<p class="soft">{"<br>".join(escape(note) for note in notes)}</p>')
    return "\n".join(lines)


def _cell(cell: Cell, number: int | None) -> str:
    text = escape(cell_text(cell, None))
    if number is not None:
        text += f' <a href="#c{number}">[{number}]</a>'
    if cell.preemptions is not None:
        text += f'<br><span class="soft">{cell.preemptions} preempted</span>'
    return f'<td class="{verdict_class(cell.verdict)}">{text}</td>'
