"""Findings as SARIF 2.1.0, the exchange format of static analysis tools (OASIS)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from .._version import __version__
from ..codes import all_codes
from ..codes.code import Code
from ..errors import Diagnostic, Edit, Note
from ..source import BytePlace, Place, Span

VERSION = "2.1.0"
SCHEMA_URI = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)
Json = dict[str, Any]


def render_all(diagnostics: Sequence[Diagnostic]) -> str:
    """The log as text, two spaces a level, ending in a newline."""
    return json.dumps(document(diagnostics), indent=2, ensure_ascii=False) + "\n"


def document(diagnostics: Sequence[Diagnostic]) -> Json:
    """A log of one run.  Rules are those that the results name, in the order of their codes."""
    known = all_codes()
    used = sorted({each.code for each in diagnostics})
    index = {code: position for position, code in enumerate(used)}
    return {
        "$schema": SCHEMA_URI,
        "version": VERSION,
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "opvasm",
                        "semanticVersion": __version__,
                        "rules": [_rule(known[code]) for code in used],
                    }
                },
                "columnKind": "unicodeCodePoints",
                "results": [_result(each, index[each.code]) for each in diagnostics],
            }
        ],
    }


def _rule(code: Code) -> Json:
    return {
        "id": code.code,
        "name": code.name,
        "shortDescription": {"text": code.title},
        "fullDescription": {"text": code.explanation},
        "help": {"text": f"opvasm explain {code.code}"},
        "defaultConfiguration": {"level": code.level},
    }


def _result(diagnostic: Diagnostic, rule: int) -> Json:
    text = diagnostic.message
    remarks = [note.message for note in diagnostic.notes if note.place is None]
    if remarks:
        text += "\n" + "\n".join(remarks)
    if diagnostic.help is not None:
        text += f"\nhelp: {diagnostic.help}"
    result: Json = {
        "ruleId": diagnostic.code,
        "ruleIndex": rule,
        "level": diagnostic.level,
        "message": {"text": text},
    }
    if diagnostic.place is not None:
        result["locations"] = [_location(diagnostic.place)]
    related = [note for note in diagnostic.notes if note.place is not None]
    if related:
        result["relatedLocations"] = [_related(note, number) for number, note in enumerate(related)]
    if diagnostic.edits:
        result["fixes"] = [_fix(diagnostic)]
    return result


def _related(note: Note, number: int) -> Json:
    assert note.place is not None
    return {"id": number, **_location(note.place), "message": {"text": note.message}}


def _location(place: Place) -> Json:
    name = place.file.name if isinstance(place, Span) else place.name
    location: Json = {
        "physicalLocation": {"artifactLocation": {"uri": uri(name)}, "region": _region(place)}
    }
    if isinstance(place, BytePlace) and place.op is not None:
        named = (place.symbol, f"op {place.op}", place.field)
        parts = [each for each in named if each is not None]
        location["logicalLocations"] = [
            {"name": parts[-1], "fullyQualifiedName": "/".join(parts), "kind": "member"}
        ]
    return location


def _region(place: Place) -> Json:
    if isinstance(place, BytePlace):
        return {"byteOffset": place.start, "byteLength": place.end - place.start}
    line, column = place.file.line_column(place.start)
    end_line, end_column = place.file.line_column(place.end)
    return {
        "startLine": line,
        "startColumn": column,
        "endLine": end_line,
        "endColumn": end_column,
    }


def _fix(diagnostic: Diagnostic) -> Json:
    by_file: dict[str, list[Edit]] = {}
    for edit in diagnostic.edits:
        by_file.setdefault(edit.span.file.name, []).append(edit)
    return {
        "description": {"text": diagnostic.help or diagnostic.message},
        "artifactChanges": [
            {
                "artifactLocation": {"uri": uri(name)},
                "replacements": [
                    {
                        "deletedRegion": _region(edit.span),
                        "insertedContent": {"text": edit.replacement},
                    }
                    for edit in edits
                ],
            }
            for name, edits in by_file.items()
        ],
    }


def uri(name: str) -> str:
    """A file's name as a URI reference; an absolute path as a file URI."""
    quoted = quote(name.encode("utf-8", "surrogateescape"), safe="/~")
    return f"file://{quoted}" if name.startswith("/") else quoted
