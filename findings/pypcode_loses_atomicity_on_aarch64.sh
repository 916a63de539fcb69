#!/bin/sh
# pypcode 3.3.3 (PyPI; SLEIGH of Ghidra): what says in p-code that an instruction is atomic.
#
# Guess, written down before: as an x86 instruction with a lock has LOCK() and UNLOCK() around it, so
# aarch64's atomic instructions and its acquiring loads have an operation that says what they are.
#
# Seen: x86 has them, also around xchg, which needs no prefix.  On aarch64 ldadd is a load, a sum and a
# store, swp a load and a store, cas both with a branch between, and ldar a load: what is built on it takes an
# atomic addition for one that loses updates, or a plain one for an atomic one.
#
# Needs python3 with venv, and pip set up.  Exits with 0 when it is still so, 1 when it is not, 77 when it
# can't be tried here.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv" || { echo "no venv"; exit 77; }
"$work/venv/bin/pip" install --quiet --disable-pip-version-check pypcode==3.3.3 2>/dev/null \
	|| { echo "pypcode 3.3.3 is not to be had"; exit 77; }
"$work/venv/bin/python" - <<'P'
import sys

from pypcode import Context, OpCode, PcodePrettyPrinter

X86, ARM = Context("x86:LE:64:default"), Context("AARCH64:LE:64:v8A")


def named(context: Context, code: bytes) -> list[str]:
    """The operations of one instruction that carry a name of their own (CALLOTHER)."""
    operations = context.translate(code, 0x1000).ops
    return [PcodePrettyPrinter.fmt_op(each) for each in operations if each.opcode is OpCode.CALLOTHER]


locked = {name: named(X86, bytes.fromhex(code)) for name, code in (("lock xadd", "f0480fc107"), ("xchg", "488707"))}
words = {"ldadd": 0xF8200022, "swp": 0xF8208022, "cas": 0xC8A07C22, "ldar": 0xC8DFFC20}
bare = {name: named(ARM, word.to_bytes(4, "little")) for name, word in words.items()}
print("x86-64:", locked)
print("aarch64:", bare)
still = all(each == ["LOCK()", "UNLOCK()"] for each in locked.values())
sys.exit(not (still and not any(bare.values())))
P
