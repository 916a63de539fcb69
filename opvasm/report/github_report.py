"""Findings as the workflow commands of GitHub Actions, one line each, which annotate a change."""

from __future__ import annotations

from collections.abc import Sequence

from ..codes import all_codes
from ..errors import Diagnostic
from ..source import Span

_COMMANDS = {"error": "error", "warning": "warning", "note": "notice"}


def render_all(diagnostics: Sequence[Diagnostic]) -> str:
    """The commands, each ended by a newline."""
    titles = {code.code: code.title for code in all_codes().values()}
    return "".join(f"{_command(each, titles[each.code])}\n" for each in diagnostics)


def _command(diagnostic: Diagnostic, title: str) -> str:
    place = diagnostic.place
    properties: dict[str, str | int] = {}
    lines = [diagnostic.message]
    if isinstance(place, Span):
        line, column = place.file.line_column(place.start)
        end_line, end_column = place.file.line_column(place.end)
        properties = {"file": place.file.name, "line": line, "endLine": end_line}
        if end_line == line:
            # The last column is part of the range here; more than one line takes no columns.
            properties |= {"col": column, "endColumn": max(end_column - 1, column)}
    elif place is not None:
        properties = {"file": place.name}
        lines[0] = f"{place}: {lines[0]}"
    properties["title"] = f"{diagnostic.code}: {title}"
    for note in diagnostic.notes:
        where = f"{note.place}: " if note.place is not None else ""
        lines.append(f"note: {where}{note.message}")
    if diagnostic.help is not None:
        lines.append(f"help: {diagnostic.help}")
    listed = ",".join(f"{name}={_property(str(value))}" for name, value in properties.items())
    return f"::{_COMMANDS[diagnostic.level]} {listed}::{_data(chr(10).join(lines))}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
