"""The documents of the site: links, what can be tried, search, and that nothing comes from outside."""

from __future__ import annotations

import base64
import json
import zlib
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urljoin, urlsplit

import pytest

from opvasm.cli.command_line.registry import COMMANDS
from opvasm.codes import all_codes

from .served import BUILT, Visitor


class _Read(HTMLParser):
    """The links, identifiers and loaded files of a page."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.names: set[str] = set()
        self.feed(page.read_text("utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if identifier := values.get("id"):
            self.names.add(identifier)
        if tag == "a" and (href := values.get("href")) is not None:
            self.links.append(href)
        source = values.get("src") or (values.get("href") if tag == "link" else None)
        if source and values.get("rel") != "canonical":
            self.loaded.append(source)


@pytest.fixture(scope="module")
def pages(built: None) -> dict[Path, _Read]:
    """Every page, read."""
    return {page: _Read(page) for page in BUILT.rglob("*.html") if page.name != "404.html"}


def target(page: Path, link: str) -> tuple[Path, str]:
    """The file and the fragment that a link of a page leads to."""
    there = urlsplit(urljoin(f"http://site/{page.relative_to(BUILT)}", link))
    path = BUILT / unquote(there.path).lstrip("/")
    return (path / "index.html" if path.is_dir() else path), there.fragment


def test_every_link_leads_somewhere(pages: dict[Path, _Read]) -> None:
    """The file of each link is there, and so is the place in it that the fragment names."""
    broken = []
    for page, read in pages.items():
        for link in read.links:
            if urlsplit(link).scheme in ("http", "https", "mailto"):
                continue
            file, fragment = target(page, link)
            known = pages.get(file)
            if not file.exists() or (
                fragment
                and not fragment.startswith(("z=", "__"))
                and not (known and unquote(fragment) in known.names)
            ):
                broken.append(f"{page.relative_to(BUILT)}: {link[:80]}")
    assert len(pages) > 200
    assert broken == []


def test_nothing_is_loaded_from_outside(pages: dict[Path, _Read]) -> None:
    """Scripts, styles, pictures and frames are files of the site."""
    for page, read in pages.items():
        for source in read.loaded:
            if source.startswith("data:"):
                continue
            assert not urlsplit(source).scheme, f"{page}: {source}"
            assert target(page, source)[0].exists(), f"{page}: {source}"


def test_every_example_can_be_tried(pages: dict[Path, _Read]) -> None:
    """The links to the playground hold the texts of the examples, as its own links do."""
    tried: dict[str, list[dict[str, Any]]] = {}
    for page, read in pages.items():
        for link in read.links:
            _, _, packed = link.partition("playground/index.html#z=")
            if packed:
                data = base64.urlsafe_b64decode(packed + "=" * (-len(packed) % 4))
                value = json.loads(zlib.decompress(data, -15))
                tried.setdefault(str(page.relative_to(BUILT).parent), []).append(value)
    language = (BUILT.parent.parent / "grammar" / "README.md").read_text()
    coloured = (BUILT / "language" / "index.html").read_text()
    assert '<span class="k">vector</span>' in coloured  # by the lexer of the package
    blocks = [each.partition("\n")[2].partition("```")[0] for each in language.split("```opv")[1:]]
    assert [each["text"] for each in tried["language"]] == blocks
    assert {"tutorial", "debate", "explorer"} <= set(tried)
    assert all(each["name"].endswith(".opv") for values in tried.values() for each in values)


def test_every_code_and_command_has_a_page(built: None) -> None:
    """What `opvasm explain CODE` and `opvasm COMMAND --help` say can be read on the site."""
    for code in all_codes().values():
        text = (BUILT / "diagnostics" / code.code / "index.html").read_text("utf-8")
        assert f"{code.code}: {code.name}" in text
    for name in COMMANDS:
        text = (BUILT / "commands" / name / "index.html").read_text("utf-8")
        assert f"opvasm {name}" in text


def test_a_reader_searches_and_tries_an_example(visitor: Visitor, site: str) -> None:
    """Search finds a page; the link under an example opens its text in the playground."""
    page = visitor.page
    page.goto(f"{site}/index.html")
    page.locator("[data-md-component=search-query]").click()
    page.keyboard.type("livelock", delay=10)
    page.wait_for_selector(".md-search-result__item")
    page.goto(f"{site}/language/index.html")
    page.locator("p.try a").first.click()
    page.wait_for_selector("body[data-checked]")
    assert page.locator(".cm-line").count() > 1
    assert page.locator("#samples").input_value() == ""


def test_the_debate_shows_schedules_to_step_through(visitor: Visitor, site: str) -> None:
    """A picture that is unfolded is a page of the explorer whose keys and buttons work."""
    page = visitor.page
    page.goto(f"{site}/debate/index.html")
    page.locator("details.picture summary").nth(1).click()
    frame = page.frame_locator("details.picture[open] iframe")
    frame.get_by_role("button", name="first step").first.click()
    assert frame.locator(".controls output").first.inner_text() == "start"
