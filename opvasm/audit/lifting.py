"""An audit's sections as ``.opv`` text."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence

from ..abi.revisions import DEFAULT_REVISION, get_abi
from ..elf.problems import ElfError
from ..lift.code import Code, Flow
from ..lift.lift import Lifted, lift
from ..lift.roles import named_by_role
from ..lift.state import Area, NotLifted
from ..light_typing import NamedTuple
from ..program import section as ir
from ..text.section_printer import section_text
from .audit import FileAudit
from .subject import Subject

_RESULT = {"x86-64": ("rax",), "aarch64": ("x0",)}
_AFTER_BYTES = 64
_WITH_RELEASE = "2019-04"
_NAME = re.compile(r"[^A-Za-z0-9_]+")


class LiftedText(NamedTuple):
    """The text of a section, or the reason why there is none."""

    subject: Subject
    name: str
    text: str
    reason: str
    lifted: Lifted | None


def lift_subject(subject: Subject, name: str) -> Lifted:
    """A section lifted, its parameters named by their roles.  Raises NotLifted."""
    if not subject.codes:
        raise NotLifted("its instructions were not decoded", subject.start)
    lead = subject.lead
    area = Area(lead.codes, lead.area) if lead is not None else None
    machine = subject.context.machine
    return named_by_role(lift(name, machine, subject.codes, subject.end, area, results(subject)))


def results(subject: Subject) -> list[str]:
    """The registers that the section sets and that the code right after it reads.

    Followed are the instructions up to the first branch or call; a return reads the register of
    the result.
    """
    changed = frozenset[str]().union(*(code.writes for code in subject.codes))
    changed = frozenset(each for each in changed if each[0] not in "v" and "mm" not in each)
    try:
        after = subject.context.decode(subject.end, _AFTER_BYTES, until_branch=True)
    except ElfError:
        return []
    found: set[str] = set()
    set_again: set[str] = set()
    for code in after:
        reads = set() if _zeroes(code) else set(code.reads)
        if code.flow is Flow.RETURN:
            reads |= set(_RESULT.get(subject.context.machine, ()))
        found |= (reads & changed) - set_again
        set_again |= _wholly_set(code)
    return sorted(found)


def _zeroes(code: Code) -> bool:
    """Whether an instruction makes a register zero and only seems to read it."""
    operands = [each.strip() for each in code.text.partition(" ")[2].split(",")]
    return code.mnemonic in ("xor", "sub", "eor") and len(set(operands[-2:])) == 1


def _wholly_set(code: Code) -> set[str]:
    first = code.text.partition(" ")[2].partition(",")[0].strip()
    return set(code.writes) if _zeroes(code) else {each for each in code.writes if each == first}


def lift_audit(audit: FileAudit, wanted: Iterable[str] = ()) -> list[LiftedText]:
    """The texts of all sections, or of those that are named by function, address or place."""
    chosen = list(wanted)
    names: set[str] = set()
    found = []
    for each in audit.sections:
        subject = each.subject
        if chosen and not any(_is_meant(subject, word) for word in chosen):
            continue
        name = _name(subject, names)
        try:
            lifted = lift_subject(subject, name)
        except NotLifted as error:
            place = subject.context.file.place(error.address)
            found.append(LiftedText(subject, name, "", f"{error.reason} ({place})", None))
            continue
        found.append(LiftedText(subject, name, section_text(lifted.section), "", lifted))
    return found


def _is_meant(subject: Subject, word: str) -> bool:
    function = subject.function.partition("+")[0]
    if word in (function, subject.function, subject.context.file.place(subject.start)):
        return True
    try:
        return int(word, 0) in (subject.start, subject.descriptor.address)
    except ValueError:
        return False


def _name(subject: Subject, names: set[str]) -> str:
    """A name of the language: the function, and the section's address where that is not unique."""
    function = _NAME.sub("_", subject.function.partition("+")[0]).strip("_")[:60]
    if not function or function[0].isdigit():
        function = f"section_{function}"
    name = function
    if name in names or name.startswith("sub_"):
        name = f"{function}_at_{subject.start:x}"
    names.add(name)
    return name


def exact_vector(section: ir.Section) -> str | None:
    """The vector that a section exactly is, as text; None where it is none."""
    from ..program import Data
    from ..verifier.section_report import as_vector_text
    from ..verifier.section_vector import NoVector, as_vector

    abi = get_abi(_revision([section]))
    empty = Data(symbols={}, structs={}, constants={}, pool=())
    try:
        found = as_vector(section._replace(name=f"{section.name}_vector"), empty, abi)
    except NoVector:
        return None
    head = f"// {section.name} is exactly this vector, which cpu_opv runs as well.\n"
    return head + as_vector_text(found, abi)


def _revision(sections: Iterable[ir.Section]) -> str:
    """The revision whose ops do what the sections do: only the last knows release order."""
    ordered = any(
        isinstance(step, ir.Store | ir.Change) and step.release
        for section in sections
        for step in ir.walk(section.body)
    )
    return _WITH_RELEASE if ordered else DEFAULT_REVISION


def document(
    audit: FileAudit,
    texts: Sequence[LiftedText],
    peers: Sequence[str] = (),
    told: Callable[[str], None] | None = None,
) -> str:
    """The file: where each section comes from, its exits and registers, its text.

    For each peer (scenario.PEERS) a scenario is added after each section; ``told`` is called with the
    name of each section for which there is none.
    """
    parts = [f"// Lifted from {audit.name} ({audit.machine}).\n"]
    sections = [each.lifted.section for each in texts if each.lifted is not None]
    if _revision(sections) != DEFAULT_REVISION:
        parts.append(f"abi {_WITH_RELEASE}  // the revision whose ops know release order\n")
    for each in texts:
        subject = each.subject
        place = subject.context.file.place
        lines = [f"// {place(subject.start)} in {subject.function}"]
        if each.lifted is None:
            parts.append(f"{lines[0]}\n// not lifted: {each.reason}\n")
            continue
        for label, address in each.lifted.exits.items():
            what = ", its abort handler" if address == subject.descriptor.abort else ""
            lines.append(f"// exit {label}: {place(address)}{what}")
        for name in each.lifted.section.results:
            lines.append(f"// result {name}: {each.lifted.registers[name]}, read after the section")
        parts.append("\n".join(lines) + "\n" + each.text)
        vector = exact_vector(each.lifted.section)
        if vector is not None:
            parts.append(vector)
        if peers:
            from .scenario import no_scenario, scenario_text

            text = scenario_text(each.lifted, peers)
            if text is None and told is not None:
                told(each.lifted.section.name)
            parts.append(no_scenario(each.lifted) if text is None else text)
    return "\n".join(parts)
