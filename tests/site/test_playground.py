"""The playground as a visitor uses it, in a real browser."""

from __future__ import annotations

import re
from typing import Any

import pytest

from .served import BUILT, Visitor, until, visit

RACE = """\
percpu counter: u64
vector bump() { add counter, 1 }
test "one" { cpu 0; run bump() -> 0; assert counter == 1 }
scenario lost "an increment is lost" {
    cpus 1
    thread a @0 { x = load counter; store counter, x + 1 }
    thread b @0 { x = load counter; store counter, x + 1 }
    forall counter@0 == 2
}
"""


def playground(visitor: Visitor, site: str, fragment: str = "") -> Any:
    """The page, once it has looked at its text."""
    page = visitor.page
    page.goto(f"{site}/playground/index.html{fragment}")
    page.wait_for_selector("body[data-checked]")
    return page


def write(page: Any, text: str) -> None:
    """Replace the editor's text as a person would, and wait for the findings."""
    before = page.evaluate("document.body.dataset.checked")
    page.locator(".cm-content").click()
    page.keyboard.press("Control+a")
    page.evaluate("text => navigator.clipboard.writeText(text)", text)
    page.keyboard.press("Control+v")
    until(page, "before => document.body.dataset.checked !== before", before)


def text_of(page: Any) -> str:
    """The editor's text."""
    found: str = page.evaluate(
        "[...document.querySelectorAll('.cm-line')].map(l => l.textContent).join('\\n')"
    )
    return found


def problems(page: Any) -> str:
    """The list of findings."""
    found: str = page.locator("#problems").inner_text()
    return found


def test_a_newcomers_path(browser: Any, visitor: Visitor, site: str) -> None:
    """A mistake is shown under the caret, a race explored and stepped, and its link shows the same."""
    page = playground(visitor, site)
    visitor.context.grant_permissions(["clipboard-read", "clipboard-write"])
    write(page, RACE.replace("add counter", "ad counter"))
    assert "the op `ad` is unknown" in problems(page)
    assert page.locator(".cm-lintRange-error").inner_text() == "ad"

    page.locator("#problems .finding").first.click()
    page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("Shift+ArrowRight")
    page.keyboard.type("add", delay=20)
    page.keyboard.press("Escape")
    until(page, "() => document.querySelector('#problems').innerText.includes('nothing to report')")
    assert page.locator(".cm-lintRange-error").count() == 0

    page.keyboard.press("Control+Enter")
    page.wait_for_selector("table.diagram")
    assert page.locator(".report details.run summary .word").first.inner_text() == "fails"
    assert memory(page)["counter@0"] == "1"
    page.get_by_role("button", name="first step").click()
    assert memory(page)["counter@0"] == "0"
    page.locator("table.diagram").click()
    for _ in range(50):
        page.keyboard.press("ArrowRight")
    assert memory(page)["counter@0"] == "1"
    assert page.locator(".controls output").inner_text() == "step 4"

    page.locator("#share").click()
    page.wait_for_selector("#shared input")
    address = page.locator("#shared input").input_value()
    assert page.evaluate("navigator.clipboard.readText()") == address
    assert address == page.url

    other = visit(browser, site, viewport={"width": 1000, "height": 800})
    other.page.goto(address)
    other.page.wait_for_selector("table.diagram")
    assert text_of(other.page) == text_of(page)
    assert other.page.locator(".report").inner_text() == page.locator(".report").inner_text()
    other.context.close()
    assert other.complaints == []


def memory(page: Any) -> dict[str, str]:
    """The values that the picture shows."""
    rows = page.locator("table.memory:visible tr").all_inner_texts()
    return {name.lstrip("▸ "): value for name, value in (row.split("\t") for row in rows)}


