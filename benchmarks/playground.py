"""How long the playground takes in a headless Chromium: to its first answer, and after a change.

``python -m benchmarks.playground`` after ``make site``.  A cold load is a fresh profile; times are of
this machine, in seconds, the middle one of several.
"""

from __future__ import annotations

import sys
from statistics import median
from time import perf_counter
from typing import Any

from tests.site.served import BUILT, browsing, chromium, served, until, visit

LOADS = 3
CHANGES = 9
SAMPLE = "races/list.opv"


def measure() -> str:
    """The table."""
    loads = []
    with served() as site, browsing() as browser:
        for _ in range(LOADS):
            visitor = visit(browser, site, viewport={"width": 1400, "height": 900})
            started = perf_counter()
            visitor.page.goto(f"{site}/playground/index.html")
            visitor.page.wait_for_selector("body[data-checked]")
            found = perf_counter() - started
            visitor.page.keyboard.press("Control+Enter")
            visitor.page.wait_for_selector("table.diagram")
            loads.append((found, perf_counter() - started))
            page = visitor.page
            if len(loads) < LOADS:
                visitor.context.close()
        page.wait_for_timeout(15_000)  # the second worker is loaded by then
        changes = [_change(page, number) for number in range(CHANGES)]
        explored = [_explored(page) for _ in range(CHANGES)]
    rows = [
        ("cold load to the findings of the sample", median(each for each, _ in loads)),
        ("cold load to its first race", median(each for _, each in loads)),
        ("a change to its findings, 0.12 s of waiting for the next key included", median(changes)),
        ("the same race again", median(explored)),
    ]
    return f"The playground, {SAMPLE}\n" + "\n".join(
        f"  {each:6.2f} s  {what}" for what, each in rows
    )


def _change(page: Any, number: int) -> float:
    """Type a letter; the time until the findings are those of the new text."""
    before = page.evaluate("document.body.dataset.checked")
    page.locator(".cm-line").last.click()
    started = perf_counter()
    page.keyboard.type(str(number))
    until(page, "before => document.body.dataset.checked !== before", before)
    return perf_counter() - started


def _explored(page: Any) -> float:
    """Explore again; the time until the picture is there."""
    page.evaluate("document.querySelector('#panel-explore .result').replaceChildren()")
    page.locator("#samples").select_option(SAMPLE)
    page.wait_for_timeout(1000)
    started = perf_counter()
    page.keyboard.press("Control+Enter")
    page.wait_for_selector("table.diagram")
    return perf_counter() - started


if __name__ == "__main__":
    if chromium() is None or not (BUILT / "playground" / "app.js").exists():
        sys.exit("the playground is measured with Chromium, after make site")
    print(measure())
