"""Instructions decoded once: sections of one program consist of the same few hundred encodings.

capstone takes 100 microseconds for all that the rules want to know of an instruction and two for its length
and its text, so most instructions need no more than that and a look at what was decoded before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from .code import Code, Flow

_KEPT = 1 << 16
_MOVES = (Flow.CALL, Flow.JUMP, Flow.BRANCH)


class InstructionCache:
    """Decodes with two engines of capstone, of which ``exact`` has its details switched on.

    ``make`` makes a Code of an instruction of ``exact``; ``relative`` says by its text whether it has an operand that
    depends on its address.  ``unit`` is the bytes of every instruction, 0 where they differ: where all are
    as long, those that are known are found without asking capstone for their length.
    """

    def __init__(
        self,
        fast: Any,
        exact: Any,
        make: Callable[[Any], Code],
        relative: Callable[[str], bool],
        unit: int = 0,
    ) -> None:
        self._fast, self._exact = fast, exact
        self._make, self._relative = make, relative
        self._unit = unit
        self._known: dict[bytes, Code] = {}

    def decode(self, data: bytes, address: int, until_branch: bool = False) -> tuple[Code, ...]:
        """The instructions of these bytes, as far as they decode, or up to the first that may go elsewhere."""
        found: list[Code] = []
        for at, raw in self._pieces(data, address):
            known = self._known.get(raw)
            if known is None:
                known = self._new(raw, at)
                if known is None:
                    break
            elif known.address != at:
                known = Code(at, *known[1:])
            found.append(known)
            if until_branch and known.flow is not Flow.NEXT:
                break
        return tuple(found)

    def _pieces(self, data: bytes, address: int) -> Iterator[tuple[int, bytes]]:
        """The bytes of each instruction, with its address."""
        if self._unit:
            for at in range(0, len(data) - self._unit + 1, self._unit):
                yield address + at, bytes(data[at : at + self._unit])
            return
        for at, size, _, _ in self._fast.disasm_lite(data, address):
            yield at, bytes(data[at - address : at - address + size])

    def _new(self, raw: bytes, address: int) -> Code | None:
        """An instruction that was not met before; it is kept where its address does not matter.

        None where these bytes are none.
        """
        instruction = next(self._exact.disasm(raw, address, 1), None)
        if instruction is None:
            return None
        code = self._make(instruction)
        if code.flow not in _MOVES and not self._relative(code.text) and len(self._known) < _KEPT:
            self._known[raw] = code
        return code
