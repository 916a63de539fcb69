#!/bin/sh
# unicorn 2.1.4 (PyPI, aarch64): a store from outside between ldxr and stxr.
#
# Guess, written down before: what another observer stores to the place between the two takes the
# exclusive mark away, as the architecture says, and stxr fails whatever the value is.
#
# Seen: stxr compares values.  It fails where another value stands there, and succeeds where the old one
# was stored back: an exclusive loop that is right because it can't be fooled so is tried as if it were a
# compare-and-exchange, and no test in the emulator ever sees the other way.
#
# Needs python3 with venv, and pip set up.  Exits with 0 when it is still so, 1 when it is not, 77 when it
# can't be tried here.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv" || { echo "no venv"; exit 77; }
"$work/venv/bin/pip" install --quiet --disable-pip-version-check unicorn==2.1.4 2>/dev/null \
	|| { echo "unicorn 2.1.4 is not to be had"; exit 77; }
"$work/venv/bin/python" - <<'P'
import struct
import sys

from unicorn import UC_ARCH_ARM64, UC_HOOK_CODE, UC_MODE_ARM, Uc
from unicorn.arm64_const import UC_ARM64_REG_X1, UC_ARM64_REG_X2, UC_ARM64_REG_X3

CODE, DATA = 0x1000, 0x4000
# ldxr x0, [x1] / nop / stxr w2, x3, [x1]
WORDS = struct.pack("<3I", 0xC85F7C20, 0xD503201F, 0xC8027C23)


def status(between: tuple[int, ...]) -> int:
    """What stxr answers (0: stored) when these values are written to the place before it, one by one."""
    engine = Uc(UC_ARCH_ARM64, UC_MODE_ARM)
    engine.mem_map(CODE, 0x1000)
    engine.mem_map(DATA, 0x1000)
    engine.mem_write(CODE, WORDS)
    engine.mem_write(DATA, struct.pack("<Q", 5))

    def write(engine: Uc, address: int, *_: object) -> None:
        if address == CODE + 4:
            for value in between:
                engine.mem_write(DATA, struct.pack("<Q", value))

    engine.hook_add(UC_HOOK_CODE, write)
    for register, value in ((UC_ARM64_REG_X1, DATA), (UC_ARM64_REG_X2, 7), (UC_ARM64_REG_X3, 9)):
        engine.reg_write(register, value)
    engine.emu_start(CODE, CODE + len(WORDS))
    return engine.reg_read(UC_ARM64_REG_X2)


alone, other, back = status(()), status((6,)), status((6, 5))
print(f"nothing between: {alone}; another value: {other}; another and the old one again: {back}  (0: stored)")
sys.exit((alone, other, back) != (0, 1, 0))
P
