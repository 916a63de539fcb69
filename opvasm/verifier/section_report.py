"""What ``verify`` says of sections: the rules, and the vector that one exactly is."""

from __future__ import annotations

from collections.abc import Collection

from ..abi.revisions import Abi
from ..codes import rseq as codes
from ..errors import Diagnostic, Note, in_order
from ..program import Data, section as ir
from ..text.printer import vector_text
from .section_rules import section_diagnostics
from .section_vector import AsVector, NoVector, as_vector


def section_report(section: ir.Section, data: Data) -> tuple[Diagnostic, ...]:
    """Every rule that a section breaks; of one that is unverified, as warnings."""
    found = section_diagnostics(section, data)
    if not section.verified:
        found = tuple(each._replace(level="warning") for each in found)
    return in_order(found)


def vector_report(section: ir.Section, data: Data, abi: Abi) -> Diagnostic:
    """The note that says whether a section is a vector, and which."""
    try:
        found = as_vector(section, data, abi)
    except NoVector as reason:
        message = f"{section.name} is not a vector: {reason}"
        return Diagnostic("note", codes.SECTION_VECTOR, message, section.place)
    notes = [as_vector_note(found, abi)]
    message = f"{section.name} is exactly a vector, and cpu_opv may do the same work"
    return Diagnostic("note", codes.SECTION_VECTOR, message, section.place, tuple(notes))


def vector_beside(section: ir.Section, data: Data, abi: Abi, taken: Collection[str]) -> AsVector:
    """The vector that a section is, under a name that is free beside it.  Raises NoVector."""
    name = f"{section.name}_vector"
    while name in taken:
        name += "_2"
    return as_vector(section._replace(name=name, verified=True), data, abi)


def as_vector_note(found: AsVector, abi: Abi) -> Note:
    """The vector's text as a note of a finding."""
    return Note(f"as a vector it is\n{as_vector_text(found, abi).rstrip()}")


def as_vector_text(found: AsVector, abi: Abi) -> str:
    """The vector as text, with the exit that each compare stands for."""
    exits = {op: label for label, ops in found.labels.items() for op in ops}

    def remark(op: int) -> str:
        return f"op {op}: exit {exits[op]}" if op in exits else f"op {op}"

    head = "" if found.cpu is None else f"// for the CPU {found.cpu}\n"
    return head + vector_text(found.vector, abi, found.data, remark)
