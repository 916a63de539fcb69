"""The error numbers that cpu_opv answers with, by their names (Linux, all architectures)."""

from __future__ import annotations

EAGAIN = 11
ENOMEM = 12
EFAULT = 14
EINVAL = 22

NAMES: dict[int, str] = {EAGAIN: "EAGAIN", ENOMEM: "ENOMEM", EFAULT: "EFAULT", EINVAL: "EINVAL"}
NUMBERS: dict[str, int] = {name: number for number, name in NAMES.items()}


def result_name(result: int) -> str:
    """A result of the call as people write it: ``0``, ``2``, ``EINVAL``."""
    return NAMES.get(-result, str(result)) if result < 0 else str(result)
