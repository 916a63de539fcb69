"""The vectors that sections exactly are, for strategies that fall back to the system call."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ...program import Program, section as ir
from ...text.scenario_tree import OPV, RunVector, Scenario, Statement, Strategy
from ...verifier.section_report import vector_beside
from ...verifier.section_vector import AsVector, NoVector
from ..setting.statements import walk


def with_called(
    program: Program, scenario: Scenario, strategies: Mapping[str, Strategy]
) -> tuple[Program, dict[str, AsVector]]:
    """The program with these vectors and their constants, and the vectors by the names of their sections.

    ``strategies`` are those of the threads, by their names.
    """
    called: dict[str, AsVector] = {}
    for section in _falling_back(program, scenario, strategies):
        if section.name in called:
            continue
        taken = {
            *program.vectors,
            *program.sections,
            *program.data.symbols,
            *program.data.constants,
        }
        try:
            found = vector_beside(section, program.data, program.abi, taken)
        except NoVector:
            continue  # validate.py has refused it
        called[section.name] = found
        vectors = {**program.vectors, found.vector.name: found.vector}
        program = program._replace(vectors=vectors, data=found.data)
    return program, called


def _falling_back(
    program: Program, scenario: Scenario, strategies: Mapping[str, Strategy]
) -> Iterator[ir.Section]:
    """The sections that threads run whose strategy falls back to the call."""
    bodies: list[tuple[str, tuple[Statement, ...]]] = [
        *((thread.name, thread.body) for thread in scenario.threads),
        *((handler.thread, handler.body) for handler in scenario.handlers),
    ]
    for name, body in bodies:
        if strategies[name].fallback == OPV:
            for statement in walk(body):
                if isinstance(statement, RunVector) and statement.vector in program.sections:
                    yield program.sections[statement.vector]
