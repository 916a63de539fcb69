"""An audit's findings as diagnostics, which every report format of the house can write."""

from __future__ import annotations

from collections.abc import Iterator

from ..elf.file import ElfFile
from ..errors import Diagnostic, Note
from ..source import BytePlace
from .audit import Audited, FileAudit
from .finding import Finding


def diagnostics(audit: FileAudit, file: ElfFile) -> Iterator[Diagnostic]:
    """One diagnostic a finding, in the order of addresses."""
    for each in audit.sections:
        for finding in each.findings:
            yield diagnostic(audit, file, each, finding)


def diagnostic(audit: FileAudit, file: ElfFile, each: Audited, finding: Finding) -> Diagnostic:
    """A finding with its place in the file, the function, the instruction and the source line."""
    offset = file.offset_of(finding.address) or 0
    function = each.subject.function_at(finding.address)
    where = f"{function}, {file.place(finding.address)}"
    if finding.instruction:
        where += f": {finding.instruction}"
    notes = [Note(f"in the section of {where}")]
    line = audit.lines.get(finding.address)
    if line is not None:
        notes.append(Note(f"source line {line}"))
    place = BytePlace(audit.name, offset, offset + 1, symbol=function)
    return Diagnostic(
        *(finding.level, finding.code, finding.message, place, tuple(notes), finding.help)
    )