def test_the_debugger_goes_forwards_and_back(visitor: Visitor, site: str) -> None:
    """Steps move the mark in the text and change memory; a step back undoes it; why has an answer."""
    page = playground(visitor, site)
    page.locator("#samples").select_option("idioms/counter.opv")
    page.get_by_role("tab", name="Debug").click()
    page.wait_for_selector("#panel-debug option", state="attached")
    page.get_by_role("button", name="Start").click()
    page.wait_for_selector(".moves")
    page.wait_for_selector(".now-line")
    first = page.locator(".now-line").inner_text()
    values = memory(page)
    for _ in range(4):
        said = page.locator(".talk").inner_text()
        page.get_by_role("button", name="next:", exact=False).last.click()
        until(page, "said => document.querySelector('.talk').innerText !== said", said)
    assert page.locator(".now-line").inner_text() != first
    assert memory(page) != values
    page.get_by_label("a command of the debugger").fill("goto 0")
    page.keyboard.press("Enter")
    until(page, "() => document.querySelector('.talk').innerText.includes('goto 0')")
    assert memory(page) == values
    page.get_by_role("button", name="why:", exact=False).click()
    until(page, "() => document.querySelector('.talk').innerText.includes('(opv) why')")
    assert "error" not in page.locator(".talk").inner_text()


def test_a_search_is_stopped_and_the_page_goes_on(visitor: Visitor, site: str) -> None:
    """While a search runs findings still come; Stop ends it, and another search has its answer."""
    threads = "".join(
        f"    thread t{each} @{each} {{ loop 6 {{ x = load c; store c, x + {2**each} }} }}\n"
        for each in range(4)
    )
    large = f"shared c: u64\nscenario large {{\n    cpus 4\n{threads}    forall c >= 0\n}}\n"
    page = playground(visitor, site)
    visitor.context.grant_permissions(["clipboard-read", "clipboard-write"])
    write(page, large)
    page.keyboard.press("Control+Enter")
    page.wait_for_selector("button.stop:visible")
    until(page, "() => /[0-9,]+ states/.test(document.querySelector('.working').textContent)")
    write(page, large + "vector v() { ad c, 1 }\n")
    assert "unknown" in problems(page)
    page.locator("button.stop").click()
    until(page, "() => document.querySelector('#panel-explore .result').innerText === 'Stopped.'")
    assert page.locator("button.stop:visible").count() == 0
    write(page, RACE)
    page.keyboard.press("Control+Enter")
    page.wait_for_selector("table.diagram")


def test_every_panel_answers_without_a_mouse(visitor: Visitor, site: str) -> None:
    """Tab leaves the editor; arrow keys change the panel, Ctrl-Enter asks."""
    page = playground(visitor, site)
    page.locator("#samples").select_option("idioms/counter.opv")
    page.locator(".cm-content").click()
    for _ in range(30):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.getAttribute('role')") == "tab":
            break
    assert page.evaluate("document.activeElement.textContent") == "Explore"
    expected = {
        "Compare": "no scenario",
        "Run": "passed",
        "Debug": "(opv)",
        "Verify": "OPV420",
        "Bytes": "offset",
        "Explore": "no scenario",
    }
    for title, answer in expected.items():
        page.keyboard.press("ArrowRight")
        assert page.evaluate("document.activeElement.textContent") == title
        page.keyboard.press("Control+Enter")
        panel = f"#panel-{title.lower()}"
        until(
            page,
            "([panel, answer]) => document.querySelector(panel).innerText.includes(answer)",
            [panel, answer],
        )


def test_who_asks_early_is_answered_of_the_text_as_it_is(visitor: Visitor, site: str) -> None:
    """Explore, typed right behind a change and before its findings, waits for them."""
    page = playground(visitor, site)
    page.locator("#samples").select_option("races/counter.opv")
    page.keyboard.press("Control+Enter")
    page.wait_for_selector(".report h2")
    assert page.locator(".report h2").first.inner_text().startswith("preempted")
    page.locator(".cm-content").click()
    page.keyboard.press("Control+Home")
    page.keyboard.type("{ ")
    page.keyboard.press("Control+Enter")
    until(
        page, "() => document.querySelector('#panel-explore .result').innerText.includes('be read')"
    )


def test_bytes_become_a_text(visitor: Visitor, site: str) -> None:
    """Digits are disassembled; digits that are no op are refused with their place."""
    page = playground(visitor, site)
    page.get_by_role("tab", name="Bytes").click()
    page.get_by_text("Disassemble bytes").click()
    area = page.get_by_label("bytes of struct cpu_op")
    area.fill("00 01")
    page.get_by_role("button", name="Disassemble").click()
    until(page, "() => document.querySelector('.reader').innerText.includes('OPV122')")
    area.fill("04000000 08000000 0000000000000060 0500000000000000 0000000000000000")
    page.get_by_role("button", name="Disassemble").click()
    until(page, "() => document.querySelector('.reader').innerText.includes('vector main')")


