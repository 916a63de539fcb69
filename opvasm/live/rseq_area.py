"""What the kernel knows of a thread's restartable sections: its registered area, and what stands there.

Whether a section is protected is not the program's to say but the kernel's: it aborts only what the
word ``rseq_cs`` of the area that is registered for the thread points to.
"""

from __future__ import annotations

import ctypes
import os
import struct
from errno import EINVAL, EIO
from typing import NamedTuple

from ..elf.descriptors import SIGNATURE_BYTES
from ..light_enum import Enum
from . import linux
from .sections import DESCRIPTOR, Section

_CONFIGURATION = struct.Struct("<QIIII")  # struct ptrace_rseq_configuration
_RSEQ_CS = 8  # offset of rseq_cs in struct rseq
DEFAULT_SIGNATURE = 0x5305_3053


class Guard(Enum):
    """Whether the kernel will abort a section in which a thread stands, and if not, why."""

    YES = "it will"
    UNREGISTERED = "the thread has registered no rseq"
    ELSEWHERE = "rseq_cs of the thread's registered area does not point to the section's descriptor"
    UNKNOWN = "this kernel does not say what is registered"


class Registration(NamedTuple):
    """The area that is registered for a thread (its address, 0 for none) and the signature."""

    area: int
    signature: int


def registration(tid: int) -> Registration | None:
    """What a stopped thread has registered; None where the kernel does not say (before 5.13)."""
    buffer = ctypes.create_string_buffer(_CONFIGURATION.size)
    try:
        linux.ptrace(
            linux.PTRACE_GET_RSEQ_CONFIGURATION,
            *(tid, _CONFIGURATION.size, ctypes.addressof(buffer)),
        )
    except ProcessLookupError:
        raise
    except OSError as problem:
        if problem.errno not in (EINVAL, EIO):
            raise
        return None
    area, _, signature, _, _ = _CONFIGURATION.unpack(buffer.raw)
    return Registration(area, signature)


def guard(memory: int, known: Registration | None, section: Section) -> Guard:
    """Whether the kernel would abort a thread that stands in the section; ``memory`` is its /proc/…/mem."""
    if known is None:
        return Guard.UNKNOWN
    if not known.area:
        return Guard.UNREGISTERED
    pointer = current_descriptor(memory, known)
    if not pointer:
        return Guard.ELSEWHERE
    try:
        start = DESCRIPTOR.unpack(os.pread(memory, DESCRIPTOR.size, pointer))[2]
    except (OSError, struct.error, OverflowError):
        return Guard.ELSEWHERE
    return Guard.YES if start == section.start else Guard.ELSEWHERE


def current_descriptor(memory: int, known: Registration) -> int:
    """``rseq_cs`` of a registered area; 0 after the kernel has aborted a section."""
    try:
        data = os.pread(memory, 8, known.area + _RSEQ_CS)
    except (OSError, OverflowError):
        return 0
    return int.from_bytes(data, "little")


def fatal(memory: int, known: Registration | None, section: Section) -> str | None:
    """Why the kernel kills a thread instead of aborting this section; None where it has no reason."""
    try:
        version, flags, start, length, abort = DESCRIPTOR.unpack(
            os.pread(memory, DESCRIPTOR.size, section.at)
        )
        found = os.pread(memory, SIGNATURE_BYTES, abort - SIGNATURE_BYTES)
    except (OSError, struct.error, OverflowError):
        return "its descriptor or what stands before its abort handler can't be read"
    if version:
        return f"its descriptor's version is {version}, and the kernel knows 0"
    if 0 <= abort - start < length:
        return f"its abort handler lies inside of it, {abort - start} bytes after its start"
    expected = DEFAULT_SIGNATURE if known is None or not known.area else known.signature
    signature = int.from_bytes(found, "little")
    if signature != expected:
        return (
            f"the four bytes before its abort handler are {signature:#010x}, and the signature that "
            f"was registered is {expected:#010x}"
        )
    if flags:
        return f"its descriptor's flags are {flags:#x}, which kernels since 6.1 refuse"
    return None
