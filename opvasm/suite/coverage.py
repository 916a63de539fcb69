"""Which op, of which length and alignment, has had which outcome: what a fallback was tested for.

The collector is an observer of the interpreter.  A cell is one such combination; the cells that a
revision can have at all are counted from the op table, so that a share of them means something.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from ..abi.ops import WORD_LENGTHS, LengthRule, Operation
from ..abi.revisions import Abi, Revision, get_abi
from ..codes import kernel as rules
from ..interpreter.errno import EAGAIN
from ..interpreter.events import (
    ArgumentRefused,
    CopiedIn,
    CpuRefused,
    Faulted,
    Finished,
    Moved,
    PinRefused,
    Queried,
    Restarted,
    RunsOffline,
    VectorRefused,
    VectorUnreadable,
)
from ..light_typing import NamedTuple
from ..program import Instruction

DONE, STOPPED, FAULTED, EFAULT, NOT_NOW = "done", "stopped", "faulted", "EFAULT", "EAGAIN"
ALIGNED, UNALIGNED, CROSSING, ANY = "aligned", "unaligned", "page-crossing", "-"
# Lengths of a compare or memcpy that are moved in different ways: words, one piece of the bounce
# buffer, several.
NOTHING, PIECE, PIECES, TOO_LONG = "0", "3..64", "65..4096", "too long"
OTHER = "other"
CALL = "the call"


class Cell(NamedTuple):
    """An op, the class of its length, the alignment of its operands, and what became of it."""

    op: str
    length: str
    alignment: str
    outcome: str


class Counts(NamedTuple):
    """What a collector has counted, and the names of the revisions that it has met."""

    counts: Counter[Cell]
    revisions: tuple[str, ...]


class Collector:
    """Counts what happens to ops.  Set ``abi`` before the calls of a revision are observed."""

    def __init__(self) -> None:
        self.counts: Counter[Cell] = Counter()
        self.revisions: dict[str, Revision] = {}
        self._abi: Abi | None = None
        self._ops: tuple[Instruction, ...] = ()

    def enter(self, abi: Abi) -> None:
        """The calls that follow are of this revision."""
        self._abi = abi
        self.revisions[abi.revision.name] = abi.revision

    def counted(self) -> Counts:
        """What was counted so far, for a collector of another process."""
        return Counts(self.counts, tuple(self.revisions))

    def add(self, other: Counts) -> None:
        """Count what another collector has counted as well."""
        self.counts.update(other.counts)
        for name in other.revisions:
            self.revisions[name] = get_abi(name).revision

    def __call__(self, event: object) -> None:
        """Count an outcome."""
        match event:
            case CopiedIn(instructions=instructions):
                self._ops = instructions
            case Finished(op=op, stops=stops):
                self._count(op, STOPPED if stops else DONE)
            case PinRefused(op=op, errno=errno):
                self._count(op, NOT_NOW if errno == EAGAIN else EFAULT)
            case Faulted(op=op):
                self._count(op, FAULTED)
            case VectorRefused(violation=violation) if violation.op is not None:
                self._count(violation.op, violation.code)
            case VectorRefused(violation=violation):
                self._count_call(violation.code)
            case _:
                outcome = _call_outcome(event)
                if outcome is not None:
                    self._count_call(outcome)

    def _count_call(self, outcome: str) -> None:
        self.counts[Cell(CALL, ANY, ANY, outcome)] += 1

    def _count(self, op: int, outcome: str) -> None:
        assert self._abi is not None
        instruction = self._ops[op]
        if outcome == rules.UNKNOWN_OPERATION:
            self.counts[Cell("unknown", ANY, ANY, outcome)] += 1
            return
        assert instruction.operation is not None
        length = length_class(instruction.operation, instruction.length, self._abi)
        alignment = ANY
        if outcome in (DONE, STOPPED, EFAULT, NOT_NOW, FAULTED):
            alignment = alignment_class(instruction, length, self._abi)
        self.counts[Cell(instruction.operation.mnemonic, length, alignment, outcome)] += 1


def _call_outcome(event: object) -> str | None:
    """Outcomes of a whole call."""
    match event:
        case ArgumentRefused(argument=argument):
            return f"{argument} refused"
        case VectorUnreadable():
            return "vector unreadable"
        case Queried():
            return "query answered"
        case CpuRefused():
            return "CPU refused"
        case RunsOffline():
            return "ran for an offline CPU"
        case Moved(source=source, target=target):
            return "ran where it was" if source == target else "moved to the CPU"
        case Restarted():
            return "restarted"
        case _:
            return None


def length_class(operation: Operation, length: int, abi: Abi) -> str:
    """The class of an op's length."""
    match operation.length_rule:
        case LengthRule.IGNORED:
            return ANY
        case LengthRule.WORD:
            return str(length) if length in WORD_LENGTHS else OTHER
        case LengthRule.DATA:
            if length == 0 or length in WORD_LENGTHS:
                return str(length)
            if length > abi.data_length_max:
                return TOO_LONG
            return PIECE if length <= 64 else PIECES


