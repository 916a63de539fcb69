"""A decoded instruction: what every architecture's has in common, for rules that read code."""

from __future__ import annotations

from collections.abc import Iterator, Set
from typing import Any

from ..light_enum import Enum
from ..light_typing import NamedTuple, Protocol


class Flow(Enum):
    """How an instruction goes on."""

    NEXT = "goes on"
    JUMP = "jumps"
    BRANCH = "branches"
    CALL = "calls"
    RETURN = "returns"
    INDIRECT = "jumps to a computed address"
    SYSTEM_CALL = "makes a system call"
    TRAP = "traps"


class Memory(NamedTuple):
    """A memory operand of ``size`` bytes: base + indexed * scale + displacement.

    ``segment`` is an x86 segment register; ``base`` of an address relative to the program counter
    is empty, and ``displacement`` the address itself.
    """

    segment: str
    base: str
    indexed: str
    scale: int
    displacement: int
    size: int

    def same_place(self, other: Memory) -> bool:
        """Whether both name the first byte by the same expression."""
        return self[:5] == other[:5]

    def __str__(self) -> str:
        parts = [each for each in (self.base, self.indexed) if each]
        if self.indexed and self.scale != 1:
            parts[-1] = f"{self.indexed}*{self.scale}"
        text = " + ".join(parts)
        if self.displacement or not parts:
            sign = "-" if self.displacement < 0 and parts else "+"
            number = f"{abs(self.displacement):#x}" if parts else f"{self.displacement:#x}"
            text = f"{text} {sign} {number}" if parts else number
        return f"{self.segment}:[{text}]" if self.segment else f"[{text}]"


class Code(NamedTuple):
    """One instruction.  ``target`` is where it may go, where that is written in it.

    ``writes`` are the registers that it sets and ``reads`` those that it reads, by the names of the
    whole registers; ``stack`` says that it pushes or pops; ``instruction`` is capstone's own, for the
    lifter, and may be that of equal bytes at another address.
    """

    address: int
    data: bytes
    text: str
    mnemonic: str
    flow: Flow
    target: int | None
    loads: tuple[Memory, ...]
    stores: tuple[Memory, ...]
    writes: frozenset[str]
    stack: bool
    reads: tuple[str, ...]
    instruction: Any

    @property
    def end(self) -> int:
        """The address after it."""
        return self.address + len(self.data)


class Step(NamedTuple):
    """An instruction of which little more than the flow is wanted: from ``address`` up to ``end``."""

    address: int
    end: int
    flow: Flow
    target: int | None
    operands: str
    mnemonic: str


class Decoder(Protocol):
    """Decodes one architecture; ``unit`` is the bytes of every instruction, 0 where they differ."""

    name: str
    unit: int

    def decode(self, data: bytes, address: int, until_branch: bool = False) -> tuple[Code, ...]:
        """The instructions of these bytes, as far as they decode, or up to the first that may go elsewhere."""

    def steps(self, data: bytes, address: int) -> Iterator[Step]:
        """The flow of the instructions of these bytes, as far as they decode: fast."""

    def may_set(self, step: Step, wanted: Set[str]) -> bool:
        """Whether an instruction may set one of these registers, as far as its text says."""

    def makes_address(self, data: bytes, address: int, wanted: int) -> tuple[int, ...]:
        """The places in code at which an instruction begins that makes the address ``wanted``."""
