"""Memory that is supplied: pages at the plain addresses of a call, one rule for texts and for bytes.

An op at ``@0x601000`` names no variable, so nothing says what lies there.  It gets a page of zeros, and
the person is told; the page at NULL is never there.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ..abi.revisions import Abi
from ..machine import Memory
from ..program import Instruction

_LISTED = 8


def supply(
    memory: Memory,
    accesses: Iterable[tuple[int, int]],
    abi: Abi,
    kept: Sequence[tuple[int, int]] = (),
) -> tuple[int, ...]:
    """Map a page of zeros for each (address, bytes) that has none; the addresses of those pages.

    ``kept`` are ranges from a start up to an end whose pages stay as they are.  A length that no
    kernel takes asks for nothing.
    """
    made: list[int] = []
    for address, length in accesses:
        if not 0 < length <= abi.data_length_max:
            continue
        for part in memory.ranges(address, length):
            start = part.page * abi.page_size
            if part.page in memory.pages or not 0 < start < abi.model.task_size:
                continue
            if not any(low <= start < high for low, high in kept):
                memory.map(start, abi.page_size)
                made.append(start)
    return tuple(made)


def accesses_of(ops: Iterable[Instruction]) -> Iterable[tuple[int, int]]:
    """The (address, bytes) of every operand that is a number."""
    for op in ops:
        for _, address, _ in op.operands():
            if isinstance(address, int):
                yield address, op.length


def supplied_text(pages: Sequence[int], abi: Abi) -> str:
    """What the person is told of the pages."""
    listed = ", ".join(f"{each:#x}" for each in pages[:_LISTED])
    more = f" and {len(pages) - _LISTED} more" if len(pages) > _LISTED else ""
    many = "pages" if len(pages) > 1 else "page"
    return f"{many} of {abi.page_size} zero bytes supplied at {listed}{more}"
