"""Makes the README's pictures of the playground: `python site/screenshots.py`, after `make site`."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from tests.site.served import browsing, served, visit  # noqa: E402

IMAGES = ROOT / "docs" / "images"


def main() -> None:
    """A race, explored; the debugger on a telephone's width, in the dark."""
    with served() as site, browsing() as browser:
        page = visit(browser, site, viewport={"width": 1280, "height": 760}).page
        page.goto(f"{site}/playground/index.html")
        page.wait_for_selector("body[data-checked]")
        page.keyboard.press("Control+Enter")
        page.wait_for_selector("table.diagram")
        page.wait_for_timeout(500)
        page.screenshot(path=IMAGES / "playground.png")
        narrow = {"width": 420, "height": 900}
        page = visit(browser, site, viewport=narrow, color_scheme="dark").page
        page.goto(f"{site}/playground/index.html")
        page.wait_for_selector("body[data-checked]")
        page.locator("#samples").select_option("idioms/list.opv")
        page.get_by_role("tab", name="Debug").click()
        page.wait_for_selector("#panel-debug option", state="attached")
        page.get_by_role("button", name="Start").click()
        page.wait_for_selector(".moves")
        for command in ("next", "next", "next", "step"):
            page.get_by_label("a command of the debugger").fill(command)
            page.keyboard.press("Enter")
            page.wait_for_timeout(1500)
        page.locator("#tabs").scroll_into_view_if_needed()
        page.evaluate("document.querySelector('#tabs').scrollIntoView()")
        page.wait_for_timeout(300)
        page.screenshot(path=IMAGES / "playground-narrow.png")


if __name__ == "__main__":
    main()
