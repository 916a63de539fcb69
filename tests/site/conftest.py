"""The site is tested where it was built: `make site`, then `make site-test`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from .served import BUILT, Visitor, browsing, chromium, served, visit


@pytest.fixture(scope="session")
def built() -> None:
    """Leaves a test out where the site is not built."""
    if not (BUILT / "playground" / "python" / "opvasm.zip").exists():
        pytest.skip("the site is not built: make site")
    if not (BUILT / "index.html").exists():
        pytest.skip("the documents are not built: make site")


@pytest.fixture(scope="session")
def site(built: None) -> Iterator[str]:
    """The site's address."""
    with served() as address:
        yield address


@pytest.fixture(scope="session")
def browser(site: str) -> Iterator[Any]:
    """A headless browser."""
    pytest.importorskip("playwright", reason="playwright is not there: pip install '.[site]'")
    if chromium() is None:
        pytest.skip("Chromium is not installed (Debian package chromium), so no page is opened")
    with browsing() as found:
        yield found


@pytest.fixture
def visitor(browser: Any, site: str) -> Iterator[Visitor]:
    """Somebody who has never been here; at the end nothing was complained of or asked outside."""
    found = visit(browser, site, viewport={"width": 1400, "height": 900})
    yield found
    found.context.close()
    assert found.complaints == []
