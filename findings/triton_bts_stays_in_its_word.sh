#!/bin/sh
# triton-library 1.0.0rc4 (PyPI, x86-64): bit instructions on memory whose number is in a register.
#
# Guess, written down before: bts of memory by a register works on a string of bits, so that number 70
# sets bit 6 of the eight bytes after the operand's address; the processor does it so.
#
# Seen: the number is taken modulo 64, as it is where the operand is a register, and bit 6 of the word at
# the address itself is set; bt, btr and btc go wrong in the same way.  What such code writes (a bit of a
# per-CPU mask, or of the word after it) is said to be somewhere else.
#
# Needs python3 with venv, pip set up, gcc, and an x86-64 processor.  Exits with 0 when it is still so, 1
# when it is not, 77 when it can't be tried here.
set -eu
[ "$(uname -m)" = x86_64 ] || { echo "not an x86-64 processor"; exit 77; }
command -v gcc >/dev/null || { echo "no gcc"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cat >"$work/bts.c" <<'C'
#include <stdio.h>

int main(void)
{
	static unsigned long words[2];

	__asm__ volatile("bts %1, %0" : "+m"(words) : "r"(70UL) : "cc");
	printf("%#lx %#lx\n", words[0], words[1]);
	return 0;
}
C
gcc -O1 -o "$work/bts" "$work/bts.c"
python3 -m venv "$work/venv" || { echo "no venv"; exit 77; }
"$work/venv/bin/pip" install --quiet --disable-pip-version-check triton-library==1.0.0rc4 2>/dev/null \
	|| { echo "triton-library 1.0.0rc4 is not to be had"; exit 77; }
"$work/venv/bin/python" - "$("$work/bts")" <<'P'
import sys

from triton import ARCH, Instruction, MemoryAccess, TritonContext

DATA = 0x20000
context = TritonContext(ARCH.X86_64)
context.setConcreteRegisterValue(context.registers.rcx, 70)
context.setConcreteRegisterValue(context.registers.rdi, DATA)
bts = Instruction(0x10000, b"\x48\x0f\xab\x0f")  # bts [rdi], rcx
context.processing(bts)
words = " ".join(f"{context.getConcreteMemoryValue(MemoryAccess(DATA + 8 * each, 8)):#x}" for each in (0, 1))
print(f"the processor: {sys.argv[1]}; Triton: {words}")
sys.exit((sys.argv[1], words) != ("0 0x40", "0x40 0x0"))
P
