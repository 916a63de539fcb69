"""What the system call rseq answers, in a process whose libc has not registered."""

from __future__ import annotations

import errno
import json
import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

NUMBERS = {"x86_64": 334, "aarch64": 293}
PROGRAM = """
import ctypes, json, mmap, os, sys
number = int(sys.argv[1])
libc = ctypes.CDLL(None, use_errno=True)
memory = mmap.mmap(-1, 1 << 16)
start = ctypes.addressof(ctypes.c_char.from_buffer(memory))
SIGNATURE = 0x53053053
def rseq(size=32, flags=0, signature=SIGNATURE, shift=0):
    done = libc.syscall(number, ctypes.c_void_p(start + shift), size, flags, signature)
    return 0 if done == 0 else ctypes.get_errno()
if len(sys.argv) > 2:
    print(json.dumps(rseq()), flush=True)
    os._exit(0)  # the area would be unmapped first, and the kernel kills for that
said = {"31 bytes": rseq(31), "misaligned": rseq(shift=8), "4097 bytes": rseq(4097)}
said["4097 bytes away"] = rseq(4097, 1)
said |= {"32 bytes": rseq(), "twice": rseq()}
said["another signature"] = rseq(signature=1)
said["away: another length and signature"] = rseq(64, 1, 1)
said["away: another signature"] = rseq(flags=1, signature=1)
child = os.fork()
if not child:
    os._exit(rseq())
said["fork"] = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
said["away"] = rseq(flags=1)
said["again"] = rseq()
sys.stdout.write(json.dumps(said) + "\\n")
sys.stdout.flush()
os.execv(sys.executable, [sys.executable, sys.argv[0], str(number), "exec"])
"""


def test_a_registration_is_refused_as_the_documents_say(tmp_path: Path) -> None:
    """32 bytes and more are taken, once; a wrong length is seen before a wrong signature; fork hands
    a registration on, exec does not."""
    number = NUMBERS.get(platform.machine())
    if number is None:
        pytest.skip(f"the number of rseq on {platform.machine()} is not known here")
    program = tmp_path / "register.py"
    program.write_text(PROGRAM)
    done = subprocess.run(
        [sys.executable, str(program), str(number)],
        env=os.environ | {"GLIBC_TUNABLES": "glibc.pthread.rseq=0"},
        capture_output=True,
        text=True,
        check=True,
    )
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    if lines[0]["32 bytes"] in (errno.ENOSYS, errno.EPERM, errno.EBUSY):
        pytest.skip("rseq can't be registered here")
    names = {name: errno.errorcode.get(code, "ok") for name, code in lines[0].items()}
    assert names == {
        "31 bytes": "EINVAL",
        "misaligned": "EINVAL",
        "4097 bytes": "ok",
        "4097 bytes away": "ok",
        "32 bytes": "ok",
        "twice": "EBUSY",
        "another signature": "EPERM",
        "away: another length and signature": "EINVAL",
        "away: another signature": "EPERM",
        "fork": "EBUSY",
        "away": "ok",
        "again": "ok",
    }
    assert lines[1] == 0
