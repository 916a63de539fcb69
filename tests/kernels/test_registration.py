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
said["another area"] = rseq(shift=64)
said["another area and signature"] = rseq(signature=1, shift=64)
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
    a registration on, exec does not. A second area is EINVAL, and not EBUSY."""
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
        "another area": "EINVAL",
        "another area and signature": "EINVAL",
        "away: another length and signature": "EINVAL",
        "away: another signature": "EPERM",
        "fork": "EBUSY",
        "away": "ok",
        "again": "ok",
    }
    assert lines[1] == 0


ANSWERS = """
import ctypes, json, platform, sys
libc = ctypes.CDLL(None, use_errno=True)
def errno(result):
    return ctypes.get_errno() if result < 0 else 0
membarrier, (RSEQ, REGISTER, ON_CPU) = int(sys.argv[1]), (128, 256, 1)
said = {"before": errno(libc.syscall(membarrier, RSEQ, 0, 0))}
said["register"] = errno(libc.syscall(membarrier, REGISTER, 0, 0))
said["all"] = errno(libc.syscall(membarrier, RSEQ, 0, 0))
said["a CPU that is not there"] = errno(libc.syscall(membarrier, RSEQ, ON_CPU, 100000))
said["other flags"] = errno(libc.syscall(membarrier, RSEQ, 2, 0))
said["yield"] = errno(libc.syscall(471))
said["prctl"] = errno(libc.prctl(79, 1, 0, 0, 0))
print(json.dumps(said))
"""
MEMBARRIERS = {"x86_64": 324, "aarch64": 283}


def answers_here() -> dict[str, int]:
    """What membarrier, prctl and rseq_slice_yield answer in a new process: errno, or 0."""
    number = MEMBARRIERS.get(platform.machine())
    if number is None:
        pytest.skip(f"the number of membarrier on {platform.machine()} is not known here")
    command = [sys.executable, "-c", ANSWERS, str(number)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    said: dict[str, int] = json.loads(done.stdout)
    if said["register"]:
        pytest.skip("this kernel has no membarrier for rseq")
    return said


def test_a_fence_needs_a_registration_of_its_own() -> None:
    """membarrier's RSEQ command is EPERM before the process has registered for it; a CPU that is not
    there is no error."""
    said = answers_here()
    del said["yield"], said["prctl"]
    assert said == {
        "before": errno.EPERM,
        "register": 0,
        "all": 0,
        "a CPU that is not there": 0,
        "other flags": errno.EINVAL,
    }


def test_slices_are_asked_for_in_two_ways_that_agree() -> None:
    """Where prctl knows no slices (EINVAL before 7.0, 524 where they are not built in) there is no
    system call to give one back either."""
    said = answers_here()
    assert said["prctl"] in (0, errno.EINVAL, 524)
    if said["prctl"]:
        assert said["yield"] == errno.ENOSYS


IDS = """
import ctypes, json, os, sys
from opvasm.probe import native
code = native.Code(native.this_machine())
own = native.own_area(code)
if own is None or own[0].cpu_id < 0:
    sys.exit(4)
cpu = max(os.sched_getaffinity(0))
os.sched_setaffinity(0, {cpu})
both = ctypes.c_uint64.from_address(own[0].address)
def tries(store):
    "How often cpu_id still was this CPU after a store of 77, of those in which 77 was still there."
    seen = []
    while len(seen) < 20:
        store(77)
        word = both.value
        if word & 0xFFFFFFFF == 77:  # the kernel has not written in between
            seen.append(word >> 32 == cpu)
        both.value = cpu | cpu << 32
    return sum(seen)
word = both.value
both_halves = [word & 0xFFFFFFFF, word >> 32] == [cpu, cpu]
eight = tries(lambda value: setattr(both, "value", value))
four = tries(lambda value: setattr(own[0].cpu_id_start, "value", value))
print(json.dumps([cpu, both_halves, eight, four]))
sys.stdout.flush()
os._exit(0)
"""


def test_an_id_has_four_bytes() -> None:
    """A load of 8 bytes at cpu_id_start has the CPU's number twice; a store of 8 takes cpu_id away from
    every section that asks it, one of 4 does not."""
    done = subprocess.run(
        [sys.executable, "-c", IDS], capture_output=True, text=True, check=False, timeout=60
    )
    if done.returncode == 4:
        pytest.skip("glibc registers nothing here")
    cpu, twice, eight, four = json.loads(done.stdout)
    assert (twice, four) == (True, 20), done.stderr
    if cpu == 0:
        pytest.skip("a store of 8 bytes leaves cpu_id as CPU 0 has it")
    assert eight == 0
