"""Kills the supervisor, or the program, at random moments, and looks at who is left.

Run as a module for the long version:  python -m tests.live.deaths PROGRAM NUMBER ROUNDS
"""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

_PATIENCE = 20.0
_LONGEST = 0.15  # seconds of a life: thousands of calls


def kill_many_times(program: str, number: int, rounds: int, seed: int = 1) -> list[str]:
    """What went wrong in so many deaths of each kind; nothing, if all is well."""
    chance = random.Random(seed)
    problems = []
    with tempfile.TemporaryDirectory() as folder:
        # A name that no other process has: those who are left are looked for, and killed, by it.
        program = shutil.copy(program, f"{folder}/dies-{os.getpid()}")
        for index in range(rounds):
            for victim in ("supervisor", "program"):
                problem = _kill_once(program, number, victim, chance.uniform(0.0, _LONGEST))
                if problem:
                    problems.append(f"round {index}, {victim}: {problem}")
    return problems


def _kill_once(program: str, number: int, victim: str, moment: float) -> str:
    words = [sys.executable, "-m", "opvasm", "exec", "--syscall-nr", str(number), "--", program]
    supervisor = subprocess.Popen(
        [*words, "8", "100000"], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    end = time.monotonic() + _PATIENCE
    while not _processes(program) and time.monotonic() < end:
        time.sleep(0.01)
    time.sleep(moment)
    running = _processes(program)
    if victim == "supervisor":
        supervisor.kill()
    else:
        for pid in running:
            _kill(pid)
    try:
        supervisor.communicate(timeout=_PATIENCE)
    except subprocess.TimeoutExpired:
        supervisor.kill()
        for pid in _processes(program):
            _kill(pid)  # they hold the other end of its stderr
        supervisor.communicate()
        return "the supervisor hangs, or what it leaves behind"
    if victim == "program" and running and supervisor.returncode != -signal.SIGKILL:
        return f"the supervisor ended with {supervisor.returncode}"
    end = time.monotonic() + _PATIENCE
    while time.monotonic() < end:
        left = _processes(program)
        if not left:
            return ""
        time.sleep(0.02)
    for pid in left:
        _kill(pid)
    return f"processes {sorted(left)} are left behind"


def _kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def _processes(program: str) -> set[int]:
    """The processes, zombies included, whose command is the program."""
    name = os.fsencode(f"{Path(program).name[:15]}\n")
    found = set()
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            # Without Path and without text: this is asked a hundred times a second.
            with contextlib.suppress(OSError), open(f"/proc/{entry}/comm", "rb", 0) as file:
                if file.read(len(name)) == name:
                    found.add(int(entry))
    return found


if __name__ == "__main__":
    wrong = kill_many_times(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
    print("\n".join(wrong) or f"{sys.argv[3]} deaths of each: nothing was left behind")
    sys.exit(bool(wrong))
