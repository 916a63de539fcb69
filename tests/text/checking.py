"""What the tests of texts share: assembling a text, and the errors of one as short lines."""

from __future__ import annotations

from textwrap import dedent

from opvasm.assembler import Assembly, assemble
from opvasm.errors import Diagnostic, ParseError
from opvasm.program import Instruction
from opvasm.source import SourceFile, Span


def assembled(text: str, **options: str) -> Assembly:
    """A text without mistakes, its common indentation taken away."""
    return assemble(SourceFile("t.opv", dedent(text)), **options)  # type: ignore[arg-type]


def instructions(text: str, **options: str) -> tuple[Instruction, ...]:
    """The ops of the one vector of a text."""
    (vector,) = assembled(text, **options).program.vectors.values()
    return vector.instructions


def op(statement: str, declarations: str = "", parameters: str = "", **options: str) -> Instruction:
    """The op that one statement makes."""
    text = f"{dedent(declarations)}\nunverified vector v({parameters}) {{\n{statement}\n}}\n"
    (instruction,) = instructions(text, **options)
    return instruction


def problems(text: str, **options: str) -> tuple[Diagnostic, ...]:
    """Everything wrong with a text."""
    try:
        assembled(text, **options)
    except ParseError as error:
        return error.diagnostics
    return ()


def errors(text: str, **options: str) -> list[str]:
    """The errors of a text as ``line:column code marked text: message``."""
    return [short(each) for each in problems(text, **options)]


def short(diagnostic: Diagnostic) -> str:
    """An error in one line."""
    place = diagnostic.place
    assert isinstance(place, Span)
    return f"{place.line}:{place.column} {diagnostic.code} {place.text!r}: {diagnostic.message}"


def op_errors(
    statement: str, declarations: str = "", parameters: str = "", **options: str
) -> list[str]:
    """The errors of one statement as ``code marked text: message``."""
    text = f"{dedent(declarations)}\nunverified vector v({parameters}) {{\n{statement}\n}}\n"
    return [each.split(" ", 1)[1] for each in errors(text, **options)]
