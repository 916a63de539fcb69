"""A read of struct rseq at an index that only the run knows: which field of the thread's area it is.

A program that can use one of two numbers, cpu_id or a concurrency id, keeps the offset of that field in
a variable.  What is read is chosen in the text as well: an id at the four offsets of ids, memory at
others.  A read of a part of an id, or across its end, has no address there: it is a fault, not a guess.
"""

from __future__ import annotations

from ..light_typing import Protocol
from ..program import section as ir
from .code import Code
from .terms import UNSIGNED, binary, convert, number, part

_IDS = ((0, 8), (20, 28))  # where ids lie: up to, not including
_SIZES = (1, 2, 4)


class Names(Protocol):
    """Gives names that no other local has."""

    def fresh(self, wish: str) -> str:
        """A name like the one that is wished for."""


class Steps(Protocol):
    """What is made of a section so far: state.State."""

    @property
    def budget(self) -> Names:
        """The names of its locals."""

    def get(self, name: str) -> ir.Term:
        """What a register holds."""

    def named(self, wish: str, term: ir.Term, code: Code) -> ir.Term:
        """A term as a local."""

    def emit(self, step: ir.Step, code: Code) -> None:
        """Add a step."""


def load_field(state: Steps, at: ir.Term, size: int, code: Code) -> ir.Term | None:
    """Read ``size`` bytes ``at`` bytes after the start of struct rseq; None for what no id is read by."""
    if size not in _SIZES:
        return None
    at = state.named("field", at, code)
    inside: ir.Term = number(0, 1)
    for low, high in _IDS:  # from the first to the last place at which some of its bytes are ids
        first = binary("-", at, number(low - (size - 1)))
        inside = binary("|", inside, binary("<", first, number(high - low + size - 1)))
    exact: ir.Term = number(0, 1)
    for offset in ir.AREA_FIELDS.values():
        exact = binary("|", exact, binary("==", at, number(offset)))
    partly = state.named("partly", binary("&", inside, binary("==", exact, number(0, 1))), code)
    address = binary("+", state.get("area"), at)
    type = UNSIGNED[size]
    name = state.budget.fresh("loaded")
    where = ir.Choose(partly, number(0), address, ir.U64)
    state.emit(ir.Load(name, where, type), code)
    found: ir.Term = ir.Local(name, type)
    for field, offset in ir.AREA_FIELDS.items():
        local = state.budget.fresh(field + "_read")
        state.emit(ir.Set(local, ir.Id(field)), code)
        low_part = part(convert(ir.Local(local, ir.U32), ir.U32), size)
        found = ir.Choose(binary("==", at, number(offset)), low_part, found, type)
    return state.named("read", found, code)
