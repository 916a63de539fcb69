"""The names of addresses: variables with their CPU and field, arguments, constants."""

from __future__ import annotations

from collections.abc import Iterator

from ..light_typing import NamedTuple
from ..program import (
    Area,
    Layout,
    PoolAddress,
    Program,
    SlotAddress,
    Symbol,
    SymbolAddress,
    Vector,
)
from ..text.names import literal_text, slot_operand, symbol_address, symbol_operand

# The farthest that an address may lie from a variable to be described by it (bytes).
NEAR = 1 << 16
_AREA_MAX = 1 << 32


class Names(NamedTuple):
    """Names for the addresses of a program in a layout; ``vector`` is the one that is called."""

    program: Program
    layout: Layout
    vector: Vector | None = None

    def exact(self, address: int, size: int = 1) -> str | None:
        """What lies at an address, as the language writes it; None where nothing known does.

        ``size`` (bytes) chooses between a struct and its first field.
        """
        for symbol, start, cpu in self._instances(address):
            if start <= address < start + symbol.size:
                value = SymbolAddress(symbol.name, address - start, cpu)
                return symbol_operand(value, size, self.program.data)
        return self._argument(address) or self._constant(address, size)

    def address(self, address: int) -> str | None:
        """A pointer's value as the language writes it: ``&nodes[2]``; None where nothing lies there."""
        for symbol, start, cpu in self._instances(address):
            if start <= address < start + symbol.size:
                value = SymbolAddress(symbol.name, address - start, cpu)
                return symbol_address(value, self.program.data)
        inside = self._argument(address) or self._constant(address, 1)
        return None if inside is None else f"&{inside}"

    def near(self, address: int) -> str | None:
        """Where an address lies, seen from the nearest variable; None where none is near."""
        inside = self.address(address)
        if inside is not None:
            return inside.removeprefix("&")
        best: tuple[int, str] | None = None
        for symbol, start, cpu in self._instances(address):
            name = symbol_operand(SymbolAddress(symbol.name, 0, cpu), symbol.size, None)
            end = start + symbol.size
            if address >= end:
                found = (address - end, f"{address - end} bytes after {name}")
            else:
                found = (start - address, f"{start - address} bytes before {name}")
            if found[0] <= NEAR and (best is None or found < best):
                best = found
        return best[1] if best is not None else None

    def _instances(self, address: int) -> Iterator[tuple[Symbol, int, int | None]]:
        """Every symbol with its address and CPU; of a percpu one the instance nearest to an address."""
        layout = self.layout
        cpu = (address - layout.percpu) // layout.percpu_stride
        for symbol in self.program.data.symbols.values():
            if symbol.area is not Area.PERCPU:
                yield symbol, layout.symbol_address(symbol, 0), None
            elif 0 <= address - layout.percpu < _AREA_MAX:
                yield symbol, layout.symbol_address(symbol, cpu), cpu

    def _argument(self, address: int) -> str | None:
        if self.vector is not None:
            for parameter in self.vector.parameters:
                offset = address - self.layout.slots - parameter.offset
                if 0 <= offset < parameter.type.size:
                    return slot_operand(SlotAddress(parameter.name, offset))
        return None

    def _constant(self, address: int, size: int) -> str | None:
        offset = address - self.layout.pool
        for item in self.program.data.pool:
            if item.offset <= offset < item.offset + item.size:
                value = PoolAddress(item.offset)
                text = literal_text(value, size, self.program.data, self.program.abi)
                inside = offset - item.offset
                return f"{text} + {inside}" if inside else text
        return None
