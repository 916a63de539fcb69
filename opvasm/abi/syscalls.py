"""The numbers that cpu_opv had on each architecture (abi.md section 1.6).

None of them belongs to cpu_opv in a mainline kernel, and some were given away since: a tool must
never make such a call and expect this one.
"""

from __future__ import annotations

from typing import NamedTuple


class SyscallNumber(NamedTuple):
    """An architecture's number; ``earlier`` is that of the trees of 2017, where it was another."""

    architecture: str
    number: int
    earlier: int | None = None
    taken_by: str | None = None


SYSCALL_NUMBERS: tuple[SyscallNumber, ...] = (
    SyscallNumber("x86_64", 335, 334, "uretprobe (Linux 6.11)"),
    SyscallNumber("i386", 387, 386),
    SyscallNumber("arm", 400, 399, "migrate_pages"),
    SyscallNumber("aarch64", 295),
    SyscallNumber("powerpc", 389, 385),
)


def syscall_number(architecture: str) -> int | None:
    """The number of the last trees for an architecture as uname calls it; None where it had none."""
    return next(
        (each.number for each in SYSCALL_NUMBERS if each.architecture == architecture), None
    )
