"""A sweep for people: a table for each scenario, what became of what it expects, the counts."""

from __future__ import annotations

from collections.abc import Sequence

from ..explorer.answers.text_report import outcome_line
from ..explorer.answers.verdict import HOLDS, INCONCLUSIVE
from ..kernels.profiles import kernel_legend, kernel_list
from ..report.style import PLAIN, Paint, Style
from .merge import VERDICTS, Found, Merged, Report
from .unit import REFUSED, Result

HEAD = ("", "strategy", "cpus", "bound", "kernels", "verdict", "states", "needs")


def report_text(report: Report, style: Style = PLAIN) -> str:
    """The whole report."""
    lines: list[str] = []
    file = None
    for merged in report.scenarios:
        if merged.block.text.name != file:
            file = merged.block.text.name
            lines += [style.name(file), ""]
        lines += [*_scenario(merged, style), ""]
    lines += _legend(report)
    lines += _summary(report, style)
    return "\n".join(lines) + "\n"


def _scenario(merged: Merged, style: Style) -> list[str]:
    scenario = merged.block.scenario
    title = f"  {scenario.title}" if scenario.title else ""
    rows = [(row, _texts(row)) for row in merged.rows()]
    used = [i for i in range(len(HEAD)) if i in (1, 5) or any(texts[i] for _, texts in rows)]
    widths = {i: max(len(HEAD[i]), *(len(texts[i]) for _, texts in rows)) for i in used}
    lines = [style.strong(f"Scenario {scenario.name}") + title]
    lines.append("  " + "  ".join(HEAD[i].ljust(widths[i]) for i in used).rstrip())
    before = ""
    for row, texts in rows:
        repeated, before = texts[1] == before, texts[1]
        cells = []
        for i in used:
            text = "" if i == 1 and repeated else texts[i]
            padded = text.rjust(widths[i]) if HEAD[i] == "states" else text.ljust(widths[i])
            if i == 5:
                padded = _paint(row[0].result, style)(text) + " " * (widths[i] - len(text))
            cells.append(padded)
        lines.append("  " + "  ".join(cells).rstrip())
    lines += _examples(merged)
    judged = merged.judgement
    within = "" if judged.bound is None else f", within {_count(judged.bound, 'preemption')}"
    lines += [f"  {outcome_line(each, style)}{within}" for each in judged.outcomes]
    if judged.why_not is not None:
        lines.append(f"  Expect: not judged, {judged.why_not}")
    return lines


def _examples(merged: Merged) -> list[str]:
    """What fails, and the numbers of the schedules in which it does."""
    numbers: dict[str, list[int]] = {}
    for example in merged.examples:
        text = f"{example.result.label}{_found_by(example.result)}"
        numbers.setdefault(text, []).append(example.number)
    return [f"  [{_ranges(each)}] {text}" for text, each in numbers.items()]


def _ranges(numbers: Sequence[int]) -> str:
    """``1-3, 5``."""
    found: list[list[int]] = []
    for number in numbers:
        if found and number == found[-1][-1] + 1:
            found[-1].append(number)
        else:
            found.append([number])
    return ", ".join(str(e[0]) if len(e) == 1 else f"{e[0]}-{e[-1]}" for e in found)


def _texts(row: Sequence[Found]) -> tuple[str, ...]:
    """The cells of a row, as HEAD names them."""
    cell, result = row[0].cell, row[0].result
    own = "*" if any(each.cell.own for each in row) else ""
    bound = "" if cell.bound is None else f"<={cell.bound}"
    names = [each.cell.configuration.profile.name for each in row]
    kernels = kernel_list(names)
    cpus = str(cell.configuration.cpus)
    if result is None:
        return (own, cell.label, cpus, bound, kernels, "not explored", "", "")
    states = "" if result.states is None else f"{result.states:,}"
    needs = "" if result.preemptions is None else _count(result.preemptions, "preemption")
    return (own, cell.label, cpus, bound, kernels, _verdict(row[0], result), states, needs)


def _verdict(found: Found, result: Result) -> str:
    if result.verdict == REFUSED:
        return f"refused {result.rule}"
    if result.verdict == INCONCLUSIVE:
        return f"inconclusive ({result.stopped}{_walks(result)})"
    mark = "" if found.example is None else f" [{found.example}]"
    return " and ".join(result.verdicts or (result.verdict,)) + mark


def _walks(result: Result) -> str:
    """What the walks after a search came to."""
    walked = result.walked
    if walked is None or result.states is None:
        return ""
    return f", then {_count(walked.number, 'random schedule')}"


def _found_by(result: Result) -> str:
    """By which walk a failure was found, if by one."""
    walked = result.walked
    if walked is None:
        return ""
    how = "a random schedule" if walked.depth is None else f"PCT of depth {walked.depth}"
    return f" (found by {how}: seed {walked.seed}, number {walked.failing})"


def _paint(result: Result | None, style: Style) -> Paint:
    if result is not None and result.verdict == HOLDS:
        return style.good
    open_ = result is None or result.verdict in (INCONCLUSIVE, REFUSED)
    return style.warning if open_ else style.bad


def _legend(report: Report) -> list[str]:
    lines = ["* the file itself asks for it. Kernels whose rules are the same share a search."]
    rows = (row for merged in report.scenarios for row in merged.rows())
    folded = {kernel_legend([each.cell.configuration.profile.name for each in row]) for row in rows}
    lines += sorted(each for each in folded if each is not None)
    settings = report.sweep.settings
    if any(bound is not None for bound in report.sweep.axes.bounds):
        lines.append("A verdict with a bound is about schedules with so many preemptions at most.")
    if not settings.search:
        lines.append(
            "Nothing was searched: random schedules can find a failure, never exclude one."
        )
    if settings.seconds is not None:
        lines.append("With --timeout, what was reached depends on the machine.")
    return lines


def _summary(report: Report, style: Style) -> list[str]:
    counts = report.counts()
    cells = sum(len(each.cells) for each in report.scenarios)
    paints = {HOLDS: style.good, INCONCLUSIVE: style.warning, REFUSED: style.warning}
    parts = [
        paints.get(verdict, style.bad)(f"{counts[verdict]:,} {verdict}")
        for verdict in VERDICTS
        if verdict in counts
    ]
    lines = [
        (
            f"{_count(len(report.scenarios), 'scenario')}, {_count(cells, 'combination')}, "
            f"{_count(len(report.sweep.units), 'unit')} explored: {', '.join(parts) or 'nothing'}"
            if report.complete
            else f"{_count(cells, 'combination')}, of which {_count(sum(counts.values()), 'result')} "
            f"{'is' if sum(counts.values()) == 1 else 'are'} known: {', '.join(parts) or 'none'}"
        )
    ]
    judged = [each for each in report.scenarios if each.judgement.why_not is None]
    wrong, met = report.unexpected(), [e for e in judged if e.judgement.as_expected]
    if judged:
        line = f"{len(met)} of {_count(len(judged), 'scenario')} as the file expects"
        lines.append(line)
    lines += [
        style.bad(f"not as expected: {each.block.text.name}: {each.block.scenario.name}")
        for each in wrong
    ]
    if not report.complete:
        lines.append(style.warning("interrupted: the rest was not explored"))
    return lines


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"
