#!/bin/sh
# unicorn 2.1.4 and pyvex 9.2.213 (PyPI, x86-64): cmpxchg of four bytes that finds what it expects.
#
# Guess, written down before: eax is written in either case, as by every instruction with a 32-bit
# destination, so that the upper half of rax is zero afterwards.
#
# Seen: the processor writes the accumulator only where the comparison fails; where it succeeds, rax keeps
# its upper half.  unicorn clears it in both cases, and so does VEX.  Whoever compares registers of a lifted
# section with an emulator finds a difference that is the emulator's.
#
# Needs python3 with venv, pip set up, and an x86-64 processor.  Exits with 0 when it is still so, 1 when it is
# not, 77 when it can't be tried here.
set -eu
[ "$(uname -m)" = x86_64 ] || { echo "not an x86-64 processor"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv" || { echo "no venv"; exit 77; }
"$work/venv/bin/pip" install --quiet --disable-pip-version-check \
	unicorn==2.1.4 pyvex==9.2.213 archinfo==9.2.213 'bitstring<5' 2>/dev/null \
	|| { echo "unicorn 2.1.4 and pyvex 9.2.213 are not to be had"; exit 77; }
"$work/venv/bin/python" - <<'P'
import ctypes
import mmap
import sys

import archinfo
import pyvex
from unicorn import UC_ARCH_X86, UC_MODE_64, Uc, __version__
from unicorn.x86_const import UC_X86_REG_RAX, UC_X86_REG_RDI, UC_X86_REG_RSI

ACCUMULATOR = 0x1234567800000007
CODE = bytes.fromhex("0fb137")  # cmpxchg [rdi], esi


def by_the_processor() -> int:
    """rax after the instruction, run as it is."""
    # mov rax, rdx; cmpxchg [rdi], esi; ret: a function of (memory, new value, rax)
    page = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    page.write(bytes.fromhex("4889d0") + CODE + b"\xc3")
    start = ctypes.addressof(ctypes.c_char.from_buffer(page))
    kind = ctypes.CFUNCTYPE(ctypes.c_uint64, ctypes.c_void_p, ctypes.c_uint64, ctypes.c_uint64)
    memory = ctypes.c_uint32(7)
    return kind(start)(ctypes.addressof(memory), 9, ACCUMULATOR)


def by_unicorn() -> int:
    """rax after the instruction in unicorn."""
    engine = Uc(UC_ARCH_X86, UC_MODE_64)
    engine.mem_map(0x1000, 0x2000)
    engine.mem_write(0x1000, CODE)
    engine.mem_write(0x2000, (7).to_bytes(4, "little"))
    for register, value in (
        (UC_X86_REG_RAX, ACCUMULATOR), (UC_X86_REG_RDI, 0x2000), (UC_X86_REG_RSI, 9)
    ):
        engine.reg_write(register, value)
    engine.emu_start(0x1000, 0x1000 + len(CODE))
    return engine.reg_read(UC_X86_REG_RAX)


def rax_in_vex() -> list[str]:
    """What VEX puts into rax: a value that was widened from 32 bits, in each case, if it is as it was."""
    arch = archinfo.ArchAMD64()
    block = pyvex.lift(CODE, 0x1000, arch)
    made = {each.tmp: each.data for each in block.statements if isinstance(each, pyvex.stmt.WrTmp)}
    puts = [
        each.data
        for each in block.statements
        if isinstance(each, pyvex.stmt.Put) and each.offset == arch.get_register_offset("rax")
    ]
    found = []
    for each in puts:
        while isinstance(each, pyvex.expr.RdTmp):
            each = made[each.tmp]
        found.append(str(each))
    return found


real, emulated, vex = by_the_processor(), by_unicorn(), rax_in_vex()
print(f"rax before:          {ACCUMULATOR:#x}")
print(f"by the processor:    {real:#x}")
print(f"by unicorn {__version__}:   {emulated:#x}")
print(f"VEX writes to rax:   {'; '.join(vex)}")
widened = bool(vex) and all("32Uto64" in each for each in vex)
sys.exit((real, emulated, widened) != (ACCUMULATOR, 7, True))
P
