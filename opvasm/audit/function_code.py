"""The code of a function around a section, whose instructions are decoded once for all who ask."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

from ..lift.code import Decoder, Step


class FunctionCode:
    """The bytes of a function, from the address ``first`` up to ``end``; none where they are not known."""

    def __init__(self, data: bytes, first: int, decoder: Decoder) -> None:
        self.data = data
        self.first = first
        self.end = first + len(data)
        self.decoder = decoder

    @cached_property
    def steps(self) -> tuple[Step, ...]:
        """Its instructions one after the other, as far as they decode."""
        return tuple(self.decoder.steps(self.data, self.first))

    def part(self, start: int, end: int) -> tuple[Step, ...]:
        """Those of a part of it."""
        data = self.data[start - self.first : end - self.first]
        return tuple(self.decoder.steps(data, start))

    def steps_from(self, address: int) -> Iterator[Step]:
        """The instructions from an address on, also from the middle of one that stands in ``steps``."""
        number = self._numbers.get(address)
        if number is None:
            yield from self.decoder.steps(self.data[address - self.first :], address)
        else:
            yield from self.steps[number:]

    @cached_property
    def _numbers(self) -> dict[int, int]:
        return {each.address: number for number, each in enumerate(self.steps)}
