"""What an editor asks at a place of the text: the answers of opvasm/lsp, with the page's positions."""

from __future__ import annotations

from ..light_typing import Any
from ..lsp.answers.completion import completion
from ..lsp.answers.hover import hover
from ..lsp.document import Document
from ..lsp.positions import characters, units
from .texts import Text, used

# The text as it was asked about last: what did not change in it is not read again.
_last: list[Document] = []


def explained(text: Text, at: int) -> dict[str, Any]:
    """``text``, in Markdown, of the characters ``from`` up to ``to`` around a place; None for nothing.

    All positions are UTF-16 units from the start.
    """
    found = hover(_document(text), characters(text.text, at))
    if found is None:
        return {"text": None}
    start, end = units(text.text, found.start), units(text.text, found.end)
    return {"text": found.text, "from": start, "to": end}


def completed(text: Text, at: int) -> dict[str, Any]:
    """``items``: what can be written at a place, most likely first; each replaces ``from`` to ``to``."""
    items = completion(_document(text), characters(text.text, at))
    return {
        "items": [
            {
                "label": each.label,
                "detail": each.detail,
                "text": each.text,
                "from": units(text.text, each.start),
                "to": units(text.text, each.end),
            }
            for each in items
        ]
    }


def _document(text: Text) -> Document:
    before = _last[0] if _last and _last[0].name == text.name else None
    if before is not None and before.text == text.text:
        return before
    found = Document(*text, _sample, before)
    _last[:] = [found]
    return found


def _sample(path: str) -> Document:
    return Document(*used(path), _sample)
