"""Explains a diagnostic code."""

from __future__ import annotations

from ..codes.code import Code
from .layout import indented, paragraph


def explain(code: Code) -> str:
    """Its meaning and an example that triggers it."""
    head = f"{code.code} ({code.name}), {code.level}: {code.title}"
    text = f"{paragraph(head)}\n{paragraph(code.explanation)}"
    if code.example:
        text += f"\nexample:\n{indented(code.example)}"
    return text
