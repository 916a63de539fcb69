"""A vector as the advice rules see it: its accesses to memory, found once for all rules."""

from __future__ import annotations

from collections.abc import Iterable

from ..abi.ops import Access as Direction, Effect, Operand, Operation
from ..abi.revisions import Abi
from ..light_typing import NamedTuple
from ..program import (
    Area,
    Data,
    Instruction,
    Pointer,
    Type,
    Value,
    Vector,
)
from ..source import Place
from .bases import ADDRESS, Base, base_of
from .places import field_place, op_place
from .wording import operand_text


class Access(NamedTuple):
    """One operand: bytes ``offset`` up to ``end`` from ``base``, at least one.

    ``flag`` is its expect_fault byte.  ``op`` is the op's index.
    """

    op: int
    operand: Operand
    base: Base
    offset: int
    length: int
    flag: int
    value: Value

    @property
    def end(self) -> int:
        """The offset after the last byte."""
        return self.offset + self.length

    @property
    def reads(self) -> bool:
        """Whether the op loads these bytes."""
        return self.operand.access is not Direction.WRITE

    @property
    def writes(self) -> bool:
        """Whether the op stores these bytes."""
        return self.operand.access is not Direction.READ

    @property
    def is_private(self) -> bool:
        """Whether no other thread sees these bytes: the argument's own, or a constant."""
        return self.base.is_private

    def same_bytes(self, other: Access) -> bool:
        """Whether both are exactly the same bytes, whatever the bases turn out to be."""
        return (
            self.offset == other.offset and self.length == other.length and self.base == other.base
        )

    def meets(self, other: Access) -> bool:
        """Whether both certainly have a byte in common."""
        return self.base == other.base and self.offset < other.end and other.offset < self.end

    def may_meet(self, other: Access) -> bool:
        """Whether both could have a byte in common: a pointer may point at anything but slots."""
        if self.base == other.base:
            return self.offset < other.end and other.offset < self.end
        if self.is_private or other.is_private:
            return False
        kinds = {self.base.kind, other.base.kind}
        if kinds == {"symbol"}:
            # The vector's own CPU may be the one that the other operand names.
            cpus = (self.base.cpu, other.base.cpu)
            same = self.base.name == other.base.name and None in cpus
            return same and self.offset < other.end and other.offset < self.end
        return True


class Subject(NamedTuple):
    """A vector, its Abi and Data, and what several rules ask of it, found in one pass.

    ``ops`` are the accesses of each op in the kernel's order, of at least one byte; ``accesses``
    all of them, ``loads`` and ``stores`` those that load and store.  Ops that the kernel refuses
    for themselves (``refused``) have none, nor have ops after a compare that always ends the
    vector.  ``compares``, ``barriers``, ``empty`` (a compare or memcpy of 0 bytes), ``immediates``
    (a count, mask or bits that is known) and ``padded`` (unused bytes that are not zero) are indexes
    of ops.  ``commits`` are the stores to bytes that an earlier op compared: what makes the vector's
    work visible.  ``name`` is what places call ops that come from no text.
    """

    vector: Vector
    abi: Abi
    data: Data
    name: str
    ops: tuple[tuple[Access, ...], ...]
    accesses: tuple[Access, ...]
    loads: tuple[Access, ...]
    stores: tuple[Access, ...]
    commits: tuple[Access, ...]
    compares: tuple[int, ...]
    barriers: tuple[int, ...]
    empty: tuple[int, ...]
    immediates: tuple[int, ...]
    padded: tuple[int, ...]
    refused: frozenset[int]

    def instruction(self, op: int) -> Instruction:
        """The op of an index."""
        return self.vector.instructions[op]

    def effect(self, op: int) -> Effect | None:
        """What an op does; None for one that the revision does not have."""
        operation = self.vector.instructions[op].operation
        return None if operation is None else operation.effect

    def op_place(self, op: int) -> Place:
        """Where an op stands."""
        return op_place(self.vector.instructions[op], op, self.name)

    def place(self, op: int, field: str | None) -> Place:
        """Where a field of an op stands."""
        return field_place(self.vector.instructions[op], op, field, self.abi, self.name)

    def access_place(self, access: Access) -> Place:
        """Where an operand stands."""
        return self.place(access.op, access.operand.name)

    def text(self, access: Access) -> str:
        """An operand as it was written."""
        return operand_text(self.instruction(access.op), access.operand.name, access.value)

    def area(self, access: Access) -> Area | None:
        """The area of the variable that an operand names; None for other operands."""
        if access.base.kind != "symbol":
            return None
        symbol = self.data.symbols.get(access.base.name)
        return None if symbol is None else symbol.area


