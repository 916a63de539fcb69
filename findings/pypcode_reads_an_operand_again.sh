#!/bin/sh
# pypcode 3.3.3 (PyPI; SLEIGH of Ghidra, x86-64): how often an instruction that changes memory reads it.
#
# Guess, written down before: add [rdi], rax is one LOAD and one STORE, as the processor does it.
#
# Seen: each flag that is worked out reads the operand again: add has six LOADs, inc five, xadd four.  Between
# them nothing happens on a processor; a model that lets another thread run between two operations of
# p-code finds sums and flags that no machine can show, and a count of memory accesses is wrong.
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

from pypcode import Context, OpCode

context = Context("x86:LE:64:default")
counts = {}
for name, code in (("add [rdi], rax", "480107"), ("inc [rdi]", "48ff07"), ("xadd [rdi], rax", "480fc107")):
    operations = [each.opcode for each in context.translate(bytes.fromhex(code), 0x1000).ops]
    counts[name] = operations.count(OpCode.LOAD), operations.count(OpCode.STORE)
    print(f"{name}: {counts[name][0]} loads, {counts[name][1]} store")
sys.exit(list(counts.values()) != [(6, 1), (5, 1), (4, 1)])
P