def test_a_damaged_link_says_so(visitor: Visitor, site: str) -> None:
    """A link that was cut off opens the first sample with a notice, and so does one that is noise."""
    page = playground(visitor, site, "#z=q1ZKzs")
    assert "damaged" in page.locator("#shared").inner_text()
    assert (
        "scenario naive" in text_of(page)
        or page.locator("#samples").input_value() == "races/list.opv"
    )
    page.goto(f"{site}/playground/index.html#z=!!!!")
    until(page, "() => document.querySelector('#shared').innerText.includes('damaged')")


@pytest.mark.parametrize("width", [390, 800, 1400])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_the_window(browser: Any, site: str, width: int, scheme: str) -> None:
    """At no width the page is wider than the window, and its colours are those of the scheme."""
    visitor = visit(browser, site, viewport={"width": width, "height": 800}, color_scheme=scheme)
    page = visitor.page
    page.goto(f"{site}/playground/index.html")
    page.wait_for_selector(".cm-line")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    back = page.evaluate("getComputedStyle(document.body).backgroundColor")
    red = int(re.findall(r"\d+", back)[0])
    assert (red > 200) == (scheme == "light")
    page.locator("#theme").click()
    other = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert other != back
    page.reload()
    page.wait_for_selector(".cm-line")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == other
    visitor.context.close()
    assert visitor.complaints == []


def test_names_are_explained_and_completed(visitor: Visitor, site: str) -> None:
    """A name under the pointer says what it is; what fits is offered, by the same answers as in editors."""
    page = playground(visitor, site)
    visitor.context.grant_permissions(["clipboard-read", "clipboard-write"])
    write(page, RACE.replace("add counter, 1", "add cou"))
    page.keyboard.press("Escape")
    for _ in range(RACE.count("\n")):
        page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("End")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Control+Space")
    page.locator(".cm-tooltip-autocomplete li").first.wait_for()
    assert "counter" in page.locator(".cm-tooltip-autocomplete li").first.inner_text()
    page.wait_for_timeout(150)  # CodeMirror takes no key within 75 ms after a list has opened
    page.keyboard.press("Enter")
    until(page, "() => document.querySelector('.cm-content').innerText.includes('add counter }')")
    page.locator(".cm-line", has_text="bump() {").get_by_text("add", exact=True).hover()
    page.locator(".hover").wait_for()
    assert "(CPU_ADD_OP): add count to the word" in page.locator(".hover").inner_text()


AXE = BUILT.parent / "node_modules" / "axe-core" / "axe.min.js"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_screen_readers_and_weak_eyes(browser: Any, site: str, scheme: str) -> None:
    """axe-core has nothing serious to say of any panel of the playground, nor of the documents."""
    if not AXE.exists():
        pytest.skip("axe-core is not installed: make site")
    visitor = visit(browser, site, color_scheme=scheme, bypass_csp=True)
    page = playground(visitor, site)

    def serious() -> list[str]:
        found: list[str] = page.evaluate(
            "async () => (await axe.run()).violations"
            ".filter(each => ['serious', 'critical'].includes(each.impact))"
            ".flatMap(each => each.nodes.map(node => `${each.id}: ${node.html.slice(0, 160)}`))"
        )
        # The search of the theme is a dialog without a name.
        return [each for each in found if 'data-md-component="search"' not in each]

    page.add_script_tag(path=AXE)
    assert serious() == []
    page.keyboard.press("Control+Enter")
    page.locator("#panels .verdict, #panels iframe, #panels table, #panels pre").first.wait_for()
    for tab in page.locator("[role=tab]").all():
        tab.click()
        assert serious() == [], tab.inner_text()
    for document in ("index.html", "tutorial/index.html", "diagnostics/index.html"):
        page.goto(f"{site}/{document}")
        page.add_script_tag(path=AXE)
        assert serious() == [], document
    visitor.context.close()
