"""How far around its pointers a lifted section reads and writes: the room that its objects need."""

from __future__ import annotations

from ..lift.roles import set_once
from ..light_typing import NamedTuple
from ..program import section as ir
from .objects import accesses

OBJECT_BYTES = 256
_UNIT = 64  # bytes to which the room in front of a pointer is rounded up
_FARTHEST = 1 << 16


class Extent(NamedTuple):
    """The bytes of an object, and how many of them lie in front of the address by which it is known."""

    size: int = OBJECT_BYTES
    lead: int = 0

    def reaching(self, first: int, end: int) -> Extent:
        """The same with the bytes from ``first`` up to ``end`` of that address, where those are near."""
        if first < -_FARTHEST or end > _FARTHEST:
            return self
        lead = max(self.lead, -(first // _UNIT) * _UNIT)
        after = max(self.size - self.lead, -(-end // OBJECT_BYTES) * OBJECT_BYTES)
        return Extent(lead + after, lead)


def extents(section: ir.Section) -> tuple[dict[str, Extent], Extent]:
    """What is needed around each parameter that is a pointer, and around a pointer that is loaded."""
    values = set_once(section)
    parameters: dict[str, Extent] = {}
    loaded = Extent()
    for address, size, _ in accesses(section):
        terms = _parts(address, values)
        offset = sum(
            ir.fitted(each.value, ir.I64) for each in terms if isinstance(each, ir.Constant)
        )
        names = [each.name for each in terms if isinstance(each, ir.Argument)]
        if any(isinstance(each, ir.Local) for each in terms):
            loaded = loaded.reaching(offset, offset + size)
        for name in names:
            found = parameters.get(name, Extent())
            parameters[name] = found.reaching(offset, offset + size)
    return parameters, loaded


def _parts(term: ir.Term, values: dict[str, ir.Term]) -> list[ir.Term]:
    """The terms of a sum; what is multiplied is an index, which counts from 0."""
    match term:
        case ir.Local(name=name) if name in values:
            return _parts(values[name], values)
        case ir.Binary(operator="+", left=left, right=right):
            return _parts(left, values) + _parts(right, values)
        case ir.Binary(operator="-", left=left, right=ir.Constant(value=value)):
            return [*_parts(left, values), ir.Constant(-value, ir.U64)]
        case ir.Binary(operator="&" | "|", left=left, right=ir.Constant()):
            return _parts(left, values)
        case ir.Convert(operand=operand) if operand.type.size == 8:
            return _parts(operand, values)
        case ir.Argument() | ir.Constant() | ir.Local():
            return [term]
        case _:
            return []
