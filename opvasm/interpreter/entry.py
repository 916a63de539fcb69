"""The checks at the entry of the call, before any op is looked at (abi.md section 2.1, steps 1-4)."""

from __future__ import annotations

from ..abi.revisions import Abi
from .errno import EINVAL
from .events import ArgumentRefused, Queried


def check_arguments(
    abi: Abi, cpuopcnt: int, cpu: int, flags: int
) -> Queried | ArgumentRefused | None:
    """What ends the call at once: an answered query, or an argument that is wrong; else None.

    Unknown flag bits are asked first; a query is answered before cpu, count and pointer are looked
    at (from 2018-03).  Two queries at once are refused: which would be answered is not known.
    """
    revision = abi.revision
    if flags:
        if flags & ~revision.flags:
            return ArgumentRefused("flags", flags, EINVAL)
        for query in revision.queries:
            if flags == query.bit:
                return Queried(query.c_name, query.answer)
        return ArgumentRefused("flags", flags, EINVAL)
    if cpu < 0:
        return ArgumentRefused("cpu", cpu, EINVAL)
    if not 0 <= cpuopcnt <= revision.vector_length_max:
        return ArgumentRefused("cpuopcnt", cpuopcnt, EINVAL)
    return None


def outside_user_space(abi: Abi, address: int, length: int) -> bool:
    """access_ok() denied: the range leaves user space or wraps, also when it has no bytes."""
    return address + length > abi.model.task_size
