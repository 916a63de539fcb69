"""Rules about the CPU: a section must ask on which one it runs, and commit on the one that is meant."""

from __future__ import annotations

from collections.abc import Iterator

from ..codes import audit as codes
from ..lift.code import Code
from ..lift.state import NotLifted
from ..lift.values import Value, Values, distances
from ..light_typing import TYPE_CHECKING
from ..program import section as ir
from .finding import Finding
from .outcomes import Fault
from .subject import Subject

if TYPE_CHECKING:
    from ..lift.cpu_compares import Doubt

_CS = 8  # rseq_cs
_ID_BYTES = 4
_FLAGS_END = 20  # after rseq_cs and flags the ids go on: node_id, mm_cid
_ONLY_COMPARES = ("cmp", "cmn", "test", "tst", "ccmp", "ccmn")
# Also by what is left of the difference.
_MAY_COMPARE = (*_ONLY_COMPARES, "sub", "subs", "xor", "eor")
_OTHER_WAY = {"je": "jne", "b.eq": "b.ne", "cbz": "cbnz", "tbz": "tbnz"}
_OTHER_WAY |= {other: one for one, other in _OTHER_WAY.items()}
_SHOWN = "opvasm audit --lift OUT.opv --peer moved, then opvasm explore OUT.opv, shows what is lost"


def id_rules(subject: Subject) -> Iterator[Finding]:
    """A section that commits without having asked, in itself, on which CPU it runs, or the wrong way."""
    lead = subject.lead
    commits = [each for each in subject.codes if subject.stores(each)]
    if lead is None or not subject.decodes or not commits:
        return
    if _says_the_cpu(subject, lead.area, lead.own):
        yield from _compares(subject, commits[-1])
        return
    yield Finding(
        codes.NO_CPU,
        "warning",
        commits[-1].address,
        "the section does not read which CPU it runs on: it also commits when the thread has come to "
        "another CPU since what it is handed was computed",
        "compare cpu_id (offset 4 of struct rseq) with the CPU that is meant, inside of the section. "
        + _SHOWN,
        instruction=commits[-1].text,
    )


def _says_the_cpu(subject: Subject, area: Value, before: tuple[Code, ...]) -> bool:
    values = subject.known.copy()
    for each in (*before, *subject.codes):
        if subject.inside(each.address) and _tells(values, each, area):
            return True
        values.step(each, ())
    return False


def _tells(values: Values, code: Code, area: Value) -> bool:
    """Whether an instruction reads an id, memory of the thread, or where that lies."""
    if "tpidr" in code.text or code.mnemonic in ("rdtscp", "rdpid"):
        return True
    for place in code.loads:
        address = values.address(place)
        offset = address.offset - area.offset
        if place.segment or next(distances(address, area), None) is not None:
            return True
        if address.base != area.base and place.size == _ID_BYTES:
            return True  # perhaps the area by another way: nothing is said where that is not known
        if address.base == area.base and not (
            _CS <= offset < _FLAGS_END or offset >= ir.AREA_BYTES
        ):
            return True
    return False


# ---- what becomes of the compare ------------------------------------------------------------------------


def _compares(subject: Subject, commit: Code) -> Iterator[Finding]:
    """A compare that leads to the commit where the numbers differ, and one that leads nowhere."""
    asking = _asking(subject)
    if not asking:
        return
    from ..lift.cpu_compares import Fault as Kind, doubt
    from .lifted_subject import lift_subject

    try:
        found = doubt(lift_subject(subject, subject.context.lifter).lifted.section)
    except NotLifted:
        return
    if found is None:
        return
    match found.fault:
        case Kind.WRONG_WAY:
            yield _wrong_way(subject, found, commit)
        case Kind.WITHOUT_EFFECT if found.step is not None:
            yield _without_effect(
                *(found.field, _code_of(subject, found), "both ways from here do the same")
            )
        case Kind.WITHOUT_EFFECT:
            sure = [each for each in asking if not found.given or each.mnemonic in _ONLY_COMPARES]
            if sure:
                nobody = "no branch of the section asks for the result"
                yield _without_effect(found.field, sure[0], nobody)


def _asking(subject: Subject) -> list[Code]:
    """The instructions of the section that may compare an id with something."""
    lead = subject.lead
    assert lead is not None
    ids = {lead.area.plus(ir.AREA_FIELDS[each]) for each in ir.CPU_FIELDS}
    if not any(each.mnemonic in _MAY_COMPARE for each in subject.codes):
        return []
    values = subject.known.copy()
    found = []
    for each in (*lead.own, *subject.codes):
        if subject.inside(each.address) and each.mnemonic in _MAY_COMPARE:
            came = frozenset(map(values.address, each.loads))
            if ids & came.union(*map(values.comes_from, each.reads)):
                found.append(each)
        values.step(each, each.reads)
    return found


def _code_of(subject: Subject, found: Doubt) -> Code:
    """The instruction of a lifted step, whose remark begins with the address."""
    assert found.step is not None
    address = int(found.step.remark.partition(":")[0], 16)
    return next(each for each in subject.codes if each.address == address)


def _wrong_way(subject: Subject, found: Doubt, commit: Code) -> Finding:
    code = _code_of(subject, found)
    known = isinstance(found.step, ir.Exit) or (
        isinstance(found.step, ir.If) and found.step.otherwise
    )
    meant, another = "the section does not commit", "it does"
    if known and code.target is not None:
        ways = (code.target, code.end) if found.on_equal else (code.end, code.target)
        equal, differ = map(subject.function_at, ways)
        meant, another = (
            f"the branch leads to {equal} and never to the commit",
            f"to {differ} and on to it",
        )
    other = _OTHER_WAY.get(code.mnemonic)
    swap = f" (`{other}` in place of `{code.mnemonic}`)" if other is not None else ""
    return Finding(
        codes.CPU_WRONG_WAY,
        "error",
        code.address,
        f"the compare of {found.field} is the wrong way round: where it is the number that is meant "
        f"{meant}, and where it is another {another} (`{commit.text}` at "
        f"{subject.function_at(commit.address)})",
        f"leave the section where the numbers differ, and go on where they are equal{swap}. {_SHOWN}",
        Fault.ALWAYS,
        code.text,
    )


def _without_effect(field: str, code: Code, why: str) -> Finding:
    return Finding(
        codes.CPU_UNUSED,
        "error",
        code.address,
        f"{field} is compared without effect: {why}, and the section also commits when the thread has "
        "come to another CPU since what it is handed was computed",
        f"leave the section by a branch right after the compare where the numbers differ. {_SHOWN}",
        Fault.ALWAYS,
        code.text,
    )
