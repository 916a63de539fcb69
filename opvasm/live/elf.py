"""What an executable's first bytes say."""

from __future__ import annotations

import struct
from contextlib import suppress
from os.path import basename, realpath

from ..elf.file import open_elf
from ..elf.problems import ElfError

_DT_STRTAB, _DT_STRSZ = 5, 10
_SANITIZERS = (b"libasan.so", b"liblsan.so", b"__asan_init", b"__lsan_init")
_TRACERS = ("gdb", "gdbserver", "lldb", "ltrace", "rr", "strace")
_HEADER_BYTES = 20
_CLASS_64 = 2
_MACHINE_I386, _MACHINE_X86_64 = 3, 62


def foreign_program(path: str) -> str:
    """Why a program's calls can't be answered: not a 64-bit x86-64 one; empty when they can.

    A file that is not an ELF file, such as a script, has no say: its interpreter will.
    """
    try:
        with open(path, "rb") as file:
            header = file.read(_HEADER_BYTES)
    except OSError:
        return ""
    if header[:4] != b"\x7fELF" or len(header) < _HEADER_BYTES:
        return ""
    machine = struct.unpack_from("<H", header, 18)[0]
    if machine == _MACHINE_X86_64:
        return "" if header[4] == _CLASS_64 else "an x32 program"
    if machine == _MACHINE_I386:
        return "a 32-bit i386 program"
    return f"a program for another machine (ELF machine {machine})"


def rival(path: str) -> str:
    """What keeps another program's calls from being seen: it runs or traces that itself; or empty."""
    real = realpath(path)
    name = basename(real)
    if "/valgrind/" in real and not name.endswith(".so"):
        return f"valgrind ({name}): it runs the program itself and answers cpu_opv with ENOSYS"
    if name.split("-")[0] in _TRACERS:
        return f"{name}: it can't trace the program, which opvasm traces; a program has one tracer"
    if name.startswith("qemu-") and not name.startswith(("qemu-system", "qemu-img")):
        return f"{name}: it translates the program's system calls, and does not know cpu_opv"
    return ""


def finds_leaks(path: str) -> bool:
    """Whether a program is linked with LeakSanitizer, alone or as a part of AddressSanitizer."""
    with suppress(ElfError, OSError), open_elf(path) as file:
        address, size = file.dynamic.get(_DT_STRTAB), file.dynamic.get(_DT_STRSZ, 0)
        if address is not None:
            names = file.available(address, size)
            return any(each in names for each in _SANITIZERS)
    return False
