"""Sections that load on their way to a header: those that are exactly a vector, and the others."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from ..codes import emit as codes
from ..errors import Diagnostic
from ..light_typing import NamedTuple
from ..program import Data, Program, Vector, section as ir
from ..source import Span
from ..text.printer import Speller
from ..text.scenario_tree import OPV, Strategy
from ..verifier.section_rules import section_diagnostics
from ..verifier.section_vector import NoVector, as_vector
from .attempt import code_of
from .context import Context
from .exits import as_functions, constant_name
from .homes import NoCode
from .loading_plain import loading_statements
from .names import Naming
from .own_cpu import for_its_cpu

_HELP = "write it so, or name the others: --vector"


class WithSections(NamedTuple):
    """A program whose literal pool has what the vectors made of its sections need.

    ``vectors`` are one for each section, ``loading`` those of the sections, by name, that are no
    vector: theirs has no ops, and says what the functions take.
    """

    program: Program
    vectors: tuple[Vector, ...]
    loading: Mapping[str, ir.Section]
    findings: tuple[Diagnostic, ...]


def with_sections(
    program: Program, named: Collection[str], strategy: Strategy, architectures: tuple[str, ...]
) -> WithSections:
    """The sections of these names; all of the program's where there are no names.

    ``findings`` say of each that gets no functions why.
    """
    data = program.data
    vectors: list[Vector] = []
    loading: dict[str, ir.Section] = {}
    findings: list[Diagnostic] = []
    for name, section in program.sections.items():
        if named and name not in named:
            continue
        try:
            found = as_vector(section, data, program.abi)
        except NoVector as reason:
            section = for_its_cpu(section)
            problem = _problem(section, program, strategy, architectures, reason)
            if problem is not None:
                message = f"section {name} has no function in C: {problem}"
                findings.append(_error(message, section))
                continue
            vectors.append(as_functions(section))
            loading[name] = section
        else:
            data = found.data
            vectors.append(found.vector)
    return WithSections(program._replace(data=data), tuple(vectors), loading, tuple(findings))


def loading_refusals(
    section: ir.Section, data: Data, strategy: Strategy, naming: Naming
) -> Iterator[Diagnostic]:
    """What stands against a section that loads: the rules of sections, and names of C that are one."""
    if strategy.uses_sections and not strategy.unchecked:
        yield from section_diagnostics(section, data)
    constants = [constant_name(naming.prefix, section, each) for each in ir.labels(section)]
    if len(set(constants)) < len(constants):
        message = f"section {section.name}: two of its labels differ in their case alone"
        yield _error(message, section, "rename one: C calls them by capital letters", codes.NAME)


def _problem(
    section: ir.Section,
    program: Program,
    strategy: Strategy,
    architectures: tuple[str, ...],
    reason: NoVector,
) -> str | None:
    """Why a section that is no vector has no code; None where it has."""
    if OPV in (strategy.first, strategy.fallback):
        return f"cpu_opv, which strategy {strategy.name} calls, runs vectors, and {reason}"
    wide = [name for name, type in ir.local_types(section).items() if type.size > 8]
    if wide:
        return f"{wide[0]} is two registers"
    vector = as_functions(section)
    speller = Speller(program.abi, program.data, vector)
    context = Context(vector, program.data, Naming("t", {}), speller, loading=section)
    try:
        list(loading_statements(context))
        if strategy.uses_sections:
            for architecture in architectures:
                for here in (False, True):
                    # The flag is looked at before any register is taken: it makes no difference.
                    code_of(context._replace(here=here), architecture)
    except NoCode as problem:
        return str(problem)
    return None


def _error(
    message: str, section: ir.Section, help: str = _HELP, code: str = codes.SECTION
) -> Diagnostic:
    place = section.place if isinstance(section.place, Span) else None
    return Diagnostic("error", code, message, place, help=help)
