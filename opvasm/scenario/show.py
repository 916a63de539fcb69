"""Values and addresses as people read them."""

from __future__ import annotations

from ..program import Area
from .evaluate import Value
from .world import World

SHOWN_BYTES = 16


def show_value(value: Value) -> str:
    """A value for people: a number (large ones in hexadecimal), or the first bytes."""
    if isinstance(value, int):
        return str(value) if -4096 < value < 4096 else f"{value:#x}"
    shown = value[:SHOWN_BYTES].hex(" ")
    return f"{{{shown}{' …' if len(value) > SHOWN_BYTES else ''}}}"


def name_address(world: World, address: int) -> str:
    """An address for people: with the symbol it lies in, where there is one."""
    found = world.symbol_at(address)
    if found is None:
        return f"{address:#x}"
    symbol, cpu, offset = found
    instance = f"@{cpu}" if symbol.area is Area.PERCPU else ""
    return f"{symbol.name}{instance}{f' + {offset}' if offset else ''}"
