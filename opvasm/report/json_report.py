"""Findings as JSON, ``opvasm-diagnostics/1``; its schema is beside, in schemas/."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from .._version import __version__
from ..codes import all_codes
from ..errors import Diagnostic, Edit, Note
from ..source import Place, Span

SCHEMA = "opvasm-diagnostics/1"
Json = dict[str, Any]
EMPTY: Mapping[str, list[Json]] = MappingProxyType({})


def render_all(diagnostics: Sequence[Diagnostic], reports: Mapping[str, list[Json]] = EMPTY) -> str:
    """The document as text, two spaces a level, ending in a newline."""
    return json.dumps(document(diagnostics, reports), indent=2, ensure_ascii=False) + "\n"


def document(diagnostics: Sequence[Diagnostic], reports: Mapping[str, list[Json]] = EMPTY) -> Json:
    """The document.  Lines and columns count from 1, offsets and bytes from 0; ends are exclusive.

    ``reports`` adds what was asked for about each vector: ``budget``, ``portability``.
    """
    names = {code.code: code.name for code in all_codes().values()}
    return {
        "schema": SCHEMA,
        "version": __version__,
        "summary": {
            level: sum(each.level == level for each in diagnostics)
            for level in ("error", "warning", "note")
        },
        "findings": [_finding(each, names[each.code]) for each in diagnostics],
        **reports,
    }


def _finding(diagnostic: Diagnostic, name: str) -> Json:
    return {
        "level": diagnostic.level,
        "code": diagnostic.code,
        "name": name,
        "message": diagnostic.message,
        "place": _place(diagnostic.place),
        "notes": [_note(each) for each in diagnostic.notes],
        "help": diagnostic.help,
        "edits": [_edit(each) for each in diagnostic.edits],
    }


def _note(note: Note) -> Json:
    return {"message": note.message, "place": _place(note.place)}


def _edit(edit: Edit) -> Json:
    return {"place": _place(edit.span), "replacement": edit.replacement}


def _place(place: Place | None) -> Json | None:
    match place:
        case None:
            return None
        case Span(file=file, start=start, end=end):
            line, column = file.line_column(start)
            end_line, end_column = file.line_column(end)
            return {
                "kind": "text",
                "file": file.name,
                "line": line,
                "column": column,
                "end_line": end_line,
                "end_column": end_column,
                "start": start,
                "end": end,
            }
        case raw:
            return {
                "kind": "bytes",
                "file": raw.name,
                "symbol": raw.symbol,
                "op": raw.op,
                "field": raw.field,
                "start": raw.start,
                "end": raw.end,
            }
