"""The ops of a vector as steps: one, or two where an op touches shared memory twice."""

from __future__ import annotations

from ...abi.ops import Access
from ...program import Instruction, PoolAddress, SlotAddress
from ...source import Span
from ...verifier.rseq_rules import section_length
from ..steps.code import READS, WRITES
from ..steps.step import NOWHERE, Guard, Phase, RunOp
from .writer import Exits, Protection, Writer

EXECUTED, FAILED = "executed", "compare failed"


def write_ops(
    writer: Writer, site: int, exits: Exits, protection: Protection, late_flag: int | None
) -> None:
    """All ops in order; of a section, those that are inside of it.

    ``late_flag`` is where a section goes that finds the slow-path flag set just before its last
    store.  What a section leaves out are barriers after it, and memory is ordered anyway.
    """
    vector = writer.site.vector
    instructions = vector.instructions
    if protection.guard is Guard.SECTION:
        instructions = instructions[: section_length(vector)]
    last = max((i for i, each in enumerate(instructions) if writes(each)), default=None)
    for index, instruction in enumerate(instructions):
        flag = late_flag if index == last else None
        _Op(writer, site, index, instruction, exits, protection).write(flag)


def writes(instruction: Instruction) -> bool:
    """Whether an op writes memory."""
    return any(operand.access.writes for operand, _, _ in instruction.operands())


class _Op:
    """Writes one op."""

    def __init__(
        self,
        writer: Writer,
        site: int,
        index: int,
        instruction: Instruction,
        exits: Exits,
        protection: Protection,
    ) -> None:
        self.writer = writer
        self.site = site
        self.index = index
        self.instruction = instruction
        self.exits = exits
        self.protection = protection
        mnemonic = "" if instruction.operation is None else instruction.operation.mnemonic
        written = instruction.place.text if isinstance(instruction.place, Span) else mnemonic
        self.text = f"{writer.name}[{index}] {written}"

    def write(self, late_flag: int | None) -> None:
        """The op's steps, with the test of the flag before its store where that is asked for."""
        memory = [
            operand
            for operand, value, _ in self.instruction.operands()
            if not isinstance(value, SlotAddress | PoolAddress)
        ]
        twice = len(memory) == 2 or any(each.access is Access.READ_WRITE for each in memory)
        if not writes(self.instruction):
            self._compare(twice)
        elif twice or late_flag is not None:
            self._step(Phase.READS, READS)
            if late_flag is not None:
                self.writer.test_flag(late_flag, self.protection)
            self._step(Phase.WRITES, WRITES)
        else:
            self._step(Phase.WHOLE)

    def _compare(self, twice: bool) -> None:
        if twice:
            self._step(Phase.FETCHES, READS)
            self._step(Phase.COMPARES)
        else:
            self._step(Phase.WHOLE)

    def _step(self, phase: Phase, suffix: str = "") -> None:
        """One step, and on to the next."""
        site, builder = self.writer.site, self.writer.builder
        following = builder.label()
        reading = phase in (Phase.FETCHES, Phase.READS)
        pending = (site.pending,)
        compares = not writes(self.instruction) and not reading
        in_vector = self.protection.guard is Guard.VECTOR
        self.writer.add(
            RunOp(
                site=self.site,
                op=self.index,
                phase=phase,
                needed=site.needed,
                given=pending if phase in (Phase.COMPARES, Phase.WRITES) else (),
                kept=pending if reading else (),
                stopped=(site.stopped,) if compares else (),
                to=following,
                differs=self.exits.differs if compares else NOWHERE,
                fault=self.exits.fault if in_vector else NOWHERE,
            ),
            self.text + suffix,
            self.protection,
            op=self.index,
            covers=() if reading else (EXECUTED, FAILED) if compares else (EXECUTED,),
            inside=self.protection.guard is Guard.NONE,
        )
        builder.here(following)