def alignment_class(instruction: Instruction, length: str, abi: Abi) -> str:
    """The worst alignment among the operands: words at multiples of their size, others of 8."""
    if length in (NOTHING, ANY):
        return ANY
    worst = ALIGNED
    size = instruction.length if length in ("1", "2", "4", "8") else 8
    for _, address, _ in instruction.operands():
        assert isinstance(address, int)
        if address // abi.page_size != (address + instruction.length - 1) // abi.page_size:
            return CROSSING
        if address % size:
            worst = UNALIGNED
    return worst


def possible_cells(revisions: Iterable[Revision]) -> Iterator[Cell]:
    """Every cell that calls of these revisions can reach, each once."""
    found: dict[Cell, None] = {}
    for revision in revisions:
        for operation in revision.operations:
            for cell in _operation_cells(operation, revision):
                found[cell] = None
        found[Cell("unknown", ANY, ANY, rules.UNKNOWN_OPERATION)] = None
        for outcome in _call_outcomes(revision):
            found[Cell(CALL, ANY, ANY, outcome)] = None
    yield from found


def _operation_cells(operation: Operation, revision: Revision) -> Iterator[Cell]:
    name = operation.mnemonic
    if operation.length_rule is LengthRule.IGNORED:
        yield Cell(name, ANY, ANY, DONE)
        return
    data = operation.length_rule is LengthRule.DATA
    lengths = (NOTHING, "1", "2", "4", "8", PIECE, PIECES) if data else ("1", "2", "4", "8")
    for length in lengths:
        for alignment in _alignments(length):
            for outcome in _outcomes(operation, length, alignment, revision):
                yield Cell(name, length, alignment, outcome)
    if data:
        yield Cell(name, TOO_LONG, ANY, rules.DATA_LENGTH)
    else:
        yield Cell(name, OTHER, ANY, rules.WORD_LENGTH)
    if operation.shifts:
        for length in lengths:
            yield Cell(name, length, ANY, rules.SHIFT_BITS)


def _alignments(length: str) -> tuple[str, ...]:
    match length:
        case "0":
            return (ANY,)
        case "1":
            return (ALIGNED,)
        case _:
            return (ALIGNED, UNALIGNED, CROSSING)


def _outcomes(
    operation: Operation, length: str, alignment: str, revision: Revision
) -> Iterator[str]:
    """What can become of an op that the static rules let pass."""
    if operation.is_compare:
        # Ranges of no bytes are equal: such a cmpeq never stops a vector, such a cmpne always.
        if length != NOTHING or not operation.stops_when_equal:
            yield DONE
        if length != NOTHING or operation.stops_when_equal:
            yield STOPPED
    else:
        yield DONE
    yield EFAULT
    if revision.expect_fault:
        yield NOT_NOW
    writes = any(operand.access.writes for operand in operation.operands)
    # Where pages are not made writable before, a store can fault while its op runs.
    if writes and length != NOTHING and not revision.pins_for_write:
        yield FAULTED


def _call_outcomes(revision: Revision) -> Iterator[str]:
    yield from ("flags refused", "cpu refused", "cpuopcnt refused", "vector unreadable")
    yield from ("CPU refused", "ran where it was", "moved to the CPU")
    if revision.queries:
        yield "query answered"
    if revision.offline_path:
        yield "ran for an offline CPU"
    if revision.vector_data_length_max is not None:
        yield rules.LENGTH_SUM


class Summary(NamedTuple):
    """How many of the possible cells were reached, and which were not."""

    reached: int
    possible: int
    missing: tuple[Cell, ...]

    @property
    def percent(self) -> float:
        """The share that was reached."""
        return 100 * self.reached / self.possible if self.possible else 0.0


def summary(collector: Collector) -> Summary:
    """The share of the cells that the revisions seen can have."""
    cells = list(possible_cells(collector.revisions.values()))
    missing = tuple(cell for cell in cells if not collector.counts[cell])
    return Summary(len(cells) - len(missing), len(cells), missing)
