"""Findings as the page wants them: with positions in the units of a browser's strings."""

from __future__ import annotations

from collections.abc import Sequence

from ..errors import Diagnostic
from ..light_typing import Any
from ..lsp.positions import units
from ..report.json_report import document
from ..source import SourceFile


def findings_json(found: Sequence[Diagnostic], source: SourceFile) -> list[dict[str, Any]]:
    """The findings of opvasm-diagnostics/1, each with ``from`` and ``to``.

    These count UTF-16 units from the start of ``source``, as JavaScript does; they are None where a
    finding is of no place, or of another file, whose place is then in the message.
    """
    listed: list[dict[str, Any]] = document(found)["findings"]
    return [_placed(finding, each, source) for finding, each in zip(listed, found, strict=True)]


def _placed(finding: dict[str, Any], diagnostic: Diagnostic, source: SourceFile) -> dict[str, Any]:
    here = (finding["place"] or {}).get("file") == source.name
    finding |= {"from": None, "to": None}
    if here:
        finding["from"] = units(source.text, finding["place"]["start"])
        finding["to"] = units(source.text, finding["place"]["end"])
    elif diagnostic.place is not None:
        finding["message"] = f"{diagnostic.place}: {diagnostic.message}"
    for edit in finding["edits"]:
        edit["from"] = units(source.text, edit["place"]["start"])
        edit["to"] = units(source.text, edit["place"]["end"])
    return finding
