"""Pages in a real browser: nothing fails, and everything on them shows the same step."""

from __future__ import annotations

import json
import re
from html import escape
from pathlib import Path
from typing import Any

import pytest

from .browser import Browser
from .conftest import ROOT, Opvasm

SAMPLES = (("list", "naive"), ("ring", ""), ("stepping", "alone"), ("counter", "moved"))
# What a person sees of the opened schedule.
LOOK = """(() => {
  const show = document.querySelector("details.run[open] .show");
  const text = (where) => show.querySelector(where) ? show.querySelector(where).textContent : null;
  return {
    output: text("output"), slider: Number(show.querySelector("input").value),
    max: Number(show.querySelector("input").max), row: text("tr.now"),
    later: show.querySelectorAll("tr.later").length, line: text("pre.code span.now"),
    memory: [...show.querySelectorAll("table.memory tr")].map((row) => row.textContent).join("\\n"),
    changed: show.querySelectorAll("table.memory tr.changed").length,
  };
})()"""


def write(opvasm: Opvasm, tmp_path: Path, sample: str, scenario: str, *more: str) -> Path:
    page = tmp_path / f"{sample}.html"
    names = (scenario,) if scenario else ()
    opvasm("explore", f"samples/races/{sample}.opv", *names, "-f", "html", "-o", str(page), *more)
    return page


def look(browser: Browser) -> dict[str, Any]:
    found: dict[str, Any] = browser.evaluate(LOOK)
    return found


def open_page(browser: Browser, page: Path) -> None:
    browser.complaints.clear()
    browser.open(page)
    browser.evaluate("(document.querySelector('details.run[open]') || "
                     "document.querySelector('details.run')).open = true")  # fmt: skip
    browser.until("document.querySelector('details.run[open] .show input') !== null")


@pytest.mark.parametrize(("sample", "scenario"), SAMPLES)
def test_slider_and_keys_move_everything_together(
    opvasm: Opvasm, browser: Browser, tmp_path: Path, sample: str, scenario: str
) -> None:
    """Diagram, memory and source show the step that the data gives, however it was reached."""
    page = write(opvasm, tmp_path, sample, scenario)
    open_page(browser, page)
    number = int(browser.evaluate("document.querySelector('details.run[open] .show').dataset.show"))
    text = page.read_text()
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL)
    assert found is not None
    data = json.loads(found[1])
    show = data["shows"][number]
    steps, sources = show["steps"], data["sources"]
    seen = look(browser)
    assert (seen["slider"], seen["max"]) == (show["opens"], len(steps))
    browser.evaluate("document.activeElement.blur()")
    browser.press("Home", 36)
    seen = look(browser)
    assert (seen["slider"], seen["row"], seen["changed"]) == (0, None, 0)
    assert seen["later"] == len(steps)
    values = dict(zip(show["cells"], show["initial"], strict=True))
    for at, step in enumerate(steps, 1):
        if at % 2:
            browser.press("ArrowRight", 39)
        else:
            browser.evaluate(f"""(() => {{
              const slider = document.querySelector("details.run[open] .show input");
              slider.value = {at};
              slider.dispatchEvent(new Event("input", {{ bubbles: true }}));
            }})()""")
        seen = look(browser)
        assert seen["slider"] == at
        assert seen["output"] == f"step {step['number']}"
        assert step["text"] in seen["row"]
        line = sources[step["file"]]["lines"][step["line"] - 1]
        assert seen["line"] == f"{step['line']}{line}"
        values |= {show["cells"][cell]: value for cell, value in step["changes"]}
        for name, value in values.items():
            assert f"{name}{value}" in seen["memory"].split("\n")
        assert seen["changed"] >= len(step["changes"])
    browser.press("ArrowLeft", 37)
    assert look(browser)["slider"] == len(steps) - 1
    assert browser.complaints == []


def test_a_counterexample_of_the_table_opens_at_its_link(
    opvasm: Opvasm, browser: Browser, tmp_path: Path
) -> None:
    page = write(opvasm, tmp_path, "counter", "preempted", "--compare")
    browser.complaints.clear()
    browser.open(page)
    browser.evaluate("document.querySelector('table.matrix a').click()")
    browser.until("document.querySelector('#c1 .show input') !== null")
    assert "counter" in look(browser)["memory"]
    assert browser.complaints == []


def test_it_fits_a_phone_and_can_be_read_in_the_dark(
    opvasm: Opvasm, browser: Browser, tmp_path: Path
) -> None:
    """Nothing makes the page wider than the screen; text and background are far apart."""
    page = write(opvasm, tmp_path, "ring", "")
    try:
        for width, scheme in ((360, "light"), (360, "dark"), (1280, "light"), (1280, "dark")):
            screen = {"width": width, "height": 740, "deviceScaleFactor": 1}
            browser.ask("Emulation.setDeviceMetricsOverride", **screen, mobile=width < 500)
            feature = {"name": "prefers-color-scheme", "value": scheme}
            browser.ask("Emulation.setEmulatedMedia", features=[feature])
            open_page(browser, page)
            assert browser.evaluate("document.documentElement.scrollWidth") <= width
            colors = browser.evaluate(
                "(({ color, backgroundColor }) => [color, backgroundColor])"
                "(getComputedStyle(document.body))"
            )
            text, back = (sum(map(int, re.findall(r"\d+", each)[:3])) for each in colors)
            assert (text > back) is (scheme == "dark")
            assert abs(text - back) > 450
    finally:
        browser.ask("Emulation.clearDeviceMetricsOverride")
        browser.ask("Emulation.setEmulatedMedia", features=[])


def test_a_page_asks_for_nothing(opvasm: Opvasm, tmp_path: Path) -> None:
    """No address of another file stands in it, and its policy forbids all requests."""
    text = write(opvasm, tmp_path, "list", "naive").read_text()
    assert "default-src 'none'" in text
    for address in re.findall(r'(?:src|href)="([^"]*)"', text):
        assert address.startswith(("#", "data:")), address
    assert "@import" not in text
    assert "url(" not in text.replace("url(#opv-tip)", "")


def test_the_readme_shows_a_small_picture() -> None:
    """It is there, and its size is what a page may cost a reader."""
    picture = ROOT / "docs/images/explore.png"
    assert "](docs/images/explore.png)" in (ROOT / "README.md").read_text()
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert picture.stat().st_size < 300_000


def test_a_page_opens_at_the_conflict_and_says_what_the_text_says(
    opvasm: Opvasm, tmp_path: Path
) -> None:
    """Why, Else and Needs of the text are on the page, whose schedule opens at the last step of Why."""
    text = opvasm("explore", "samples/races/list.opv", "naive")
    page = write(opvasm, tmp_path, "list", "naive").read_text()
    last = 0
    for word in ("Why", "Else", "Needs"):
        found = re.search(rf"^{word} +(.+)$", text, re.MULTILINE)
        assert found is not None, text
        assert f"<p><b>{word}</b> {escape(found[1])}.</p>" in page
        if word == "Why":
            last = int(re.findall(r"step (\d+)", found[1])[-1])
    data = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    assert data is not None
    show = json.loads(data[1])["shows"][0]
    assert show["steps"][show["opens"] - 1]["number"] == last
