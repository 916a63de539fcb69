"""The built site behind a file server of the standard library, and a browser that looks at it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, NamedTuple

BUILT = Path(__file__).parent.parent.parent / "site" / "build"
PATIENCE = 120_000  # milliseconds that any one answer may take on a busy machine


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *arguments: Any) -> None:
        """Nothing is written."""


@contextmanager
def served() -> Iterator[str]:
    """The address of the site, as ``python -m http.server`` serves it."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(BUILT)))
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class Visitor(NamedTuple):
    """A page in a fresh profile; ``complaints`` is what went wrong there, or left the site."""

    page: Any
    context: Any
    complaints: list[str]


def chromium() -> str | None:
    """The browser that the machine has."""
    names = ("chromium", "chromium-browser", "google-chrome")
    return next((found for name in names if (found := shutil.which(name))), None)


@contextmanager
def browsing() -> Iterator[Any]:
    """A headless browser."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
        try:
            yield browser
        finally:
            browser.close()


def visit(browser: Any, site: str, **profile: Any) -> Visitor:
    """A new profile with an empty page."""
    context = browser.new_context(**profile)
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    complaints: list[str] = []

    def said(message: Any) -> None:
        if message.type in ("error", "warning"):
            complaints.append(message.text)

    def failed(request: Any) -> None:
        if "ERR_ABORTED" not in (request.failure or ""):  # a page that is left is no failure
            complaints.append(f"{request.url} {request.failure}")

    page.on("console", said)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("requestfailed", failed)

    def asked(request: Any) -> None:
        if not request.url.startswith((site, "data:", "blob:")):
            complaints.append(f"outside: {request.url}")

    context.on("request", asked)
    return Visitor(page, context, complaints)


def until(page: Any, expression: str, argument: object = None, every: int = 50) -> None:
    """Wait until a function in the page is true of ``argument``, asking all ``every`` milliseconds.

    Playwright's own wait_for_function evaluates text inside of the page, which the page forbids.
    """
    for _ in range(PATIENCE // every):
        if page.evaluate(expression, argument):
            return
        page.wait_for_timeout(every)
    raise AssertionError(f"never true: {expression}")
