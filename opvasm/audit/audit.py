"""The audit of one file: its sections are found, decoded, clustered and checked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..codes import audit as codes
from ..elf.descriptors import Found, find_descriptors
from ..elf.file import ElfFile
from ..elf.signatures import find_by_signature, signature_stands
from ..kernels.profiles import Profile
from ..lift.code import Decoder
from ..lift.decoders import CannotDecode, decoder
from ..light_typing import NamedTuple
from .finding import Finding
from .not_here import refuse_debug_information, refuse_other_code
from .outcomes import Outcome, in_words, kernels_for, of_section, outcome
from .rules_area import area_rules, entered, entry_rules, step_rules
from .rules_code import code_rules
from .rules_cpu import id_rules
from .rules_descriptor import descriptor_rules
from .shapes import cluster
from .subject import Context, Subject


class Audited(NamedTuple):
    """A section with what was found about it."""

    subject: Subject
    findings: tuple[Finding, ...]


class Shape(NamedTuple):
    """Sections of one shape; ``matrix`` gives the worst that each kernel does to one of them."""

    sections: tuple[Audited, ...]
    matrix: tuple[tuple[Profile, Outcome], ...]


class FileAudit(NamedTuple):
    """What an audit of a file found.

    ``searched`` says how sections were looked for: ``named``, or ``signature`` as well.
    ``lines`` are source lines by address, where debug information gave them.
    """

    name: str
    machine: str
    shapes: tuple[Shape, ...]
    kernels: tuple[Profile, ...]
    searched: str
    repeated: int
    lines: dict[int, str]
    undecoded: str = ""

    @property
    def sections(self) -> list[Audited]:
        """All sections, by address."""
        found = [each for shape in self.shapes for each in shape.sections]
        return sorted(found, key=lambda each: each.subject.start)


def audit_file(
    file: ElfFile,
    deep: bool = False,
    kernels: Sequence[Profile] | None = None,
    all_code: bool = False,
) -> FileAudit:
    """Find and check the sections of a file.

    ``deep`` looks for signatures in any case; else that is done only where no section is named and a
    signature stands in the code.  ``kernels`` are the rule sets to judge by, all of the file's
    architecture unless given.  ``all_code`` looks for branches into sections everywhere, and not only
    in the function around each.  Raises ElfError, also (OnlyDebugInformation) for a file without code.
    """
    chosen = tuple(kernels) if kernels is not None else kernels_for(file.machine.name)
    nothing = FileAudit(file.name, file.machine.name, (), chosen, "named", 0, {})
    refuse_debug_information(file)
    found = find_descriptors(file)
    searched = "named"
    if deep or (not found.descriptors and signature_stands(file)):
        searched = "signature"
        found = _with_deep(file, found)
    if not found.descriptors:
        refuse_other_code(file)
        return nothing._replace(searched=searched)
    engine, undecoded = _decoder(file.machine.name)
    context = Context(file, found, engine)
    shapes = []
    groups = cluster(Subject(context, each) for each in found.descriptors)
    elsewhere = _elsewhere(context, groups, all_code)
    for group in groups:
        audited = tuple(
            Audited(each, tuple(check(each, chosen, elsewhere.get(each.descriptor.address, ()))))
            for each in group
        )
        faults = {finding.fault for each in audited for finding in each.findings}
        matrix = tuple((kernel, of_section(faults, kernel)) for kernel in chosen)
        shapes.append(Shape(audited, matrix))
    addresses = {
        finding.address
        for shape in shapes
        for each in shape.sections
        for finding in each.findings
        if finding.level != "note"
    }
    from .lines import source_lines

    lines = source_lines(file, addresses)
    return FileAudit(
        *(file.name, file.machine.name, tuple(shapes), chosen, searched),
        *(found.repeated, lines, undecoded),
    )


def check(
    subject: Subject, kernels: Sequence[Profile], elsewhere: Sequence[Finding] = ()
) -> Iterator[Finding]:
    """Every rule's findings of a section; one that harms under none of the kernels is a note.

    ``elsewhere`` is what was found about it in the rest of the code.
    """
    rules = (descriptor_rules, code_rules, area_rules, id_rules, entry_rules, step_rules)
    found = [each for rule in rules for each in rule(subject)]
    known = {(each.code, each.address) for each in found}
    found += [each for each in elsewhere if (each.code, each.address) not in known]
    for each in found:
        if each.level == "note":
            yield each
            continue
        where = in_words(each.fault, kernels)
        harmless = each.fault and all(
            outcome(each.fault, kernel) is Outcome.FINE for kernel in kernels
        )
        yield each._replace(
            level="note" if harmless else each.level,
            message=f"{each.message}: {where}" if where else each.message,
        )


def _elsewhere(
    context: Context, groups: list[list[Subject]], all_code: bool
) -> dict[int, list[Finding]]:
    """What the rest of the code says of sections, by the addresses of these sections' descriptors."""
    from .left_behind import left_behind

    found: dict[int, list[Finding]] = {}
    subjects = [each for group in groups for each in group]
    for subject, finding in left_behind(context, subjects):
        found.setdefault(subject.descriptor.address, []).append(finding)
    if all_code:
        from .entries import branches_into

        for address, target, subject in branches_into(context, subjects):
            finding = entered(subject, address, target)
            found.setdefault(subject.descriptor.address, []).append(finding)
    return found


def _with_deep(file: ElfFile, found: Found) -> Found:
    known = {each.address for each in found.descriptors}
    more = [each for each in find_by_signature(file).descriptors if each.address not in known]
    return found._replace(
        descriptors=tuple(sorted((*found.descriptors, *more), key=lambda each: each.address))
    )


def _decoder(machine: str) -> tuple[Decoder | None, str]:
    try:
        found = decoder(machine)
    except CannotDecode:
        return None, "capstone is not installed: pip install 'opvasm[audit]'"
    return found, "" if found is not None else f"instructions of {machine} are not decoded"


NOT_DECIDED = (codes.UNRESOLVED,)
"""Findings that leave something open: the exit code says so."""
