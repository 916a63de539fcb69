"""What an operand's address counts from, so that two operands can be asked for the same bytes."""

from __future__ import annotations

from ..light_typing import Literal, NamedTuple
from ..program import ArgumentValue, PoolAddress, SlotAddress, SymbolAddress, Value

BaseKind = Literal["address", "symbol", "pointer", "slot", "pool"]


class Base(NamedTuple):
    """What an address counts from: the same base and offset are the same byte.

    ``kind`` is ``address`` (the address 0), ``symbol``, ``pointer`` (the argument's value), ``slot``
    (the argument's own bytes) or ``pool``; ``cpu`` is the CPU that the text names.
    """

    kind: BaseKind
    name: str = ""
    cpu: int | None = None

    @property
    def is_private(self) -> bool:
        """Whether nobody else sees what lies there: an argument's own bytes, or a constant."""
        return self.kind in ("slot", "pool")


ADDRESS = Base("address")
POOL = Base("pool")


def base_of(value: Value) -> tuple[Base, int]:
    """What an address counts from, and the bytes from there."""
    match value:
        case int():
            return ADDRESS, value
        case SymbolAddress(symbol=name, addend=addend, cpu=cpu):
            return Base("symbol", name, cpu), addend
        case ArgumentValue(parameter=name, addend=addend):
            return Base("pointer", name), addend
        case SlotAddress(parameter=name, addend=addend):
            return Base("slot", name), addend
        case PoolAddress(offset=offset):
            return POOL, offset
