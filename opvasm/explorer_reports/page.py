"""A page that needs nothing but a browser: style, script and data are inside it."""

from __future__ import annotations

import json
from html import escape
from importlib.resources import files

from ..explorer.answers.diagnosis import Diagnosis
from ..explorer.answers.text_report import reasons
from ..explorer.schedules.explain import Conflict
from ..explorer.schedules.schedule import Replay
from ..light_typing import Any
from ..source import SourceFile
from .shows import show_data

# The browser itself refuses whatever would go out.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:"
_KEYS = (
    "Step with the slider, the buttons, a click on a row, or the keys ← → (also k j), Home and End. "
    "Bars: a restartable section; double bars: a vector; ✗: an abort and its cause."
)


class Page:
    """A page while it is put together: HTML on one side, the schedules that it shows on the other."""

    def __init__(self, title: str, sources: tuple[SourceFile, ...], style: str = "") -> None:
        self.title = title
        self.style = style
        self.sources = sources
        self.parts: list[str] = []
        self.shows: list[dict[str, Any]] = []

    def add(self, html: str) -> None:
        """HTML that is right as it stands."""
        self.parts.append(html)

    def show(self, replay: Replay, conflict: Conflict | None = None) -> str:
        """The place where the script shows a schedule, opened where its conflict is complete."""
        moment = None if conflict is None else conflict.accesses[-1].moment
        self.shows.append(show_data(replay, self.sources, moment))
        return f'<div class="show" data-show="{len(self.shows) - 1}"></div>'

    def data(self) -> dict[str, Any]:
        """What the script needs beside the HTML: the lines of the sources, and the schedules."""
        return {
            "sources": [
                {"name": source.name, "lines": source.text.splitlines()} for source in self.sources
            ],
            "shows": self.shows,
        }

    def text(self) -> str:
        """The whole page."""
        assets = files(__package__) / "assets"
        # "</" would end the element that holds the data.
        text = json.dumps(self.data(), ensure_ascii=False).replace("<", "\\u003c")
        return (
            '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
            f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
            '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
            f'<title>{escape(self.title)}</title>\n<link rel="icon" href="data:,">\n'
            f"<style>\n{(assets / 'page.css').read_text('utf-8')}{self.style}</style>\n</head>\n<body>\n"
            f'<h1>{escape(self.title)}</h1>\n<p class="soft">{_KEYS}</p>\n'
            '<noscript><p class="bad">The diagrams need JavaScript; '
            "<code>opvasm explore</code> prints them as text.</p></noscript>\n"
            + "\n".join(self.parts)
            + f'\n<script type="application/json" id="data">{text}</script>\n'
            f"<script>\n{(assets / 'show.js').read_text('utf-8')}"
            f"{(assets / 'page.js').read_text('utf-8')}</script>\n</body>\n</html>\n"
        )


def verdict_class(verdict: str) -> str:
    """The colour of a verdict."""
    if verdict == "holds":
        return "good"
    return "open" if verdict in ("inconclusive", "refused") else "bad"


def word(verdict: str) -> str:
    """A verdict in its colour."""
    return f'<span class="word {verdict_class(verdict)}">{escape(verdict)}</span>'


def diagnosis_html(diagnosis: Diagnosis) -> str:
    """What was violated, then what the text report says of it: Why, Else and Needs."""
    parts = [f'<p class="bad">{escape(diagnosis.label)}</p>']
    for word_, sentence in reasons(diagnosis.replay.plan, diagnosis):
        parts.append(f"<p><b>{word_}</b> {escape(sentence)}.</p>")
    return "".join(parts)
