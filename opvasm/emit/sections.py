"""Sections that load, as far as they have functions in a header: those that are exactly a vector."""

from __future__ import annotations

from collections.abc import Collection

from ..codes import emit as codes
from ..errors import Diagnostic
from ..light_typing import NamedTuple
from ..program import Program, Vector
from ..source import Span
from ..verifier.section_vector import NoVector, as_vector


class WithSections(NamedTuple):
    """A program whose literal pool has what the vectors made of its sections need.

    ``findings`` name the sections that get no function: errors where they were asked for by name,
    warnings where the header goes without them.
    """

    program: Program
    vectors: tuple[Vector, ...]
    findings: tuple[Diagnostic, ...]


def with_sections(program: Program, named: Collection[str]) -> WithSections:
    """The sections of these names as vectors; all of the program's where there are no names."""
    data = program.data
    vectors: list[Vector] = []
    findings: list[Diagnostic] = []
    for name, section in program.sections.items():
        if named and name not in named:
            continue
        try:
            found = as_vector(section, data, program.abi)
        except NoVector as reason:
            findings.append(
                Diagnostic(
                    "error" if named else "warning",
                    codes.SECTION,
                    f"section {name} has no function in C: it is no vector, since {reason}",
                    section.place if isinstance(section.place, Span) else None,
                    help="write it as a vector whose addresses are known before (loads outside, each "
                    "compared inside), or by hand; `opvasm audit` checks what was compiled",
                )
            )
            continue
        data = found.data
        vectors.append(found.vector)
    return WithSections(program._replace(data=data), tuple(vectors), tuple(findings))
