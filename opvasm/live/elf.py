"""What an executable's first bytes say."""

from __future__ import annotations

import struct

_HEADER_BYTES = 20
_CLASS_64 = 2
_MACHINE_I386, _MACHINE_X86_64 = 3, 62


def foreign_program(path: str) -> str:
    """Why a program's calls can't be answered: not a 64-bit x86-64 one; empty when they can.

    A file that is no ELF file, such as a script, has no say: its interpreter will.
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
