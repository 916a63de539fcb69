"""A seccomp filter of a dozen instructions: which system calls stop for the supervisor.

The filter sees every number but 335 and 336 of x86-64, which newer kernels pass through all
filters (uretprobe and uprobe).
"""

from __future__ import annotations

import ctypes
import struct
from collections.abc import Sequence
from typing import NamedTuple

from . import linux

AUDIT_ARCH_X86_64 = 0xC000_003E
X32_BIT = 0x4000_0000
RET_ALLOW = 0x7FFF_0000
RET_TRACE = 0x7FF0_0000
RET_ERRNO = 0x0005_0000
RET_USER_NOTIFICATION = 0x7FC0_0000

_LOAD, _JUMP_EQUAL, _JUMP_AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06
_OFFSET_NUMBER, _OFFSET_ARCHITECTURE, _OFFSET_ARGUMENT = 0, 4, 16

_SET_MODE_FILTER = 1
FLAG_NEW_LISTENER = 1 << 3
FLAG_WAIT_KILLABLE = 1 << 5


class Rule(NamedTuple):
    """What happens to a system call: its number, the filter's answer, and (where only one value of
    the first argument is meant) that value."""

    number: int
    action: int
    first_argument: int | None = None


def program(rules: Sequence[Rule]) -> bytes:
    """The filter's instructions: the first rule that fits answers, everything else is allowed."""
    code: list[tuple[int, int, int, int]] = [
        (_LOAD, 0, 0, _OFFSET_ARCHITECTURE),
        (_JUMP_EQUAL, 1, 0, AUDIT_ARCH_X86_64),
        (_RETURN, 0, 0, RET_ALLOW),
        (_LOAD, 0, 0, _OFFSET_NUMBER),
        (_JUMP_AT_LEAST, 0, 1, X32_BIT),
        (_RETURN, 0, 0, RET_ALLOW),
    ]
    for rule in rules:
        if rule.first_argument is None:
            code += [(_JUMP_EQUAL, 0, 1, rule.number), (_RETURN, 0, 0, rule.action)]
        else:
            code += [
                (_JUMP_EQUAL, 0, 4, rule.number),
                (_LOAD, 0, 0, _OFFSET_ARGUMENT),
                (_JUMP_EQUAL, 0, 1, rule.first_argument),
                (_RETURN, 0, 0, rule.action),
                (_LOAD, 0, 0, _OFFSET_NUMBER),
            ]
    code.append((_RETURN, 0, 0, RET_ALLOW))
    return b"".join(struct.pack("<HBBI", *each) for each in code)


def install(rules: Sequence[Rule], flags: int = 0) -> int:
    """Put a filter on the calling process, for good; raises OSError.

    Sets no_new_privs, so set-uid bits mean nothing from here on.  With FLAG_NEW_LISTENER the answer
    is the descriptor of the notifications, else 0.
    """
    code = program(rules)
    buffer = ctypes.create_string_buffer(code, len(code))
    header = ctypes.create_string_buffer(
        struct.pack("<HxxxxxxQ", len(code) // 8, ctypes.addressof(buffer)), 16
    )
    linux.prctl(linux.PR_SET_NO_NEW_PRIVS, 1)
    return linux.system_call(
        "seccomp", linux.SYS_SECCOMP, _SET_MODE_FILTER, flags, ctypes.addressof(header)
    )
