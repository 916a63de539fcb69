"""One section lifted: what the lifter needs besides its instructions is found in the code around it."""

from __future__ import annotations

from ..elf.problems import ElfError
from ..lift.alike import Alike, Lifter
from ..lift.code import Code, Flow
from ..lift.state import Area, NotLifted
from .subject import Subject

_RESULT = {"x86-64": ("rax",), "aarch64": ("x0",)}
_AFTER_BYTES = 64


def lift_subject(subject: Subject, lifter: Lifter) -> Alike:
    """A section lifted, its parameters named by their roles.  Raises NotLifted."""
    if not subject.codes:
        raise NotLifted("its instructions were not decoded", subject.start)
    lead = subject.lead
    area = Area(lead.own, lead.area, subject.known) if lead is not None else None
    machine = subject.context.machine
    return lifter.lift(machine, subject.codes, subject.end, area, results(subject))


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
