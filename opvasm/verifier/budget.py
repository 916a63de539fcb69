"""What a vector costs the kernel, against each limit of each revision (abi.md section 1.4)."""

from __future__ import annotations

from typing import NamedTuple

from ..abi.ops import LengthRule
from ..abi.revisions import REVISIONS, Abi
from ..program import Area, Data, Vector
from .subject import Access, Subject, position_of, subject_of


class Limit(NamedTuple):
    """An amount and the most that a revision takes; None where it has no such limit."""

    used: int
    most: int | None

    @property
    def left(self) -> int | None:
        """How much more would be accepted; negative when it is too much already."""
        return None if self.most is None else self.most - self.used

    def __str__(self) -> str:
        return f"{self.used}/{'no limit' if self.most is None else self.most}"


class Limits(NamedTuple):
    """The limits of one revision: ops, bytes of all ops, bytes of the longest compare or memcpy."""

    revision: str
    ops: Limit
    bytes: Limit
    longest: Limit


class Traffic(NamedTuple):
    """The bytes that are loaded from and stored to the memory of one owner."""

    owner: str
    loaded: int
    stored: int


class Budget(NamedTuple):
    """The costs of a vector.

    ``limits`` has a row for every revision, ``own`` that of the vector's.  ``longest_op`` is the
    index of the longest compare or memcpy.  Pages are pins, counted for each operand as the kernel
    does; ``pages_least`` and ``pages_most`` differ where an address is not known.  ``aligned``,
    ``misaligned`` and ``unknown`` count the operands of 2, 4 and 8 bytes.
    """

    vector: str
    own: Limits
    limits: tuple[Limits, ...]
    longest_op: int | None
    pages_least: int
    pages_most: int
    traffic: tuple[Traffic, ...]
    aligned: int
    misaligned: int
    unknown: int


def budget(vector: Vector, abi: Abi, data: Data, name: str = "<ops>") -> Budget:
    """The costs of a vector, whether the kernel would accept it or not."""
    lengths = [
        (each.length, op)
        for op, each in enumerate(vector.instructions)
        if each.operation is not None and each.operation.length_rule is LengthRule.DATA
    ]
    longest, longest_op = max(lengths, key=lambda each: each[0], default=(0, None))
    total = sum(
        each.length
        for each in vector.instructions
        if each.operation is not None and each.operation.length_rule is not LengthRule.IGNORED
    )

    def limits(of: Abi) -> Limits:
        revision = of.revision
        return Limits(
            revision.name,
            Limit(len(vector.instructions), revision.vector_length_max),
            Limit(total, revision.vector_data_length_max),
            Limit(longest, of.data_length_max),
        )

    subject = subject_of(vector, abi, data, name)
    pages = [_pages(access, subject) for access in subject.accesses]
    words = [_is_aligned(each, subject) for each in subject.accesses if each.length in (2, 4, 8)]
    return Budget(
        vector=vector.name,
        own=limits(abi),
        limits=tuple(limits(abi._replace(revision=revision)) for revision in REVISIONS),
        longest_op=longest_op,
        pages_least=sum(least for least, _ in pages),
        pages_most=sum(most for _, most in pages),
        traffic=_traffic(subject),
        aligned=words.count(True),
        misaligned=words.count(False),
        unknown=words.count(None),
    )


def _pages(access: Access, subject: Subject) -> tuple[int, int]:
    """The least and the most pages that an operand can lie in (section 3.6)."""
    size, length = subject.abi.page_size, access.length
    position = position_of(access, subject)
    if position is not None and position.assumed is None and position.alignment >= size:
        pages = (position.offset + length - 1) // size - position.offset // size + 1
        return pages, pages
    least = -(-length // size)
    return least, 1 if length == 1 else least + 1


def _is_aligned(access: Access, subject: Subject) -> bool | None:
    """Whether a word is aligned to its length; None when nothing proves it."""
    position = position_of(access, subject)
    if position is None or position.assumed is not None or position.alignment < access.length:
        return None
    return position.offset % access.length == 0


def _traffic(subject: Subject) -> tuple[Traffic, ...]:
    loaded: dict[str, int] = {}
    stored: dict[str, int] = {}
    for access in subject.accesses:
        owner = _owner(access, subject)
        loaded.setdefault(owner, 0)
        stored.setdefault(owner, 0)
        if access.reads:
            loaded[owner] += access.length
        if access.writes:
            stored[owner] += access.length
    return tuple(Traffic(owner, loaded[owner], stored[owner]) for owner in loaded)


def _owner(access: Access, subject: Subject) -> str:
    match access.base.kind:
        case "slot":
            return "arguments"
        case "pool":
            return "constants"
        case "pointer":
            return f"memory at {access.base.name}"
        case "address":
            return "absolute addresses"
        case "symbol":
            area = subject.area(access)
            if area is Area.PERCPU:
                cpu = access.base.cpu
                return "own CPU" if cpu is None else f"CPU {cpu}"
            return "pages" if area is Area.PAGE else "shared"


def budget_text(each: Budget) -> str:
    """The report for people, ending in a newline."""
    own = each.own
    op = "" if each.longest_op is None else f", by op {each.longest_op}"
    pages = (
        f"{each.pages_least}"
        if each.pages_least == each.pages_most
        else f"{each.pages_least} to {each.pages_most}"
    )
    lines = [
        f"{each.vector} ({own.revision}):",
        f"  ops      {own.ops}{_left(own.ops)}",
        f"  bytes    {own.bytes}{_left(own.bytes)}",
        f"  longest  {own.longest}{_left(own.longest)}{op}",
        f"  pages    {pages} pinned",
        f"  words    {each.aligned} aligned, {each.misaligned} misaligned, {each.unknown} unknown",
    ]
    for row in each.traffic:
        lines.append(f"  {row.owner}: {row.loaded} bytes loaded, {row.stored} stored")
    lines.append("  revision  ops    bytes          longest")
    for limits in each.limits:
        lines.append(
            f"  {limits.revision:<8}  {limits.ops!s:<5}  {limits.bytes!s:<13}  {limits.longest}"
        )
    return "\n".join(lines) + "\n"


def _left(limit: Limit) -> str:
    left = limit.left
    if left is None:
        return ""
    return f", {left} left" if left >= 0 else f", {-left} too many"


def budget_json(each: Budget) -> dict[str, object]:
    """The report as a JSON value."""

    def limit(value: Limit) -> dict[str, int | None]:
        return {"used": value.used, "most": value.most, "left": value.left}

    return {
        "vector": each.vector,
        "revision": each.own.revision,
        "limits": [
            {
                "revision": row.revision,
                "ops": limit(row.ops),
                "bytes": limit(row.bytes),
                "longest": limit(row.longest),
            }
            for row in each.limits
        ],
        "longest_op": each.longest_op,
        "pages": {"least": each.pages_least, "most": each.pages_most},
        "words": {
            "aligned": each.aligned,
            "misaligned": each.misaligned,
            "unknown": each.unknown,
        },
        "traffic": [
            {"owner": row.owner, "loaded": row.loaded, "stored": row.stored} for row in each.traffic
        ],
    }
