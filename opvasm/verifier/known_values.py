"""Which bytes of a vector are known to be equal, and so which compares are settled beforehand.

Each distinct content is a number: two ranges with the same number hold the same bytes.  A store
gives its destination the number of its source and makes everything that it may have met unknown; a
compare that passed makes its operands equal, or known to differ.  Data that other CPUs write
(``shared``) is never known, since it may change between two ops.
"""

from __future__ import annotations

from ..abi.ops import Effect
from ..light_typing import NamedTuple
from ..program import Area, Data, PoolItem
from .bases import Base
from .subject import Access, Subject

Key = tuple[Base, int, int]
NO_BYTES = "ranges of no bytes count as equal"


class Settled(NamedTuple):
    """A compare whose outcome is known: the vector always goes on there, or always ends.

    ``reason`` says why; ``since`` is the earlier op that made it so, or None.
    """

    op: int
    passes: bool
    reason: str
    since: int | None


class Content(NamedTuple):
    """The content of a range: its number, and the op that gave it."""

    number: int
    since: int | None


def settled_compares(subject: Subject) -> list[Settled]:
    """The compares whose outcome is known, up to the first that always ends the vector."""
    found: list[Settled] = []
    known = _Known(subject)
    compares = subject.compares
    for op in range(compares[-1] + 1 if compares else 0):
        accesses = subject.ops[op]
        if not accesses:
            if op in subject.empty and op in compares and not _asks_equal(subject, op):
                found.append(Settled(op, False, NO_BYTES, None))
                break
        elif op in compares:
            settled = known.compare(op, accesses[0], accesses[1], _asks_equal(subject, op))
            if settled is not None:
                found.append(settled)
                if not settled.passes:
                    break
        elif subject.effect(op) is Effect.COPY:
            known.copy(op, accesses[0], accesses[1])
        else:
            for access in accesses:
                if access.operand.access.writes:
                    known.store(access, Content(known.fresh(), op))
    return found


def _asks_equal(subject: Subject, op: int) -> bool:
    """Whether a compare passes when the bytes are equal."""
    operation = subject.instruction(op).operation
    return operation is not None and not operation.stops_when_equal


class _Known:
    """What is known at one point of the vector."""

    __slots__ = ("_constants", "_contents", "_different", "_keys", "_next", "_numbers", "_subject")

    def __init__(self, subject: Subject) -> None:
        self._subject = subject
        self._contents: dict[Key, Content] = {}
        self._keys: dict[Key, Access] = {}
        self._numbers: dict[bytes, int] = {}
        self._constants: dict[int, bytes] = {}
        self._different: dict[tuple[int, int], int] = {}
        self._next = 0

    def fresh(self) -> int:
        """The number of a content that nothing is known of."""
        self._next += 1
        return self._next

    def load(self, access: Access) -> Content:
        """The content of a range."""
        if access.base.kind == "pool":
            constant = pool_constant(access, self._subject.data)
            if constant is not None:
                return Content(self._constant(constant), None)
        key = access.base, access.offset, access.length
        content = self._contents.get(key)
        if content is None:
            content = Content(self.fresh(), None)
            if self._subject.area(access) is not Area.SHARED:
                self._contents[key] = content
                self._keys[key] = access
        return content

    def store(self, access: Access, content: Content) -> None:
        """The range holds the content now; what it may have met is unknown."""
        for key in [key for key, each in self._keys.items() if each.may_meet(access)]:
            del self._contents[key]
            del self._keys[key]
        if self._subject.area(access) is not Area.SHARED:
            key = access.base, access.offset, access.length
            self._contents[key] = content
            self._keys[key] = access

    def copy(self, op: int, destination: Access, source: Access) -> None:
        """A memcpy."""
        content = Content(self.load(source).number, op)
        overlaps = destination.meets(source) and not destination.same_bytes(source)
        self.store(destination, Content(self.fresh(), op) if overlaps else content)

    def compare(self, op: int, a: Access, b: Access, equal: bool) -> Settled | None:
        """Whether the outcome is known; what passing it teaches is remembered."""
        if a.same_bytes(b):
            return Settled(op, equal, "both operands are the same bytes", None)
        first, second = self.load(a), self.load(b)
        since = max(
            (each.since for each in (first, second) if each.since is not None), default=None
        )
        if first.number == second.number:
            reason = "the constants are equal" if since is None else "the bytes are equal"
            return Settled(op, equal, reason, since)
        pair = (min(first.number, second.number), max(first.number, second.number))
        constants = [self._constants.get(number) for number in pair]
        if None not in constants:
            return Settled(op, not equal, "the bytes are different constants", since)
        if pair in self._different:
            return Settled(op, not equal, "the bytes differ", self._different[pair])
        if equal:
            self._merge(first.number, second.number, op)
        else:
            self._different[pair] = op
        return None

    def _constant(self, value: bytes) -> int:
        number = self._numbers.get(value)
        if number is None:
            number = self._numbers[value] = self.fresh()
            self._constants[number] = value
        return number

    def _merge(self, first: int, second: int, op: int) -> None:
        """Two contents turned out to be equal; a constant keeps its number."""
        keep, drop = (second, first) if second in self._constants else (first, second)
        for key, content in self._contents.items():
            if content.number in (keep, drop):
                self._contents[key] = Content(keep, op)


def pool_constant(access: Access, data: Data) -> bytes | None:
    """The bytes of a constant; None for one that is an address, so not known yet."""
    for item in data.pool:
        if item.offset <= access.offset and access.end <= item.offset + item.size:
            return _slice(item, access)
    return None


def _slice(item: PoolItem, access: Access) -> bytes | None:
    if not isinstance(item.value, bytes):
        return None
    start = access.offset - item.offset
    return item.value[start : start + access.length]
