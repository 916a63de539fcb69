"""Explains a mistake of a historic kernel."""

from __future__ import annotations

from ..abi.revisions import REVISIONS
from .layout import paragraph


def explain(name: str, summary: str) -> str:
    """What goes wrong, in which revisions, and how to ask for it."""
    having = [each.name for each in REVISIONS if name in {quirk.name for quirk in each.quirks}]
    return f"{name}: {summary}\n\n" f"revisions that have it: {', '.join(having)}\n\n" + paragraph(
        f"The interpreter answers as a kernel without the mistake; --quirks {name} (or --quirks "
        "all) makes it answer as the historic one did."
    )
