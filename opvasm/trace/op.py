"""One op of a trace: how it is written, what its operands held, what became of them."""

from __future__ import annotations

from collections.abc import Iterator

from ..abi.ops import Operand
from ..interpreter.events import Loaded, Started, Stored
from ..program import Instruction, Vector
from ..report.style import Style
from ..source import Span
from ..text.printer import Speller
from .names import Names
from .values import change, difference, value


def spelled(vector: Vector | None, index: int, bound: Instruction, names: Names) -> str:
    """An op as its author wrote it, else as the language writes it, with names for addresses."""
    program = names.program
    if vector is not None and index < len(vector.instructions):
        written = vector.instructions[index]
        if isinstance(written.place, Span):
            return " ".join(written.place.text.split())
        return str(Speller(program.abi, program.data, vector).line(written))
    return str(Speller(program.abi, program.data, None, names.exact).line(bound))


class OpRecord:
    """Collects the events of one op, and says what happened."""

    def __init__(self, started: Started, names: Names) -> None:
        self.started = started
        self.names = names
        self._loads: list[Loaded] = []
        self._stores: list[Stored] = []

    def add(self, event: Loaded | Stored) -> None:
        """One movement of bytes."""
        if isinstance(event, Loaded):
            self._loads.append(event)
        else:
            self._stores.append(event)

    def lines(self, style: Style) -> Iterator[str]:
        """A line for each operand: the header's name of it, what it is, what it held and holds."""
        instruction = self.started.instruction
        listed = [
            (operand, address)
            for operand, address, _ in instruction.operands()
            if isinstance(address, int)
        ]
        titles = [self._title(address, instruction.length) for _, address in listed]
        width = max((len(title) for title in titles), default=0)
        for (operand, address), title in zip(listed, titles, strict=True):
            text = self._effect(operand, address, style)
            yield f"{operand.name:<3} {style.name(f'{title:<{width}}')}  {text}"

    def _title(self, address: int, length: int) -> str:
        return self.names.exact(address, length) or f"@{address:#x}"

    def _effect(self, operand: Operand, address: int, style: Style) -> str:
        """What an operand held; for one that was written, also what it holds now."""
        if operand.access.writes:
            before, after = self._stored(address)
            if after or not self.started.instruction.length:
                text = change(before, after, self.names)
                return style.strong(text) if before != after else text
            return "not written"
        data = self._loaded(address)
        if not data and self.started.instruction.length:
            return "not read"
        return value(data, self.names)

    def _loaded(self, address: int) -> bytes:
        """The bytes that were read of an operand, from its start on."""
        found = b""
        for event in self._loads:
            if event.address == address + len(found):
                found += event.data
        return found

    def _stored(self, address: int) -> tuple[bytes, bytes]:
        before = after = b""
        for event in self._stores:
            if event.address == address + len(after):
                before += event.before
                after += event.after
        return before, after

    def comparison(self) -> str:
        """Why a compare did what it did: both values, and where long ones differ first."""
        (_, a, _), (_, b, _) = self.started.instruction.operands()
        if not isinstance(a, int) or not isinstance(b, int):
            return ""
        length = self.started.instruction.length
        left, right = self._both(a, b)
        if left == right:
            return f"{self._title(a, length)} and {self._title(b, length)} are equal"
        where = difference(left, right)
        if where is not None:
            return f"{self._title(a, length)} and {self._title(b, length)} differ: {where}"
        return (
            f"{self._title(a, length)} is {value(left, self.names)}, "
            f"{self._title(b, length)} is {value(right, self.names)}"
        )

    def _both(self, a: int, b: int) -> tuple[bytes, bytes]:
        """The bytes of both sides; they are read in turns, piece by piece."""
        left = b"".join(event.data for event in self._loads[0::2])
        right = b"".join(event.data for event in self._loads[1::2])
        return left, right
