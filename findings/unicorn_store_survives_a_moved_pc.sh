#!/bin/sh
# unicorn 2.1.4 (PyPI, x86-64): a hook on memory writes that moves the program counter.
#
# Guess, written down before: the hook runs before the store, so that moving the program counter to an
# abort handler there takes the store back, as an interrupt before the instruction would.
#
# Seen: the store happens all the same, and execution goes on at the new place.  A harness that aborts a
# restartable section from a write hook sees it both commit and abort; a hook on code, which runs before
# the instruction, does what was meant.
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
import sys

from unicorn import UC_ARCH_X86, UC_HOOK_CODE, UC_HOOK_MEM_WRITE, UC_MODE_64, Uc, __version__
from unicorn.x86_const import UC_X86_REG_RAX, UC_X86_REG_RBX, UC_X86_REG_RDI, UC_X86_REG_RIP

SECTION, HANDLER, DATA = 0x1000, 0x2000, 0x4000
STORE = bytes.fromhex("488907")  # mov [rdi], rax
GO_ON, ABORTED = bytes.fromhex("bb01000000"), bytes.fromhex("bb02000000")  # mov ebx, 1 or 2


def run(hook: int) -> tuple[int, int]:
    """What was stored, and which way was taken, when a hook moves the program counter once."""
    engine = Uc(UC_ARCH_X86, UC_MODE_64)
    for page in (SECTION, HANDLER, DATA):
        engine.mem_map(page, 0x1000)
    engine.mem_write(SECTION, STORE + GO_ON)
    engine.mem_write(HANDLER, ABORTED)
    moved = []

    def move(*_: object) -> None:
        if not moved:
            moved.append(1)
            engine.reg_write(UC_X86_REG_RIP, HANDLER)

    engine.hook_add(hook, move)
    engine.reg_write(UC_X86_REG_RDI, DATA)
    engine.reg_write(UC_X86_REG_RAX, 7)
    engine.emu_start(SECTION, HANDLER + len(ABORTED), count=4)
    return engine.mem_read(DATA, 8)[0], engine.reg_read(UC_X86_REG_RBX)


by_write, by_code = run(UC_HOOK_MEM_WRITE), run(UC_HOOK_CODE)
print(f"unicorn {__version__}")
print(f"moved by the write hook: stored {by_write[0]}, went to {by_write[1]} (2: the handler)")
print(f"moved by the code hook:  stored {by_code[0]}, went to {by_code[1]}")
sys.exit((by_write, by_code) != ((7, 2), (0, 2)))
P
