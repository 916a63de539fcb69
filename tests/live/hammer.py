"""Many threads hammer per-CPU data through cpu_opv, many times in a row.

The long version, more than an hour:  python -m tests.live.hammer --runs 20
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

_SOURCE = Path(__file__).parent / "programs" / "stress.c"
_HANGS_AFTER = 3600.0


def build(folder: Path, number: int) -> str:
    """The program, for a system call number."""
    path = str(folder / f"hammer-{number}")
    words = f"gcc -O2 -pthread -D__NR_cpu_opv={number} -o {path} {_SOURCE}".split()
    subprocess.run(words, check=True)
    return path


def run(program: str, number: int, threads: int, repetitions: int) -> tuple[bool, str, float]:
    """One run: whether all sums were right, what was printed, and how many seconds it took."""
    words = [sys.executable, "-m", "opvasm", "exec", "--syscall-nr", str(number), "--", program]
    started = time.monotonic()
    try:
        done = subprocess.run(
            [*words, str(threads), str(repetitions), "sums"],
            capture_output=True,
            text=True,
            timeout=_HANGS_AFTER,
        )
    except subprocess.TimeoutExpired:
        return False, "it hangs", time.monotonic() - started
    text = " ".join((done.stdout + done.stderr).split("\n")).strip()
    seconds = time.monotonic() - started
    return done.returncode == 0 and "stress: passed" in done.stdout, text, seconds


def main() -> int:
    """Run it as often as asked for; 1 when a run was wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--threads", type=int, default=200)
    parser.add_argument("--repetitions", type=int, default=5000, help="operations of each thread")
    parser.add_argument("--syscall-nr", type=int, default=335)
    options = parser.parse_args()
    wrong = 0
    with tempfile.TemporaryDirectory() as folder:
        program = build(Path(folder), options.syscall_nr)
        for index in range(1, options.runs + 1):
            well, text, seconds = run(
                program, options.syscall_nr, options.threads, options.repetitions
            )
            wrong += not well
            print(
                f"run {index}: {seconds:.0f} s, {'right' if well else 'WRONG'}: {text}", flush=True
            )
    right = options.runs - wrong
    operations = options.threads * options.repetitions
    print(f"{right} of {options.runs} runs of {operations} operations were right")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
