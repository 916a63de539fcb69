"""Changing texts as findings advise: only edits that mend and change nothing else are ever made."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import unified_diff

from .errors import Diagnostic, Edit
from .source import SourceFile


def edited(diagnostics: Iterable[Diagnostic]) -> list[tuple[SourceFile, str]]:
    """The files that the findings' edits change, with their new texts, in the order of the findings.

    The edits of one finding are made together or not at all; one that would touch what an earlier
    one changed is left for the next run.
    """
    by_file: dict[int, tuple[SourceFile, list[Edit]]] = {}
    for diagnostic in diagnostics:
        edits = diagnostic.edits
        if not edits or any(_collides(edit, by_file) for edit in edits):
            continue
        for edit in edits:
            file = edit.span.file
            by_file.setdefault(id(file), (file, []))[1].append(edit)
    return [(file, apply(file.text, edits)) for file, edits in by_file.values()]


def _collides(edit: Edit, by_file: dict[int, tuple[SourceFile, list[Edit]]]) -> bool:
    _, made = by_file.get(id(edit.span.file), (None, ()))
    start, end = edit.span.start, edit.span.end
    return any(
        (start < each.span.end and each.span.start < end) or start == each.span.start
        for each in made
    )


def apply(text: str, edits: Iterable[Edit]) -> str:
    """The text with edits made that do not overlap."""
    for edit in sorted(edits, key=lambda each: each.span.start, reverse=True):
        text = text[: edit.span.start] + edit.replacement + text[edit.span.end :]
    return text


def diff(name: str, before: str, after: str) -> str:
    """A unified diff that ``patch -p1`` takes; empty where nothing differs."""
    lines: list[str] = []
    for line in unified_diff(
        before.splitlines(keepends=True), after.splitlines(keepends=True), f"a/{name}", f"b/{name}"
    ):
        lines.append(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n")
    return "".join(lines)
