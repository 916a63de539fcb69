"""An audit's sections as ``.opv`` text."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from ..abi.revisions import DEFAULT_REVISION, get_abi
from ..elf.object_code import outside
from ..lift.lift import Lifted
from ..lift.state import NotLifted
from ..light_typing import NamedTuple
from ..program import Data, Struct, section as ir
from ..text.section_printer import section_text
from .audit import FileAudit
from .lifted_subject import lift_subject
from .naming import Naming
from .objects import Globals, globals_of, structs_text, typed
from .subject import Subject

_WITH_RELEASE = "2019-04"
_NOTHING = Data({}, {}, {}, ())


class LiftedText(NamedTuple):
    """The text of a section, or the reason why there is none.

    ``broken`` says which of the language's rules for sections it breaks: it is ``unverified`` then.
    """

    subject: Subject
    name: str
    text: str
    reason: str
    lifted: Lifted | None
    structs: tuple[Struct, ...] = ()
    globals: Globals = Globals(())
    broken: tuple[str, ...] = ()


def lift_audit(audit: FileAudit, wanted: Iterable[str] = ()) -> list[LiftedText]:
    """The texts of all sections, or of those that are named by function, address or place."""
    chosen = list(wanted)
    naming = Naming()
    found: list[LiftedText] = []
    firsts: list[Lifted | None] = []  # the sections that these are like
    for each in audit.sections:
        subject = each.subject
        if chosen and not any(_is_meant(subject, word) for word in chosen):
            continue
        try:
            lifted, first = lift_subject(subject, subject.context.lifter)
        except NotLifted as error:
            place = subject.context.file.place(error.address)
            name = _named(subject, naming, None)
            found.append(LiftedText(subject, name, "", f"{error.reason} ({place})", None))
            firsts.append(None)
            continue
        name = _named(subject, naming, lifted)
        lifted = lifted._replace(section=lifted.section._replace(name=name))
        found.append(LiftedText(subject, name, "", "", lifted))
        firsts.append(first)
    if not found:
        return found
    known = [each.lifted.section for each in found if each.lifted is not None]
    globals = globals_of(audit.sections[0].subject.context.file, known, naming)
    sound: set[int] = set()  # of which kind of sections none breaks a rule
    return [
        _with_text(each, globals, id(first), sound)
        for each, first in zip(found, firsts, strict=True)
    ]


def _with_text(text: LiftedText, globals: Globals, kind: int, sound: set[int]) -> LiftedText:
    """The same with its text, its globals named, and the structs of its base registers."""
    if text.lifted is None:
        return text
    from ..verifier.section_rules import section_findings

    lifted = globals.named(text.lifted)
    section, structs = typed(lifted, globals)
    data = globals.data(*structs)
    broken: tuple[str, ...] = ()
    if kind not in sound:
        findings = section_findings(section, data)
        broken = tuple(f"{each.message} ({each.rule})" for each in findings if each.refuses)
    if not broken:
        sound.add(kind)
    else:
        section = section._replace(verified=False)
        lifted = lifted._replace(section=lifted.section._replace(verified=False))
    written = section_text(section, data)
    found = text._replace(text=written, lifted=lifted, structs=structs, globals=globals)
    return found._replace(broken=broken)


def _is_meant(subject: Subject, word: str) -> bool:
    function = subject.function.partition("+")[0]
    if word in (function, subject.function, subject.context.file.place(subject.start)):
        return True
    if word in subject.context.names.every_name(subject.start):
        return True
    try:
        return int(word, 0) in (subject.start, subject.descriptor.address)
    except ValueError:
        return False


def _named(subject: Subject, naming: Naming, lifted: Lifted | None) -> str:
    """A name of the language: the function's where that is free."""
    section = lifted.section if lifted is not None else None
    return naming.section(subject.function.partition("+")[0], subject.start, section)


def exact_vector(section: ir.Section, data: Data = _NOTHING) -> str | None:
    """The vector that a section exactly is, as text; None where it is none."""
    from ..verifier.section_report import as_vector_text
    from ..verifier.section_vector import NoVector, as_vector

    abi = get_abi(_revision([section]))
    try:
        as_one = section._replace(name=f"{section.name}_vector", verified=True)
        found = as_vector(as_one, data, abi)
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


def _where(audit: FileAudit, address: int) -> str:
    file = audit.sections[0].subject.context.file
    return "in another file" if outside(file, address) else f"{file.place(address)} in the file"


def _around(
    text: LiftedText,
    globals: Globals,
    peers: Sequence[str],
    told: Callable[[str, str], None],
    kernels: Sequence[str],
) -> tuple[str, str]:
    """What stands before and after a section's text: its objects' types; its test and scenarios."""
    from .scenario import NO_START, no_scenario, scenario_text

    assert text.lifted is not None
    made = scenario_text(text.lifted, peers, text.structs, globals, kernels, told)
    if made is not None:
        return made
    told(text.lifted.section.name, NO_START)
    return structs_text(text.structs), no_scenario(text.lifted)


def document(
    audit: FileAudit,
    texts: Sequence[LiftedText],
    peers: Sequence[str] = (),
    told: Callable[[str, str], None] = lambda section, why: None,
    kernels: Sequence[str] = (),
) -> str:
    """The file: where each section comes from, its exits and registers, its text.

    For each peer (scenario.PEERS) a scenario is added after each section; ``told`` is called with the
    name of each section for which there is none, and why.  ``kernels`` are the profiles under which scenarios
    are explored, the command's own unless given.
    """
    parts = [f"// Lifted from {audit.name} ({audit.machine}).\n"]
    sections = [each.lifted.section for each in texts if each.lifted is not None]
    if _revision(sections) != DEFAULT_REVISION:
        parts.append(f"abi {_WITH_RELEASE}  // the revision whose ops know release order\n")
    globals = next((each.globals for each in texts if each.lifted is not None), Globals(()))
    for one in globals.found:
        parts.append(f"// {_where(audit, one.address)}\n{one.declaration()}")
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
        lines += [f"// unverified: {what}" for what in each.broken]
        for name in each.lifted.section.results:
            lines.append(f"// result {name}: {each.lifted.registers[name]}, read after the section")
        around = _around(each, globals, peers, told, kernels) if peers else None
        declared = around[0] if around is not None else structs_text(each.structs)
        parts.append(declared + "\n".join(lines) + "\n" + each.text)
        vector = exact_vector(each.lifted.section, globals.data())
        if vector is not None:
            parts.append(vector)
        if around is not None:
            parts.append(around[1])
    return "\n".join(parts)
