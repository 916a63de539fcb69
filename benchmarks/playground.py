"""How long the playground takes in a headless Chromium: to its first answer, and after a change.

``python -m benchmarks.playground [LOADS]`` after ``make site``.  A cold load is a fresh profile.  Times
are of this machine, in seconds, the middle one of several: by the clock, which a busy machine makes
longer, and of all the browser's processes on their CPUs, which it does not (a machine with two idle
ones needs less than that by the clock, since wasm is compiled beside what runs).
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any, NamedTuple

from tests.site.served import BUILT, browsing, chromium, served, until, visit

LOADS = 3
CHANGES = 9
SAMPLE = "races/list.opv"


class Taken(NamedTuple):
    """Seconds by the clock, and on CPUs."""

    clock: float
    cpu: float


def measure(loads: int = LOADS) -> str:
    """The table."""
    found, raced = [], []
    with served() as site, browsing() as browser:
        for number in range(loads):
            visitor = visit(browser, site, viewport={"width": 1400, "height": 900})
            page = visitor.page
            watch = _Watch()
            page.goto(f"{site}/playground/index.html")
            page.wait_for_selector("body[data-checked]")
            found.append(watch.taken())
            page.keyboard.press("Control+Enter")
            page.wait_for_selector("table.diagram")
            raced.append(watch.taken())
            if number + 1 < loads:
                visitor.context.close()
        _wait_until_quiet(page)
        changes = [_change(page, number) for number in range(CHANGES)]
        explored = [_explored(page) for _ in range(CHANGES)]
    rows = (
        (found, "cold load to the findings of the sample"),
        (raced, "cold load to its first race"),
        (changes, "a change to its findings, 0.12 s of waiting for the next key included"),
        (explored, "the same race again"),
    )
    lines = [f"The playground, {SAMPLE}", "  clock     CPU"]
    for taken, what in rows:
        clock, cpu = median(each.clock for each in taken), median(each.cpu for each in taken)
        lines.append(f"  {clock:5.2f} s  {cpu:5.2f} s  {what}")
    return "\n".join(lines)


class _Watch:
    """Time since it was made."""

    def __init__(self) -> None:
        self.clock, self.cpu = perf_counter(), _cpu_seconds()

    def taken(self) -> Taken:
        return Taken(perf_counter() - self.clock, _cpu_seconds() - self.cpu)


def _cpu_seconds() -> float:
    """What all processes below this one have used so far."""
    parents, used = {}, {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:  # it has ended
            continue
        parents[int(folder.name)] = int(fields[1])
        used[int(folder.name)] = int(fields[11]) + int(fields[12])
    below = {os.getpid()}
    while grown := {each for each, parent in parents.items() if parent in below} - below:
        below |= grown
    return sum(used[each] for each in below - {os.getpid()}) / os.sysconf("SC_CLK_TCK")


def _wait_until_quiet(page: Any) -> None:
    """Until the second worker is loaded, and the browser uses its CPUs no more."""
    page.wait_for_timeout(5000)
    while True:
        before = _cpu_seconds()
        page.wait_for_timeout(2000)
        if _cpu_seconds() - before < 0.05:
            return


def _change(page: Any, number: int) -> Taken:
    """Type a letter; the time until the findings are those of the new text."""
    before = page.evaluate("document.body.dataset.checked")
    page.locator(".cm-line").last.click()
    watch = _Watch()
    page.keyboard.type(str(number))
    until(page, "before => document.body.dataset.checked !== before", before, 5)
    return watch.taken()


def _explored(page: Any) -> Taken:
    """Explore again; the time until the picture is there."""
    page.locator("#samples").select_option("races/counter.opv")
    page.locator("#samples").select_option(SAMPLE)
    assert page.locator("table.diagram").count() == 0
    page.wait_for_timeout(1000)
    watch = _Watch()
    page.keyboard.press("Control+Enter")
    page.wait_for_selector("table.diagram")
    return watch.taken()


if __name__ == "__main__":
    if chromium() is None or not (BUILT / "playground" / "app.js").exists():
        sys.exit("the playground is measured with Chromium, after make site")
    print(measure(int(sys.argv[1]) if sys.argv[1:] else LOADS))
