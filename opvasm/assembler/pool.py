"""The literal pool: constants that ops read, each once."""

from __future__ import annotations

from ..abi.revisions import Abi
from ..program import PoolAddress, PoolItem, SymbolAddress, Value
from .types import aligned

Constant = tuple[int, bytes | SymbolAddress]
"""What ``place`` takes: a size in bytes, and a value."""


class Pool:
    """Constants in the order of their first use, each aligned to its size (8 bytes at most)."""

    def __init__(self, abi: Abi) -> None:
        self._abi = abi
        self.placed: list[tuple[Constant, PoolAddress]] = []
        self._items: list[PoolItem] = []
        self._known: dict[tuple[int, bytes | Value], PoolAddress] = {}
        self._end = 0

    def place(self, size: int, value: bytes | SymbolAddress) -> PoolAddress:
        """Where a constant lies; equal ones lie in one place."""
        key = (size, value)
        found = self._known.get(key)
        if found is None:
            alignment = next(each for each in (8, 4, 2, 1) if each <= max(size, 1))
            offset = aligned(self._end, alignment)
            self._items.append(PoolItem(offset, size, value))
            self._end = offset + size
            found = self._known[key] = PoolAddress(offset)
        self.placed.append(((size, value), found))
        return found

    def items(self) -> tuple[PoolItem, ...]:
        """Every constant."""
        return tuple(self._items)