def subject_of(
    vector: Vector, abi: Abi, data: Data, name: str, refused: Iterable[int] = ()
) -> Subject:
    """Everything the rules share about a vector."""
    left_out = frozenset(refused)
    ops: list[tuple[Access, ...]] = []
    commits: list[Access] = []
    compared: list[Access] = []
    compares: list[int] = []
    barriers: list[int] = []
    empty: list[int] = []
    immediates: list[int] = []
    padded: list[int] = []
    for index, instruction in enumerate(vector.instructions):
        _, operation, length, addresses, _, immediate, extra, _, _ = instruction
        if extra and operation is not None:
            padded.append(index)
        if operation is None or index in left_out:
            ops.append(())
            continue
        if operation.is_compare:
            compares.append(index)
        if not length or not addresses:
            if operation.effect is Effect.BARRIER:
                barriers.append(index)
            else:
                empty.append(index)
            ops.append(())
            continue
        if isinstance(immediate, int):
            immediates.append(index)
        found = _accesses(index, operation, instruction)
        ops.append(found)
        if operation.is_compare:
            compared += found
        elif compared:
            commits += [each for each in found if each.writes and _is_met(each, compared)]
    accesses = tuple(each for found in ops for each in found)
    return Subject(
        vector=vector,
        abi=abi,
        data=data,
        name=name,
        ops=tuple(ops),
        accesses=accesses,
        loads=tuple(each for each in accesses if each.reads),
        stores=tuple(each for each in accesses if each.writes),
        commits=tuple(commits),
        compares=tuple(compares),
        barriers=tuple(barriers),
        empty=tuple(empty),
        immediates=tuple(immediates),
        padded=tuple(padded),
        refused=left_out,
    )


def _accesses(index: int, operation: Operation, op: Instruction) -> tuple[Access, ...]:
    """What an op does to memory, in the kernel's order."""
    found: tuple[Access, ...] = ()
    for operand, value, flag in zip(operation.operands, op.addresses, op.expect_fault, strict=True):
        base, offset = (ADDRESS, value) if isinstance(value, int) else base_of(value)
        found = (*found, Access(index, operand, base, offset, op.length, flag, value))
    return found


def without_dead_ops(subject: Subject, last: int) -> Subject:
    """The subject when no op after ``last`` ever runs."""

    def alive(accesses: Iterable[Access]) -> tuple[Access, ...]:
        return tuple(each for each in accesses if each.op <= last)

    def run(indexes: Iterable[int]) -> tuple[int, ...]:
        return tuple(index for index in indexes if index <= last)

    rest = len(subject.ops) - last - 1
    return subject._replace(
        ops=(*subject.ops[: last + 1], *[()] * rest),
        accesses=alive(subject.accesses),
        loads=alive(subject.loads),
        stores=alive(subject.stores),
        commits=alive(subject.commits),
        compares=run(subject.compares),
        barriers=run(subject.barriers),
        empty=run(subject.empty),
        immediates=run(subject.immediates),
    )


def _is_met(access: Access, others: Iterable[Access]) -> bool:
    """Whether a byte of an access certainly belongs to one of the others too."""
    base, start, end = access.base, access.offset, access.end
    return not base.is_private and any(
        base == each.base and start < each.end and each.offset < end for each in others
    )


class Position(NamedTuple):
    """How far an access is from an aligned address.

    The address is ``offset`` bytes from one that is a multiple of ``alignment``; ``assumed`` is the
    pointer whose alignment the text does not prove.
    """

    offset: int
    alignment: int
    assumed: str | None = None


# Areas begin with a page, in every layout that a program can live in.
_PAGE = 4096


def position_of(access: Access, subject: Subject) -> Position | None:
    """Where an access begins; None when nothing is known of it."""
    base, offset = access.base, access.offset
    if base.kind == "address":
        return Position(offset, 1 << 64)
    if base.kind == "pool":
        return Position(offset, _PAGE)
    if base.kind == "symbol":
        symbol = subject.data.symbols.get(base.name)
        return None if symbol is None else Position(symbol.offset + offset, _PAGE)
    parameter = subject.vector.parameter(base.name)
    if parameter is None:
        return None
    if base.kind == "slot":
        return Position(parameter.offset + offset, _PAGE)
    return Position(offset, _pointed_alignment(parameter.type, subject.data) or 8, base.name)


def _pointed_alignment(declared: Type, data: Data) -> int | None:
    """The alignment of what a pointer points to, where its type says so."""
    if not isinstance(declared, Pointer) or declared.target is None:
        return None
    struct = data.structs.get(declared.target)
    if struct is not None:
        return struct.alignment
    digits = declared.target[1:]
    return int(digits) // 8 if digits.isdigit() else None
