"""Which register each local of a section lives in: locals that are needed at the same time have two."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..light_typing import NamedTuple
from ..program import section as ir
from ..program.flat import Branch, FlatInstruction, Leave, Simple, successors, written_local


class NoCode(Exception):
    """A section, or a step of one, that has no code; the reason is a clause."""


class Homes(NamedTuple):
    """``of`` gives the register of a local, ``busy`` those that no value of an instruction's own may
    take: of the locals that are needed at it or after it."""

    of: dict[str, str]
    busy: tuple[frozenset[str], ...]


def homes(
    code: tuple[FlatInstruction, ...], pool: Sequence[str], results: Mapping[str, Sequence[str]]
) -> Homes:
    """A register of the pool for each local; ``results`` are those that the caller gets, by label.

    Raises NoCode where there are not enough registers.
    """
    after = _needed_after(code, results)
    apart: dict[str, set[str]] = {}
    for index, each in enumerate(code):
        written = written_local(each.step)
        if written is not None:
            apart.setdefault(written[0], set())
            for other in after[index] - {written[0]}:
                apart.setdefault(other, set()).add(written[0])
                apart[written[0]].add(other)
    of: dict[str, str] = {}
    for name, others in apart.items():
        taken = {of[other] for other in others if other in of}
        free = next((each for each in pool if each not in taken), None)
        if free is None:
            raise NoCode(f"it has more than {len(pool)} locals at once, one of them {name}")
        of[name] = free
    busy = tuple(
        frozenset(of[name] for name in after[index] | read_locals(each.step))
        for index, each in enumerate(code)
    )
    return Homes(of, busy)


def read_locals(step: Simple) -> frozenset[str]:
    """The locals that an instruction reads."""
    match step:
        case Branch(condition=None) | Leave():
            terms: tuple[ir.Term, ...] = ()
        case Branch(condition=condition):
            assert condition is not None
            terms = (condition,)
        case _:
            terms = ir.terms_of(step)
    return frozenset(
        each.name for term in terms for each in ir.every_term(term) if isinstance(each, ir.Local)
    )


def _needed_after(
    code: tuple[FlatInstruction, ...], results: Mapping[str, Sequence[str]]
) -> list[set[str]]:
    """For each instruction the locals that are read after it on some way."""
    after: list[set[str]] = [set() for _ in code]
    changed = True
    while changed:
        changed = False
        for index in range(len(code) - 1, -1, -1):
            needed: set[str] = set()
            for following in successors(code, index):
                step = code[following].step
                written = written_local(step)
                kept = after[following] - ({written[0]} if written is not None else set())
                needed |= kept | read_locals(step)
                if isinstance(step, Leave):
                    needed |= set(results[step.label])
            if needed != after[index]:
                after[index] = needed
                changed = True
    return after
