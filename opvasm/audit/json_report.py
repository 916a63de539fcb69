"""An audit as JSON, ``opvasm-audit/1``; its schema is beside, in schemas/."""

from __future__ import annotations

from typing import Any

from .._version import __version__
from ..codes import all_codes
from ..elf.file import ElfFile
from ..errors import Diagnostic
from .audit import Audited, FileAudit, Shape
from .finding import Finding

SCHEMA = "opvasm-audit/1"
Json = dict[str, Any]


def document(files: list[Json], problems: list[Json]) -> Json:
    """The whole document; addresses are numbers of the file, lengths are in bytes."""
    levels = [
        finding["level"]
        for file in files
        for shape in file["shapes"]
        for section in shape["sections"]
        for finding in section["findings"]
    ]
    return {
        "schema": SCHEMA,
        "version": __version__,
        "summary": {
            "files": len(files),
            "sections": sum(len(shape["sections"]) for file in files for shape in file["shapes"]),
            **{level: levels.count(level) for level in ("error", "warning", "note")},
        },
        "files": files,
        "unreadable": problems,
    }


def file_json(audit: FileAudit, file: ElfFile) -> Json:
    """One file."""
    return {
        "name": audit.name,
        "machine": audit.machine,
        "searched": audit.searched,
        "repeated": audit.repeated,
        "undecoded": audit.undecoded or None,
        "kernels": [each.name for each in audit.kernels],
        "shapes": [_shape(audit, file, shape) for shape in audit.shapes],
    }


def problem_json(problem: Diagnostic) -> Json:
    """Something that could not be read."""
    return {"message": problem.message, "place": str(problem.place), "help": problem.help}


def _shape(audit: FileAudit, file: ElfFile, shape: Shape) -> Json:
    return {
        "instructions": [each.text for each in shape.sections[0].subject.codes],
        "kernels": {kernel.name: result.words for kernel, result in shape.matrix},
        "sections": [_section(audit, file, each) for each in shape.sections],
    }


def _section(audit: FileAudit, file: ElfFile, each: Audited) -> Json:
    found = each.subject.descriptor
    return {
        "function": each.subject.function,
        "descriptor": found.address,
        "start": found.start,
        "length": found.length,
        "abort": found.abort,
        "signature": found.signature,
        "found": found.origin,
        "findings": [_finding(audit, file, finding) for finding in each.findings],
    }


def _finding(audit: FileAudit, file: ElfFile, finding: Finding) -> Json:
    return {
        "level": finding.level,
        "code": finding.code,
        "name": all_codes()[finding.code].name,
        "address": finding.address,
        "place": file.place(finding.address),
        "instruction": finding.instruction or None,
        "line": audit.lines.get(finding.address),
        "message": finding.message,
        "help": finding.help,
    }
