"""All findings of a text, and what it holds to run, debug and explore."""

from __future__ import annotations

from ..assembler import Assembly
from ..errors import Diagnostic, OpvasmError, in_order
from ..light_typing import Any
from ..lsp.positions import units
from ..report.human import render_all, tally
from ..report.style import COLORED
from ..source import SourceFile, Span
from ..text.names import type_text
from ..verifier.report import verify
from .findings import findings_json
from .texts import Text, assembled


def check(text: Text) -> dict[str, Any]:
    """``findings``, in order; ``outline``, which is None where the text can't be read."""
    source = SourceFile(text.name, text.text)
    try:
        assembly = assembled(text)
    except OpvasmError as error:
        return {"findings": findings_json(error.diagnostics, source), "outline": None}
    return {"findings": findings_json(findings(assembly), source), "outline": _outline(assembly)}


def findings(assembly: Assembly) -> tuple[Diagnostic, ...]:
    """What the kernel would refuse, advice, and what is wrong with sections and scenarios."""
    from ..explorer.plan.validate import check_scenarios
    from ..verifier.section_report import section_report

    program = assembly.program
    found: list[Diagnostic] = []
    for vector in program.vectors.values():
        found += verify(vector, program.abi, data=program.data)
    for section in program.sections.values():
        found += section_report(section, program.data)
    if assembly.scenarios:
        found += check_scenarios(program, assembly.scenarios, assembly.strategies)
    return in_order(found)


def report(text: Text) -> dict[str, Any]:
    """What ``opvasm verify --rseq --budget`` prints: findings, ways to run, what each vector costs."""
    from ..verifier.budget import budget, budget_text
    from ..verifier.rseq_report import rseq_report
    from ..verifier.section_report import section_report, vector_report

    assembly = assembled(text)
    program, name = assembly.program, text.name
    found: list[Diagnostic] = []
    for vector in program.vectors.values():
        found += verify(vector, program.abi, data=program.data, name=name)
        found += rseq_report(vector, program.abi, program.data, name)
    for section in program.sections.values():
        found += section_report(section, program.data)
        found.append(vector_report(section, program.data, program.abi))
    ordered = in_order(found)
    shown = render_all(ordered, COLORED)
    for vector in program.vectors.values():
        shown += budget_text(budget(vector, program.abi, program.data, name))
    count = f"{len(program.vectors)} vectors, {len(program.sections)} sections"
    return {
        "text": f"{shown}{count}: {tally(ordered) or 'nothing to report'}\n",
        "refused": any(each.level == "error" for each in ordered),
    }


def _outline(assembly: Assembly) -> dict[str, Any]:
    """Vectors, sections, tests and scenarios of the file itself, with where they stand."""
    source, program = assembly.sources[0], assembly.program

    def at(place: object) -> int | None:
        here = isinstance(place, Span) and place.file.name == source.name
        return units(source.text, place.start) if here and isinstance(place, Span) else None

    return {
        "vectors": [
            {
                "name": each.name,
                "ops": len(each.instructions),
                "parameters": [[one.name, type_text(one.type)] for one in each.parameters],
                "at": at(each.place),
            }
            for each in program.vectors.values()
        ],
        "sections": [{"name": each.name} for each in program.sections.values()],
        "tests": [{"name": each.name, "at": at(each.span)} for each in assembly.tests],
        "scenarios": [
            {"name": each.name, "title": each.title, "at": at(each.span)}
            for each in assembly.scenarios
        ],
    }
