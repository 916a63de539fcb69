#!/bin/sh
# capstone 5.0.9 (PyPI, x86-64): which instructions write to memory, by the access of their operands.
#
# Guess, written down before: an operand in memory that an instruction stores to has CS_AC_WRITE in its
# access, so that "the last instruction that writes" of a piece of code can be found by that flag.
#
# Seen: the destinations of lock cmpxchg, movups, movnti and pextrq are marked as read only,
# while those of mov, add and xchg are right.  Of code that commits by one of them the flag says that
# nothing is stored.  Who looks for stores must go by the operand's position and the instruction.
#
# Needs python3 with venv, and pip set up.  Exits with 0 when it is still so, 1 when it is not, 77 when it
# can't be tried here.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv" || { echo "no venv"; exit 77; }
"$work/venv/bin/pip" install --quiet --disable-pip-version-check capstone==5.0.9 2>/dev/null \
	|| { echo "capstone 5.0.9 is not to be had"; exit 77; }
"$work/venv/bin/python" - <<'P'
import sys
from capstone import CS_AC_WRITE, CS_ARCH_X86, CS_MODE_64, Cs

CODE = {
    "mov [rdi], rax": ("488907", True),
    "add [rdi], rax": ("480107", True),
    "xchg [rdi], rax": ("488707", True),
    "lock cmpxchg [rdi], rsi": ("f0480fb137", False),
    "movups [rdi], xmm0": ("0f1107", False),
    "movnti [rdi], rax": ("480fc307", False),
    "pextrq [rdi], xmm0, 1": ("66480f3a160701", False),
}
engine = Cs(CS_ARCH_X86, CS_MODE_64)
engine.detail = True
same = True
for text, (code, expected) in CODE.items():
    (instruction,) = engine.disasm(bytes.fromhex(code), 0)
    written = bool(instruction.operands[0].access & CS_AC_WRITE)
    same = same and written == expected
    print(f"{text:26} is marked as {'written' if written else 'read only'}")
sys.exit(not same)
P
