#!/bin/sh
# capstone 5.0.9 (PyPI, aarch64): which registers a compare reads and writes, by regs_access().
#
# Guess, written down before: cmp, cmn and tst read their registers and write none but the flags, as
# cmp and test do on x86-64, so that what a loop changes can be told from the registers written in it.
#
# Seen: the first register of cmp, cmn and tst is in the list of those that are written and not in that
# of those that are read (they are aliases of subs, adds and ands, whose first register is the result);
# ccmp is right.  Who asks what is live, or what a loop changes, must take it
# from the operands.
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
from capstone import CS_ARCH_ARM64, CS_MODE_LITTLE_ENDIAN, Cs

CODE = {
    "subs x3, x1, x2": ("230002eb", {"x1", "x2"}, {"x3"}),
    "ccmp x1, x2, #0, eq": ("200042fa", {"x1", "x2"}, set()),
    "cmp x1, x2": ("3f0002eb", {"x2"}, {"x1"}),
    "cmp x1, #4": ("3f1000f1", set(), {"x1"}),
    "cmn x1, x2": ("3f0002ab", {"x2"}, {"x1"}),
    "tst x1, x2": ("3f0002ea", {"x2"}, {"x1"}),
}
engine = Cs(CS_ARCH_ARM64, CS_MODE_LITTLE_ENDIAN)
engine.detail = True
same = True
for text, (code, reads, writes) in CODE.items():
    (instruction,) = engine.disasm(bytes.fromhex(code), 0)
    lists = instruction.regs_access()
    seen = [{instruction.reg_name(each) for each in one} - {"nzcv"} for one in lists]
    said = f"{instruction.mnemonic} {instruction.op_str}"
    same = same and said == text and seen == [reads, writes]
    print(f"{said:20} reads {', '.join(sorted(seen[0])) or 'nothing':8} writes {', '.join(sorted(seen[1])) or 'nothing'}")
sys.exit(not same)
P
