"""Programs for the tests of the verifier, from texts."""

from __future__ import annotations

from opvasm.assembler import assemble
from opvasm.errors import Diagnostic, in_order
from opvasm.program import Program
from opvasm.source import SourceFile
from opvasm.verifier.report import verify


def program(text: str, name: str = "test.opv") -> Program:
    """The program of a text without mistakes."""
    return assemble(SourceFile(name, text)).program


def findings_of(source: Program, vector: str | None = None) -> tuple[Diagnostic, ...]:
    """What the verifier says of one vector, or of all."""
    return in_order(
        finding
        for each in source.vectors.values()
        if vector is None or each.name == vector
        for finding in verify(each, source.abi, data=source.data)
    )


def codes(found: tuple[Diagnostic, ...]) -> list[str]:
    """The codes of findings, in their order."""
    return [each.code for each in found]
