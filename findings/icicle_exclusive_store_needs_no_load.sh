#!/bin/sh
# icicle-emu 0.0.11 (PyPI, aarch64): an exclusive store that has no mark to rely on.
#
# Guess, written down before: stxr without an ldxr before it, or at another address than the ldxr's, answers
# 1 and stores nothing, as the architecture says; unicorn does so.
#
# Seen: it stores and answers 0, with no ldxr at all and at another address.  The branch back of an
# exclusive loop is never taken, so a fuzzer or a check of aborts that runs code in it never comes to the
# way on which the store fails.
#
# Needs python3 with venv, and pip set up.  Exits with 0 when it is still so, 1 when it is not, 77 when it
# can't be tried here.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv" || { echo "no venv"; exit 77; }
"$work/venv/bin/pip" install --quiet --disable-pip-version-check icicle-emu==0.0.11 2>/dev/null \
	|| { echo "icicle-emu 0.0.11 is not to be had"; exit 77; }
"$work/venv/bin/python" - <<'P'
import struct
import sys

from icicle import Icicle, MemoryProtection

CODE, DATA = 0x10000, 0x20000
LDXR, STXR, STXR_ELSEWHERE = 0xC85F7C24, 0xC8037C22, 0xC8037CC2
# ldxr x4, [x1]; stxr w3, x2, [x1]; stxr w3, x2, [x6]


def status(*words: int) -> tuple[int, int]:
    """What the last of these instructions answers (0: stored), and what then stands where it stores."""
    machine = Icicle("aarch64", jit=False)
    machine.mem_map(CODE, 0x1000, MemoryProtection.ExecuteReadWrite)
    machine.mem_map(DATA, 0x1000, MemoryProtection.ReadWrite)
    machine.mem_write(CODE, struct.pack(f"<{len(words)}I", *words))
    for name, value in (("x1", DATA), ("x2", 7), ("x3", 9), ("x6", DATA + 64)):
        machine.reg_write(name, value)
    machine.pc = CODE
    machine.step(len(words))
    at = DATA + 64 * (words[-1] == STXR_ELSEWHERE)
    return machine.reg_read("x3"), struct.unpack("<Q", machine.mem_read(at, 8))[0]


pair, alone, elsewhere = status(LDXR, STXR), status(STXR), status(LDXR, STXR_ELSEWHERE)
print(f"after its load: {pair}; without a load: {alone}; at another address: {elsewhere}  (0: stored, and what)")
sys.exit((pair, alone, elsewhere) != ((0, 7), (0, 7), (0, 7)))
P
