"""Pages of the explorer, to be stepped through where a document speaks of them."""

from __future__ import annotations

from html import escape
from pathlib import Path

import opvasm
from opvasm.explorer.answers.diagnose import diagnosed
from opvasm.explorer.plan.validate import strategy_table
from opvasm.explorer.setting.options import Limits
from opvasm.explorer_reports.comparison import compare
from opvasm.explorer_reports.comparison_html import comparison_html
from opvasm.explorer_reports.html_report import html_report

_STATES = 20_000  # enough for every scenario that the documents show


def picture(root: Path, file: str, scenarios: list[str], table: bool, page: str, docs: Path) -> str:
    """A folded frame with what ``opvasm explore FILE [SCENARIO…] [--compare] -f html`` writes."""
    words = [Path(file).stem, *scenarios, *(["table"] if table else [])]
    name = f"pictures/{'-'.join(words)}.html"
    target = docs / name
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(_page(root / file, file, scenarios, table), "utf-8")
    above = "" if page == "index.md" else "../"
    what = (
        "the table, with each counterexample to step through"
        if table
        else "the schedules, to step through"
    )
    return (
        f'\n\n<details class="picture"><summary>{what}</summary>'
        f'<iframe loading="lazy" title="{escape(" ".join(words))}" src="{above}{name}"></iframe></details>'
    )


def _page(path: Path, name: str, scenarios: list[str], table: bool) -> str:
    assembly = opvasm.assemble(opvasm.SourceFile(name, path.read_text("utf-8")))
    limits = Limits(states=_STATES)
    if table:
        known = {each.name: each for each in assembly.scenarios}
        strategies = strategy_table(assembly.strategies)
        tables = [
            compare(assembly.program, known[each], strategies, limits)
            for each in scenarios or known
        ]
        return comparison_html(assembly.sources, tables)
    reports = opvasm.explore(assembly, *scenarios, limits=limits)
    return html_report(assembly.sources, [diagnosed(each, True) for each in reports])
