"""Sections of the same instructions are lifted once: a large program has hundreds of some thirty.

A compiler writes a function that is inlined everywhere again and again, mostly in the registers that it
chose before.  Such sections differ in their addresses, in where their branches leave to, and in nothing else.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from ..light_typing import NamedTuple
from ..program import section as ir
from .code import Code, Flow
from .lift import Lifted, lift
from .roles import named_by_role
from .state import Area, remark_of
from .values import without_addresses
from .walk import label_of

_COUNTERS = ("rip", "eip")
_KEEPS_A_PART = "movk"  # of a number that values.py knows


class Alike(NamedTuple):
    """A lifted section; ``first`` is that of the first section which is alike, perhaps the same."""

    lifted: Lifted
    first: Lifted


class Lifter:
    """Lifts sections, and remembers what it has lifted."""

    def __init__(self) -> None:
        self._known: dict[object, tuple[Lifted, tuple[Code, ...]]] = {}

    def lift(
        self,
        machine: str,
        codes: Sequence[Code],
        end: int,
        area: Area | None,
        results: Collection[str] = (),
    ) -> Alike:
        """The section of these instructions, its parameters named by their roles.  Raises NotLifted."""
        key = (machine, _instructions(codes, end), _before(codes, area), tuple(results))
        known = self._known.get(key)
        if known is None:
            found = named_by_role(lift("section", machine, codes, end, area, results))
            self._known[key] = found, tuple(codes)
            return Alike(found, found)
        first, others = known
        return Alike(_at(first, others, codes, end), first)


def _instructions(codes: Sequence[Code], end: int) -> tuple[object, ...]:
    """What instructions do wherever they stand."""
    start = codes[0].address if codes else end
    outside: dict[int, int] = {}
    found: list[object] = []
    for code in codes:
        # Places relative to the program counter are addresses in ``loads``, but not in the text.
        fixed = any(each in code.text for each in _COUNTERS)
        what: object = (code.text, code.loads, code.stores, code.address if fixed else None)
        if code.target is not None and code.flow in (Flow.JUMP, Flow.BRANCH):
            inside = start <= code.target <= end
            goal = (
                code.target - start
                if inside
                else -1 - outside.setdefault(code.target, len(outside))
            )
            what = (code.mnemonic, _operands(code), goal)
        found.append((code.address - start, what))
    return (*found, end - start)


def _operands(code: Code) -> str:
    """The operands of a branch without the last, its target."""
    return code.text.partition(" ")[2].rpartition(",")[0]


def _before(codes: Sequence[Code], area: Area | None) -> object:
    """What is known, before the section, of the registers that it names."""
    if area is None:
        return None
    values = area.values()
    needed = sorted(_needed(codes))
    return tuple(needed), without_addresses([area.address, *map(values.register, needed)])


def _needed(codes: Sequence[Code]) -> set[str]:
    """The registers of which it may matter what they held before the first of these instructions.

    What was there is gone where every way sets the register first: before any branch that goes on
    inside.  (The register that holds the descriptor's address is mostly set again.)
    """
    found: set[str] = set()
    gone: set[str] = {""}
    last = codes[-1].address if codes else 0
    always = True
    for code in codes:
        names = {*code.reads}
        for place in (*code.loads, *code.stores):
            names |= {place.base, place.indexed}
        if code.mnemonic == _KEEPS_A_PART:
            names |= code.writes
        found |= names - gone
        always = always and not (code.target is not None and code.address < code.target <= last)
        if always:
            gone |= code.writes
    return found


def _at(lifted: Lifted, others: Sequence[Code], codes: Sequence[Code], end: int) -> Lifted:
    """What was lifted of other instructions, for these: with their addresses and labels."""
    remarks: dict[str, str] = {}
    targets: dict[int | None, int | None] = {}
    for other, code in zip(others, codes, strict=True):
        remarks[remark_of(other)] = remark_of(code)
        targets[other.target] = code.target
    exits: dict[str, int] = {}
    labels: dict[str, str] = {}
    for label, address in lifted.exits.items():
        target = targets[address]
        assert target is not None
        labels[label] = label_of(target, end)
        exits[labels[label]] = target

    def one(step: ir.Step) -> ir.Step:
        remark = remarks.get(step.remark)
        if remark is None:
            whole, _, more = step.remark.partition(";")  # what was said beside the instruction
            remark = f"{remarks[whole]};{more}"
        if isinstance(step, ir.Exit):
            return step._replace(label=labels[step.label], remark=remark)
        return step._replace(remark=remark)

    section = lifted.section
    return lifted._replace(
        section=section._replace(body=ir.with_steps(section.body, one)), exits=exits
    )
